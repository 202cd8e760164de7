"""What a line of configuration sees of the session it is entered in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from knockctl_ios.twin.device.switches import Switches
from knockctl_ios.twin.device.tree import Node


class Configuring(Protocol):
    """A way through the configuration, as rules take it."""

    top: Node
    switches: Switches
    now: Callable[[], float]
    file: Callable[[str], str | None]
    factory: bool
    """Hardware can be made."""

    @property
    def section(self) -> Node:
        """The line below which the next one goes."""

    def enter(self, node: Node) -> None:
        """Open the mode of a line."""
