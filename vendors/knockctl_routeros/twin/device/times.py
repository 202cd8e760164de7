"""Durations, dates and times of day, as the router reads and prints them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PARTS = re.compile(
    r"(?:(?P<w>\d+)w)?(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m(?!s))?"
    r"(?:(?P<s>\d+(?:\.\d+)?)s)?(?:(?P<ms>\d+)ms)?"
)
CLOCKED = re.compile(r"(?:(?P<w>\d+)w)?(?:(?P<d>\d+)d)?(?P<h>\d+):(?P<m>\d+)(?::(?P<s>\d+))?")


def seconds(text: str) -> float | None:
    """Read ``16h40m``, ``1d02:03:04``, ``500ms`` or bare seconds; None is no duration."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    found = CLOCKED.fullmatch(text) or PARTS.fullmatch(text)
    if not text or found is None:
        return None
    parts = {unit: float(number or 0) for unit, number in found.groupdict().items()}
    return sum(UNITS[unit] * parts[unit] for unit in UNITS) + parts.get("ms", 0) / 1000


def duration(value: float) -> str:
    """Print a duration, largest units first, without what is zero; nothing is ``0s``."""
    left, rest = divmod(round(value * 1000), 1000)
    words = []
    for unit, size in UNITS.items():
        count, left = divmod(left, size)
        words += [f"{count}{unit}"] if count else []
    words += [f"{rest}ms"] if rest else []
    return "".join(words) or "0s"


def date(moment: float, *, iso: bool) -> str:
    """Print the day of a moment (seconds since 1970, the router's own zone)."""
    day = datetime.fromtimestamp(moment, UTC)
    return f"{day:%Y-%m-%d}" if iso else f"{MONTHS[day.month - 1]}/{day:%d/%Y}"


def time_of_day(moment: float) -> str:
    """Print the time of a moment."""
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S}"


def stamp(moment: float, *, iso: bool) -> str:
    """Print day and time."""
    return f"{date(moment, iso=iso)} {time_of_day(moment)}"


def day_start(text: str) -> float | None:
    """Read a date of either form; None is no date."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text)
    numbers = [int(number) for number in found.groups()] if found else _american(text)
    try:
        return datetime(*numbers, tzinfo=UTC).timestamp() if numbers else None  # type: ignore[misc,arg-type]
    except ValueError:
        return None


def _american(text: str) -> list[int] | None:
    found = re.fullmatch(r"([a-z]{3})/(\d\d)/(\d{4})", text.lower())
    if not found or found[1] not in MONTHS:
        return None
    return [int(found[3]), MONTHS.index(found[1]) + 1, int(found[2])]
