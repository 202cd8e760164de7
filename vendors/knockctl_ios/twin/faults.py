"""What goes wrong, on request and at any time: each field is one fault, harmless by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto


class Fate(Enum):
    """What becomes of one typed line."""

    ANSWER = auto()
    CUT_BEFORE = auto()
    CUT_AFTER = auto()
    POWER_BEFORE = auto()
    POWER_AFTER = auto()


@dataclass(slots=True)
class Faults:
    """The faults of a device. Counts start at 1 and with the next line; empty lines don't count."""

    cut_at: int | None = None
    """Cut the connection at the Nth typed line of all sessions together."""
    cut_executes: bool = True
    """The Nth line is carried out; only its answer is lost."""
    power_at: int | None = None
    """Lose power at the Nth typed line; ``Device.power_on`` boots again."""
    power_executes: bool = True
    """The Nth line is carried out before."""
    power_at_line: int | None = None
    """Lose power after the Nth line of configuration, typed or copied."""
    refuse_line: int | None = None
    """Refuse the Nth line of configuration, typed or copied."""
    refuse_text: str = ""
    """What is said then; empty is the marker, as for a line that isn't understood."""
    cut_upload: bool = False
    """Cut the connection of the next upload by SCP; a part of the file arrives."""
    save_fails: bool = False
    """The startup configuration cannot be written."""
    flash_full: bool = False
    """Nothing can be written to flash."""
    delay: float = 0.0
    """Our seconds to wait before each answer."""
    silent: bool = False
    """Lines are carried out, and nothing is ever answered."""
    deaf: bool = False
    """Lines are read, and neither carried out nor answered."""
    refusing: bool = False
    """No new connections: the port is closed. Set with ``refuse``."""
    watchers: list[Callable[[], None]] = field(default_factory=list)

    def refuse(self, *, refusing: bool = True) -> None:
        """Close the port, or open it again."""
        self.refusing = refusing
        for watcher in self.watchers:
            watcher()

    def fate(self) -> Fate:
        """Count a typed line, and tell what becomes of it."""
        self.power_at, power = _count(self.power_at)
        self.cut_at, cut = _count(self.cut_at)
        if power:
            return Fate.POWER_AFTER if self.power_executes else Fate.POWER_BEFORE
        if cut:
            return Fate.CUT_AFTER if self.cut_executes else Fate.CUT_BEFORE
        return Fate.ANSWER

    def refuses(self) -> bool:
        """Count a line of configuration, and tell whether it is the one to refuse."""
        self.refuse_line, hit = _count(self.refuse_line)
        return hit

    def loses_power(self) -> bool:
        """Count a line of configuration, and tell whether power goes with it."""
        self.power_at_line, hit = _count(self.power_at_line)
        return hit


def _count(left: int | None) -> tuple[int | None, bool]:
    if left is None:
        return None, False
    return (None, True) if left <= 1 else (left - 1, False)
