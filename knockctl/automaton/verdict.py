"""What becomes of a packet: the one word that policies and devices share."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What becomes of a packet."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    PASS = "pass"  # noqa: S105 - a verdict
    """Not ours: the device's other rules decide."""
