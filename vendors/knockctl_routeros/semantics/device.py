"""A router's firewall as a machine that can be executed: `knockctl.automaton.model`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from knockctl.automaton.alphabet import Ask, Atom, Of
from knockctl.automaton.model import ClockName, Clocks, Reaction
from knockctl.automaton.verdict import Verdict
from knockctl.automaton.wire import WirePacket
from knockctl_routeros.semantics import memory
from knockctl_routeros.semantics.conditions import (
    SIDES,
    Add,
    CompiledRule,
    Family,
    Goes,
    Jump,
    Leave,
    Notrack,
    Stop,
    Table,
)
from knockctl_routeros.semantics.matchers import Surroundings
from knockctl_routeros.semantics.memory import Memory, State
from knockctl_routeros.semantics.program import (
    HERE,
    Configured,
    Fate,
    Firewall,
    Program,
    Specialiser,
)
from knockctl_routeros.semantics.ruleset import FAMILIES, TABLES, Ruleset
from knockctl_routeros.semantics.words import compiled

_MOST_FATES = 20_000
_Chains = dict[tuple[Table, str], tuple[CompiledRule, ...]]
_BUILT_IN = ("prerouting", "input", "forward")
_MENUS = {4: "/ip firewall", 6: "/ipv6 firewall"}


@dataclass
class RouterModel:
    """Satisfies ``knockctl.automaton.model.DeviceModel``.

    Packets pass ``raw prerouting``, connection tracking, and of ``filter`` the chain ``input``
    where they are for the router itself, ``forward`` otherwise. A router that starts anew
    forgets its lists; that is no part of the model, nor is a list that runs full.
    """

    rules: Ruleset
    evidence: str = "fact sheet"
    refresh: bool = True
    """Whether an address that is put on a list again stays the full time from then on. The
    manual doesn't say (fact sheet 2.2); without, it keeps its first deadline."""
    _fates: dict[WirePacket, Fate] = field(default_factory=dict, repr=False)

    @cached_property
    def _firewalls(self) -> Mapping[int, Firewall]:
        return {family: _firewall(self.rules, family) for family in FAMILIES}

    # --- the contract ---

    @property
    def initial(self) -> State:
        """Nobody is on a list but by configuration."""
        return ()

    def predicates(self, family: int) -> Iterator[Atom]:
        """Yield every question a family's rules put to a packet."""
        firewall = self._firewalls[family]
        yield HERE
        for rules in firewall.chains.values():
            for rule in rules:
                yield from firewall.atoms(rule)

    def signature(self, family: int, ask: Ask, *, verdict: bool = True) -> Hashable:
        """Return the shape of what is left of the rules for such packets."""
        return self._specialised(family, ask, verdict=verdict).shape

    def step(self, state: State, packet: WirePacket, clocks: Clocks) -> Reaction[State]:
        """Play what is left of the rules for this packet."""
        fate = self._fate(packet)
        run = _Run(Memory(dict(state), packet, clocks, self.refresh))
        verdict = run.through(fate)
        return Reaction(
            verdict,
            run.memory.frozen(),
            frozenset(run.memory.resets),
            tuple(run.places),
            run.memory.keyed,
        )

    def settle(self, state: State, clocks: Clocks) -> State:
        """Forget addresses whose time is over."""
        return memory.settled(state, clocks)

    def thresholds(self, state: State) -> Mapping[ClockName, tuple[int, ...]]:
        """Return the clocks of addresses that are listed for a time."""
        return memory.thresholds(state)

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
        return Specialiser(self._firewalls[family], ask, verdict, _MENUS[family]).fate()


@dataclass
class _Run:
    """One packet on its way through the tables."""

    memory: Memory
    places: list[str] = field(default_factory=list)
    untracked: bool = False

    def through(self, fate: Fate) -> Verdict:
        """Return the verdict."""
        if self.play(fate.raw) is Verdict.REFUSE:
            return Verdict.REFUSE
        program = fate.untracked if self.untracked else fate.tracked
        return self.play(program) or self.play((fate.end,)) or Verdict.PASS

    def play(self, program: Program) -> Verdict | None:
        """Return the verdict; None where the packet comes back undecided."""
        for instruction in program:
            if not all(self.memory.holds(test) for test in instruction.tests):
                continue
            action = instruction.action
            self.places.append(instruction.place)
            if isinstance(action, Stop):
                return action.verdict
            if isinstance(action, Leave):
                return None
            if isinstance(action, Add):
                self.memory.add(action)
            elif isinstance(action, Notrack):
                self.untracked = True
            else:
                verdict = self.play(action.program)
                if verdict:
                    return verdict
        return None


# --- from rows to compiled rules --------------------------------------------------------------


def _firewall(rules: Ruleset, family: Family) -> Firewall:
    chains = _chains(rules, family)
    every = [rule for listed in chains.values() for rule in listed]
    return Firewall(
        chains,
        {
            (name, side): Configured.of(known, side)
            for name, known in rules.lists(family).items()
            for side in SIDES
        },
        frozenset(rule.action.name for rule in every if isinstance(rule.action, Add)),
        frozenset(_endless(chains)),
        rules.whole,
    )


def _chains(rules: Ruleset, family: Family) -> _Chains:
    """Compile the rules, without those that do nothing whether they match or not."""
    listed: dict[tuple[Table, str], list[CompiledRule]] = {}
    patterns = rules.patterns()
    for table in TABLES:
        around = Surroundings(family, table, rules.interface_lists, patterns)
        for chain, place, row in rules.rules(family, table):
            listed.setdefault((table, chain), []).append(compiled(row, place, around))
    return {
        (table, chain): tuple(rule for rule in found if not _idle(rule, table, listed))
        for (table, chain), found in listed.items()
    }


def _idle(rule: CompiledRule, table: Table, chains: Mapping[tuple[Table, str], object]) -> bool:
    """Tell whether a match changes nothing: a jump to a chain without rules doesn't, either."""
    action = rule.action
    return isinstance(action, Goes) or (
        isinstance(action, Jump) and (table, action.chain) not in chains
    )


def _endless(chains: _Chains) -> Iterator[str]:
    """Yield the places of jumps that lead back to where the packet came from.

    Without them every walk ends. What the router does there, no documentation says.
    """
    done: set[tuple[Table, str]] = set()

    def visit(key: tuple[Table, str], above: frozenset[tuple[Table, str]]) -> Iterator[str]:
        done.add(key)
        for rule in chains.get(key, ()):
            if isinstance(rule.action, Jump):
                target = key[0], rule.action.chain
                if target in (*above, key):
                    yield rule.place
                elif target not in done:
                    yield from visit(target, above | {key})

    for key in chains:
        if key[1] in _BUILT_IN:
            yield from visit(key, frozenset())
