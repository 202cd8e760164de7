"""A PAN-OS firewall as a machine that can be executed: `knockctl.automaton.machine`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from knockctl.automaton.chains import ChainRule, Program, Section, Stop
from knockctl.automaton.conditions import Is as Asked
from knockctl.automaton.conditions import every
from knockctl.automaton.machine import ClockName, Clocks, Reaction
from knockctl.automaton.packet import FLAGS, LOOPBACK, OPENING_MASK, WirePacket
from knockctl.automaton.questions import Ask, Atom, Of, flow, protocol
from knockctl.automaton.verdict import Verdict
from knockctl_panos.config.document import Document
from knockctl_panos.config.document import Rulebase as Rules
from knockctl_panos.semantics import memory
from knockctl_panos.semantics.formula import Formula, Is, answered
from knockctl_panos.semantics.logs import Change
from knockctl_panos.semantics.memory import Memory, State, Switches
from knockctl_panos.semantics.ours import Owned
from knockctl_panos.semantics.program import CHAIN, chained
from knockctl_panos.semantics.rules import Compiler, Destinations, Rule, Rulebase

FAMILIES = (4, 6)
_MOST_FATES = 20_000
_INSIDE = Atom("interface", LOOPBACK)
_SESSION = flow("known", "unanswered")
_TCP = protocol("tcp")
_OPENING = Atom("flags", (OPENING_MASK, FLAGS["syn"]))


class Outcome(NamedTuple):
    """What one rule has for a kind of packet."""

    tests: Formula
    """What must hold of tags for the rule to match."""
    verdict: Verdict | None
    changes: tuple[Change, ...]
    place: str


Fate = tuple[Outcome, ...]
"""The rules a kind of packet may meet, in order; the first that matches decides."""


@dataclass
class PanosModel:
    """Satisfies ``knockctl.automaton.machine.DeviceModel``.

    A packet's interface stands for a zone, see ``rules.zone_interface``. A packet of a session
    goes on, whatever tags have become of its addresses.
    """

    document: Document
    whole: bool = False
    """Whether the document holds everything that runs; otherwise what its rules leave undecided
    passes, and only they are known to have set up sessions."""
    evidence: str = "fact sheet"
    destinations: Destinations = ()
    reject_non_syn: bool = True
    """Whether a TCP segment that opens nothing and belongs to no session is dropped before any
    rule is asked: ``tcp-reject-non-syn``, on unless configured otherwise."""
    switches: Switches = field(default_factory=Switches)
    ours: Owned = field(default_factory=Owned)
    """What of it is the policies' own; nothing else asks for that but ``program``."""

    @cached_property
    def _rulebases(self) -> Mapping[int, Rulebase]:
        return {f: Compiler(self.document, f, self.destinations).rulebase() for f in FAMILIES}

    # --- the contract ---

    @property
    def initial(self) -> State:
        """No tag is registered but by configuration."""
        return State()

    def predicates(self, family: int) -> Iterator[Atom]:
        """Yield every question a family's rules put to a packet."""
        yield from (_INSIDE, _SESSION, _TCP, _OPENING)
        rulebase = self._rulebases[family]
        for rule in (*rulebase.rules, *rulebase.last):
            yield from (leaf.atom for leaf in rule.questions() if isinstance(leaf, Is))

    def signature(self, family: int, ask: Ask, *, verdict: bool = True) -> Hashable:
        """Return what is left of the rules for such packets, without their names."""
        fate = self._specialised(family, ask, verdict=verdict)
        return tuple((one.tests, one.verdict, one.changes) for one in fate)

    def step(self, state: State, packet: WirePacket, clocks: Clocks) -> Reaction[State]:
        """Let the first rule that matches decide, and write its log."""
        mind = Memory.of(self.settle(state, clocks), packet, clocks, self.switches)
        for one in self._fate(packet):
            if not mind.holds(one.tests):
                continue
            if one.changes:
                mind.log(one.place, one.changes)
            if one.verdict:
                found = frozenset(mind.resets)
                return Reaction(one.verdict, mind.frozen(), found, (one.place,), mind.keyed)
        raise LookupError("a packet met no rule, not even the last")

    def delayed(self, seconds: int) -> PanosModel:
        """Return the same firewall where every log acts so many seconds after its packet."""
        return replace(self, switches=replace(self.switches, delay=seconds))

    def settle(self, state: State, clocks: Clocks) -> State:
        """Let logs act whose time has come; forget tags whose time is over."""
        return memory.settled(state, clocks, self.switches)

    def thresholds(self, state: State) -> Mapping[ClockName, tuple[int, ...]]:
        """Return the clocks of tags that end, and of logs on their way."""
        return memory.thresholds(state, self.switches)

    # --- the rules as they stand ---

    def program(self, family: int) -> Program:
        """Return what packets to the policies' addresses meet, made of the compiled rules."""
        compiler = Compiler(self.document, family, self.destinations)
        first = (self._strays,) if self.reject_non_syn else ()
        chain = (*first, *chained(self.document.rulebases, compiler, self.ours))
        # Logs become tags behind all rules.
        untracks = self.untracks(family)
        return Program((Section(CHAIN),), {CHAIN: chain}, untracks=untracks, steady=True)

    @property
    def _strays(self) -> ChainRule:
        """The firewall's own refusal of what belongs to no session: nobody's rule takes it away."""
        asked = every((Asked(_TCP), Asked(_OPENING, wanted=False), Asked(_SESSION, wanted=False)))
        where = "tcp-reject-non-syn"
        return ChainRule(Stop(Verdict.REFUSE), asked, where, text=where, ours=True)

    def untracks(self, family: int) -> bool:
        """Tell whether some rule exempts packets from sessions: none can."""
        del family
        return False

    # --- what a kind of packet meets ---

    @cached_property
    def _fate(self) -> Callable[[WirePacket], Fate]:
        """What one packet meets; kept, as explorers ask again and again."""
        return lru_cache(_MOST_FATES)(lambda one: self._specialised(one.family, Of(one)))

    def _specialised(self, family: int, ask: Ask, *, verdict: bool = True) -> Fate:
        return tuple(_Walk(self._rulebases[family], ask, self.whole, verdict).fate(self))


def foreign_rules(
    document: Document,
    rulebases: Iterable[Rules],
    family: int,
    destinations: Destinations,
    ours: Owned,
) -> bool:
    """Tell whether packets may meet foreign rules there before they have met all of ours."""
    compiler = Compiler(document, family, destinations)
    return any(not rule.ours for rule in chained(rulebases, compiler, ours))


@dataclass(slots=True)
class _Walk:
    """One kind of packet on its way through the firewall."""

    rulebase: Rulebase
    ask: Ask
    whole: bool
    verdict: bool

    def fate(self, model: PanosModel) -> Iterator[Outcome]:
        """Yield what it may meet, the last surely."""
        if self.ask(_INSIDE):
            yield _sure(Verdict.PASS, "nothing the firewall forwards")
        elif self.ask(_SESSION):
            yield from self._session()
        elif model.reject_non_syn and self.ask(_TCP) and not self.ask(_OPENING):
            yield self._stray()
        else:
            yield from self._rules()

    def _session(self) -> Iterator[Outcome]:
        """Yield what happens to a packet of a session; at its end a log may be written."""
        mine = self.whole
        for rule in self.rulebase.allowing:
            if self._refuted(rule):
                continue
            left = answered(rule.condition, self.ask) if rule.ending or not mine else False
            mine = mine or left is not False
            # Which rule set the session up is not remembered: any that could have.
            changes = self._changes(rule, ending=True) if left is not False else ()
            if changes and self.ask(rule.ends):
                yield Outcome(tests=True, verdict=None, changes=changes, place=rule.place)
        verdict = Verdict.ACCEPT if mine and self.verdict else Verdict.PASS
        yield _sure(verdict, "a packet of a session")

    def _stray(self) -> Outcome:
        """Refuse it; where only our rules are known, only what they could be asked about."""
        place = "a segment of no session, dropped before any rule"
        reached = self.whole or any(
            answered(rule.reach, self.ask) is not False for rule in self.rulebase.rules
        )
        return _sure(Verdict.REFUSE if reached and self.verdict else Verdict.PASS, place)

    def _rules(self) -> Iterator[Outcome]:
        rules = self.rulebase.rules
        if not self.verdict:
            rules = rules[: self._last_lasting()]
        for rule in rules:
            if self._refuted(rule):
                continue
            left = answered(rule.condition, self.ask)
            if left is False:
                continue
            yield self._outcome(rule, left)
            if left is True:
                return
        yield from self._tail()

    def _last_lasting(self) -> int:
        """Return how many rules must be looked at to know what the packet leaves behind."""
        if any(rule.effects for rule in self.rulebase.last):
            return len(self.rulebase.rules)
        for number, rule in self.rulebase.lasting:
            if not self._refuted(rule) and answered(rule.condition, self.ask) is not False:
                return number + 1
        return 0

    def _tail(self) -> Iterator[Outcome]:
        logs = any(rule.effects for rule in self.rulebase.last)
        if not self.whole or not (self.verdict or logs):
            yield _sure(Verdict.PASS, "the end of our rules")
            return
        rule = next(r for r in self.rulebase.last if answered(r.condition, self.ask) is not False)
        yield self._outcome(rule, left=True)

    def _outcome(self, rule: Rule, left: Formula) -> Outcome:
        verdict = rule.verdict if self.verdict else Verdict.PASS
        return Outcome(left, verdict, self._changes(rule), rule.place)

    def _changes(self, rule: Rule, *, ending: bool = False) -> tuple[Change, ...]:
        return tuple(
            change
            for effect in (rule.ending if ending else rule.effects)
            if answered(effect.matches, self.ask) is not False
            for change in effect.changes
        )

    def _refuted(self, rule: Rule) -> bool:
        """Tell at a glance whether a rule surely doesn't match; most rules of many don't."""
        refutes = self.ask.refutes
        for atom in rule.needed:  # noqa: SIM110 - the hottest loop there is
            if refutes(atom):
                return True
        return False


def _sure(verdict: Verdict, place: str) -> Outcome:
    return Outcome(tests=True, verdict=verdict, changes=(), place=place)
