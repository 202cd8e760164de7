"""What goes wrong, on request and at any time: each field is one fault, harmless by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from knockctl.lab.faults import WireFaults, counted


@dataclass(slots=True)
class Faults(WireFaults):
    """The faults of a device. Commands are requests; keygen counts, too."""

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

    def refuses(self) -> bool:
        """Count a request, and tell whether it is the one to refuse."""
        self.refuse_at, hit = counted(self.refuse_at)
        return hit

    def refuses_change(self) -> bool:
        """Count a change, and tell whether it is the one to refuse."""
        self.refuse_change_at, hit = counted(self.refuse_change_at)
        return hit
