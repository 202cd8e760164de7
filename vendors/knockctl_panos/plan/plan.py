"""From what runs to what is intended: the fewest entries touched, rules put in order by moves.

Everything is done to the candidate and committed at once, so that only references matter for the
order: objects, rules, moves; then what is not wanted any more, rules first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from knockctl.contract import Change, Reading
from knockctl.contract.order import rising
from knockctl_panos.config.generations import adopt
from knockctl_panos.config.records import KINDS, OWN, RULES, Entry, Kind, PanosConfig
from knockctl_panos.config.syntax import Node, printed
from knockctl_panos.plan.placing import foreign, rules_above
from knockctl_panos.plan.reading import document_of

_QUOTED = re.compile(r"'([^']*)'")
_GRANT = "-in"
"""Ends the names of tags that let somebody in."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of the candidate."""

    action: Literal["set", "edit", "delete", "move"]
    kind: Kind
    names: tuple[str, ...]
    element: str = ""
    where: Literal["", "top", "bottom", "before", "after"] = ""
    other: str = ""
    """For ``before`` and ``after``: the rule meant."""


@dataclass(frozen=True, slots=True)
class PanosRemediation:
    """The way from one config to another. Satisfies ``vendor.Remediation``."""

    change_id: str
    before: PanosConfig
    intended: PanosConfig
    """What must be read back, with the mark it has from then on."""
    settled: str | None
    changes: tuple[Change, ...]
    keeps_grants: bool
    operations: tuple[Operation, ...] = ()
    dropped: tuple[str, ...] = ()
    """Tags that mean nothing any more."""
    freed: tuple[IPv4Network | IPv6Network, ...] = ()
    """Sources that are trusted from now on: what is remembered of them means nothing any more."""


def plan(running: Reading[PanosConfig], intended: PanosConfig, change_id: str) -> PanosRemediation:
    """Return the way from running to intended.

    Raises ``GuardError`` where our rules are to go beside one that is not there.
    """
    before = running.config
    goal = adopt(before, intended, change_id)
    document = document_of(running)
    base = before.base or document.base
    settled = None if goal.empty else intended.revision or change_id
    above = 0 if goal.empty else rules_above(document, base, before, goal)
    difference = _Difference(document.order(base), above, before, goal, settled)
    changes, operations = difference.found()
    if not changes:
        return PanosRemediation(change_id, before, before, before.revision, (), keeps_grants=True)
    marked = goal.marked(settled)
    return PanosRemediation(
        change_id,
        before,
        marked,
        settled,
        tuple(changes),
        keeps_grants=_grants_kept(before, goal),
        operations=(*_marking(before, marked, operations), *operations),
        dropped=tuple(t for t in _tags(before) if t not in set(_tags(goal))),
        freed=tuple(_trusted(goal) - _trusted(before)),
    )


# --- what it means to those outside -------------------------------------------------------------


def _tags(config: PanosConfig) -> list[str]:
    return [entry.name for entry in config.kind("tag") if entry.name != OWN]


def _grants_kept(before: PanosConfig, goal: PanosConfig) -> bool:
    """Tell whether every group that lets somebody in holds all it held, by the tags it asks for."""
    kept = [_asked(group) for group in goal.kind("address-group")]
    return all(
        any(asked <= other for other in kept)
        for asked in map(_asked, before.kind("address-group"))
        if any(tag.endswith(_GRANT) for tag in asked)
    )


def _asked(group: Entry) -> frozenset[str]:
    return frozenset(_QUOTED.findall(group.word("dynamic/filter")))


def _trusted(config: PanosConfig) -> set[IPv4Network | IPv6Network]:
    """Return the networks that rules of ours let in by themselves."""
    found = set()
    for rule in config.rules:
        if rule.word("action") == "allow" and rule.word("negate-source") != "yes":
            for member in rule.members("source"):
                try:
                    found.add(ip_network(member, strict=False))
                except ValueError:
                    continue
    return found


# --- the difference -----------------------------------------------------------------------------


class _Difference:
    """Finds what to write, move and delete."""

    def __init__(
        self,
        order: Sequence[str],
        above: int,
        before: PanosConfig,
        goal: PanosConfig,
        mark: str | None,
    ) -> None:
        self._order, self._above = order, above
        self._before, self._goal, self._mark = before, goal, mark
        self._old = {(e.kind, e.name): e for e in before.entries}
        self._new = {(e.kind, e.name): e for e in goal.entries}
        self._foreign = foreign(order, before)

    def found(self) -> tuple[list[Change], list[Operation]]:
        """Return what differs, for people, and what to do about it."""
        changes: list[Change] = []
        operations: list[Operation] = []
        for kind in KINDS:
            self._write(kind, changes, operations)
        moved = list(self._moves())
        changes += [
            Change("move", RULES, op.names[0]) for op in moved if (RULES, op.names[0]) in self._old
        ]
        operations += moved
        for kind in reversed(KINDS):
            self._delete(kind, changes, operations)
        if not self._before.empty and self._before.revision is None and not self._goal.empty:
            changes.append(Change("add", "tag", f"{OWN}: a revision mark"))
        return changes, operations

    def _write(self, kind: Kind, changes: list[Change], operations: list[Operation]) -> None:
        for entry in self._goal.kind(kind):
            old = self._old.get((kind, entry.name))
            if old == entry:
                continue
            marked, names = entry.marked(self._mark), (entry.name,)
            if old is None:
                inside = "".join(printed(node) for node in marked.body)
                operations.append(Operation("set", kind, names, inside))
            else:
                changes.append(Change("remove", kind, _said(old)))
                operations.append(Operation("edit", kind, names, marked.text()))
            changes.append(Change("add", kind, _said(entry)))

    def _delete(self, kind: Kind, changes: list[Change], operations: list[Operation]) -> None:
        gone = [e for e in self._before.kind(kind) if (kind, e.name) not in self._new]
        changes += [Change("remove", kind, _said(entry)) for entry in gone]
        if gone:
            operations.append(Operation("delete", kind, tuple(entry.name for entry in gone)))

    # --- the order of rules ---

    def _moves(self) -> Iterator[Operation]:
        """Yield the moves that bring our rules into one block, in order; foreign ones stay."""
        wanted = [rule.name for rule in self._goal.rules]
        order = list(self._order)
        stays = self._right(wanted, order)
        last = self._foreign[self._above - 1] if self._above else ""
        append = self._above == len(self._foreign) and not stays
        for name in wanted:
            if name not in stays and not (append and (RULES, name) not in self._old):
                where: Literal["top", "after"] = "after" if last else "top"
                yield Operation("move", RULES, (name,), where=where, other=last)
            last = name

    def _right(self, wanted: Sequence[str], order: Sequence[str]) -> set[str]:
        """Return as many of our rules as possible that are in order, at their place already."""
        place = {name: index for index, name in enumerate(order)}
        outside = {name: index for index, name in enumerate(self._foreign)}
        above, right = 0, {}
        for name in order:
            if name in outside:
                above += 1
            elif above == self._above:
                right[name] = place[name]
        candidates = [name for name in wanted if name in right]
        chosen = rising([right[name] for name in candidates])
        return {candidates[index] for index in chosen}


def _marking(
    before: PanosConfig, goal: PanosConfig, operations: Sequence[Operation]
) -> Iterator[Operation]:
    """Yield the exchange of the mark, where writing its bearer does not do it already."""
    bearer = goal.get("tag", OWN)
    if bearer is None or bearer == before.get("tag", OWN):
        return
    if any(op.kind == "tag" and OWN in op.names for op in operations):
        return
    yield Operation("edit", "tag", (OWN,), bearer.text())


# --- for people -----------------------------------------------------------------------------------


def _said(entry: Entry) -> str:
    """Print an entry in one line, without what it may as well leave out."""
    words = [f"{path}={value}" for path, value in _leaves(entry.body) if value != "any"]
    return " ".join((entry.name, *words))


def _leaves(nodes: Iterable[Node], path: str = "") -> Iterator[tuple[str, str]]:
    for node in nodes:
        name = f"{path}{node.tag}" if node.tag != "entry" else f"{path}{node.name}"
        members = [child.text for child in node.children if child.tag == "member"]
        if members:
            yield name, ",".join(members)
        elif node.children:
            yield from _leaves(node.children, f"{name}/")
        else:
            yield name, node.text
