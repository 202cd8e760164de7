"""From what runs to what is intended: the fewest rules touched, and the way back.

New rules enter disabled, old ones are only disabled until the change is confirmed: the way back
is to turn the old ones on and take the new ones out. Each command to a router acts at once, so
the order matters: see ``commands``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from knockctl.contract import Change, Reading
from knockctl.contract.order import rising
from knockctl_routeros.config.generations import adopt
from knockctl_routeros.config.records import (
    JUMP,
    MENUS,
    OWN_NAME,
    Chain,
    Menu,
    RouterConfig,
    Row,
)
from knockctl_routeros.plan.placing import past
from knockctl_routeros.plan.reading import (
    RouterReading,
)

Anchor = str | None
"""What a rule is to stand before: the comment of a rule of ours, or ``*…``, the router's own name
for somebody else's. None: the end of the menu, which in our own chains is the end of the chain."""


@dataclass(frozen=True, slots=True)
class Added:
    """A row to add, under its name."""

    row: Row
    before: Anchor = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A rule that stands in the wrong place, there and back."""

    row: Row
    before: Anchor
    was_before: Anchor
    """The rule behind it, whatever its chain."""
    was: int
    """Where it stood in its menu. Rules are moved back from the last to the first: what each
    stood before is then in its place."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A jump that stays and gets another mark."""

    row: Row
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RouterRemediation:
    """The way from one config to another, there and back. Satisfies ``vendor.Remediation``."""

    change_id: str
    before: RouterConfig
    intended: RouterConfig
    """What must be read back, the mark included."""
    settled: str | None
    """The mark once the change is confirmed: its own id, or the revision gone back to."""
    changes: tuple[Change, ...]
    keeps_grants: bool
    placed: tuple[Added | Moved, ...] = ()
    """In this order: what a rule is to stand before is in its place then."""
    kept: tuple[Kept, ...] = ()
    dropped: tuple[Row, ...] = ()
    """Rows that run and are not wanted any more, as they stand on the router."""
    leftovers: tuple[Row, ...] = ()
    """Disabled rows of ours that belong to no change."""

    @property
    def added(self) -> tuple[Row, ...]:
        """New rows, as they will stand on the router."""
        return tuple(one.row for one in self.placed if isinstance(one, Added))

    @property
    def moved(self) -> tuple[Moved, ...]:
        """Moves in the order to take them back."""
        moves = (one for one in self.placed if isinstance(one, Moved))
        return tuple(sorted(moves, key=lambda move: -move.was))


def plan(
    running: Reading[RouterConfig], intended: RouterConfig, change_id: str
) -> RouterRemediation:
    """Return the way from running to intended.

    A foreign rule above our jump that may accept what we govern counts as a difference where we
    are meant to be first, and so does a jump that is not the rule it is meant to be: the jump is
    moved, foreign rules stay where they are.
    """
    before = running.config
    reading = running if isinstance(running, RouterReading) else RouterReading(before)
    goal = adopt(before, intended, change_id)
    difference = _Difference(reading, before, goal, change_id)
    difference.find()
    changes = tuple(difference.changes)
    if not changes:
        return RouterRemediation(change_id, before, before, before.revision, (), keeps_grants=True)
    return RouterRemediation(
        change_id,
        before,
        replace(goal, names=tuple(difference.names)).marked(change_id),
        None if goal.empty else intended.revision or change_id,
        changes,
        keeps_grants=_grants(goal) >= _grants(before),
        placed=tuple(difference.placed),
        kept=tuple(difference.kept),
        dropped=tuple(difference.dropped),
        leftovers=reading.off,
    )


def _grants(config: RouterConfig) -> frozenset[tuple[Menu, str]]:
    return frozenset(
        (row.menu, row.get("address-list"))
        for row in config.rows
        if row.get("address-list").endswith(".grant")
    )


class _Difference:
    """Finds what to add, move and drop, chain by chain."""

    def __init__(
        self, reading: RouterReading, before: RouterConfig, goal: RouterConfig, change_id: str
    ) -> None:
        self.reading, self.before, self.goal, self.change_id = reading, before, goal, change_id
        self.names: list[str] = list(goal.names)
        self.changes: list[Change] = []
        self.placed: list[Added | Moved] = []
        self.kept: list[Kept] = []
        self.dropped: list[Row] = []
        self._devices = before.device_rows()
        self._taken = {*before.names, *(row.name for row in reading.off)} - {""}
        self._misplaced = set(_misplaced(reading, goal))

    def find(self) -> None:
        """Go through every chain of either side, jumps last."""
        was, will = _by_chain(self.before), _by_chain(self.goal)
        for chain in sorted({*was, *will}, key=lambda c: (MENUS.index(c[0]), *_order(c[1]))):
            self._chain(chain, was.get(chain, []), will.get(chain, []))
        if not self.before.empty and self.before.revision is None:
            self.changes.append(Change("add", JUMP, "one revision mark on every jump"))
        for row in self.reading.off:
            self.changes.append(Change("remove", _place(row), f"(turned off) {_said(row)}"))

    def _chain(self, chain: Chain, was: list[int], will: list[int]) -> None:
        single = [i for i in was if self._devices[i] not in self.reading.duplicates]
        pairs = _matched(
            [self.before.rows[i].marked(None) for i in single],
            [self.goal.rows[i].marked(None) for i in will],
        )
        stays = {will[b]: single[a] for a, b in pairs}
        order = rising([old for old, _ in pairs])
        right = {pairs[number][1] for number in order}
        for old in was:
            if old not in stays.values():
                self.dropped.append(self._devices[old])
                row = self.before.rows[old]
                self.changes.append(Change("remove", _place(row), _said(row)))
        anchor = None if chain[1].startswith(OWN_NAME) or not chain[1] else self._foreign(chain)
        for place in reversed(range(len(will))):
            anchor = self._row(will[place], stays.get(will[place]), place in right, anchor)

    def _row(self, new: int, old: int | None, right: bool, anchor: Anchor) -> Anchor:  # noqa: FBT001
        """Keep, move or add one rule of the goal; return what the one above it stands before."""
        row = self.goal.rows[new].marked(None)
        if old is None:
            self.names[new] = self._name(self.names[new])
            fresh = row.named(self.names[new]).marked(self.change_id)
            self.placed.append(Added(fresh, anchor if row.rule else None))
            self.changes.append(Change("add", _place(row), _said(row)))
            return fresh.get("comment")
        device = self._devices[old]
        self.names[new] = device.name
        marked = device.marked(self.change_id)
        chain = (row.menu, row.get("chain"))
        if row.rule and (not right or (row.jump and chain in self._misplaced)):
            was, behind = self.reading.stands.get((row.menu, device.get("comment")), (old, None))
            self.placed.append(Moved(marked, anchor, behind, was))
            self.changes.append(Change("move", _place(row), _said(row)))
        if row.jump and device != marked:
            self.kept.append(Kept(marked, device.get("comment"), marked.get("comment")))
        return marked.get("comment")

    def _name(self, wanted: str) -> str:
        """Return the name a snapshot gave a row, where it is free, or one of this change."""
        number = len(self._taken)
        while not wanted or wanted in self._taken:
            number += 1
            wanted = f"{self.change_id}.{number}"
        self._taken.add(wanted)
        return wanted

    def _foreign(self, chain: Chain) -> Anchor:
        """Return somebody else's rule that our jump is to stand before."""
        table, above = self.reading.table(chain[0]), self._above(chain)
        there = table.theirs(chain[1])
        return table.id(there[above]) if above < len(there) else None

    def _above(self, chain: Chain) -> int:
        """Return how many rules of others are to stand above our jump."""
        return (self.goal.place_in(chain) or 1) - 1


def _by_chain(config: RouterConfig) -> dict[Chain, list[int]]:
    """Return for each chain which rows are in it."""
    found: dict[Chain, list[int]] = {}
    for number, row in enumerate(config.rows):
        found.setdefault((row.menu, row.get("chain")), []).append(number)
    return found


def _order(chain: str) -> tuple[bool, str]:
    return not chain.startswith(OWN_NAME), chain


def _misplaced(reading: RouterReading, goal: RouterConfig) -> Iterator[Chain]:
    """Yield the chains where our jump is not the rule it is to be.

    Where it is to be the first, only those where a rule above it may let packets past.
    """
    for chain, above in reading.places.items():
        wanted = goal.place_in(chain)
        if wanted is None:
            if above and past(reading, chain):
                yield chain
        elif above != min(wanted - 1, len(reading.table(chain[0]).theirs(chain[1]))):
            yield chain


def _matched(was: Sequence[Row], will: Sequence[Row]) -> list[tuple[int, int]]:
    """Pair equal rows of two lists, first with first."""
    waiting: dict[Row, list[int]] = {}
    for place, row in enumerate(was):
        waiting.setdefault(row, []).append(place)
    return [(waiting[row].pop(0), b) for b, row in enumerate(will) if waiting.get(row)]


def _place(row: Row) -> str:
    return f"{row.menu} {row.get('chain')}".rstrip()


def _said(row: Row) -> str:
    """Print a row in one line, without what its place says already."""
    parts = row.named("").marked(None).parts()
    return " ".join(part for part in parts[1:] if not part.startswith("chain="))
