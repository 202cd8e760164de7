"""Waiting, in this process, for a change to be confirmed that no device takes back by itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from enum import Enum, auto
from threading import Event

from knockctl.errors import DeviceError

PAUSE = 3.0
"""Seconds between two looks at the device."""


class Ended(Enum):
    """Why the waiting is over."""

    SETTLED = auto()
    """Somebody confirmed the change, or took it back."""
    OVER = auto()
    STOPPED = auto()
    """The user wants it back now."""


def wait(
    pending: Callable[[], bool],
    seconds: float,
    stop: Event,
    tell: Callable[[int], None],
    *,
    pause: float = PAUSE,
) -> Ended:
    """Look every ``pause`` seconds whether a change is pending still, and tell how long it may be.

    A device that does not answer is asked again: its silence settles nothing.
    """
    deadline = time.monotonic() + seconds
    try:
        while (left := deadline - time.monotonic()) > 0:
            tell(math.ceil(left))
            if not _ask(pending):
                return Ended.SETTLED
            if stop.wait(min(left, pause)):
                return Ended.STOPPED
    except KeyboardInterrupt:
        return Ended.STOPPED
    return Ended.OVER


def _ask(pending: Callable[[], bool]) -> bool:
    try:
        return pending()
    except DeviceError:
        return True
