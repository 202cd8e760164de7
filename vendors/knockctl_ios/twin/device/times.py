"""Moments and spans as IOS prints them, all in UTC."""

from __future__ import annotations

import time

UNITS = (("year", 31_536_000), ("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60))


def _fraction(moment: float) -> str:
    return f"{int(moment * 1000) % 1000:03}"


def clock(moment: float, mark: str = "") -> str:
    """Print ``*10:00:00.123 UTC Mon Mar 4 2024``."""
    now = time.gmtime(moment)
    head = time.strftime("%H:%M:%S", now)
    date = f"{time.strftime('%a %b', now)} {now.tm_mday} {now.tm_year}"
    return f"{mark}{head}.{_fraction(moment)} UTC {date}"


def long(moment: float) -> str:
    """Print ``10:00:00 UTC Mon Mar 4 2024``."""
    now = time.gmtime(moment)
    return f"{time.strftime('%H:%M:%S UTC %a %b', now)} {now.tm_mday} {now.tm_year}"


def dated(moment: float) -> str:
    """Print ``Mon Mar 4 10:00:00 2024``."""
    now = time.gmtime(moment)
    return f"{time.strftime('%a %b', now)} {now.tm_mday} {time.strftime('%H:%M:%S %Y', now)}"


def logged(moment: float, *, msec: bool) -> str:
    """Print ``Mar  4 10:00:00.123``."""
    now = time.gmtime(moment)
    head = f"{time.strftime('%b', now)} {now.tm_mday:2} {time.strftime('%H:%M:%S', now)}"
    return f"{head}.{_fraction(moment)}" if msec else head


def listed(moment: float) -> str:
    """Print ``Mar 4 2024 10:00:00 +00:00``."""
    now = time.gmtime(moment)
    return f"{time.strftime('%b', now)} {now.tm_mday} {time.strftime('%Y %H:%M:%S', now)} +00:00"


def named(moment: float) -> str:
    """Print ``Mar--4-10-00-00.123``, for the names of files."""
    now = time.gmtime(moment)
    day = f"{now.tm_mday:2}".replace(" ", "-")
    return f"{time.strftime('%b', now)}-{day}-{time.strftime('%H-%M-%S', now)}.{_fraction(moment)}"


def uptime(seconds: float) -> str:
    """Print ``1 week, 2 days, 3 minutes``."""
    left, found = int(seconds), []
    for name, size in UNITS:
        count, left = divmod(left, size)
        if count:
            found.append(f"{count} {name}{'s' if count > 1 else ''}")
    return ", ".join(found) or "0 minutes"


def since_boot(seconds: float) -> str:
    """Print ``01:02:03``, or with days ``2d03h``."""
    days, left = divmod(int(seconds), 86_400)
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    return f"{days}d{hours:02}h" if days else f"{hours:02}:{minutes:02}:{left:02}"
