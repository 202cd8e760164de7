"""The same compiled rules as chains for single packets: ``knockctl.automaton.chains``.

What only earlier packets decide stays open. Left out is what no packet of the policies can tell:
rules that do nothing, and those behind the last way to our rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from knockctl.automaton import chains as meant
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
from knockctl.automaton.questions import Atom, Ranges, passes
from knockctl.automaton.verdict import Verdict
from knockctl_iptables.config.records import ENTRY, OWN_CHAIN, OWN_SET, Family
from knockctl_iptables.semantics.blocks import Block, Values
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
from knockctl_iptables.semantics.specialise import FATES, new_destination, set_mark
from knockctl_iptables.semantics.way import Stage, Way, named
from knockctl_iptables.semantics.words import RANGED

_EARLY_FLOW = "invalid"
"""What connection tracking says of a packet it has not seen yet."""


@dataclass
class Chainer:
    """Turns the chains of one IP version into a program."""

    chains: Mapping[tuple[Family, str], Mapping[str, Sequence[Block]]]
    policies: Mapping[tuple[Family, str, str], str | None]
    way: Way
    family: Family
    few: int = 8
    """Rules of a block that are told one by one, in their order, and not together."""
    _made: dict[str, list[ChainRule]] = field(default_factory=dict)
    _filled: set[str] = field(default_factory=set)
    """Lists that rules have put the packet's own source into by now."""

    def __post_init__(self) -> None:
        """Look once which mark bits anybody asks for, and for how many texts."""
        rules = [rule for _, rule in self._every()]
        asked = [one for rule in rules for one in rule.conditions]
        self._fillable = {name for rule in rules for name in _fills(rule)}
        self._bits = 0
        for one in asked:
            if isinstance(one, Marked):
                self._bits |= one.mask | one.value
        texts = {a for one in asked if isinstance(one, Stateless) for a in one.atoms}
        self._texts = sum(atom.field == "payload" for atom in texts) <= MOST_PATTERNS

    def _every(self) -> Iterator[tuple[str, CompiledRule]]:
        for (family, _), tables in self.chains.items():
            if family == self.family:
                for name, blocks in tables.items():
                    yield from ((name, block.form.rule) for block in blocks)

    def program(self) -> Program:
        """Return what packets meet, up to our rules."""
        sections = []
        for stage in self.way:
            if not stage.ours and (self.family, stage.table) not in self.chains:
                continue
            sections.append(self._section(stage))
            if stage.ours:
                break
        return Program(tuple(sections), self._made)

    def _section(self, stage: Stage) -> meant.Section:
        key = f"{stage.table} {stage.chain}"
        tables = self.chains.get((self.family, stage.table), {})
        blocks = tables.get(stage.chain, ())
        if stage.ours:
            blocks = _up_to_ours(blocks)
        made = [] if not stage.ours else list(self._writers())
        if stage.table == "nat":
            made.append(ChainRule(meant.Leave(), negated(Is(FRESH))))
        made += self._rules(stage, stage.chain, blocks)
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

    def _rules(self, stage: Stage, chain: str, blocks: Sequence[Block]) -> Iterator[ChainRule]:
        for block in blocks:
            rule = block.form.rule
            if rule.idle and not (rule.untracks and stage.early):
                continue
            if len(block.rules) > self.few and isinstance(FATES.get(rule.target), Stop):
                yield from self._merged(block, stage, chain)
            else:
                for one in block:
                    yield from self._of(one, stage, chain)

    def _merged(self, block: Block, stage: Stage, chain: str) -> Iterator[ChainRule]:
        """Yield the rules of a block as few: in what order they are asked makes no difference.

        All that differ in one value alone become one.
        """
        rule = block.form.rule
        action = self._action(rule, stage, chain)
        asked = list(self._conditions(rule, stage, chain))
        if action is None or NEVER in asked:
            return
        run = Run(block, action, asked, _varying(block))
        yield from run.rules()

    def _called(self, stage: Stage, chain: str) -> str:
        key = f"{stage.table} {chain}"
        if key not in self._made:
            self._made[key] = []
            blocks = self.chains[self.family, stage.table].get(chain, ())
            self._made[key] = list(self._rules(stage, chain, blocks))
        return key

    def _of(self, rule: CompiledRule, stage: Stage, chain: str) -> Iterator[ChainRule]:
        condition = every(self._conditions(rule, stage, chain))
        if condition == NEVER or (isinstance(condition, Every) and NEVER in condition.parts):
            return
        if rule.target in ("DNAT", "REDIRECT"):
            yield from self._translated(rule, condition)
            return
        action = self._action(rule, stage, chain)
        self._filled |= _fills(rule)
        if action is not None:
            yield self._rule(rule, action, condition)

    def _rule(self, rule: CompiledRule, action: Action, condition: Condition) -> ChainRule:
        ours = isinstance(action, meant.Ours)
        return ChainRule(action, condition, rule.where, rule.number, rule.text, ours=ours)

    # --- conditions ---

    def _conditions(self, rule: CompiledRule, stage: Stage, chain: str) -> Iterator[Condition]:
        # A chain may be called once more when others have filled lists.
        filled = self._filled if chain == stage.chain else set(self._fillable)
        for one in rule.conditions:
            found = self._condition(one, filled)
            if isinstance(one, Recent) and one.action == "set":
                filled.add(one.name)
            yield _before_tracking(found) if stage.early else found

    def _condition(self, one: Asked, filled: set[str]) -> Condition:
        """Return what a condition asks; whether an own entry was just made stays open."""
        match one:
            case Stateless():
                found = some(self._question(atom, original=one.original) for atom in one.atoms)
            case InSet():
                theirs = "guess" if one.name in filled else "theirs"
                kind = "ours" if OWN_SET.match(one.name) else theirs
                open_ = Open(f"who is in the set {one.name}", kind)
                found = some((Is(one.listed), open_)) if one.listed else open_
            case Marked():
                found = Is(Atom("mark", (one.value, one.mask)))
            case Recent(action="set"):
                found = ALWAYS
            case Recent():
                sure = one.name not in filled or one.hitcount > 1
                kind = "theirs" if sure else "guess"
                found = Open(f"who is in the recent list {one.name}", kind)
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


@dataclass(frozen=True, slots=True)
class Run:
    """A block of rules that decide alike, to be told as few."""

    block: Block
    action: Action
    asked: Sequence[Condition]
    """The conditions of its form."""
    varying: int
    """The hole whose values are put together."""

    def rules(self) -> Iterator[ChainRule]:
        """Yield one rule for each choice of the other values."""
        alike: dict[Values, list[int]] = {}
        if len(self.block.form.holes) < 2:
            alike[()] = list(range(len(self.block.rules)))
        else:
            at = self.varying
            for place, values in enumerate(self.block.values):
                alike.setdefault((*values[:at], *values[at + 1 :]), []).append(place)
        for places in alike.values():
            yield self._one(places[0]) if len(places) == 1 else self._together(places)

    def _together(self, places: list[int]) -> ChainRule:
        at, first = self.varying, places[0]
        if self.block.form.holes:
            ranges = merged([span for p in places for span in self.block.values[p][at]])
            values = list(self.block.values[first])
            values[at] = ranges
            condition = self._condition(tuple(values))
        else:
            condition = every(self.asked)
        text = Together([self.block.rules[place] for place in places])
        where, number = self.block.form.rule.where, self.block.first + first
        return ChainRule(
            self.action,
            condition,
            where,
            number,
            text,
            parts=lambda: [self._one(place) for place in places],
        )

    def _one(self, place: int) -> ChainRule:
        where, number = self.block.form.rule.where, self.block.first + place
        condition = self._condition(self.block.values[place])
        return ChainRule(self.action, condition, where, number, self.block.rules[place])

    def _condition(self, values: Values) -> Condition:
        parts = list(self.asked)
        for hole, ranges in zip(self.block.form.holes, values, strict=True):
            parts[hole.place] = Is(Atom(RANGED[hole.option], ranges))
        return every(parts)


@dataclass(frozen=True, slots=True)
class Together:
    """The text of rules that are told as one: it differs where any of theirs does."""

    rules: Sequence[object]

    def __str__(self) -> str:
        """Print the first and the last, how many there are, and a digest of all."""
        texts = [str(rule) for rule in self.rules]
        digest = hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()[:8]
        return f"{texts[0]} to {texts[-1]} ({len(texts)} rules, {digest})"


def _fills(rule: CompiledRule) -> set[str]:
    """Return the lists that a rule puts a packet's source into."""
    found = {one.name for one in rule.conditions if isinstance(one, Recent) and one.action == "set"}
    action = set_action(rule.options) if rule.target == "SET" else None
    return found | ({action.add[0]} if action and action.add else set())


def _varying(block: Block) -> int:
    """Return the hole with the most values."""
    if len(block.form.holes) < 2:
        return 0
    kinds = [len({values[n] for values in block.values}) for n in range(len(block.form.holes))]
    return kinds.index(max(kinds))


def merged(ranges: list[tuple[int, int]]) -> Ranges:
    """Return the same ranges in order, neighbours joined."""
    ranges.sort()
    result = [ranges[0]]
    for first, last in ranges:
        before = result[-1]
        if first > before[1] + 1:
            result.append((first, last))
        elif last > before[1]:
            result[-1] = before[0], last
    return tuple(result)


def _up_to_ours(blocks: Sequence[Block]) -> Sequence[Block]:
    """Leave out what is behind our jump: what ours passes on is for others."""
    for place, block in enumerate(blocks, start=1):
        if block.form.rule.target == ENTRY and not block.form.rule.conditions:
            return blocks[:place]
    return blocks


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
