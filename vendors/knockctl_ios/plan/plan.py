"""From what runs to what is meant: a file of commands in an order that IOS accepts.

What a line names is there before it, and is taken away after it. A dynamic list that does not
change is not touched: who is in stays in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from knockctl.contract import Change, Reading
from knockctl_ios.config.files import File, differences
from knockctl_ios.config.generations import adopt
from knockctl_ios.config.listing import LIST
from knockctl_ios.config.records import ENVIRONMENT, IosConfig, key
from knockctl_ios.config.syntax import Line
from knockctl_ios.plan.commands import Commands
from knockctl_ios.plan.foreign import taking
from knockctl_ios.plan.numbering import Edit, edit
from knockctl_ios.plan.placing import above as above_ours
from knockctl_ios.plan.placing import adopted, dynamic, first_class, free, only_dynamic
from knockctl_ios.plan.reading import (
    DIRECTORY,
    SCRIPTS,
    IosReading,
    Place,
    directory_of,
    scripts_of,
)

Action = Literal["add", "remove"]
FLASH = "flash: "
"""Begins the place of a change in a script."""
_MINE = f"{ENVIRONMENT}_kc_directory"
"""Set where we have said where scripts lie."""


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
    text: str = ""
    """The file that is merged."""
    sent: tuple[File, ...] = ()
    """The scripts that are sent before that."""
    directory: str = DIRECTORY
    """Where they go."""
    seen: tuple[tuple[str, tuple[tuple[int, str], ...]], ...] = ()
    """Access lists that the file gives numbers in, and their entries as they were planned with."""

    def secrets(self) -> frozenset[str]:
        """Return what no error may show."""
        return self.before.secrets() | self.intended.secrets()


def plan(running: Reading[IosConfig], intended: IosConfig, change_id: str) -> IosRemediation:
    """Return the way from running to intended, sequences under the names they have there.

    Raises ``GuardError`` where ours can't go where they are meant to.
    """
    before = running.config
    intended = adopt(before, intended, change_id)
    there = running if isinstance(running, IosReading) else _alone(running)
    intended = _with_directory(there, intended)
    difference = _Difference(there, before, intended)
    difference.find()
    if not difference.changes:
        return IosRemediation(change_id, before, before, before.revision, (), keeps_grants=True)
    settled = None if intended.empty else intended.revision or change_id
    marked = intended.marked(settled)
    return IosRemediation(
        change_id,
        before,
        marked,
        settled,
        tuple(difference.changes),
        keeps_grants=difference.keeps_grants,
        text=difference.commands.text(settled),
        sent=tuple(one for one in intended.files if one not in before.files),
        directory=directory_of(there.shared) or DIRECTORY,
        seen=tuple(difference.seen),
    )


def _with_directory(there: IosReading, intended: IosConfig) -> IosConfig:
    """Return it with a mark where the directory of scripts is said by us, and by nobody else."""
    others = tuple(one for one in intended.objects if not one.text.startswith(_MINE))
    said = directory_of(there.shared)
    mine = any(one.text.startswith(_MINE) for one in there.config.objects) and said == DIRECTORY
    if scripts_of(intended) and (said is None or mine):
        others = (*others, Line(f"{_MINE} {DIRECTORY}"))
    return replace(intended, objects=others)


def _alone(running: Reading[IosConfig]) -> IosReading:
    """Return a reading of a router that has nothing but what is ours."""
    lists = {
        line.text: tuple(Place(child.text, 0, ours=True) for child in line.below)
        for line in running.config.lines()
        if line.text.startswith(LIST)
    }
    return IosReading(running.config, lists=lists)


class _Difference:
    """Finds what to do, kind by kind."""

    def __init__(self, reading: IosReading, before: IosConfig, goal: IosConfig) -> None:
        self.reading, self.before, self.goal = reading, before, goal
        self.changes: list[Change] = []
        self.commands = Commands()
        self.seen: list[tuple[str, tuple[tuple[int, str], ...]]] = []
        self.keeps_grants = True
        self._removed: list[tuple[str, str]] = []

    def find(self) -> None:
        """Go through everything that either side has."""
        self._needs()
        self._directory()
        self._objects()
        self._files()
        for parent in dict.fromkeys((*self.goal.parents, *self.before.parents)):
            self._inside(parent)
        self._freed()
        if not self.before.empty and self.before.revision is None and not self.goal.empty:
            self.changes.append(Change("add", "event manager environment", "a revision mark"))

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

    def _files(self) -> None:
        """Tell what lines of scripts differ; what is said of the new ones are their policy's."""
        old = {one.policy: one for one in self.before.files if one not in self.goal.files}
        for new in self.goal.files:
            if new not in self.before.files:
                was = old.pop(new.policy, None)
                gone, come = differences(was, new) if was else ([], list(_words(new)))
                self._said("remove", f"{FLASH}{was.name if was else ''}", gone)
                self._said("add", f"{FLASH}{new.name}", come or ["nothing in it"])
        for one in old.values():
            self._said("remove", f"{FLASH}{one.name}", ["all of it"])

    def _directory(self) -> None:
        """Say where scripts lie, or no more, where nobody else has said so."""
        there = directory_of(self.reading.shared)
        mine = [one.text for one in self.goal.objects if one.text.startswith(_MINE)]
        if mine and there is None:
            line = f"{SCRIPTS}{DIRECTORY}"
            self.commands.shared.append(line)
            self.changes.append(Change("add", "configuration", line))
        was = [one.text for one in self.before.objects if one.text.startswith(_MINE)]
        if was and not mine and there == DIRECTORY:
            self.commands.leave(f"{SCRIPTS}{DIRECTORY}")
            self.changes.append(Change("remove", "configuration", f"{SCRIPTS}{DIRECTORY}"))

    # --- what is inside of others' ---

    def _inside(self, parent: str) -> None:
        old = [one.line for one in self.before.within(parent)]
        new = [one.line for one in self.goal.within(parent)]
        if parent.startswith(LIST):
            texts = [line.text for line in new]
            places = adopted(parent, self.reading.lists.get(parent, ()), texts)
            above = above_ours(parent, places, self.reading, self.goal) if new else 0
            if new:
                only_dynamic(parent, places, texts)
            self._list(parent, places, texts, above)
            return
        takes = list(taking(self.before, parent, self.reading.named)) if new else []
        if old == new and not takes:
            return
        free(parent, self.reading, self.before, new)
        gone = [line for line in old if line not in new]
        come = [line for line in new if line not in old]
        if not gone and not come:
            gone, come = old, new
        if old == new:
            self.changes += [Change("move", parent, f"above {text}") for text in takes]
        else:
            self._said("remove", parent, [line.text for line in gone])
            self._said("add", parent, [line.text for line in come])
        if parent.startswith("policy-map "):
            # Only what is entered anew goes to the end, or before a class.
            gone, come = old, new
        first = first_class(parent, self.reading, self.before, self.goal)
        self.commands.bind(parent, gone, come, first)

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


def _words(file: File) -> Iterator[str]:
    """Yield the words of a script that are its policy's own; its program is always the same."""
    yield from (one for one in file.lines if one.startswith(("::cisco::", "set kc(", "knock ")))


def _flat(line: Line) -> list[Line]:
    """Return what is below a line, each with what is below it in one."""
    return [
        Line(": ".join([child.text, *(one.text for one in child.below)])) for child in line.below
    ]
