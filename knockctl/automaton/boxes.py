"""Sets of packets as boxes: for each field the cells its value may be in; and what rules match."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from knockctl.automaton.conditions import Condition, Every, Is, Open, Some
from knockctl.automaton.questions import UNINTERPRETED, Atom, passes
from knockctl.automaton.regions import Space

Masks = Mapping[str, int]
Overlay = tuple[tuple[str, Any], ...]
"""Fields that rules have changed, and the values they have now."""

Asked = tuple[dict[str, int], frozenset[Open]]
"""Packets that a condition matches, and what must hold besides."""

MARK = "mark"
_KEPT = {MARK, "flow"}
"""Fields that a chance doesn't hang on: where others have changed, it may turn out otherwise."""
UNMET, EARLIER, HERE = 0, 1, 2
"""Whether rules of ours may have seen packets: no; in an earlier section; in this one."""
NOTHING: frozenset[Open] = frozenset()
_MANY = 64
MOST_BOXES = 4_096
"""Sets of packets that are told apart at one place, before a walk is given up."""


class TooTangled(ValueError):
    """The rules tell too many sets of packets apart for a walk."""


@dataclass(frozen=True, slots=True)
class Box:
    """A set of packets: the product of its fields' cells."""

    masks: Masks
    opens: frozenset[Open] = frozenset()
    """What must be so besides: what isn't while nobody has sent anything, and guesses."""
    overlay: Overlay = ()
    met: int = UNMET
    """Where rules of ours may have seen the packets before."""

    def cut(self, masks: Masks) -> Masks | None:
        """Return the part that is also in these masks; None where there is none."""
        mine = self.masks
        found = dict(mine)
        for name, mask in masks.items():
            left = mine[name] & mask
            if not left:
                return None
            found[name] = left
        return found


def inside(part: Box, inner: Box) -> Iterator[Box]:
    """Yield the part of a box that is in another one, with what became of that on its way."""
    hit = part.cut(inner.masks)
    if hit is not None:
        yield Box(hit, part.opens | inner.opens, inner.overlay, max(part.met, inner.met))


def fewer(boxes: list[Box]) -> list[Box]:
    """Join boxes that differ in one field alone."""
    if len(boxes) < 2:
        return boxes
    # Of many, those that differ in their sources: the rest would be looked up by those, at length.
    names = boxes[0].masks if len(boxes) <= _MANY else ["source"]
    for name in names:
        joined: dict[object, Box] = {}
        for box in boxes:
            rest = tuple(item for item in box.masks.items() if item[0] != name)
            key = rest, box.opens, box.overlay, box.met
            known = joined.get(key)
            if known is None:
                joined[key] = box
            else:
                both = {**box.masks, name: box.masks[name] | known.masks[name]}
                joined[key] = replace(box, masks=both)
        boxes = list(joined.values())
    return boxes


def apart(box: Box, inner: Masks) -> Iterator[Box]:
    """Yield what is left of a box without a part of it, in parts that don't overlap.

    First the other sources: what is left of these is a piece of a few, see ``_Live``.
    """
    inside = dict(box.masks)
    for name in ("source", *inner):
        if name in inner and inside[name] != inner[name]:
            outside = inside[name] & ~inner[name]
            yield Box({**inside, name: outside}, box.opens, box.overlay, box.met)
            inside[name] = inner[name]


@dataclass(frozen=True, slots=True)
class Matches:
    """Turns conditions into boxes, in a space that they have cut."""

    space: Space

    def boxes(self, condition: Condition, overlay: Overlay) -> Sequence[Asked]:
        """Return boxes that together hold what the condition matches."""
        match condition:
            case Is():
                return self._asked(condition, overlay)
            case Open():
                return (({}, frozenset((condition,))),)
            case Some():
                return [box for part in condition.parts for box in self.boxes(part, overlay)]
            case Every():
                return self._every(condition.parts, overlay)

    def _every(self, parts: Iterable[Condition], overlay: Overlay) -> Sequence[Asked]:
        plain: dict[str, int] = {}
        others: list[Condition] = []
        for part in parts:
            place = self.space.places.get(part.atom) if isinstance(part, Is) else None
            if overlay or place is None:
                others.append(part)
                continue
            name, mask = place
            if not part.wanted:  # type: ignore[union-attr]
                mask = self.space.fields[name].all & ~mask
            plain[name] = mask & plain[name] if name in plain else mask
        if not all(plain.values()):
            return ()
        found: list[Asked] = [(plain, NOTHING)]
        for part in others:
            found = [
                both
                for one in self.boxes(part, overlay)
                for mine in found
                for both in _and(mine, one)
            ]
            if len(found) > MOST_BOXES:
                raise TooTangled("a rule asks too many things at once")
        return found

    def _asked(self, question: Is, overlay: Overlay) -> Sequence[Asked]:
        atom = question.atom
        changed = dict(overlay) if overlay else {}
        if atom.field == MARK or (atom.field in changed and not question.original):
            value = changed.get(atom.field, 0)
            holds = _marked(atom, value) if atom.field == MARK else _holds(atom, value)
            return (({}, NOTHING),) if holds == question.wanted else ()
        if atom.field == "chance" and (atom not in self.space.places or changed.keys() - _KEPT):
            name = str(atom.test)
            kind = "guess" if name.startswith(UNINTERPRETED) else "chance"
            return (({}, frozenset((Open(name.removeprefix(UNINTERPRETED), kind),))),)
        name, mask = _cells(self.space, atom)
        if not question.wanted:
            mask = self.space.fields[name].all & ~mask
        return (({name: mask}, NOTHING),) if mask else ()


def _and(one: Asked, other: Asked) -> Iterator[Asked]:
    both = dict(one[0])
    for name, mask in other[0].items():
        both[name] = both[name] & mask if name in both else mask
    if all(both.values()):
        yield both, one[1] | other[1]


def _marked(atom: Atom, value: int) -> bool:
    wanted, mask = atom.test
    return bool(value & mask == wanted)


def _holds(atom: Atom, value: Any) -> bool:
    plain = value if isinstance(value, (int, str)) else int(value)
    return passes(atom.field, atom.test, plain)


def _cells(space: Space, atom: Atom) -> tuple[str, int]:
    """Return the field of a question and the cells that pass; a run's rules did not cut it."""
    known = space.places.get(atom)
    if known is not None:
        return known
    values = space.fields[atom.field].values
    result = 0
    for first, last in atom.test:
        low, high = bisect_right(values, first) - 1, bisect_right(values, last) - 1
        result |= (1 << high + 1) - (1 << low)
    return atom.field, result
