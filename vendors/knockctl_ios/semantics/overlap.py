"""May one packet pass two conditions? Where that can't be told from addresses and ports, it may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from knockctl.automaton.alphabet import RANGED, Atom
from knockctl_ios.semantics.conditions import Condition, Either, Not

Boxes = tuple[Mapping[str, Any], ...]
"""For each way to pass, the fields that are asked: ranges of numbers, or names of protocols."""


def boxes(condition: Condition) -> Boxes:
    """Return the ways to pass; none: nothing does. What is not told here passes."""
    if isinstance(condition, Atom):
        plain = condition.field in RANGED or condition.field == "protocol"
        return ({condition.field: condition.test} if plain else {},)
    if isinstance(condition, Not):
        return ({},)
    if isinstance(condition, Either):
        return tuple(box for part in condition.parts for box in boxes(part))
    found: Boxes = ({},)
    for part in condition.parts:
        found = tuple(_both(one, other) for one in found for other in boxes(part))
    return tuple(found)


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what asks both; of two questions to one field, the second stands for both."""
    return {**one, **other}


def meet(some: Boxes, others: Boxes) -> bool:
    """Tell whether one packet may be in both."""
    return any(_touch(one, other) for one in some for other in others)


def _touch(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(_common(name, one[name], other[name]) for name in one if name in other)


def _common(name: str, mine: Any, theirs: Any) -> bool:
    if name == "protocol":
        return bool(mine & theirs)
    return any(a <= d and c <= b for a, b in mine for c, d in _ranges(theirs))


def _ranges(test: Any) -> Iterator[tuple[int, int]]:
    yield from test
