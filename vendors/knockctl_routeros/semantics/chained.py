"""The compiled rules as chains that whole sets of packets walk: ``knockctl.automaton.chains``.

The rules are those that ``step`` plays, one by one; nothing is read a second time. What the packet
alone decides is a question to it, what lists hold by rules' doing stays open. Where ours begins,
the walk ends: our chains are entered as one, unless something foreign is in them, or puts
addresses on our lists.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations, groupby

from knockctl.automaton import chains
from knockctl.automaton.chains import ChainRule, Program, Section
from knockctl.automaton.conditions import ALWAYS, Condition, Every, Is, Open, every, negated, some
from knockctl.automaton.questions import Atom, Ranges, flow
from knockctl.automaton.verdict import Verdict
from knockctl_routeros.semantics.conditions import (
    ACCEPTED,
    Add,
    Anything,
    Body,
    CompiledRule,
    Fasttrack,
    Jump,
    Leave,
    Listed,
    Notrack,
    Side,
    Stop,
    Table,
)
from knockctl_routeros.semantics.firewall import NOBODY, Firewall
from knockctl_routeros.semantics.program import HERE
from knockctl_routeros.semantics.tainted import Taint, taints

_FEW = 8
"""Groups that are few enough to look for no fewer."""
_MANY = 64
"""Groups that are too many to compare each with each."""
_TOP = "filter"
"""The chain that leads to ``input`` or ``forward``; no router has it, so it is named to nobody."""
_EXEMPT = (("flow", "untracked"),)
_UNTRACKED = Is(flow("untracked"))
_MET = Open("it goes on to the next rule of ours", "chance")

Key = tuple[Table, str]


def program(rules: Firewall, menu: str) -> Program:
    """Return what packets of a family meet; ``menu``: that of its tables."""
    return _Chaining(rules, menu).program()


@dataclass
class _Chaining:
    """Puts one family's rules into chains."""

    rules: Firewall
    menu: str
    _found: dict[str, Sequence[ChainRule]] = field(default_factory=dict)
    _asked: dict[Body, Condition] = field(default_factory=dict)
    _leading: dict[Key, bool] = field(default_factory=dict)
    _alone: dict[Key, bool] = field(default_factory=dict)

    def program(self) -> Program:
        """Return the sections, and all chains that lead somewhere."""
        self._chain(("raw", "prerouting"))
        self._top("input")
        self._top("forward")
        self._found[_TOP] = [
            ChainRule(chains.Call(f"filter {name}", goto=True), Is(HERE, wanted=here))
            for name, here in (("input", True), ("forward", False))
        ]
        self._found["raw prerouting"] = self._found.get("raw prerouting", ())
        return Program((Section("raw prerouting"), Section(_TOP)), self._found)

    def _top(self, name: str) -> None:
        """Put a chain of ``filter`` that packets begin at into words, up to the last of ours."""
        key: Key = "filter", name
        listed = self.rules.chains.get(key, ())
        ours = [n for n, rule in enumerate(listed) if self._leads(rule, "filter")]
        self._chain(key, listed[: ours[-1] + 1] if ours else listed)
        # Who leaves the chain comes to its end: no jump led here.
        found = [
            replace(rule, action=self._end) if isinstance(rule.action, chains.Leave) else rule
            for rule in self._found[f"filter {name}"]
        ]
        if not ours:
            end = f"the end of {self.menu} filter {name}, which accepts"
            found.append(ChainRule(self._end, where=end))
        self._found[f"filter {name}"] = found

    @property
    def _end(self) -> chains.Action:
        return chains.Stop(Verdict.ACCEPT if self.rules.whole else Verdict.PASS)

    # --- whose rules ---

    def _leads(self, rule: CompiledRule, table: Table) -> bool:
        """Tell whether a rule is ours, or leads to one of ours."""
        if rule.row.ours:
            return True
        action = rule.action
        return isinstance(action, Jump) and self._holds_ours((table, action.chain))

    def _holds_ours(self, key: Key) -> bool:
        if key not in self._leading:
            self._leading[key] = False  # while it is looked at, for jumps that lead back
            rules = self.rules.chains.get(key, ())
            self._leading[key] = any(self._leads(rule, key[0]) for rule in rules)
        return self._leading[key]

    def _ours_alone(self, key: Key) -> bool:
        """Tell whether a chain, and all it leads to, holds rules of ours and nothing else."""
        if key not in self._alone:
            self._alone[key] = True
            rules = self.rules.chains.get(key, ())
            self._alone[key] = bool(rules) and all(self._closed(rule, key[0]) for rule in rules)
        return self._alone[key]

    def _closed(self, rule: CompiledRule, table: Table) -> bool:
        action = rule.action
        return rule.row.ours and (
            not isinstance(action, Jump) or self._ours_alone((table, action.chain))
        )

    @cached_property
    def _refuses_in_raw(self) -> bool:
        refusing = Stop(Verdict.REFUSE)
        return any(
            rule.action == refusing or isinstance(rule.action, Anything)
            for (table, _), listed in self.rules.chains.items()
            if table == "raw"
            for rule in listed
        )

    @cached_property
    def _taints(self) -> Mapping[str, Sequence[Taint]]:
        return taints(self.rules)

    @cached_property
    def _marks(self) -> Mapping[tuple[str, Side], int]:
        """A mark for each list that foreign rules fill and others ask."""
        every = list(self.rules.every())
        asked = {(test.name, test.side) for rule in every for test in rule.tests}
        adding = [rule.action for rule in every if not rule.row.ours]
        filled = {(one.name, one.side) for one in adding if isinstance(one, Add)}
        return {key: 1 << place for place, key in enumerate(sorted(asked & filled))}

    # --- chains ---

    def _chain(
        self,
        key: Key,
        rules: Sequence[CompiledRule] | None = None,
        taint: Taint | None = None,
    ) -> str:
        """Put a chain into words, and all it calls; return its name."""
        name = " ".join(key) + (f" by {taint.where} {taint.number} {taint.text}" if taint else "")
        if name not in self._found:
            self._found[name] = ()
            listed = self.rules.chains.get(key, ()) if rules is None else rules
            runs = _runs(listed, key[0])
            self._found[name] = [one for run in runs for one in self._run(run, key[0], taint)]
        return name

    def _run(
        self, run: Sequence[CompiledRule], table: Table, within: Taint | None
    ) -> Iterator[ChainRule]:
        """Yield what stands for rules that do the same and differ in one question alone."""
        first = run[0]
        if first.row.ours:
            yield from self._of_ours(first, table, within)
        elif len(run) == 1:
            yield from self._foreign(first, table)
        else:
            yield from self._together(run, table)

    def _foreign(self, rule: CompiledRule, table: Table) -> Iterator[ChainRule]:
        if isinstance(rule.action, Add):
            yield from self._adding(rule, rule.action)
            return
        condition = self._condition(rule)
        for action, more in self._actions(rule, table):
            asked = condition if more is ALWAYS else Every((condition, more))
            yield _named(rule, action, asked)

    def _adding(self, rule: CompiledRule, action: Add) -> Iterator[ChainRule]:
        """Yield what marks a packet whose address is on a list from now on (fact sheet 1.1).

        Who is on another list by earlier packets may be on this one, too: that is open anyway.
        """
        mark = self._marks.get((action.name, action.side))
        if mark:
            asked = (self._for_good(rule), Is(_marked(mark), wanted=False))
            yield _named(rule, chains.Remark(mark, mark), Every(asked))

    def _actions(
        self, rule: CompiledRule, table: Table
    ) -> Iterator[tuple[chains.Action, Condition]]:
        """Yield what a match does, and what must hold besides."""
        action = rule.action
        if isinstance(action, Stop):
            yield chains.Stop(action.verdict), ALWAYS
        elif isinstance(action, Leave):
            yield chains.Leave(), ALWAYS
        elif isinstance(action, Anything) or rule in self.rules.endless:
            yield chains.Anything(), ALWAYS
        elif isinstance(action, Jump):
            yield self._entered((table, action.chain)), ALWAYS
        elif isinstance(action, Fasttrack):
            yield chains.Stop(Verdict.ACCEPT), Every((Is(ACCEPTED), Is(rule.fast)))
        elif isinstance(action, Notrack):
            yield chains.Alter(_EXEMPT), ALWAYS
            if self._refuses_in_raw:
                # Whether raw ends there, the manual doesn't say: then it is accepted at once.
                yield chains.Stop(Verdict.ACCEPT), Every((_UNTRACKED, Is(rule.guess)))

    def _entered(self, key: Key) -> chains.Action:
        """Return how a chain is entered; in raw, what ours let pass is for ``filter`` yet."""
        if key[0] == "filter" and not self._taints and self._ours_alone(key):
            return chains.Ours()
        return chains.Call(self._chain(key))

    def _of_ours(
        self, rule: CompiledRule, table: Table, within: Taint | None
    ) -> Iterator[ChainRule]:
        """Yield a rule of ours among foreign ones, and before it what foreign ones make of it.

        ``within``: for those who come here since somebody else put them on a list.
        """
        condition = self._condition(rule)
        action = rule.action
        for taint in self._tainting(rule):
            if isinstance(action, Jump):
                called = chains.Call(self._chain((table, action.chain), taint=taint))
                yield taint.rule(called, self._condition(rule, taint))
            elif isinstance(action, Stop) and taint.decides(action.verdict):
                yield taint.rule(chains.Stop(action.verdict), self._condition(rule, taint))
        if within and isinstance(action, Stop) and within.decides(action.verdict):
            yield within.rule(chains.Stop(action.verdict), condition)
            return
        if table == "raw" and isinstance(action, Leave) and rule.tests:
            # Who leaves raw for what is remembered of him is asked for it again in ``filter``,
            # where other rules may come first: of whom rows put on the list, that is told.
            if all(self._known(test) and not test.negated for test in rule.tests):
                yield _named(rule, chains.Leave(), self._for_good(rule))
            return
        if isinstance(action, Add):
            # In raw, whom ours puts on a list it refuses at once: that is what it has traps for.
            asked = condition if table == "raw" else Every((condition, _MET))
            yield _named(rule, chains.Ours(), asked)
            return
        for does, more in self._actions(rule, table):
            asked = condition if more is ALWAYS else Every((condition, more))
            yield _named(rule, does, asked)

    def _tainting(self, rule: CompiledRule) -> Iterator[Taint]:
        """Yield who else put sources on the lists that a rule of ours asks."""
        for test in rule.tests:
            if test.side == "source" and not test.negated:
                yield from self._taints.get(test.name, ())

    # --- conditions ---

    def _condition(self, rule: CompiledRule, taint: Taint | None = None) -> Condition:
        """Return what a rule asks; with a taint, only of those who owe it to that."""
        if taint:
            body = every((*self._clauses(rule.body), *self._tests(rule.body, taint)))
        else:
            body = self._asks(rule.body)
        own = list(self._own(rule))
        if not own:
            return body
        return Every((*own, *(body.parts if isinstance(body, Every) else (body,))))

    @staticmethod
    def _own(rule: CompiledRule) -> Iterator[Is]:
        """Yield what a rule asks besides its body."""
        if rule.source:
            yield Is(Atom("source", rule.source))
        if rule.ports:
            yield Is(Atom("port", rule.ports))

    def _asks(self, body: Body) -> Condition:
        """Return what rules of one body ask, apart from source and ports."""
        if body not in self._asked:
            self._asked[body] = every((*self._clauses(body), *self._tests(body)))
        return self._asked[body]

    @staticmethod
    def _clauses(body: Body) -> Iterator[Condition]:
        for clause in body.clauses:
            yield some(Is(atom, wanted) for atom, wanted in clause.literals)

    def _tests(self, body: Body, taint: Taint | None = None) -> Iterator[Condition]:
        for test in body.tests:
            if taint and test.name in taint.lists and not test.negated:
                yield taint.condition
            else:
                yield self._listed(test)

    def _for_good(self, rule: CompiledRule) -> Condition:
        """Return what a rule asks, without those whom earlier packets put on a list it asks."""
        tests = (
            self._listed(test) if test.negated else some(self._known(test)) for test in rule.tests
        )
        return Every((*self._own(rule), *self._clauses(rule.body), *tests))

    def _listed(self, test: Listed) -> Condition:
        """Return what asks whether an address is on a list, as far as the packet can tell."""
        parts = self._known(test)
        if test.name in self.rules.written:
            kind = "ours" if test.name in self.rules.ours else "theirs"
            parts.append(Open(f"{test.side} on the list {test.name}", kind))
        return negated(some(parts)) if test.negated else some(parts)

    def _known(self, test: Listed) -> list[Condition]:
        """Return by what an address is on a list: by a row, or since it was just put there."""
        known = self.rules.configured.get((test.name, test.side), NOBODY)
        parts: list[Condition] = [Is(atom) for atom in known.surely]
        parts += [every(Is(atom) for atom in guess) for guess in known.guesses]
        foreign = self.rules.foreign(test)
        if foreign:
            parts.append(Is(foreign))
        mark = self._marks.get((test.name, test.side))
        if mark:
            parts.append(Is(_marked(mark)))
        return parts

    # --- runs ---

    def _together(self, run: Sequence[CompiledRule], table: Table) -> Iterator[ChainRule]:
        """Yield one rule for many that differ in their source or in their ports alone."""
        first = run[0]
        asked = self._asks(first.body)
        sources = dict.fromkeys([one for rule in run for one in rule.source])
        ports = dict.fromkeys([one for rules in {rule.ports for rule in run} for one in rules])
        fields = (("source", tuple(sources)), ("port", tuple(ports)))
        own = [Is(Atom(name, ranges)) for name, ranges in fields if ranges]
        condition = Every((*own, *(asked.parts if isinstance(asked, Every) else (asked,))))
        ((action, _),) = self._actions(first, table)
        yield ChainRule(
            action,
            condition,
            first.where,
            first.number,
            _Many(run),
            parts=lambda: [one for rule in run for one in self._foreign(rule, table)],
        )


@dataclass(frozen=True, slots=True)
class _Text:
    """A rule's words, put together when somebody reads them."""

    rule: CompiledRule

    def __str__(self) -> str:
        return self.rule.text


@dataclass(frozen=True, slots=True)
class _Many:
    """The words of a run of rules."""

    run: Sequence[CompiledRule]

    def __str__(self) -> str:
        last = self.run[-1]
        return f"{self.run[0].text}, to rule {last.number}: {last.text}, {len(self.run)} alike"


def _marked(mark: int) -> Atom:
    return Atom("mark", (mark, mark))


def _named(rule: CompiledRule, action: chains.Action, condition: Condition) -> ChainRule:
    return ChainRule(action, condition, rule.where, rule.number, _Text(rule), ours=rule.row.ours)


# --- runs of rules ----------------------------------------------------------------------------


def _runs(rules: Sequence[CompiledRule], table: Table) -> Iterator[Sequence[CompiledRule]]:
    """Yield rules in order, those together that one rule can stand for.

    Of rules next to each other that decide alike, none minds which comes first: those that differ
    in one thing are put together even where others of their kind stand between them.
    """
    block: list[CompiledRule] = []
    body: Body | None = None
    for rule in rules:
        if rule.body is not body:
            if block and not _movable(block[-1], rule, table):
                yield from _sorted(block)
                block = []
            body = rule.body if _movable(rule, rule, table) else None
        block.append(rule)
    yield from _sorted(block)


def _movable(one: CompiledRule, two: CompiledRule, table: Table) -> bool:
    """Tell whether two rules, one behind the other, can change places."""
    action = one.body.action
    if one.row.ours or two.row.ours or action != two.body.action:
        return False
    return isinstance(action, Stop | Leave) or (isinstance(action, Jump) and table == "filter")


def _sorted(block: Sequence[CompiledRule]) -> Iterable[Sequence[CompiledRule]]:
    """Put those together that differ in their source alone, or in their ports alone."""
    if len(block) < 2:
        return [block] if block else []
    by_port = _grouped(block, lambda rule: (rule.body, rule.ports, not rule.source), _ports)
    if len(by_port) <= _FEW:
        return by_port
    by_source = _grouped(block, lambda rule: (rule.body, rule.source, not rule.ports), _source)
    return min(by_port, by_source, key=len)


def _grouped(
    block: Sequence[CompiledRule],
    key: Callable[[CompiledRule], Hashable],
    common: Callable[[CompiledRule], Ranges],
) -> Sequence[Sequence[CompiledRule]]:
    """Put rules of one key together.

    Those that accept change places only where no packet meets both: which one does it, is told.
    """
    groups: dict[Hashable, list[CompiledRule]] = {}
    for rule in block:
        groups.setdefault(key(rule), []).append(rule)
    found = list(groups.values())
    if block[0].body.action != Stop(Verdict.ACCEPT) or _strangers([g[0] for g in found], common):
        return found
    return [list(some) for _, some in groupby(block, key)]


def _ports(rule: CompiledRule) -> Ranges:
    return rule.ports


def _source(rule: CompiledRule) -> Ranges:
    return rule.source


def _strangers(rules: Sequence[CompiledRule], common: Callable[[CompiledRule], Ranges]) -> bool:
    """Tell whether no packet meets two of these, as far as that shows at a glance."""
    return len(rules) <= _MANY and not any(
        _meet(common(one), common(other)) and not _exclude(one.body, other.body)
        for one, other in combinations(rules, 2)
    )


def _meet(one: Ranges, other: Ranges) -> bool:
    """Tell whether ranges have something in common; none given: all there is."""
    return (
        not one
        or not other
        or any(a <= last and first <= b for first, last in one for a, b in other)
    )


def _exclude(one: Body, other: Body) -> bool:
    """Tell whether two bodies ask for different protocols, flows or interfaces."""
    others = dict(_asked_for(other))
    return any(name in others and not values & others[name] for name, values in _asked_for(one))


def _asked_for(body: Body) -> Iterator[tuple[str, frozenset[str]]]:
    for clause in body.clauses:
        if len(clause.literals) == 1 and clause.literals[0][1]:
            atom = clause.literals[0][0]
            if atom.field in ("protocol", "flow"):
                yield atom.field, atom.test
            elif atom.field == "interface":
                yield atom.field, frozenset((atom.test,))
