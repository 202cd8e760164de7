"""What a router runs once ours stand as intended: where a plan puts them, the old ones gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from knockctl_ios.config import generations, normal
from knockctl_ios.config.listing import LIST
from knockctl_ios.config.records import OWN_NAME, IosConfig, ours
from knockctl_ios.config.syntax import Line
from knockctl_ios.plan.foreign import taking
from knockctl_ios.plan.placing import above, adopted, first_class
from knockctl_ios.plan.reading import IosReading

_SOME = "standing"
"""Stands for the id of a change: nothing that packets meet is named after it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """All lines of a configuration, and what of them is ours."""

    lines: tuple[Line, ...]
    config: IosConfig


def standing(lines: Iterable[Line], there: IosReading, intended: IosConfig) -> Standing:
    """Return a configuration with what is intended in the place of what is ours.

    Raises ``GuardError`` where it can't go where it is meant to.
    """
    goal = generations.adopt(there.config, intended, _SOME)
    foreign = [line for line in lines if not ours(Line(normal.plain(line.text)))]
    known = {normal.plain(line.text) for line in foreign}
    parents = (parent for parent in goal.parents if parent not in known)
    whole = [*foreign, *(Line(parent) for parent in parents)]
    needed = [Line(text) for text in goal.needs if text not in known]
    placed = (_placed(line, there, goal) for line in whole)
    return Standing((*placed, *needed, *goal.objects), goal)


def _placed(line: Line, there: IosReading, goal: IosConfig) -> Line:
    parent = normal.plain(line.text)
    if parent.startswith(LIST):
        return _listed(line, parent, there, goal)
    old = [one.line.text for one in there.config.within(parent)]
    new = [one.line for one in goal.within(parent)]
    if not (old or new):
        return line
    if parent.startswith("policy-map "):
        return Line(line.text, tuple(_classes(line, parent, there, goal)))
    kept = (child for child in line.below if normal.plain(child.text) not in old)
    return Line(line.text, (*kept, *new))


def _listed(line: Line, parent: str, there: IosReading, goal: IosConfig) -> Line:
    """Return an access list with our entries where they go."""
    wanted = [one.line.text for one in goal.within(parent)]
    if not wanted and not there.config.within(parent):
        return line
    places = adopted(parent, there.lists.get(parent, ()), wanted)
    entries = [Line(place.text) for place in places if not place.ours]
    at = above(parent, places, there, goal) if wanted else 0
    entries[at:at] = [Line(text) for text in wanted]
    return Line(line.text, tuple(entries))


def _classes(line: Line, parent: str, there: IosReading, goal: IosConfig) -> Iterator[Line]:
    """Yield the classes of a policy map with ours where they go."""
    old = [one.line for one in there.config.within(parent)]
    new = [one.line for one in goal.within(parent)]
    if old == new and not any(taking(there.config, parent, there.named)):
        yield from line.below
        return
    foreign = [one for one in line.below if not _ours(one)]
    before = first_class(parent, there, there.config, goal) or "class class-default"
    at = next((n for n, one in enumerate(foreign) if normal.plain(one.text) == before), None)
    split = len(foreign) if at is None else at
    yield from (*foreign[:split], *new, *foreign[split:])


def _ours(line: Line) -> bool:
    return any(word.startswith(OWN_NAME) for word in line.text.split())
