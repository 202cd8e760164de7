"""Which of a sequence can stay when the rest is moved."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def rising(values: Sequence[int]) -> set[int]:
    """Return the places of as many values as possible that rise from left to right."""
    ends: list[int] = []
    chosen: list[int] = []
    before: list[int | None] = []
    for index, value in enumerate(values):
        spot = bisect_left(ends, value)
        before.append(chosen[spot - 1] if spot else None)
        ends[spot : spot + 1] = [value]
        chosen[spot : spot + 1] = [index]
    result: set[int] = set()
    at = chosen[-1] if chosen else None
    while at is not None:
        result.add(at)
        at = before[at]
    return result
