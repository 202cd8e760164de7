"""Our entries in an access list, from what is there to what is meant: the fewest touched.

Entries are taken away by what they say, never by their numbers: a number may mean somebody else's
entry by then. Numbers are for those that are added in between others. What a remark's number is,
is not known where the configuration hides it, so remarks of ours are written anew there.

A remark may have a number of its own, or that of the entry it was entered before, and go with that
entry: one of ours whose entry goes is written anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from knockctl.contract.order import rising
from knockctl.errors import GuardError
from knockctl_ios.plan.reading import Place

STEP = 10
"""How far apart IOS numbers entries by itself."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What to do to one access list."""

    removed: tuple[Place, ...] = ()
    added: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    """The commands inside the list."""
    resequence: tuple[int, int] | None = None
    """The number of the first entry, and the step, before anything is added."""
    renumber: tuple[int, int] | None = None
    """The same, at the end: as it was before ours came."""


@dataclass(slots=True)
class _Run:
    """Entries to add between two that stay."""

    after: int
    """How many of those that stay are above."""
    texts: list[str] = field(default_factory=list)


def edit(name: str, places: Sequence[Place], wanted: Sequence[str], above: int) -> Edit:
    """Return how ``wanted`` comes to stand below ``above`` foreign entries.

    Raises ``GuardError`` where there is no room, and nobody knows how to make some.
    """
    stays = _with_their_remarks(places, wanted, _staying(places, wanted, above))
    removed = tuple(p for at, p in enumerate(places) if p.ours and at not in stays)
    left = [p for at, p in enumerate(places) if not p.ours or at in stays]
    runs = list(_runs(wanted, stays, left, above))
    added = tuple(text for run in runs for text in run.texts)
    if not removed and not added:
        return Edit()
    undone = tuple(f"no {place.text}" for place in removed)
    resequence = None
    numbered = _numbered(runs, left)
    if numbered is None:
        resequence, numbered = _with_room(name, runs, left)
    renumber = None if wanted else _restored(places)
    return Edit(removed, added, (*undone, *numbered), resequence, renumber)


def _staying(places: Sequence[Place], wanted: Sequence[str], above: int) -> dict[int, int]:
    """Return which of our entries stay: their places, and what of ``wanted`` they are."""
    hidden = any(not p.number for p in places)
    # Without any number only what is appended has a place: all up to there stays.
    blind = all(not p.number for p in places)
    mine: list[int] = []
    foreign = 0
    for at, place in enumerate(places):
        if not place.ours:
            foreign += 1
        elif foreign == above:
            mine.append(at)
    if blind:
        same = 0
        while same < min(len(mine), len(wanted)) and places[mine[same]].text == wanted[same]:
            same += 1
        return {at: place for place, at in enumerate(mine[:same])}
    whole = [places[at].text for at in mine] == list(wanted)
    waiting: dict[str, list[int]] = {}
    for at in mine:
        if places[at].number or not hidden or whole:
            waiting.setdefault(places[at].text, []).append(at)
    pairs = [(waiting[text].pop(0), at) for at, text in enumerate(wanted) if waiting.get(text)]
    chosen = rising([there for there, _ in pairs])
    return {pairs[at][0]: pairs[at][1] for at in chosen}


def _with_their_remarks(
    places: Sequence[Place], wanted: Sequence[str], stays: dict[int, int]
) -> dict[int, int]:
    """Return what stays without the remarks that may go with an entry, or come before another."""
    kept = dict(stays)
    for at in sorted(stays, reverse=True):
        if _is_remark(places[at]):
            following = at + 1 < len(places) and places[at + 1].ours
            last = stays[at] + 1 == len(wanted)
            same = kept.get(at + 1) == stays[at] + 1 if following else last
            if not same:
                del kept[at]
    return kept


def _is_remark(place: Place) -> bool:
    """Tell whether an entry is a remark."""
    return place.text.startswith("remark")


def _runs(
    wanted: Sequence[str], stays: dict[int, int], left: Sequence[Place], above: int
) -> Iterator[_Run]:
    """Yield what is to be added, from the top."""
    begin = 0
    foreign = 0
    for place in left:
        if foreign == above:
            break
        foreign += not place.ours
        begin += 1
    kept = sorted(stays.values())
    run = _Run(begin)
    for at, text in enumerate(wanted):
        if at in kept:
            if run.texts:
                yield run
            run = _Run(run.after + 1)
        else:
            run.texts.append(text)
    if run.texts:
        yield run


def _numbered(runs: Sequence[_Run], left: Sequence[Place]) -> list[str] | None:
    """Return the commands that add, if there is room for all."""
    lines: list[str] = []
    for run in runs:
        if run.after == len(left):
            lines += run.texts
            continue
        lower = next((p.number for p in reversed(left[: run.after]) if p.number), 0)
        upper = next((p.number for p in left[run.after :] if p.number), 0)
        room = upper - lower - 1 if upper else 0
        over = run.after > 0 and not left[run.after - 1].number
        under = not left[run.after].number
        # A remark in between has a number of its own: a multiple of ten, unless people chose it.
        if over:
            room = 0 if under else min(room, (upper - 1) % STEP)
        elif under:
            room = min(room, STEP - 1 - lower % STEP)
        count = len(run.texts)
        if count > room:
            return None
        apart = 1 if over else (room + 1) // (count + 1)
        begin = upper - count - 1 if over else lower
        numbers = [begin + apart * (at + 1) for at in range(count)]
        if lower == 0 and numbers[0] == STEP:
            # That is what an entry at the top has whose list was numbered anew for it.
            numbers = [number - 1 for number in numbers]
        lines += [f"{n} {text}" for n, text in zip(numbers, run.texts, strict=True)]
    return lines


def _with_room(
    name: str, runs: Sequence[_Run], left: Sequence[Place]
) -> tuple[tuple[int, int], list[str]]:
    """Return how to number the list anew, and what is added then."""
    top = runs[0].after == 0 and len(runs) == 1
    largest = max(len(run.texts) for run in runs)
    if top:
        first, step = STEP * (largest + 1), STEP
        numbers = [STEP * (at + 1) for at in range(largest)]
        return (first, step), [f"{n} {t}" for n, t in zip(numbers, runs[0].texts, strict=True)]
    step = STEP * (largest // STEP + 1)
    known = next((at for at, place in enumerate(left) if not place.number), len(left))
    fresh = list(_fresh(left[:known], step))
    if known < len(left):
        # Whether a remark counts or not, it is not above this.
        number = (fresh[-1].number if fresh else 0) + step
        fresh.append(Place(left[known].text, number, left[known].ours))
        fresh += [Place(place.text, 0, place.ours) for place in left[known + 1 :]]
    lines = _numbered(runs, fresh)
    if lines is None or any(known < run.after < len(left) for run in runs):
        raise GuardError(
            f"there is no room for our entries in the access list {name}, and the numbers of its"
            " remarks are not known",
            hint=f"make room by hand: ip access-list resequence {name} 1000 1000",
        )
    return (step, step), lines


def _fresh(places: Sequence[Place], step: int) -> Iterator[Place]:
    """Yield entries as they are numbered anew; those that have one number go on to have one."""
    number, before = 0, -1
    for place in places:
        number += 0 if place.number == before else step
        before = place.number
        yield Place(place.text, number, place.ours)


def _restored(places: Sequence[Place]) -> tuple[int, int] | None:
    """Return how to number a list anew that was numbered anew for ours, which all go now."""
    others = list(dict.fromkeys(p.number for p in places if not p.ours and p.number))
    ours = [p.number for p in places if p.ours and p.number]
    # Where its number is hidden, the first is a remark, and the second shows.
    first = STEP if places[0].number else 2 * STEP
    if not others or not ours or not places[0].ours or min(ours) != first:
        return None
    regular = all((b - a) % STEP == 0 and b > a for a, b in zip(others, others[1:], strict=False))
    moved = others[0] > STEP and others[0] % STEP == 0 and max(ours) < others[0]
    return (STEP, STEP) if regular and moved else None
