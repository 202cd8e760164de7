"""Where ours may go in what is somebody else's, and where they may not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from knockctl.errors import GuardError
from knockctl_ios.config.records import BEGIN, END, IosConfig
from knockctl_ios.config.syntax import Line
from knockctl_ios.plan.foreign import entries_meet, may_take
from knockctl_ios.plan.reading import IosReading, Place


def dynamic(text: str) -> str | None:
    """Return the name of the dynamic list that an entry is; None for any other."""
    return text.split()[1] if text.startswith("dynamic ") else None


def only_dynamic(parent: str, places: Sequence[Place], wanted: Iterable[str]) -> None:
    """Raise where a dynamic list of ours would meet somebody else's."""
    if not any(dynamic(text) for text in wanted):
        return
    for place in places:
        if not place.ours and dynamic(place.text):
            raise GuardError(
                f"{parent} has the dynamic list {dynamic(place.text)} already, and a router"
                " honours one in each access list",
                hint="name another access list in the placement",
            )


def adopted(parent: str, places: tuple[Place, ...], wanted: Sequence[str]) -> tuple[Place, ...]:
    """Return a list's entries where the remark is gone that ended ours: what is wanted is ours.

    It may have gone with the entry below it. Raises ``GuardError`` where nothing is wanted.
    """
    marks = [at for at, place in enumerate(places) if place.text.startswith((BEGIN, END))]
    open_at = next((at for at in marks if _open(places, marks, at)), None)
    if open_at is None:
        return places
    if not wanted:
        raise GuardError(
            f"{parent}: the remark is gone that says where ours end",
            hint="deploy again, which puts it back; then remove",
        )
    found = list(places)
    for at in range(open_at + 1, len(places)):
        if places[at].text not in wanted:
            break
        found[at] = places[at]._replace(ours=True)
    return tuple(found)


def _open(places: Sequence[Place], marks: Sequence[int], at: int) -> bool:
    """Tell whether ours begin there and have no end."""
    following = next((places[one].text for one in marks if one > at), "")
    return places[at].text.startswith(BEGIN) and not following.startswith(END)


def above(parent: str, places: Sequence[Place], reading: IosReading, goal: IosConfig) -> int:
    """Return how many foreign entries are to be above ours.

    Above the entry of a number is for the first time: numbers change, ours stay where they are.
    """
    at = dict(goal.place).get(parent)
    foreign = [place for place in places if not place.ours]
    there = _there(places)
    if at == "last":
        return len(foreign)
    if at == "first":
        texts = [place.text for place in foreign[: there or 0]]
        mine = [one.line.text for one in goal.within(parent)]
        # Entries above ours that can't judge our packets may stay there.
        return there if there and not entries_meet(texts, mine, reading.named) else 0
    if there is not None or at is None:
        return there or 0
    found = next((n for n, place in enumerate(foreign) if place.number == at), None)
    if found is None:
        raise GuardError(
            f"{parent} has no entry {at} to go before",
            hint="see show ip access-lists, and placement.position",
        )
    while found and foreign[found - 1].text.startswith("remark "):
        found -= 1
    return found


def _there(places: Sequence[Place]) -> int | None:
    first = next((n for n, place in enumerate(places) if place.ours), None)
    return None if first is None else sum(not place.ours for place in places[:first])


def free(parent: str, reading: IosReading, before: IosConfig, new: Iterable[Line]) -> None:
    """Raise where somebody else's stands in the only place there is."""
    mine = {one.line.text for one in before.within(parent)}
    for line in new:
        words = line.text.split()
        slot = [word for word in words if not word.startswith("kc-")]
        for other in reading.bindings.get(parent, ()):
            same = other.split()[:-1] == slot
            same = same or (slot[:2] == ["ip", "access-group"] and _binds_in(other))
            if same and other not in mine and other != line.text:
                raise GuardError(
                    f"{parent} has {other} already, and there is room for one",
                    hint="name it in the placement (policy_map, access_list): ours go into it",
                )


def first_class(parent: str, reading: IosReading, before: IosConfig, goal: IosConfig) -> str | None:
    """Return the class of somebody else's policy map that ours go before; None: none.

    Where no class may match what ours do, ours go to the end: that is known on every router.
    """
    mine = {one.line.text for one in (*before.within(parent), *goal.within(parent))}
    at = dict(goal.place).get(parent, "first")
    others = [c for c in reading.classes.get(parent, ()) if c not in mine]
    others = [c for c in others if c != "class class-default"]
    meets = at != "last" and any(may_take(c, parent, reading.named, goal) for c in others)
    return others[0] if meets else None


def _binds_in(text: str) -> bool:
    return text.startswith("ip access-group ") and text.endswith(" in")
