"""What packets for the router itself meet, as chains of rules, made of what ``fates`` asks.

One chain leads through everything: what decides before the interface's list, then that list. What
an entry permits goes on to the chain ``behind``: translations, the classes of the control plane,
the lists of terminal lines. Where that decides nothing, the entry has let the packet in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from knockctl.automaton.chains import (
    Action,
    Call,
    ChainRule,
    Leave,
    Ours,
    Program,
    Section,
    Stop,
)
from knockctl.automaton.conditions import Condition, Every, Is, Open, every, negated, some
from knockctl.automaton.questions import UNINTERPRETED, Atom
from knockctl.automaton.verdict import Verdict
from knockctl_ios.config.records import OWN_NAME
from knockctl_ios.semantics import conditions, plane
from knockctl_ios.semantics.compiled_config import Surroundings
from knockctl_ios.semantics.input_path import Stage, Way
from knockctl_ios.semantics.lists import Entry, Tail
from knockctl_ios.semantics.overlap import Boxes, joined, meet

_TOP, _BEHIND, _FOR_WHO_IS_IN = "in", "behind", "behind, for who is in"
_STANDARD, _ANY = " standard ", "any"
_NO_LIST = "no ip access-group judges what comes in"
_TEMPORARY = "who has a temporary entry of {}"


def program(around: Surroundings, family: int, interfaces: Sequence[str] = ()) -> Program:
    """Return what packets of an IP version meet; of IPv6 none is for any policy.

    ``interfaces``: those that packets come in by; none listed: any.
    """
    if family != 4:
        return Program()
    bound = around.bound(4)
    some_ = {one: bound[one] for one in interfaces or bound if one in bound}
    found = _Chains(around, some_)
    chains = {_TOP: tuple(found.top()), **found.chains}
    chains[_BEHIND] = found.behind
    chains[_FOR_WHO_IS_IN] = tuple(map(_no_way_in, found.behind))
    return Program((Section(_TOP),), chains)


def asked(condition: conditions.Condition) -> Condition:
    """Return a condition in the words that chains are written in."""
    if isinstance(condition, Atom):
        return Is(condition)
    if isinstance(condition, conditions.Not):
        return negated(asked(condition.part))
    parts = tuple(asked(part) for part in condition.parts)
    return every(parts) if isinstance(condition, conditions.All) else some(parts)


@dataclass
class _Chains:
    """Puts together what a router is configured with."""

    around: Surroundings
    bound: Mapping[str, str]
    """The interfaces that packets come in by, and their lists."""
    chains: dict[str, Sequence[ChainRule]] = field(default_factory=dict)

    # --- by which interface a packet comes in ---

    def top(self) -> Iterator[ChainRule]:
        """Yield what decides before the lists, then the lists, one with lines of ours last."""
        yield from self._ways("before")
        bound = self.bound
        mine = [interface for interface, name in bound.items() if self._owned(name)]
        for interface, name in bound.items():
            if interface not in mine[:1]:
                chain = f"{_TOP} {name}"
                if chain not in self.chains:
                    self.chains[chain] = tuple(self._list(name))
                text = f"ip access-group {name} in"
                comes = Is(Atom("interface", interface))
                yield ChainRule(Call(chain, goto=True), comes, f"interface {interface}", 0, text)
        free = every(Is(Atom("interface", one), wanted=False) for one in bound)
        yield from self._permitted(free, "interface", _NO_LIST)
        if mine:
            yield from self._list(bound[mine[0]])

    def _owned(self, name: str) -> bool:
        return any(self._of_ours(name))

    def _ways(self, stage: Stage) -> Iterator[ChainRule]:
        for way in self.around.ways:
            if way.stage == stage:
                yield _of_way(way)

    # --- an interface's list ---

    def _list(self, name: str) -> Iterator[ChainRule]:
        document = self.around.document
        entries = self.around.lists.entries(name) or ()
        standard = f"ip access-list standard {name}" in document.tops
        where = f"ip access-list {'standard' if standard else 'extended'} {name}"
        if not entries:
            yield from self._permitted(Every(), where, "there is no such list: it permits all")
            return
        last = max((at for at, entry in enumerate(entries) if entry.ours), default=None)
        hull: Boxes = ({},) if last is None else self._hull
        for row in _rows(entries[: _end(last)]):
            if row[0].ours or row[0].dynamic or not row[0].understood:
                for entry in row:
                    yield from self._single(entry, where)
            else:
                for alike in _alike(row, hull):
                    yield from self._plain(alike, where)
        if last is None:
            yield ChainRule(Stop(Verdict.REFUSE), Every(), where, 0, "the end of the list")

    def _plain(self, entries: Sequence[Entry], where: str) -> Iterator[ChainRule]:
        parts = partial(_parts, entries, where) if len(entries) > 1 else None
        first, condition = entries[0], _joined(entries)
        if first.permits:
            yield from self._permitted(condition, where, _said(first, where), parts=parts)
        else:
            yield ChainRule(
                Stop(Verdict.REFUSE), condition, where, 0, _said(first, where), parts=parts
            )

    def _single(self, entry: Entry, where: str) -> Iterator[ChainRule]:
        """Yield what stands for an entry of ours, a dynamic one, or one that isn't understood."""
        ours = entry.ours
        how = self.around.switches
        if entry.dynamic and not (entry.permits or how.denying):
            return
        condition = entry.condition
        if entry.dynamic and how.destination == "given":
            condition = entry.unaddressed
        if not entry.dynamic:
            found = asked(condition)
        else:
            if ours:
                yield from self._let_in(asked(condition), permits=entry.permits)
            kind = "ours" if ours else "theirs"
            found = every([asked(condition), Open(_TEMPORARY.format(entry.dynamic), kind)])
        if entry.permits:
            yield from self._permitted(found, where, _said(entry, where), ours=ours)
        else:
            yield ChainRule(Stop(Verdict.REFUSE), found, where, 0, _said(entry, where), ours=ours)

    def _let_in(self, condition: Condition, *, permits: bool) -> Iterator[ChainRule]:
        """Yield what else may make temporary entries of ours, and nobody here understands."""
        for atom in self.around.unsettled_by_others if permits else ():
            where, _, text = str(atom.test).removeprefix(UNINTERPRETED).partition(": ")
            yield from self._permitted(every([condition, Is(atom)]), where, text)

    def _permitted(
        self,
        condition: Condition,
        where: str,
        text: str,
        *,
        ours: bool = False,
        parts: partial[Sequence[ChainRule]] | None = None,
    ) -> Iterator[ChainRule]:
        """Yield what becomes of packets that are permitted: what is behind may still refuse."""
        action: Action = Ours() if ours else Stop(Verdict.ACCEPT)
        if not self.behind:
            yield ChainRule(action, condition, where, 0, text, ours, parts)
        elif not ours and _open(condition):
            # Asked once: what it leaves open is the same for both rules.
            chain = f"{where}: {text}"
            accepts = ChainRule(action, Every(), where, 0, text)
            onward = ChainRule(Call(_BEHIND), Every(), where, 0, text)
            self.chains[chain] = (onward, accepts)
            yield ChainRule(Call(chain), condition, where, 0, text)
        else:
            chain = _FOR_WHO_IS_IN if _open(condition) else _BEHIND
            yield ChainRule(Call(chain), condition, where, 0, text, ours)
            yield ChainRule(action, condition, where, 0, text, ours, parts)

    # --- behind it ---

    @cached_property
    def behind(self) -> tuple[ChainRule, ...]:
        """What packets meet that a list permits."""
        return (*self._ways("behind"), *self._policies(), *self._ways("last"))

    def _policies(self) -> Iterator[ChainRule]:
        """Yield the policies of the control plane, that with a class of ours last."""
        policies = sorted(self.around.policies, key=lambda some_: any(map(_is_ours, some_)))
        for number, classes in enumerate(policies):
            rules = tuple(self._policy(classes))
            if rules:
                chain = f"policy {number}"
                self.chains[chain] = rules
                yield ChainRule(Call(chain), Every(), "control-plane", 0, "service-policy input")

    def _policy(self, classes: Sequence[plane.Class]) -> Iterator[ChainRule]:
        """Yield the classes of a policy: what drops knocks that ours would drop is as good as ours.

        What is dropped is logged, and counts; from a class that doesn't drop it, a knock comes
        through to the router. That policing drops something of what comes too often takes nothing
        away from anybody, but nobody can be sure to come through.
        """
        last = max((at for at, one in enumerate(classes) if _is_ours(one)), default=-1)
        drops = (at for at, one in enumerate(classes) if one.drops or one.unsure)
        # Behind the last that may drop, it makes no difference what class it is.
        for at, one in enumerate(classes[: max(drops, default=-1) + 1]):
            found = self._class(one)
            where, _, text = one.name.partition(", ")
            knocks = every([found, self._knocks])
            rule = partial(ChainRule, where=where, text=text)
            if _is_ours(one):
                yield rule(Stop(Verdict.REFUSE) if one.drops else Leave(), found, ours=True)
            elif one.drops:
                yield rule(Stop(Verdict.REFUSE), knocks, ours=True)
                yield rule(Stop(Verdict.REFUSE), found)
            else:
                if at < last:
                    unsure = [Is(one.unsure, wanted=False)] if one.unsure else []
                    yield from self._taken(every([knocks, *unsure]), where, text)
                    yield rule(Stop(Verdict.REFUSE), knocks, ours=True)
                if one.unsure:
                    # Whoever comes on has not been dropped, which nobody here can tell.
                    yield rule(Leave(), every([found, Is(one.unsure)]))
                yield rule(Leave(), found)

    def _taken(self, condition: Condition, where: str, text: str) -> Iterator[ChainRule]:
        """Yield what becomes of knocks that never come to a class of ours."""
        for rule in self._ways("last"):
            yield replace(rule, condition=every([condition, rule.condition]))
        yield ChainRule(Stop(Verdict.ACCEPT), condition, where, 0, text)

    @cached_property
    def _knocks(self) -> Condition:
        """What classes of ours ask for."""
        mine = (one for classes in self.around.policies for one in classes if _is_ours(one))
        return some(self._class(one) for one in mine)

    def _class(self, one: plane.Class) -> Condition:
        found = []
        for match in one.matches:
            part = self._match(match)
            found.append(negated(part) if match.negated else part)
        return every(found) if one.every else some(found)

    def _match(self, match: plane.Match) -> Condition:
        if not match.access_list:
            return asked(match.condition)
        entries = self.around.lists.entries(match.access_list)
        if entries is None:
            return Is(self.around.unknown(match.access_list))
        return some(self._matched(entries))

    def _matched(self, entries: Sequence[Entry]) -> Iterator[Condition]:
        """Yield what the entries of a list match that permit, and no entry above denies."""
        denied: list[tuple[Boxes, Condition]] = []
        for run in _rows(entries):
            for alike in _alike(run, self._hull):
                first, asks = alike[0], _joined(alike)
                if first.dynamic:
                    kind = "ours" if first.dynamic.startswith(OWN_NAME) else "theirs"
                    asks = every([asks, Open(_TEMPORARY.format(first.dynamic), kind)])
                if not first.permits:
                    denied.append((first.tail.boxes, negated(asks)))
                    continue
                above = (no for found, no in denied if meet(found, first.tail.boxes))
                yield every([asks, *above])

    @cached_property
    def _hull(self) -> Boxes:
        """What entries of ours match: what they don't mention they pass on."""
        names = dict.fromkeys(self.bound.values())
        mine = [entry for name in names for entry in self._of_ours(name)]
        if not mine:
            return ({},)
        matches = (m for classes in self.around.policies for c in classes for m in c.matches)
        named = {m.access_list for m in matches if m.access_list.startswith(OWN_NAME)}
        mine += [entry for name in sorted(named) for entry in self.around.lists.entries(name) or ()]
        return joined(box for entry in mine for box in entry.tail.boxes)

    def _of_ours(self, name: str) -> Iterator[Entry]:
        return (entry for entry in self.around.lists.entries(name) or () if entry.ours)


def _rows(entries: Iterable[Entry]) -> Iterator[Sequence[Entry]]:
    """Yield entries in rows that all permit, or all deny: in a row their order means nothing."""
    row: list[Entry] = []
    permits = ours = False
    for entry in entries:
        plain = entry.understood and not entry.dynamic
        if row and not (plain and entry.permits is permits and entry.ours is ours):
            yield row
            row = []
        if not row:
            permits, ours = entry.permits, entry.ours
        row.append(entry)
        if not plain:
            yield row
            row = []
    if row:
        yield row


def _alike(row: Iterable[Entry], hull: Boxes) -> Iterator[Sequence[Entry]]:
    """Yield the entries of a row that are alike but for their source, where they matter."""
    found: dict[Tail, list[Entry]] = {}
    for entry in row:
        known = found.get(entry.tail)
        if known is None:
            found[entry.tail] = [entry]
        else:
            known.append(entry)
    for tail, entries in found.items():
        if meet(tail.boxes, hull):
            plain = [entry for entry in entries if not entry.ranges]
            yield from ([entry] for entry in plain)
            if len(plain) < len(entries):
                yield [entry for entry in entries if entry.ranges]


def _open(condition: Condition) -> bool:
    """Tell whether more than the packet decides."""
    if isinstance(condition, Is):
        return condition.atom.field == "chance"
    return isinstance(condition, Open) or any(map(_open, condition.parts))


def _joined(entries: Sequence[Entry]) -> Condition:
    """Return what alike entries ask, as one."""
    first = entries[0]
    if len(entries) == 1:
        return asked(first.condition)
    source = Atom("source", tuple([run for entry in entries for run in entry.ranges]))
    return every([Is(source), asked(first.tail.condition)])


def _end(last: int | None) -> int | None:
    return None if last is None else last + 1


def _of_way(way: Way) -> ChainRule:
    where, _, text = way.place.partition(": ")
    if not text:
        where, text = "configuration", way.place
    return ChainRule(Stop(way.verdict), asked(way.condition), where, 0, text)


def _no_way_in(rule: ChainRule) -> ChainRule:
    """Return a rule for who is in already: one that accepts makes no difference to them."""
    accepts = isinstance(rule.action, Stop) and rule.action.verdict is Verdict.ACCEPT
    return replace(rule, action=Leave()) if accepts else rule


def _said(entry: Entry, where: str) -> str:
    """Return an entry as it is entered; one of a standard list was read as if extended."""
    if _STANDARD not in where:
        return entry.text
    action, _, *said = entry.text.split()
    source = [word for word in said[: said.index(_ANY, 1)] if word != "host"]
    return " ".join([action, *source])


def _is_ours(one: plane.Class) -> bool:
    return one.name.rpartition(" ")[2].startswith(OWN_NAME)


def _parts(entries: Iterable[Entry], where: str) -> Sequence[ChainRule]:
    """Return entries that were joined, one by one."""
    verdict = {True: Verdict.ACCEPT, False: Verdict.REFUSE}
    return [
        ChainRule(Stop(verdict[e.permits]), asked(e.condition), where, 0, _said(e, where))
        for e in entries
    ]
