"""The same compiled rules as chains for single packets: ``knockctl.automaton.chains``.

What only earlier packets decide stays open. Left out is what no packet of the policies can tell:
rules that do nothing, and those behind the last way to our rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from knockctl.automaton import chains as meant
from knockctl.automaton.alphabet import Atom, passes
from knockctl.automaton.cells import MOST_PATTERNS
from knockctl.automaton.chains import Action, ChainRule, Program
from knockctl.automaton.conditions import (
    ALWAYS,
    NEVER,
    Condition,
    Every,
    Is,
    Open,
    Some,
    every,
    negated,
    some,
)
from knockctl.automaton.verdict import Verdict
from knockctl_iptables.config import ENTRY, OWN_CHAIN, OWN_SET, Family
from knockctl_iptables.semantics.conditions import (
    FRESH,
    CompiledRule,
    InSet,
    Marked,
    Recent,
    SetAction,
    Stateless,
    set_action,
)
from knockctl_iptables.semantics.conditions import Condition as Asked
from knockctl_iptables.semantics.program import Leave, SetMark, Stop
from knockctl_iptables.semantics.specialise import FATES, Chains, new_destination, set_mark
from knockctl_iptables.semantics.way import Stage, Way, named

_EARLY_FLOW = "invalid"
"""What connection tracking says of a packet it has not seen yet."""


@dataclass
class Chainer:
    """Turns the chains of one IP version into a program."""

    chains: Chains
    policies: Mapping[tuple[Family, str, str], str | None]
    way: Way
    family: Family
    _made: dict[str, list[ChainRule]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look once which mark bits anybody asks for, and for how many texts."""
        rules = [rule for _, rule in self._every()]
        asked = [one for rule in rules for one in rule.conditions]
        self._bits = 0
        for one in asked:
            if isinstance(one, Marked):
                self._bits |= one.mask | one.value
        texts = {a for one in asked if isinstance(one, Stateless) for a in one.atoms}
        self._texts = sum(atom.field == "payload" for atom in texts) <= MOST_PATTERNS

    def _every(self) -> Iterator[tuple[str, CompiledRule]]:
        for (family, _), tables in self.chains.items():
            if family == self.family:
                for name, rules in tables.items():
                    yield from ((name, rule) for rule in rules)

    def program(self) -> Program:
        """Return what packets meet, up to our rules."""
        sections = []
        for stage in self.way:
            if not stage.ours and (self.family, stage.table) not in self.chains:
                continue
            sections.append(self._section(stage))
            if stage.ours:
                break
        return Program(tuple(sections), self._made, self.untracks)

    @property
    def untracks(self) -> bool:
        """Tell whether some rule may exempt packets from connection tracking."""
        early = {stage.table for stage in self.way if stage.early}
        return any(
            rule.untracks
            for table in early
            for rules in self.chains.get((self.family, table), {}).values()
            for rule in rules
        )

    def _section(self, stage: Stage) -> meant.Section:
        key = f"{stage.table} {stage.chain}"
        tables = self.chains.get((self.family, stage.table), {})
        rules: Sequence[CompiledRule] = tables.get(stage.chain, ())
        if stage.ours:
            rules = _up_to_ours(rules)
        made = [] if not stage.ours else list(self._writers())
        if stage.table == "nat":
            made.append(ChainRule(meant.Leave(), negated(Is(FRESH))))
        made += self._rules(stage, stage.chain, rules)
        self._made[key] = made
        where = named(stage.table, stage.chain.removeprefix("chain "), self.family)
        return meant.Section(key, self._end(stage), f"{where}'s policy")

    def _end(self, stage: Stage) -> Verdict:
        policy = self.policies.get((self.family, stage.table, stage.chain))
        return {"DROP": Verdict.REFUSE, "ACCEPT": Verdict.ACCEPT}.get(policy or "", Verdict.PASS)

    def _writers(self) -> Iterator[ChainRule]:
        """Yield the foreign rules that change what our policies remember: anything may come of it.

        That a packet must match first is no comfort: somebody may send it, and another one then.
        """
        for name, rule in self._every():
            action = set_action(rule.options) if rule.target == "SET" else None
            entries = (action.add, action.remove) if action else ()
            if not name.startswith(OWN_CHAIN) and any(e and OWN_SET.match(e[0]) for e in entries):
                yield self._rule(rule, meant.Anything(), ALWAYS)

    # --- chains ---

    def _rules(
        self, stage: Stage, chain: str, rules: Sequence[CompiledRule]
    ) -> Iterator[ChainRule]:
        for rule in rules:
            if rule.idle and not (rule.untracks and stage.early):
                continue
            yield from self._of(rule, stage, chain)

    def _called(self, stage: Stage, chain: str) -> str:
        key = f"{stage.table} {chain}"
        if key not in self._made:
            self._made[key] = []
            rules = self.chains[self.family, stage.table].get(chain, ())
            self._made[key] = list(self._rules(stage, chain, rules))
        return key

    def _of(self, rule: CompiledRule, stage: Stage, chain: str) -> Iterator[ChainRule]:
        condition = every(self._conditions(rule, stage))
        if condition == NEVER or (isinstance(condition, Every) and NEVER in condition.parts):
            return
        if rule.target in ("DNAT", "REDIRECT"):
            yield from self._translated(rule, condition)
            return
        action = self._action(rule, stage, chain)
        if action is not None:
            yield self._rule(rule, action, condition)

    def _rule(self, rule: CompiledRule, action: Action, condition: Condition) -> ChainRule:
        ours = isinstance(action, meant.Ours)
        return ChainRule(action, condition, rule.where, rule.number, rule.text, ours=ours)

    # --- conditions ---

    def _conditions(self, rule: CompiledRule, stage: Stage) -> Iterator[Condition]:
        for one in rule.conditions:
            found = self._condition(one)
            yield _before_tracking(found) if stage.early else found

    def _condition(self, one: Asked) -> Condition:
        match one:
            case Stateless():
                found = some(self._question(atom, original=one.original) for atom in one.atoms)
            case InSet():
                kind = "ours" if OWN_SET.match(one.name) else "theirs"
                open_ = Open(f"who is in the set {one.name}", kind)
                found = some((Is(one.listed), open_)) if one.listed else open_
            case Marked():
                found = Is(Atom("mark", (one.value, one.mask)))
            case Recent(action="set"):
                found = ALWAYS
            case Recent():
                found = Open(f"who is in the recent list {one.name}")
        return negated(found) if one.negated else found

    def _question(self, atom: Atom, *, original: bool) -> Condition:
        if atom.field == "payload" and not self._texts:
            return Open("what a packet carries", "chance")
        return Is(atom, original=original)

    # --- actions ---

    def _action(self, rule: CompiledRule, stage: Stage, chain: str) -> Action | None:
        target = rule.target
        fate = FATES.get(target)
        if isinstance(fate, Stop):
            return meant.Stop(fate.verdict)
        if isinstance(fate, Leave):
            end = self._end(stage)
            at_end = chain == stage.chain and end is not Verdict.PASS
            return meant.Stop(end) if at_end else meant.Leave()
        if target is not None and target.startswith(OWN_CHAIN):
            return meant.Ours() if stage.ours else None
        if target is not None and target in self.chains[self.family, stage.table]:
            return self._call(target, rule, stage)
        return self._effect(rule, stage)

    def _call(self, target: str, rule: CompiledRule, stage: Stage) -> Action | None:
        key = self._called(stage, target)
        return meant.Call(key, rule.goto) if self._made[key] or rule.goto else None

    def _effect(self, rule: CompiledRule, stage: Stage) -> Action | None:
        """Return what a target changes; nothing, as far as no packet of the policies can tell."""
        if rule.untracks:
            return meant.Alter((("flow", "untracked"),)) if stage.early else None
        if rule.target == "MARK":
            return self._remark(set_mark(rule))
        known = set_action(rule.options) if rule.target == "SET" else None
        return None if rule.idle or isinstance(known, SetAction) else meant.Anything()

    def _remark(self, mark: SetMark | None) -> Action | None:
        if mark is None:
            return meant.Anything()
        value, mask = mark.value & self._bits, mark.mask & self._bits
        return meant.Remark(value, mask) if value or mask else None

    def _translated(self, rule: CompiledRule, condition: Condition) -> Iterator[ChainRule]:
        """Yield what a translation does: something else answers than the port that was asked.

        Whether another address is the host's own, and what is let in there, the rule doesn't say.
        """
        found = new_destination(rule)
        if found is None:
            yield self._rule(rule, meant.Anything(), condition)
            return
        address, port = found
        fields: dict[str, object] = {"port": int(port)} if port else {}
        if address is not None:
            fields["destination"] = address
        leads = Open(f"what answers at {address or 'this host'} {port}".rstrip(), "guess")
        yield self._rule(rule, meant.Stop(Verdict.ACCEPT, away=True), _both(condition, leads))
        yield self._rule(rule, meant.Alter(tuple(sorted(fields.items())), leaves=True), condition)


def _up_to_ours(rules: Sequence[CompiledRule]) -> Sequence[CompiledRule]:
    """Leave out what is behind our jump: what ours passes on is for others."""
    for place, rule in enumerate(rules, start=1):
        if rule.target == ENTRY and not rule.conditions:
            return rules[:place]
    return rules


def _both(one: Condition, other: Condition) -> Condition:
    return every((*(one.parts if isinstance(one, Every) else (one,)), other))


def _before_tracking(condition: Condition) -> Condition:
    """Answer what is asked of a packet's flow before anybody has looked for one."""
    match condition:
        case Is() if condition.atom.field == "flow":
            holds = passes("flow", condition.atom.test, _EARLY_FLOW)
            return ALWAYS if holds == condition.wanted else NEVER
        case Every() | Some():
            parts = tuple(_before_tracking(part) for part in condition.parts)
            return replace(condition, parts=parts)
        case _:
            return condition
