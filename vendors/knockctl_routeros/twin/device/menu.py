"""What a menu is: its words and the rules that hold for all its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from knockctl_routeros.twin.device.kinds import Kind

CHANGING = frozenset({"add", "set", "remove", "enable", "disable", "unset", "comment", "move"})


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu's declaration."""

    path: str
    words: Mapping[str, Kind]
    needed: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    """What a row without these words is read back with."""
    unique: tuple[str, ...] = ()
    """Words that no two rows may have in common, all together."""
    ordered: bool = False
    named: bool = False
    """Rows can be named instead of given by id."""
    single: bool = False
    """One row, without an id."""
    verbs: frozenset[str] = CHANGING | {"print"}
    policy: str = "write"
    """The policy needed to change it."""
    exported: tuple[str, ...] = ()
    """Words that an export prints even when they have their default."""
    hidden: frozenset[str] = frozenset()
    """Words that are never read back: passwords."""
    sensitive: frozenset[str] = frozenset()
    """Words that an export leaves out unless asked."""
    since: tuple[int, int] = (6, 0)
    newer: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """The version that brought a command."""
    firewall: bool = False
    """The data plane has to know of changes."""
    kept: bool = True
    """Configuration: has a history, is exported, and survives a reboot."""

    def takes(self, verb: str) -> bool:
        """Tell whether the menu has a command."""
        if verb == "move" and not self.ordered:
            return False
        if verb in ("enable", "disable") and "disabled" not in self.words:
            return False
        return not (self.single and verb not in ("print", "set")) and verb in self.verbs
