"""What can go wrong on any twin's wire, on request and at any time; harmless by default.

A twin's own ``Faults`` adds what only it can suffer, and says what it counts: commands, requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum, auto
from typing import Any


class Fate(Enum):
    """What becomes of one command."""

    ANSWER = auto()
    CUT_BEFORE = auto()
    CUT_AFTER = auto()
    POWER_BEFORE = auto()
    POWER_AFTER = auto()


@dataclass(slots=True)
class WireFaults:
    """The faults of a twin's connections. Counts start at 1, with the next command."""

    cut_at: int | None = None
    """Cut the connection at the Nth command of all sessions together."""
    cut_executes: bool = True
    """The Nth command is carried out; only its answer is lost."""
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

    def names(self) -> frozenset[str]:
        """Return what each fault is called."""
        return frozenset(one.name for one in fields(self)) - {"watchers"}

    def have(self, faults: Mapping[str, Any]) -> None:
        """Have faults from now on, by their names; raises ``KeyError`` where there is no such."""
        for name, value in faults.items():
            if name not in self.names():
                raise KeyError(name)
            setattr(self, name, value)
        self.refuse(refusing=self.refusing)

    def end(self) -> None:
        """Have none any more."""
        fresh = type(self)()
        self.have({name: getattr(fresh, name) for name in self.names()})

    def fate(self) -> Fate:
        """Count a command, and tell what becomes of it."""
        self.cut_at, cut = counted(self.cut_at)
        if cut:
            return Fate.CUT_AFTER if self.cut_executes else Fate.CUT_BEFORE
        return Fate.ANSWER


@dataclass(slots=True)
class PowerFaults(WireFaults):
    """Those of a twin that loses power in the midst of a command, too."""

    power_at: int | None = None
    """Lose power at the Nth command; whoever runs the twin brings it back."""
    power_executes: bool = True
    """The Nth command is carried out before."""

    def fate(self) -> Fate:
        """Count a command, and tell what becomes of it; power goes before the connection."""
        self.power_at, power = counted(self.power_at)
        fate = WireFaults.fate(self)
        if power:
            return Fate.POWER_AFTER if self.power_executes else Fate.POWER_BEFORE
        return fate


def counted(left: int | None) -> tuple[int | None, bool]:
    """Count one down; return how many are left, None for no fault, and whether this is the one."""
    if left is None:
        return None, False
    return (None, True) if left <= 1 else (left - 1, False)
