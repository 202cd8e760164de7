"""All EXEC commands."""

from __future__ import annotations

import functools

from knockctl_ios.twin.device import (
    exec_access,
    exec_archive,
    exec_files,
    exec_lists,
    exec_show,
    exec_system,
)
from knockctl_ios.twin.device.grammar import Grammar
from knockctl_ios.twin.device.shell import Command

COMMANDS = (
    *exec_access.COMMANDS,
    *exec_archive.COMMANDS,
    *exec_files.COMMANDS,
    *exec_lists.COMMANDS,
    *exec_show.COMMANDS,
    *exec_system.COMMANDS,
)


@functools.cache
def exec_commands(level: int) -> Grammar[Command]:
    """Return what a level may type."""
    grammar: Grammar[Command] = Grammar()
    for command in COMMANDS:
        if command.level <= level:
            grammar.add(command.syntax, command)
    return grammar
