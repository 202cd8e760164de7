"""A Linux host's packet filter as a machine that can be executed: `knockctl.automaton.model`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from knockctl.automaton.alphabet import UNINTERPRETED, Ask, Atom, Of
from knockctl.automaton.model import ClockName, Clocks, Reaction
from knockctl.automaton.verdict import Verdict
from knockctl.automaton.wire import WirePacket
from knockctl_iptables.config import FAMILIES, Family
from knockctl_iptables.semantics import memory
from knockctl_iptables.semantics.conditions import (
    NO_PREFIX,
    CompiledRule,
    InSet,
    Recent,
    SetAction,
    Stateless,
    atoms,
    set_action,
)
from knockctl_iptables.semantics.memory import Memory, State, Stores
from knockctl_iptables.semantics.program import (
    FRESH,
    HERE,
    Fate,
    Leave,
    Program,
    Specialiser,
    Stop,
    guesses,
    shape,
)
from knockctl_iptables.semantics.ruleset import Chain, Ruleset, SetHeader
from knockctl_iptables.semantics.words import compiled

_MOST_FATES = 20_000
_Compiled = dict[tuple[Family, str], dict[str, tuple[CompiledRule, ...]]]


@dataclass
class LinuxModel:
    """Satisfies ``knockctl.automaton.model.DeviceModel``.

    Table capacity is no part of it: no set is ever full, no list forgets an address for want of
    room.
    """

    rules: Ruleset
    evidence: str = "kernel"
    _fates: dict[WirePacket, Fate] = field(default_factory=dict, repr=False)

    @cached_property
    def _chains(self) -> _Compiled:
        return _with_guesses(
            {
                key: {name: tuple(_compile(key, name, chain)) for name, chain in chains.items()}
                for key, chains in self.rules.tables.items()
            },
            self.rules,
        )

    @cached_property
    def _policies(self) -> Mapping[tuple[Family, str, str], str | None]:
        policies = {
            (family, table, name): chain.policy
            for (family, table), chains in self.rules.tables.items()
            for name, chain in chains.items()
        }
        if self.rules.whole:
            # A table nobody touched is not even printed: its chains accept.
            for family in FAMILIES:
                policies.setdefault((family, "filter", "INPUT"), "ACCEPT")
        return policies

    @cached_property
    def _stores(self) -> Stores:
        stamps: dict[str, int] = defaultdict(lambda: 1)
        windows: dict[str, set[int]] = defaultdict(set)
        for test in _recents(self._chains):
            stamps[test.name] = max(stamps[test.name], test.hitcount)
            windows[test.name] |= {test.seconds} - {0}
        return Stores(
            self.rules.sets, stamps, {name: tuple(sorted(w)) for name, w in windows.items()}
        )

    # --- the contract ---

    @cached_property
    def initial(self) -> State:
        """No source has done anything; members of sets that were read are there."""
        entries = {
            ("set", name, element.lower()): (seconds or 0,)
            for name, header in self.rules.sets.items()
            for element, seconds in header.members
        }
        return tuple(sorted(entries.items()))

    def predicates(self, family: int) -> Iterator[Atom]:
        """Yield every question a family's rules put to a packet."""
        yield from (FRESH, HERE)
        for (of, table), chains in self._chains.items():
            if of == family:
                for rule in (r for rules in chains.values() for r in rules if not r.idle):
                    yield from atoms(rule)
                    yield from guesses(rule, table, chains)

    def signature(self, family: int, ask: Ask, *, verdict: bool = True) -> Hashable:
        """Return the shape of what is left of the rules for such packets."""
        fate = self._specialised(family, ask, verdict=verdict)
        return shape(fate.program), fate.end.action, fate.rewritten

    def step(self, state: State, packet: WirePacket, clocks: Clocks) -> Reaction[State]:
        """Play what is left of the rules for this packet."""
        fate = self._fate(packet)
        run = _Run(Memory(self._stores, dict(state), fate.rewrite(packet), clocks))
        verdict = run.play(fate.program) or run.play((fate.end,))
        return Reaction(
            verdict or Verdict.PASS,
            run.memory.frozen(),
            frozenset(run.memory.resets),
            tuple(run.places),
            run.memory.keyed,
        )

    def settle(self, state: State, clocks: Clocks) -> State:
        """Forget members whose time is over."""
        return memory.settled(state, clocks)

    def thresholds(self, state: State) -> Mapping[ClockName, tuple[int, ...]]:
        """Return the clocks of members and stamps."""
        return memory.thresholds(state, self._stores)

    def _fate(self, packet: WirePacket) -> Fate:
        """Return what is left of the rules for a packet; kept, as explorers ask again and again."""
        fate = self._fates.get(packet)
        if fate is None:
            if len(self._fates) >= _MOST_FATES:
                self._fates.clear()
            fate = self._specialised(packet.family, Of(packet))
            self._fates[packet] = fate
        return fate

    def _specialised(self, family: int, ask: Ask, *, verdict: bool = True) -> Fate:
        which: Family = 4 if family == 4 else 6
        return Specialiser(self._chains, self._policies, which, ask, verdict).fate()


@dataclass
class _Run:
    """One packet on its way through a program."""

    memory: Memory
    places: list[str] = field(default_factory=list)

    def play(self, program: Program) -> Verdict | None:
        """Return the verdict; None where the packet comes back undecided."""
        for instruction in program:
            if not all(self._holds(test) for test in instruction.tests):
                continue
            action = instruction.action
            if action is None:
                continue
            self.places.append(instruction.place)
            if isinstance(action, Stop):
                return action.verdict
            if isinstance(action, Leave):
                return None
            if isinstance(action, SetAction):
                self.memory.act(action)
            else:
                verdict = self.play(action.program)
                if verdict or action.goto:
                    return verdict
        return None

    def _holds(self, test: InSet | Recent) -> bool:
        if isinstance(test, Recent):
            return self.memory.matches(test)
        return self.memory.holds(test) != test.negated


# --- from text to compiled rules --------------------------------------------------------------


def _compile(key: tuple[Family, str], name: str, chain: Chain) -> Iterator[CompiledRule]:
    tool = "iptables" if key[0] == 4 else "ip6tables"
    table = "" if key[1] == "filter" else f"-t {key[1]} "
    for number, rule in enumerate(chain.rules, start=1):
        yield compiled(rule, f"{tool} {table}{name} rule {number}")


def _recents(chains: _Compiled) -> Iterator[Recent]:
    for tables in chains.values():
        for rule in (rule for rules in tables.values() for rule in rules):
            yield from (c for c in rule.conditions if isinstance(c, Recent))


def _with_guesses(chains: _Compiled, rules: Ruleset) -> _Compiled:
    """Put a question where the text doesn't say enough: a set's members, a list that reaps."""
    written = set(_written(chains))
    reaping = _unsafe_reaping(chains) | _unclear_masks(chains)
    elsewhere = _changed_elsewhere(chains)

    def known(rule: CompiledRule) -> CompiledRule:
        conditions = tuple(
            Stateless((Atom("chance", UNINTERPRETED + rule.place),))
            if (isinstance(c, Recent) and c.name in reaping)
            or (isinstance(c, InSet | Recent) and c.name in elsewhere)
            else _static(c, rules)
            if isinstance(c, InSet) and c.name not in written
            else c
            for c in rule.conditions
        )
        return replace(rule, conditions=conditions)

    return {
        key: {name: tuple(known(rule) for rule in listed) for name, listed in tables.items()}
        for key, tables in chains.items()
    }


def _written(chains: _Compiled) -> Iterator[str]:
    """Yield the sets that rules themselves change."""
    for tables in chains.values():
        for rule in (rule for rules in tables.values() for rule in rules):
            action = set_action(rule.options) if rule.target == "SET" else None
            for entry in (action.add, action.remove) if action else ():
                if entry:
                    yield entry[0]


def _static(test: InSet, rules: Ruleset) -> InSet | Stateless:
    """A set that no rule writes: its members are what was read, or anybody."""
    header = rules.sets.get(test.name)
    if header and header.members and _plain(header):
        return test
    return Stateless((Atom("chance", f"in the set {test.name}"),), test.negated)


def _plain(header: SetHeader) -> bool:
    """Tell whether membership is being one of the listed elements."""
    return "net" not in header.type and not any("-" in e or "/" in e for e, _ in header.members)


def _unclear_masks(chains: _Compiled) -> frozenset[str]:
    """Return the lists of several masks: the kernel keeps the first one it was told."""
    masks: dict[str, set[int | None]] = defaultdict(set)
    for test in _recents(chains):
        masks[test.name].add(test.prefix)
    return frozenset(n for n, found in masks.items() if len(found) > 1 or NO_PREFIX in found)


def _changed_elsewhere(chains: _Compiled) -> frozenset[str]:
    """Return the sets and lists that tables other than filter change: those aren't followed."""
    others = {key: tables for key, tables in chains.items() if key[1] != "filter"}
    lists = (test.name for test in _recents(others) if test.changes)
    return frozenset((*_written(others), *lists))


def _unsafe_reaping(chains: _Compiled) -> frozenset[str]:
    """Return the lists where ``--reap`` can be noticed: it removes what others still look at."""
    every = list(_recents(chains))
    limit = {test.name: test.seconds for test in every if test.reap}
    return frozenset(
        test.name
        for test in every
        if test.name in limit
        and test.action in ("rcheck", "update", "remove")
        and (not test.seconds or test.seconds > limit[test.name])
    )
