"""All EXEC commands."""

from __future__ import annotations

from knockctl_ios.twin.device import (
    exec_access,
    exec_archive,
    exec_files,
    exec_lists,
    exec_show,
    exec_system,
)

COMMANDS = (
    *exec_access.COMMANDS,
    *exec_archive.COMMANDS,
    *exec_files.COMMANDS,
    *exec_lists.COMMANDS,
    *exec_show.COMMANDS,
    *exec_system.COMMANDS,
)
