"""From what runs to what is meant: a file of commands in an order that IOS accepts.

What a line names is there before it, and is taken away after it. A dynamic list that does not
change is not touched: who is in stays in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from knockctl.vendor import Change, Neighbour, Reading
from knockctl_ios.commands import Commands
from knockctl_ios.config import ENVIRONMENT, IosConfig, key
from knockctl_ios.listing import LIST
from knockctl_ios.neighbours import judging
from knockctl_ios.numbering import Edit, edit
from knockctl_ios.reading import IosReading, Place
from knockctl_ios.room import above as above_ours
from knockctl_ios.room import adopted, dynamic, free, may_match, only_dynamic
from knockctl_ios.tree import Line

Action = Literal["add", "remove"]


@dataclass(frozen=True, slots=True)
class IosRemediation:
    """The way from one config to another. Satisfies ``vendor.Remediation``."""

    change_id: str
    before: IosConfig
    intended: IosConfig
    """What must be read back, the mark included."""
    settled: str | None
    changes: tuple[Change, ...]
    keeps_grants: bool
    shadows: tuple[Neighbour, ...] = ()
    text: str = ""
    """The file that is merged."""
    seen: tuple[tuple[str, tuple[tuple[int, str], ...]], ...] = ()
    """Access lists that the file gives numbers in, and their entries as they were planned with."""

    def secrets(self) -> frozenset[str]:
        """Return what no error may show."""
        return self.before.secrets() | self.intended.secrets()


def plan(running: Reading[IosConfig], intended: IosConfig, change_id: str) -> IosRemediation:
    """Return the way from running to intended.

    Raises ``GuardError`` where ours can't go where they are meant to.
    """
    before = running.config
    there = running if isinstance(running, IosReading) else _alone(running)
    difference = _Difference(there, before, intended)
    difference.find()
    shadows = tuple(difference.shadows())
    if not difference.changes:
        return IosRemediation(
            change_id, before, before, before.revision, (), keeps_grants=True, shadows=shadows
        )
    settled = None if intended.empty else intended.revision or change_id
    marked = intended.marked(settled)
    return IosRemediation(
        change_id,
        before,
        marked,
        settled,
        tuple(difference.changes),
        keeps_grants=difference.keeps_grants,
        shadows=shadows,
        text=difference.commands.text(settled),
        seen=tuple(difference.seen),
    )


def _alone(running: Reading[IosConfig]) -> IosReading:
    """Return a reading of a router that has nothing but what is ours."""
    lists = {
        line.text: tuple(Place(child.text, 0, ours=True) for child in line.below)
        for line in running.config.lines()
        if line.text.startswith(LIST)
    }
    return IosReading(running.config, running.neighbours, lists)


class _Difference:
    """Finds what to do, kind by kind."""

    def __init__(self, reading: IosReading, before: IosConfig, goal: IosConfig) -> None:
        self.reading, self.before, self.goal = reading, before, goal
        self.changes: list[Change] = []
        self.commands = Commands()
        self.seen: list[tuple[str, tuple[tuple[int, str], ...]]] = []
        self.keeps_grants = True
        self._above: dict[str, int] = {}
        self._removed: list[tuple[str, str]] = []

    def find(self) -> None:
        """Go through everything that either side has."""
        self._needs()
        self._objects()
        for parent in dict.fromkeys((*self.goal.parents, *self.before.parents)):
            self._inside(parent)
        self._freed()
        if not self.before.empty and self.before.revision is None and not self.goal.empty:
            self.changes.append(Change("add", "event manager environment", "a revision mark"))

    def shadows(self) -> Iterator[Neighbour]:
        """Yield the foreign entries that will stand above ours and may let packets past."""
        for parent in self.goal.parents:
            if parent.startswith(LIST):
                foreign = [p.text for p in self.reading.lists.get(parent, ()) if not p.ours]
                mine = [one.line.text for one in self.goal.within(parent)]
                above = foreign[: self._above.get(parent, 0)]
                found = judging(parent, above, mine, self.reading.groups)
                yield from (n for n in found if n.effect != "refuses")

    # --- what is ours whole ---

    def _needs(self) -> None:
        for line in self.goal.needs:
            if line not in self.reading.shared:
                self.commands.shared.append(line)
                self.changes.append(Change("add", "configuration", line))

    def _objects(self) -> None:
        old = {key(one): one for one in self.before.objects}
        new = {key(one): one for one in self.goal.objects}
        for name, line in new.items():
            if name not in old:
                self.commands.create(line)
                self._whole("add", line)
            elif old[name] != line:
                self._changed(old[name], line)
        for name, line in old.items():
            if name not in new:
                self.commands.remove(line)
                self._whole("remove", line)
                if line.text.startswith(LIST):
                    self._gone(line.text, [child.text for child in line.below])

    def _whole(self, action: Action, line: Line) -> None:
        if line.text.startswith(ENVIRONMENT):
            self._said(action, ENVIRONMENT.strip(), [line.text.removeprefix(ENVIRONMENT)])
        else:
            self._said(
                action, line.text, [child.text for child in _flat(line)] or ["nothing in it"]
            )

    def _said(self, action: Action, place: str, texts: Iterable[str]) -> None:
        self.changes += [Change(action, place, text) for text in texts]

    def _changed(self, old: Line, new: Line) -> None:
        if new.text.startswith(("ip access-list ", "ipv6 access-list ")):
            places = self.reading.lists.get(new.text) or tuple(
                Place(child.text, 0, ours=True) for child in old.below
            )
            self._list(new.text, places, [child.text for child in new.below], 0)
            return
        if new.text.startswith(ENVIRONMENT):
            self._whole("remove", old)
            self._whole("add", new)
            self.commands.change(old, new)
            return
        gone = [c for c in _flat(old) if c not in _flat(new)]
        come = [c for c in _flat(new) if c not in _flat(old)]
        if old.text != new.text:
            gone, come = [old, *gone], [new, *come]
        elif not gone and not come:
            come = [Line("in another order")]
        self._said("remove", old.text, [child.text for child in gone])
        self._said("add", new.text, [child.text for child in come])
        self.commands.change(old, new)

    # --- what is inside of others' ---

    def _inside(self, parent: str) -> None:
        old = [one.line for one in self.before.within(parent)]
        new = [one.line for one in self.goal.within(parent)]
        if parent.startswith(LIST):
            texts = [line.text for line in new]
            places = adopted(parent, self.reading.lists.get(parent, ()), texts)
            above = above_ours(parent, places, self.reading, self.goal) if new else 0
            self._above[parent] = above
            if new:
                only_dynamic(parent, places, texts)
            self._list(parent, places, texts, above)
            return
        taking = [n.text for n in self.reading.neighbours if n.place == parent and new]
        if old == new and not taking:
            return
        free(parent, self.reading, self.before, new)
        gone = [line for line in old if line not in new]
        come = [line for line in new if line not in old]
        if not gone and not come:
            gone, come = old, new
        if old == new:
            self.changes += [Change("move", parent, f"above {text}") for text in taking]
        else:
            self._said("remove", parent, [line.text for line in gone])
            self._said("add", parent, [line.text for line in come])
        if parent.startswith("policy-map "):
            # Only what is entered anew goes to the end, or before a class.
            gone, come = old, new
        first = self._first_class(parent)
        self.commands.bind(parent, gone, come, first)

    def _first_class(self, parent: str) -> str | None:
        """Return the class of somebody else's policy map that ours go before; None: none.

        Where no class may match what ours do, ours go to the end: that is known on every router.
        """
        mine = {one.line.text for one in (*self.before.within(parent), *self.goal.within(parent))}
        at = dict(self.goal.place).get(parent, "first")
        others = [c for c in self.reading.classes.get(parent, ()) if c not in mine]
        others = [c for c in others if c != "class class-default"]
        meets = at != "last" and any(
            may_match(one, parent, self.reading, self.goal) for one in others
        )
        return others[0] if meets else None

    # --- access lists ---

    def _list(self, parent: str, places: tuple[Place, ...], wanted: list[str], above: int) -> None:
        name = parent.rpartition(" ")[2]
        found: Edit = edit(name, places, wanted, above)
        if not found.lines:
            return
        self._said("remove", parent, [place.text for place in found.removed])
        self._said("add", parent, found.added)
        for numbers in (found.resequence, found.renumber):
            if numbers:
                said = f"numbered anew from {numbers[0]} in steps of {numbers[1]}"
                self.changes.append(Change("move", parent, said))
        self._gone(parent, [place.text for place in found.removed])
        self.commands.edit(parent, found)
        if any(line[:1].isdigit() for line in found.lines) or found.renumber:
            self.seen.append((parent, tuple((p.number, p.text) for p in places)))

    def _gone(self, parent: str, texts: Iterable[str]) -> None:
        self._removed += [(parent, text) for text in texts if dynamic(text)]

    def _freed(self) -> None:
        """Take dynamic lists that move away first: their names are the whole router's."""
        bound = {f"{LIST}{name}" for _, name in self.before.bound} | set(self.before.parents)
        grants = [r for r in self._removed if not bound or r[0] in bound]
        self.keeps_grants = not grants
        goes = {
            dynamic(child.text): line.text
            for line in self.goal.lines()
            for child in line.below
            if dynamic(child.text)
        }
        edited = {line.text for line in self.goal.objects}
        for parent, text in self._removed:
            name = dynamic(text)
            if goes.get(name, parent) != parent and parent not in edited:
                self.commands.free(parent, text)


def _flat(line: Line) -> list[Line]:
    """Return what is below a line, each with what is below it in one."""
    return [
        Line(": ".join([child.text, *(one.text for one in child.below)])) for child in line.below
    ]
