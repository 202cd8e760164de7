"""What a twin's judge is asked, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from knockctl.lab.plane.frames import Seen

Answer = int | Literal["tcp-reset"]
"""How a refusal is answered: a reset, or ICMP's ``unreachable`` of this code."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a packet that came in."""

    accepted: bool
    answer: Answer | None = None
    """How a refusal is answered; None for silence."""


class Judge(Protocol):
    """Decides with the rules that the device has at this moment."""

    def hears(self, interface: str) -> bool:
        """Tell whether the device has power and the interface is not disabled."""

    def addressed(self, seen: Seen) -> Seen:
        """Return a packet with what its destination is to this device."""

    def judge(self, seen: Seen) -> Judgement:
        """Judge an ``addressed`` packet that came in, and take note of what follows from it."""

    def sent(self, seen: Seen) -> None:
        """Take note of a packet that the device itself sends."""
