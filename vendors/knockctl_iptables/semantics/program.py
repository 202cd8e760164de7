"""What is left of a rule set for one packet: the questions that only earlier packets answer.

Chains are walked once per kind of packet. Rules the packet can't match fall away, rules that do
nothing to it too, and what remains is a short program over sets and lists.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from knockctl.automaton.alphabet import UNINTERPRETED, Ask, Atom, flow, passes
from knockctl.automaton.verdict import Verdict
from knockctl.automaton.wire import WirePacket
from knockctl_iptables.config import Family
from knockctl_iptables.semantics.conditions import (
    PASSING,
    CompiledRule,
    InSet,
    Recent,
    SetAction,
    Stateless,
    set_action,
)

FRESH = flow("fresh", "related")
HERE = Atom("destination_type", frozenset(("LOCAL", "BROADCAST", "MULTICAST")))
# Before a packet meets INPUT's filter rules: `man iptables`, TABLES.
_BEFORE = (
    ("raw", "PREROUTING"),
    ("mangle", "PREROUTING"),
    ("nat", "PREROUTING"),
    ("mangle", "INPUT"),
)


@dataclass(frozen=True, slots=True)
class Stop:
    """The packet's fate is decided."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Leave:
    """The chain is left."""


@dataclass(frozen=True, slots=True)
class Call:
    """Another chain's program; ``goto``: where it ends, so does this one."""

    program: Program
    goto: bool


@dataclass(frozen=True, slots=True)
class Instruction:
    """Tests, all of which must hold, and what happens then."""

    tests: tuple[InSet | Recent, ...]
    action: Stop | Leave | Call | SetAction | None
    place: str

    @property
    def always_ends(self) -> bool:
        """Tell whether nothing behind it in its chain is ever reached."""
        if self.tests or self.action is None or isinstance(self.action, SetAction):
            return False
        if isinstance(self.action, Call):
            return self.action.goto or stops(self.action.program)
        return True


Program = tuple[Instruction, ...]


def stops(program: Program) -> bool:
    """Tell whether a program always decides the packet's fate."""
    if not program or program[-1].tests or any(isinstance(i.action, Leave) for i in program):
        return False
    last = program[-1].action
    if isinstance(last, Call):
        return stops(last.program) and all(_comes_back(i) for i in program[:-1])
    return isinstance(last, Stop) and all(_comes_back(i) for i in program[:-1])


def _comes_back(instruction: Instruction) -> bool:
    """Tell whether an instruction goes on with the next one, or stops for good."""
    action = instruction.action
    return not (isinstance(action, Call) and action.goto and not stops(action.program))


def shape(program: Program) -> Hashable:
    """Return a program without the names of its rules: equal shapes do equal things."""
    return tuple(
        (
            i.tests,
            ("call", shape(i.action.program), i.action.goto)
            if isinstance(i.action, Call)
            else i.action,
        )
        for i in program
    )


def guesses(rule: CompiledRule, table: str, chains: Mapping[str, object]) -> Iterator[Atom]:
    """Yield the questions put about a rule that is not understood, or not followed."""
    stateful = not all(isinstance(c, Stateless) for c in rule.conditions)
    unknown = rule.target not in _KNOWN_TARGETS and rule.target not in chains
    strange = rule.target == "SET" and set_action(rule.options) is None
    if unknown or strange or rule.target == "DNAT" or (table != "filter" and stateful):
        yield Atom("chance", UNINTERPRETED + rule.place)
        yield Atom("chance", f"{UNINTERPRETED}{rule.place} (accepts)")


Chains = Mapping[tuple[Family, str], Mapping[str, tuple[CompiledRule, ...]]]


@dataclass(frozen=True, slots=True)
class Fate:
    """What the rules have for one kind of packet."""

    program: Program
    end: Instruction
    """What decides where the program leaves off: the policy of ``INPUT``."""
    rewritten: tuple[tuple[str, Any], ...] = ()
    """Fields changed on the way: a destination by NAT, a mark."""

    def rewrite(self, packet: WirePacket) -> WirePacket:
        """Return the packet as the filter table sees it."""
        if not self.rewritten:
            return packet
        values = dict(self.rewritten)
        return replace(packet, **values)


@dataclass
class Specialiser:
    """Walks the chains for one packet."""

    chains: Chains
    policies: Mapping[tuple[Family, str, str], str | None]
    family: Family
    ask: Ask
    verdict: bool = True
    """Whether the verdict matters, or only what the packet leaves behind."""

    def fate(self) -> Fate:
        """Return what the packet meets, from the wire to the end of ``INPUT``."""
        fixed: dict[str, Any] = {}
        ask = self.ask = _Rewriting(self.ask, fixed)
        for table, chain in _BEFORE:
            if (self.family, table) in self.chains and (table != "nat" or ask(FRESH)):
                for instruction in self._walk(table, chain, fixed):
                    if isinstance(instruction.action, Stop):
                        if instruction.action.verdict is Verdict.REFUSE:
                            return Fate((), instruction)
                        break
        if not ask(HERE):
            return Fate((), Instruction((), Stop(Verdict.PASS), "not for this host"))
        program = self._walk("filter", "INPUT", fixed)
        end = self._end("filter") if self.verdict else Instruction((), Stop(Verdict.PASS), "")
        return Fate(program, end, tuple(sorted(fixed.items())))

    def _end(self, table: str) -> Instruction:
        policy = self.policies.get((self.family, table, "INPUT"))
        verdict = {"ACCEPT": Verdict.ACCEPT, "DROP": Verdict.REFUSE}.get(policy or "", Verdict.PASS)
        tool = "iptables" if self.family == 4 else "ip6tables"
        name = f"{tool} INPUT's policy {policy}" if policy else "the end of our rules"
        return Instruction((), Stop(verdict), name)

    def _walk(self, table: str, chain: str, fixed: dict[str, Any]) -> Program:
        return tuple(self._instructions(table, chain, fixed))

    def _instructions(self, table: str, chain: str, fixed: dict[str, Any]) -> Iterator[Instruction]:
        rules = self.chains.get((self.family, table), {}).get(chain, ())
        if chain == "INPUT" and not self.verdict:
            rules = rules[: last_stateful(self.chains[self.family, table], rules)]
        for rule in rules:
            if rule.idle or self._refuted(rule):
                continue
            tests: list[InSet | Recent] = []
            matched = self._matches(rule, tests)
            changes = any(isinstance(t, Recent) and t.changes for t in tests)
            if table != "filter" and tests:
                # Only the filter table is followed through time.
                tests, matched = [], self.ask(Atom("chance", UNINTERPRETED + rule.place))
            if matched:
                made = self._action(rule, table, fixed)
            if matched and (made is not None or changes):
                instruction = Instruction(tuple(tests), made, rule.place)
                yield instruction
                if instruction.always_ends:
                    return
            elif tests and changes:
                yield Instruction(tuple(tests), None, rule.place)

    def _refuted(self, rule: CompiledRule) -> bool:
        """Tell at a glance whether a rule surely doesn't match; most rules of many don't."""
        refutes = self.ask.refutes
        for atom in rule.needed:  # noqa: SIM110 - the hottest loop there is
            if refutes(atom):
                return True
        return False

    def _matches(self, rule: CompiledRule, tests: list[InSet | Recent]) -> bool:
        """Tell whether the packet fits, collecting the tests that come before a misfit."""
        for condition in rule.conditions:
            if not isinstance(condition, Stateless):
                tests.append(condition)
            elif any(self.ask(atom) for atom in condition.atoms) == condition.negated:
                return False
        return True

    def _action(
        self, rule: CompiledRule, table: str, fixed: dict[str, Any]
    ) -> Stop | Leave | Call | SetAction | None:
        target = rule.target
        if target is None or target in PASSING:
            return None
        if target in _FATES:
            return _FATES[target]
        if target in _REWRITING:
            done = _REWRITING[target](rule, fixed)
            if target == "DNAT" and "destination" in fixed:
                # Whether the new address is this host's own, the rules don't say.
                here = self.ask(Atom("chance", UNINTERPRETED + rule.place))
                fixed["destination_type"] = "LOCAL" if here else "UNICAST"
            return done
        if target in self.chains[self.family, table]:
            program = self._walk(table, target, fixed)
            return Call(program, rule.goto) if program or rule.goto else None
        return (set_action(rule.options) if target == "SET" else None) or self._guess(rule)

    def _guess(self, rule: CompiledRule) -> Stop | None:
        """A target nobody knows may do anything."""
        if self.ask(Atom("chance", f"{UNINTERPRETED}{rule.place}")):
            if self.ask(Atom("chance", f"{UNINTERPRETED}{rule.place} (accepts)")):
                return Stop(Verdict.ACCEPT)
            return Stop(Verdict.REFUSE)
        return None


def last_stateful(
    chains: Mapping[str, tuple[CompiledRule, ...]], rules: tuple[CompiledRule, ...]
) -> int:
    """Return how many rules must be looked at to know what a packet leaves behind."""

    def stateful(rule: CompiledRule) -> bool:
        inner = chains.get(rule.target or "", ())
        return rule.stateful or any(stateful(one) for one in inner)

    last = len(rules)
    while last and not stateful(rules[last - 1]):
        last -= 1
    return last


@dataclass(slots=True)
class _Rewriting:
    """Asks the packet, but knows better where a field was changed on the way."""

    asked: Ask
    fixed: dict[str, Any]

    def __call__(self, atom: Atom, /) -> bool:
        if self.fixed and atom.field in self.fixed:
            return passes(atom.field, atom.test, _plain(self.fixed[atom.field]))
        return self.asked(atom)

    def refutes(self, atom: Atom, /) -> bool:
        if self.fixed and atom.field in self.fixed:
            return not self(atom)
        return self.asked.refutes(atom)


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, str)) else int(value)


def _mark(rule: CompiledRule, fixed: dict[str, Any]) -> None:
    words = dict(zip(rule.options, rule.options[1:], strict=False))
    value, _, mask = words.get("--set-xmark", words.get("--set-mark", "0")).partition("/")
    kept = fixed.get("mark", 0) & ~(int(mask, 0) if mask else 0xFFFFFFFF)
    fixed["mark"] = kept ^ int(value, 0)


def _nat(rule: CompiledRule, fixed: dict[str, Any]) -> Stop:
    """Change the destination; the first rule that does ends the nat table for the packet."""
    words = dict(zip(rule.options, rule.options[1:], strict=False))
    target = words.get("--to-destination") or f":{words.get('--to-ports', '')}"
    address, port = _split(target)
    if port:
        fixed["port"] = int(port.partition("-")[0])
    if address:
        fixed["destination"] = ip_address(address)
    return Stop(Verdict.ACCEPT)


def _split(target: str) -> tuple[str, str]:
    """Split ``192.0.2.1:22`` and ``[2001:db8::1]:22``."""
    if target.startswith("["):
        address, _, port = target[1:].partition("]")
        return address, port.lstrip(":")
    if target.count(":") > 1:
        return target, ""
    address, _, port = target.partition(":")
    return address, port


_FATES: dict[str, Stop | Leave] = {
    "ACCEPT": Stop(Verdict.ACCEPT),
    "RETURN": Leave(),
    **dict.fromkeys(("DROP", "REJECT", "TARPIT"), Stop(Verdict.REFUSE)),
}
_REWRITING: dict[str, Callable[[CompiledRule, dict[str, Any]], Stop | None]] = {
    "MARK": _mark,
    "DNAT": _nat,
    "REDIRECT": _nat,
}
_KNOWN_TARGETS = frozenset((*PASSING, *_FATES, *_REWRITING, "SET", None))
