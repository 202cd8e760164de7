"""The device's time, which can run faster than ours."""

from __future__ import annotations

import time

from knockctl.lab.clock import Clock, Timer

__all__ = ["Clock", "Timer", "stamp"]


def stamp(moment: float) -> str:
    """Print a moment as the device does; its zone is UTC."""
    return time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(moment))
