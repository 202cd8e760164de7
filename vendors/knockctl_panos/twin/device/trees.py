"""The candidate and the running configuration, and who changed what in between.

The candidate is the running tree plus a list of changes. A commit of some administrators' changes
does those again on the running tree; a revert does everybody else's again on a copy of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import edits, markup, schema
from knockctl_panos.twin.device.edits import Edit
from knockctl_panos.twin.device.refusals import IMPOSSIBLE, NO_OBJECT, Refusal

KEPT = 100
"""Versions a device remembers."""


@dataclass(frozen=True)
class Change:
    """One change not yet committed; ``tree`` instead of ``edit``: a whole configuration loaded."""

    number: int
    admin: str
    when: float
    stamp: str
    edit: Edit
    tree: Element | None = None

    @property
    def scope(self) -> str:
        """Where it changes something: a vsys, a device group, ``shared``, or the device itself."""
        names = self.edit.parsed.names if self.tree is None else {}
        tags = self.edit.parsed.tags if self.tree is None else ()
        place = names.get("vsys") or names.get("device-group")
        return place or ("shared" if "shared" in tags else "device-and-network")

    @property
    def marks(self) -> dict[str, str]:
        """What the candidate says of it on the nodes it touched."""
        return {"admin": self.admin, "dirtyId": str(self.number), "time": self.stamp}

    def run(self, tree: Element, known: schema.Group) -> list[Element]:
        """Do it again, on another tree; return the nodes to mark.

        Raises:
            Refusal: it can't be done there; what is to be deleted may be gone already.
        """
        if self.tree is not None:
            tree[:] = markup.clone(self.tree)
            return []
        try:
            touched = edits.perform(tree, self.edit, known)
        except Refusal as error:
            if self.edit.action != "delete" or error.code != NO_OBJECT:
                raise
            return []
        return [] if self.edit.action == "delete" else touched


@dataclass(frozen=True)
class Version:
    """A configuration that was committed once."""

    number: int
    when: float
    admin: str
    description: str
    tree: Element
    changes: tuple[Change, ...] = ()
    """What it was made of."""


@dataclass
class Plan:
    """What a commit will make of the running tree, decided when it begins."""

    tree: Element
    numbers: frozenset[int]


@dataclass
class Trees:
    """Both trees of one device."""

    known: schema.Group
    running: Element
    candidate: Element = field(init=False)
    changes: list[Change] = field(default_factory=list)
    saved: dict[str, Element] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    resolve: bool = True
    """References are checked at each change."""
    count: int = 0

    def __post_init__(self) -> None:
        markup.name_rules(self.running)
        self.candidate = markup.clone(self.running)
        self.versions.append(Version(1, 0, "", "", markup.clone(self.running)))

    def change(self, admin: str, when: float, stamp: str, edit: Edit) -> None:
        """Make a change of the candidate.

        Raises:
            Refusal: the candidate is as before.
        """
        touched = edits.perform(self.candidate, edit, self.known, resolve=self.resolve)
        if "rules" in edit.path or "<rules" in edit.element:
            markup.name_rules(self.candidate)
        self.count += 1
        change = Change(self.count, admin, when, stamp, edit)
        for node in touched:
            if edit.action == "delete":
                node.attrib.update(change.marks)
            else:
                markup.mark(node, change.marks)
        self.changes.append(change)

    def load(self, admin: str, when: float, stamp: str, tree: Element) -> None:
        """Replace the whole candidate, everybody's changes included."""
        self.count += 1
        self.candidate = markup.clone(tree)
        self.changes = [Change(self.count, admin, when, stamp, Edit("load", "/config"), tree)]

    def backup(self) -> Callable[[], None]:
        """Remember the candidate; call what is returned to have it back."""
        tree, changes = markup.clone(self.candidate), list(self.changes)

        def restore() -> None:
            self.candidate, self.changes = tree, changes

        return restore

    def dirty(self, wanted: Callable[[Change], bool] = lambda _: True) -> list[Change]:
        """Return the changes not committed."""
        return [change for change in self.changes if wanted(change)]

    def plan(self, included: Iterable[Change]) -> Plan:
        """Say what a commit of some changes makes.

        Raises:
            Refusal: they rest on changes that are left out.
        """
        chosen = list(included)
        numbers = frozenset(change.number for change in chosen)
        if len(chosen) == len(self.changes):
            tree = markup.clone(self.candidate)
        else:
            tree = self._replayed(chosen)
        markup.unmark(tree)
        return Plan(tree, numbers)

    def _replayed(self, changes: list[Change]) -> Element:
        tree = markup.clone(self.running)
        for change in changes:
            try:
                change.run(tree, self.known)
            except Refusal as error:
                said = f"{change.edit.path}: {error}"
                raise Refusal(IMPOSSIBLE, "Partial changes cannot be applied", said) from error
        markup.name_rules(tree, self.candidate)
        return tree

    def finish(self, plan: Plan, when: float, admin: str, description: str) -> int:
        """Let a plan run; return the version's number."""
        self.running = plan.tree
        done = tuple(change for change in self.changes if change.number in plan.numbers)
        self.changes = [c for c in self.changes if c.number not in plan.numbers]
        if self.changes:
            markup.unmark(self.candidate, plan.numbers)
        else:
            self.candidate = markup.clone(self.running)
        number = self.versions[-1].number + 1
        kept = markup.clone(plan.tree)
        self.versions.append(Version(number, when, admin, description, kept, done))
        del self.versions[:-KEPT]
        return number

    def revert(self, reverted: Iterable[Change]) -> None:
        """Take changes back.

        Raises:
            Refusal: others' changes rest on them.
        """
        gone = {change.number for change in reverted}
        kept = [change for change in self.changes if change.number not in gone]
        tree = markup.clone(self.running)
        for change in kept:
            try:
                touched = change.run(tree, self.known)
            except Refusal as error:
                said = "Partial changes cannot be reverted"
                raise Refusal(IMPOSSIBLE, said, *error.lines) from error
            for node in touched:
                markup.mark(node, change.marks)
        markup.name_rules(tree, self.candidate)
        self.candidate, self.changes = tree, kept

    def reboot(self) -> None:
        """Forget what was not committed."""
        self.changes.clear()
        self.candidate = markup.clone(self.running)
