"""What goes wrong, on request and at any time: each field is one fault, harmless by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto


class Fate(Enum):
    """What becomes of one command."""

    ANSWER = auto()
    CUT_BEFORE = auto()
    CUT_AFTER = auto()
    POWER_BEFORE = auto()
    POWER_AFTER = auto()


@dataclass(slots=True)
class Faults:
    """The faults of a router. Counts start at 1 and with the next command; logins don't count."""

    cut_at: int | None = None
    """Cut the connection at the Nth command of all sessions together."""
    cut_executes: bool = True
    """The Nth command is carried out; only its answer is lost."""
    power_at: int | None = None
    """Lose power at the Nth command; ``Router.power_on`` brings it back."""
    power_executes: bool = True
    """The Nth command is carried out before."""
    power_in_script: int | None = None
    """Lose power just before the Nth command of scripts; those that only look count, too."""
    trap_at: int | None = None
    """Refuse the Nth command."""
    trap_at_add: int | None = None
    """Refuse the Nth ``add``, of whatever menu; those in scripts count, too."""
    trap_text: str = "failure: out of memory"
    delay: float = 0.0
    """Our seconds to wait before each answer."""
    silent: bool = False
    """Commands are carried out, and never answered."""
    deaf: bool = False
    """Commands are read, and neither carried out nor answered."""
    refusing: bool = False
    """No new connections: the ports are closed. Set with ``refuse``."""
    watchers: list[Callable[[], None]] = field(default_factory=list)

    def refuse(self, *, refusing: bool = True) -> None:
        """Close the ports, or open them again."""
        self.refusing = refusing
        for watcher in self.watchers:
            watcher()

    def fate(self) -> Fate:
        """Count a command, and tell what becomes of it."""
        self.power_at, power = _count(self.power_at)
        self.cut_at, cut = _count(self.cut_at)
        if power:
            return Fate.POWER_AFTER if self.power_executes else Fate.POWER_BEFORE
        if cut:
            return Fate.CUT_AFTER if self.cut_executes else Fate.CUT_BEFORE
        return Fate.ANSWER

    def power_fails(self) -> bool:
        """Count a script's command, and tell whether power is lost before it."""
        self.power_in_script, hit = _count(self.power_in_script)
        return hit

    def refuses(self) -> bool:
        """Count a command, and tell whether it is the one to refuse."""
        self.trap_at, hit = _count(self.trap_at)
        return hit

    def refuses_add(self) -> bool:
        """Count an add, and tell whether it is the one to refuse."""
        self.trap_at_add, hit = _count(self.trap_at_add)
        return hit


def _count(left: int | None) -> tuple[int | None, bool]:
    if left is None:
        return None, False
    return (None, True) if left <= 1 else (left - 1, False)
