"""Walks the chains for one kind of packet, and keeps what depends on earlier packets.

Sources: ``man iptables``, TABLES; ``man iptables-extensions``; conformance cases seen on a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from knockctl.automaton.questions import UNINTERPRETED, Ask, Atom, flow, passes
from knockctl.automaton.verdict import Verdict
from knockctl_iptables.config.records import Family
from knockctl_iptables.semantics.conditions import (
    FRESH,
    PASSING,
    CompiledRule,
    InSet,
    Marked,
    Recent,
    Stateless,
    set_action,
)
from knockctl_iptables.semantics.program import (
    Action,
    Call,
    Instruction,
    Leave,
    Program,
    Route,
    Section,
    SetMark,
    Stop,
    Translate,
    Untrack,
)
from knockctl_iptables.semantics.way import Stage, Way, named

TRANSLATED_BEFORE = flow("unanswered", "known")
HERE = Atom("destination_type", frozenset(("LOCAL", "BROADCAST", "MULTICAST")))
Chains = Mapping[tuple[Family, str], Mapping[str, tuple[CompiledRule, ...]]]


def guesses(rule: CompiledRule, table: str, chains: Mapping[str, object]) -> Iterator[Atom]:
    """Yield the questions put about a rule that is not understood, or not followed."""
    if rule.target in ("DNAT", "REDIRECT"):
        address, _ = new_destination(rule) or (None, "")
        if address:
            yield _exactly(address)
    stateful = not all(isinstance(c, Stateless) for c in rule.conditions)
    known = rule.target in _KNOWN_TARGETS or rule.target in chains
    plain = rule.target != "SET" or set_action(rule.options) is not None
    if not known or not plain or rule.target == "DNAT" or (table == "nat" and stateful):
        yield Atom("chance", UNINTERPRETED + rule.place)
        yield Atom("chance", f"{UNINTERPRETED}{rule.place} (accepts)")


def _exactly(address: IPv4Address | IPv6Address) -> Atom:
    return Atom("destination", ((int(address), int(address)),))


@dataclass
class Specialiser:
    """Walks the chains for one packet; ``fixed`` are the fields changed on its way so far."""

    chains: Chains
    policies: Mapping[tuple[Family, str, str], str | None]
    way: Way
    family: Family
    asked: Ask
    verdict: bool = True
    """Whether the verdict matters, or only what the packet leaves behind."""
    fixed: dict[str, Any] = field(default_factory=dict)
    later: Specialiser | None = None
    """Set while the nat table is walked for a flow's first packet on behalf of this later one."""

    def __post_init__(self) -> None:
        """Ask the packet as it is by now."""
        self.ask = _Rewriting(self.asked, self.fixed)

    def route(self, first: int = 0) -> Route:
        """Return what the packet meets from the ``first`` table of its way on."""
        sections: list[Section] = []
        for number in range(first, len(self.way)):
            stage = self.way[number]
            if number == _routed(self.way) and not self.ask(HERE):
                elsewhere = Instruction((), Stop(Verdict.PASS), "not for this host")
                return (*sections, Section((), elsewhere))
            if not stage.ours and (self.family, stage.table) not in self.chains:
                continue
            section = self._section(number, stage)
            if section:
                sections.append(section)
            if (section and _refuses(section)) or (stage.ours and not self.verdict):
                break
        return tuple(sections)

    def _section(self, number: int, stage: Stage) -> Section | None:
        if stage.table == "nat":
            return self._nat(number)
        walked = self._changed(flow="invalid") if stage.early else self
        program = tuple(walked.instructions(number, stage.chain))
        end = self._end(stage)
        if stage.ours and not self.verdict:
            end = Instruction((), Stop(Verdict.PASS), "")
        untracked = None
        if any(_untracks(i) for i in program):
            untracked = self._changed(flow="untracked").route(number + 1)
        return Section(program, end, untracked) if program or _decides(end, stage) else None

    def _nat(self, number: int) -> Section | None:
        """Only a flow's first packet meets the nat table; the others share its fate."""
        stage = self.way[number]
        if self.ask(FRESH):
            program = tuple(self.instructions(number, stage.chain))
            end = self._end(stage)
            return Section(program, end) if program or _decides(end, stage) else None
        if not self.ask(TRANSLATED_BEFORE):
            return None
        first = self._changed(flow="fresh")
        first.later = self
        program = tuple(first.instructions(number, stage.chain))
        return Section(program, Instruction((), Stop(Verdict.ACCEPT), "")) if program else None

    def _changed(self, **fields: Any) -> Specialiser:
        return Specialiser(
            self.chains,
            self.policies,
            self.way,
            self.family,
            self.asked,
            self.verdict,
            {**self.fixed, **fields},
        )

    def _end(self, stage: Stage) -> Instruction:
        policy = self.policies.get((self.family, stage.table, stage.chain))
        verdict = {"ACCEPT": Verdict.ACCEPT, "DROP": Verdict.REFUSE}.get(policy or "", Verdict.PASS)
        where = named(stage.table, stage.chain, self.family)
        name = f"{where}'s policy {policy}" if policy else "the end of our rules"
        return Instruction((), Stop(verdict), name)

    # --- chains ---

    def instructions(self, number: int, chain: str) -> Iterator[Instruction]:
        """Yield what is left of a chain of the table at ``number`` on the way."""
        stage = self.way[number]
        tables = self.chains.get((self.family, stage.table), {})
        rules = tables.get(chain, ())
        if stage.ours and chain == stage.chain and not self.verdict:
            rules = rules[: last_stateful(tables, rules)]
        for rule in rules:
            if rule.idle or self._refuted(rule):
                continue
            tests: list[InSet | Recent | Marked] = []
            matched = self._matches(rule, tests)
            if tests and self.later is not None:
                # What sets held when the flow began is not known any more.
                tests, matched = [], self.ask(Atom("chance", UNINTERPRETED + rule.place))
            changes = any(isinstance(t, Recent) and t.changes for t in tests)
            made = self._action(rule, number) if matched else None
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

    def _matches(self, rule: CompiledRule, tests: list[InSet | Recent | Marked]) -> bool:
        """Tell whether the packet fits, collecting the tests that come before a misfit."""
        for condition in rule.conditions:
            if isinstance(condition, Stateless):
                ask = self.asked if condition.original else self.ask
                if any(ask(atom) for atom in condition.atoms) == condition.negated:
                    return False
            elif isinstance(condition, InSet) and condition.listed and self.ask(condition.listed):
                if condition.negated:
                    return False
            else:
                tests.append(condition)
        return True

    # --- targets ---

    def _action(self, rule: CompiledRule, number: int) -> Action | None:
        target = rule.target
        stage = self.way[number]
        if target in FATES:
            return FATES[target]
        if target is None or target in PASSING:
            return Untrack() if rule.untracks and stage.early else None
        if target in ("DNAT", "REDIRECT"):
            return self._translate(rule, number)
        if target in self.chains[self.family, stage.table]:
            program: Program = tuple(self.instructions(number, target))
            return Call(program, rule.goto) if program or rule.goto else None
        read = _READ.get(target)
        return (read(rule) if read else None) or self._guess(rule)

    def _translate(self, rule: CompiledRule, number: int) -> Action | None:
        """Change the destination; the first rule that does ends the nat table for the packet."""
        found = new_destination(rule)
        if found is None:
            return self._guess(rule)
        address, port = found
        fields: dict[str, Any] = {"port": int(port)} if port else {}
        if address:
            fields["destination"] = address
            # An address stays what it is; of what kind another one is, the rules don't say.
            if not self.ask(_exactly(address)):
                here = self.ask(Atom("chance", UNINTERPRETED + rule.place))
                fields["destination_type"] = "LOCAL" if here else "UNICAST"
        on = (self.later or self)._changed(**fields)  # noqa: SLF001 - one of its own
        return Translate(tuple(sorted(fields.items())), on.route(number + 1))

    def _guess(self, rule: CompiledRule) -> Stop | None:
        """A target nobody knows may do anything."""
        if self.ask(Atom("chance", f"{UNINTERPRETED}{rule.place}")):
            if self.ask(Atom("chance", f"{UNINTERPRETED}{rule.place} (accepts)")):
                return Stop(Verdict.ACCEPT)
            return Stop(Verdict.REFUSE)
        return None


def _routed(way: Way) -> int:
    """Return the first stage before which it is decided whether the packet is for the host."""
    return next(number for number, stage in enumerate(way) if stage.hook == "input")


def _decides(end: Instruction, stage: Stage) -> bool:
    """Tell whether the end of a base chain can end the packet's way."""
    return stage.ours or end.action == Stop(Verdict.REFUSE)


def _refuses(section: Section) -> bool:
    """Tell whether no packet gets past a section; what lies behind it is never asked for."""
    if section.program:
        first = section.program[0]
        return not first.tests and first.action == Stop(Verdict.REFUSE)
    return section.end.action == Stop(Verdict.REFUSE)


def _untracks(instruction: Instruction) -> bool:
    action = instruction.action
    return isinstance(action, Untrack) or (
        isinstance(action, Call) and any(_untracks(i) for i in action.program)
    )


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


def set_mark(rule: CompiledRule) -> SetMark | None:
    """Read ``--set-xmark value/mask``, the one form ``iptables-save`` prints."""
    words = dict(zip(rule.options, rule.options[1:], strict=False))
    if "--set-xmark" in words:
        value, _, mask = words["--set-xmark"].partition("/")
        return SetMark(int(value, 0), int(mask, 0) if mask else 0xFFFFFFFF)
    if "--set-mark" in words:
        value, _, mask = words["--set-mark"].partition("/")
        wanted = int(value, 0)
        return SetMark(wanted, (int(mask, 0) if mask else 0xFFFFFFFF) | wanted)
    return None


def new_destination(
    rule: CompiledRule,
) -> tuple[IPv4Address | IPv6Address | None, str] | None:
    """Return the one address and port it leads to; None where it may choose among several."""
    words = dict(zip(rule.options, rule.options[1:], strict=False))
    target = words.get("--to-destination") or f":{words.get('--to-ports', '')}"
    address, port = _split(target)
    if "-" in address or "-" in port:
        return None
    return (ip_address(address) if address else None), port


def _split(target: str) -> tuple[str, str]:
    """Split ``192.0.2.1:22`` and ``[2001:db8::1]:22``."""
    if target.startswith("["):
        address, _, port = target[1:].partition("]")
        return address, port.lstrip(":")
    if target.count(":") > 1:
        return target, ""
    address, _, port = target.partition(":")
    return address, port


FATES: dict[str | None, Stop | Leave] = {
    "ACCEPT": Stop(Verdict.ACCEPT),
    "RETURN": Leave(),
    **dict.fromkeys(("DROP", "REJECT", "TARPIT"), Stop(Verdict.REFUSE)),
}
_READ: dict[str, Callable[[CompiledRule], Action | None]] = {
    "MARK": set_mark,
    "SET": lambda rule: set_action(rule.options),
}
_KNOWN_TARGETS = frozenset((*PASSING, *FATES, "MARK", "DNAT", "REDIRECT", "SET", None))
