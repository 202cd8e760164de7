"""May one packet pass two conditions? Where that can't be told from addresses and ports, it may."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from knockctl.automaton.questions import RANGED, Atom, Ranges
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


def joined(some: Iterable[Mapping[str, Any]]) -> Boxes:
    """Return the same with fewer boxes: those that differ in their ports alone are one."""
    found: dict[Hashable, dict[str, Any]] = {}
    for box in some:
        rest = tuple(sorted((name, test) for name, test in box.items() if name != "port"))
        known = found.setdefault((rest, "port" in box), dict(box))
        if "port" in box:
            known["port"] = tuple(dict.fromkeys((*known["port"], *box["port"])))
    return tuple(found.values())


def meet(some: Boxes, others: Boxes) -> bool:
    """Tell whether one packet may be in both."""
    for one in some:
        for other in others:
            if _touch(one, other):
                return True
    return False


def _touch(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    for name, mine in one.items():
        theirs = other.get(name)
        if theirs is None:
            continue
        if name == "protocol":
            if not mine & theirs:
                return False
        elif not _overlap(mine, theirs):
            return False
    return True


def _overlap(mine: Ranges, theirs: Ranges) -> bool:
    for first, last in mine:
        for low, high in theirs:
            if first <= high and low <= last:
                return True
    return False
