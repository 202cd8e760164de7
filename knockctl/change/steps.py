"""The steps of a transaction, in order. Tests kill the process before and after each."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Literal


class Step(Enum):
    """What a transaction does next (design, section 7)."""

    LEASE = "lease"
    CONNECT = "connect"
    READ = "read"
    PLAN = "plan"
    JOURNAL_INTENT = "journal the intent"
    ARM = "arm the revert timer"
    VERIFY_ARMED = "verify the revert timer"
    APPLY = "apply"
    READ_BACK = "read back"
    PROBE = "probe"
    WAIT = "wait to be confirmed"
    JOURNAL_CONFIRMING = "journal confirming"
    CANCEL = "cancel the revert timer"
    PERSIST = "persist"
    JOURNAL_OUTCOME = "journal the outcome"
    FORGET = "tidy up on the device"
    RELEASE = "release"


HELD: dict[Step, str] = {
    Step.ARM: "take hold of the device",
    Step.VERIFY_ARMED: "verify the hold",
    Step.CANCEL: "give the device back",
}
"""What steps are called where the device holds no revert timer."""

Phase = Literal["before", "after"]
Observer = Callable[[str, Step, Phase], None]
"""Called with the device's name around every step's effect."""


Say = Callable[[str, str], None]
"""Called with the device's name and a few words."""


def nobody(device: str, step: Step, phase: Phase) -> None:
    """Observe nothing."""


def silence(device: str, words: str) -> None:
    """Say nothing."""
