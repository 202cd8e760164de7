"""What goes wrong, on request and at any time: each field is one fault, harmless by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal


class Fate(Enum):
    """What becomes of one request."""

    ANSWER = auto()
    CUT_BEFORE = auto()
    CUT_AFTER = auto()


@dataclass(slots=True)
class Faults:
    """The faults of a device. Counts start at 1, with the next request; keygen counts, too."""

    cut_at: int | None = None
    """Cut the connection at the Nth request."""
    cut_executes: bool = True
    """The Nth request is carried out; only its answer is lost."""
    refuse_at: int | None = None
    """Refuse the Nth request."""
    refuse_change_at: int | None = None
    """Refuse the Nth change of the candidate; those inside a multi-config request count, too."""
    refuse_code: int = 13
    refuse_text: str = "Server error : op command for client mgmtsrvr timed out"
    commit_fails: tuple[str, ...] = ()
    """Each commit ends in FAIL, with these lines."""
    validation_fails: tuple[str, ...] = ()
    """Each validation ends in FAIL, with these lines; so does a commit, which begins with one."""
    push_fails: frozenset[str] = frozenset()
    """Serials on which a push from Panorama fails."""
    job_hangs: bool = False
    """Jobs begin and never end."""
    job_vanishes: bool = False
    """Jobs are carried out, and ``show jobs id`` knows nothing of them."""
    reboot_mid_commit: bool = False
    """The next commit to begin reboots the device halfway."""
    reboot_keeps: Literal["old", "new"] = "old"
    """What runs after a reboot that cut a commit short."""
    delay: float = 0.0
    """Our seconds to wait before each answer."""
    deaf: bool = False
    """Requests are read, and neither carried out nor answered."""
    silent: bool = False
    """Requests are carried out, and never answered."""
    refusing: bool = False
    """No new connections: the port is closed. Set with ``refuse``."""
    watchers: list[Callable[[], None]] = field(default_factory=list)

    def refuse(self, *, refusing: bool = True) -> None:
        """Close the port, or open it again."""
        self.refusing = refusing
        for watcher in self.watchers:
            watcher()

    def fate(self) -> Fate:
        """Count a request, and tell what becomes of it."""
        self.cut_at, cut = _count(self.cut_at)
        if cut:
            return Fate.CUT_AFTER if self.cut_executes else Fate.CUT_BEFORE
        return Fate.ANSWER

    def refuses(self) -> bool:
        """Count a request, and tell whether it is the one to refuse."""
        self.refuse_at, hit = _count(self.refuse_at)
        return hit

    def refuses_change(self) -> bool:
        """Count a change, and tell whether it is the one to refuse."""
        self.refuse_change_at, hit = _count(self.refuse_change_at)
        return hit


def _count(left: int | None) -> tuple[int | None, bool]:
    if left is None:
        return None, False
    return (None, True) if left <= 1 else (left - 1, False)
