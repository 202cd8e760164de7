"""Durations as people write them: ``10s 30m 24h 7d 1000m``; whole seconds inside."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")


def parse_duration(text: str) -> int:
    """Return seconds; raise ``ValueError`` with what would be right. Zero is refused."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        msg = f"{text!r} is not a duration; write a number and one of s m h d, such as 10s or 30m"
        raise ValueError(msg)
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds == 0:
        msg = f"{text!r}: a duration of zero has no meaning; the shortest is 1s"
        raise ValueError(msg)
    return seconds


def format_duration(seconds: int) -> str:
    """Return the shortest text that ``parse_duration`` reads back to the same number.

    >>> [format_duration(n) for n in (10, 60, 1800, 3600, 86400, 60000, 90)]
    ['10s', '1m', '30m', '1h', '1d', '1000m', '90s']
    """
    for unit in "dhm":
        if seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"
