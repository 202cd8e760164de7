"""A router's firewall as a machine that can be executed: `knockctl.automaton.machine`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from knockctl.automaton.chains import Program
from knockctl.automaton.machine import ClockName, Clocks, Reaction
from knockctl.automaton.packet import Scope, WirePacket
from knockctl.automaton.questions import Ask, Atom, Of
from knockctl.automaton.verdict import Verdict
from knockctl_routeros.semantics import chained, memory
from knockctl_routeros.semantics.conditions import (
    Add,
    Leave,
    Notrack,
    Stop,
)
from knockctl_routeros.semantics.firewall import Firewall, firewall
from knockctl_routeros.semantics.memory import Memory, State
from knockctl_routeros.semantics.program import (
    HERE,
    Fate,
    Instruction,
    Specialiser,
)
from knockctl_routeros.semantics.ruleset import LIKE, Ruleset

_MOST_FATES = 20_000
_MENUS = {4: "/ip firewall", 6: "/ipv6 firewall"}


@dataclass
class RouterModel:
    """Satisfies ``knockctl.automaton.machine.DeviceModel``.

    Packets pass ``raw prerouting``, connection tracking, and of ``filter`` the chain ``input``
    where they are for the router itself, ``forward`` otherwise. A router that starts anew
    forgets its lists; that is no part of the model, nor is a list that runs full.
    """

    rules: Ruleset
    evidence: str = "fact sheet"
    refresh: bool = True
    """Whether an address that is put on a list again stays the full time from then on. The
    manual doesn't say (fact sheet 2.2); without, it keeps its first deadline."""

    @cached_property
    def _firewall(self) -> Callable[[int], Firewall]:
        """One family's rules, compiled when they are asked for."""
        return lru_cache(lambda family: firewall(self.rules, 6 if family == 6 else 4))

    # --- the contract ---

    def scope(self, scope: Scope) -> Scope:
        """Return the scope with the members of its interface list, where rules tell them apart."""
        members = {LIKE.format(name): some for name, some in self.rules.interface_lists.items()}
        every = (one for name in scope.interfaces for one in members.get(name) or (name,))
        return replace(scope, interfaces=tuple(every))

    @property
    def initial(self) -> State:
        """Nobody is on a list but by configuration."""
        return ()

    def predicates(self, family: int) -> Iterator[Atom]:
        """Yield every question a family's rules put to a packet."""
        rules = self._firewall(family)
        yield HERE
        for chain in rules.chains.values():
            for rule in chain:
                yield from rules.atoms(rule)

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

    @cached_property
    def _fate(self) -> Callable[[WirePacket], Fate]:
        """What one packet meets; kept, as explorers ask again and again."""
        return lru_cache(_MOST_FATES)(lambda one: self._specialised(one.family, Of(one)))

    def program(self, family: int) -> Program:
        """Return what packets of a family meet, as chains of the rules that ``step`` plays."""
        return chained.program(self._firewall(family), _MENUS[family])

    def untracks(self, family: int) -> bool:
        """Return False: none comes untracked. What raw exempts it exempts in here."""
        del family
        return False

    def _specialised(self, family: int, ask: Ask, *, verdict: bool = True) -> Fate:
        return Specialiser(self._firewall(family), ask, verdict, _MENUS[family]).fate()


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

    def play(self, program: tuple[Instruction, ...]) -> Verdict | None:
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
