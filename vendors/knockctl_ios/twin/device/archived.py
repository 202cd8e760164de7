"""What the archive needs of the device whose configuration it keeps."""

from __future__ import annotations

from typing import Protocol

from knockctl.lab.clock import Clock
from knockctl_ios.twin.device.faults import Faults
from knockctl_ios.twin.device.files import Flash
from knockctl_ios.twin.device.switches import Switches
from knockctl_ios.twin.device.tree import Node


class Archived(Protocol):
    """A device with a running configuration, and with files to put copies in."""

    running: Node
    switches: Switches
    clock: Clock
    faults: Faults
    flash: Flash

    def text(self) -> str:
        """Return the running configuration."""

    def text_of(self, name: str) -> str | None:
        """Return a file's text, or None where there is none."""

    def install(self, new: Node) -> None:
        """Put another running configuration in the place of this one."""

    def log(self, message: str) -> None:
        """Write a system message."""
