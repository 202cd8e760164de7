"""An IOS router as a machine that can be executed: `knockctl.automaton.machine`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from knockctl.automaton.chains import Program
from knockctl.automaton.machine import ClockName, Clocks, ConcreteClocks, Reaction
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.questions import Ask, Atom, Of
from knockctl.automaton.verdict import Verdict
from knockctl_ios.semantics import memory
from knockctl_ios.semantics.compiled_config import Surroundings
from knockctl_ios.semantics.conditions import holds
from knockctl_ios.semantics.configured import Configured
from knockctl_ios.semantics.dispositions import (
    INSIDE,
    LOCAL,
    Decided,
    Fate,
    Judged,
    Matched,
    Step,
    Walk,
)
from knockctl_ios.semantics.document import Document
from knockctl_ios.semantics.lists import addressed
from knockctl_ios.semantics.logs import Kind, Message
from knockctl_ios.semantics.memory import State, Switches
from knockctl_ios.semantics.program import program
from knockctl_ios.semantics.router import Memory
from knockctl_ios.semantics.settling import settled, thresholds
from knockctl_ios.semantics.tcl import Interpreter

FAMILIES = (4, 6)
_MOST_FATES = 20_000


@dataclass
class IosModel:
    """Satisfies ``knockctl.automaton.machine.DeviceModel``.

    A packet meets its interface's input access list; what is for the router itself then the
    control plane. Nothing is remembered of flows: a list judges each packet for itself.
    """

    document: Document
    evidence: str = "fact sheet"
    switches: Switches = field(default_factory=Switches)
    interpreter: Interpreter = field(default_factory=Interpreter, repr=False, compare=False)
    """Runs Tcl policies, where time is a number."""
    interfaces: tuple[str, ...] = ()
    """Those that ``program`` is about; none: all."""
    _horizons: dict[Message, tuple[int, ...]] = field(default_factory=dict, repr=False)

    @cached_property
    def around(self) -> Surroundings:
        """Everything that is configured, compiled."""
        return Surroundings(self.document, self.switches)

    @cached_property
    def configured(self) -> Configured:
        """What log lines and commands meet."""
        return self.around.configured

    def _ahead(self, message: Message) -> tuple[int, ...]:
        """Return how long anything may last that a line begins."""
        if message not in self._horizons:
            self._horizons[message] = self.around.ahead(message)
        return self._horizons[message]

    # --- the contract ---

    @property
    def initial(self) -> State:
        """Nobody has knocked."""
        return State()

    def predicates(self, family: int) -> Iterator[Atom]:
        """Yield every question the configuration puts to a packet."""
        yield from (INSIDE, LOCAL)
        yield from self.around.atoms(family)

    def signature(self, family: int, ask: Ask, *, verdict: bool = True) -> Hashable:
        """Return what is left of lists, classes and patterns for such packets."""
        walk = Walk(self.around, family, ask)
        return walk.fate() if verdict or walk.lasting() else None

    def step(self, state: State, packet: WirePacket, clocks: Clocks) -> Reaction[State]:
        """Ask the interface's list, then the control plane; log, and let applets act."""
        mind = Memory.of(self.settle(state, clocks), self.configured, clocks, self.interpreter)
        run = _Run(mind, packet, self.switches)
        verdict = run.through(self._fate(packet))
        after = mind.frozen()
        found = frozenset(mind.resets and mind.resets & set(self.thresholds(after)))
        return Reaction(verdict, after, found, tuple(run.places), run.keyed and not after.shared)

    def execute(
        self, state: State, command: str, clocks: Clocks
    ) -> tuple[State, str, frozenset[ClockName]]:
        """Run a command that an operator types: ``access-template``, ``clear …``, ``show …``.

        Returns the state after it, what it prints, and the clocks that start with it. Commands
        beyond those of access lists print that they are invalid.
        """
        mind = Memory.of(self.settle(state, clocks), self.configured, clocks)
        printed = mind.command(" ".join(command.split()))
        # Whoever types it knows what he does: that is no packet's doing.
        mind.shared = state.shared
        after = mind.frozen()
        return after, printed, frozenset(mind.resets & set(self.thresholds(after)))

    def settle(self, state: State, clocks: Clocks) -> State:
        """Let lines and runs act whose time has come; forget what is over."""
        if isinstance(clocks, ConcreteClocks) and state.resting:
            # Much may have come due since the last packet: one thing after the other.
            for before in self._due(state, clocks):
                state = settled(state, self.configured, before, self.interpreter)
        return settled(state, self.configured, clocks, self.interpreter)

    def _due(self, state: State, clocks: ConcreteClocks) -> Iterator[ConcreteClocks]:
        """Yield the clocks as they stood each time something may have come due."""
        started = clocks.started
        found = {
            started[name] + seconds
            for name, asked in self.thresholds(state).items()
            for seconds in asked
            if name in started and started[name] + seconds < clocks.now
        }
        for moment in sorted(found):
            yield ConcreteClocks(moment, started)

    def thresholds(self, state: State) -> Mapping[ClockName, tuple[int, ...]]:
        """Return the clocks of temporary entries, of lines on their way, of applets."""
        return thresholds(state, self.configured, self._ahead)

    def delayed(self, seconds: int) -> IosModel:
        """Return the machine whose applets act so many seconds after a line was logged."""
        switches = replace(self.switches, delay=seconds, together=True)
        return IosModel(self.document, self.evidence, switches, self.interpreter)

    def program(self, family: int) -> Program:
        """Return what packets for the router itself meet, as chains of rules."""
        return program(self.around, family, self.interfaces)

    def untracks(self, family: int) -> bool:
        """Tell whether some rule exempts packets from tracking: here no flow is tracked."""
        del family
        return False

    # --- what a kind of packet meets ---

    @cached_property
    def _fate(self) -> Callable[[WirePacket], Fate]:
        """What one packet meets; kept, as explorers ask again and again."""
        return lru_cache(_MOST_FATES)(lambda one: self._specialised(one.family, Of(one)))

    def _specialised(self, family: int, ask: Ask) -> Fate:
        return Walk(self.around, family, ask).fate()


@dataclass(slots=True)
class _Run:
    """One packet, judged with what earlier ones left behind."""

    mind: Memory
    packet: WirePacket
    switches: Switches
    places: list[str] = field(default_factory=list)
    keyed: bool = True

    def through(self, fate: Fate) -> Verdict:
        """Return the verdict."""
        if fate.first:
            return self._decided(fate.first)
        step = self._list(fate.steps)
        if step:
            self.places.append(step.place)
            if step.log:
                self._listed(step.log)
            if not step.permits:
                return Verdict.REFUSE
        elif fate.listed:
            return Verdict.PASS
        verdict = Verdict.ACCEPT if step else fate.otherwise
        if fate.behind:
            return self._decided(fate.behind)
        if not fate.ends:
            verdict = self._plane(fate, verdict)
        return self._decided(fate.last) if fate.last and verdict is Verdict.ACCEPT else verdict

    def _decided(self, by: Decided) -> Verdict:
        self.places.append(by.place)
        return by.verdict

    def _plane(self, fate: Fate, permitted: Verdict) -> Verdict:
        found = [(one, policy) for policy in fate.policies if (one := self._class(policy))]
        dropping = next((one for one, _ in found if one.drops), None)
        deciding = dropping or next((one for one, some in found if _spares(one, some)), None)
        if deciding:
            self.places.append(deciding.place)
        for dropped, kind in fate.logs:
            if dropped is (dropping is not None):
                self.mind.log(Message.of(kind, self.packet))
        return Verdict.REFUSE if dropping else permitted

    def _class(self, policy: Iterable[Judged]) -> Judged | None:
        for one in policy:
            answers = [self._holds(found) is not negated for found, negated in one.matches]
            if all(answers) if one.every else any(answers):
                return one
        return None

    def _holds(self, found: Matched) -> bool:
        if isinstance(found, bool):
            return found
        step = self._list(found)
        return step is not None and step.permits

    def _list(self, steps: Iterable[Step]) -> Step | None:
        for step in steps:
            if step.dynamic is None:
                return step
            for entry in self.mind.entries_of(*step.dynamic):
                if self._temporary(entry):
                    self.mind.used(entry)
                    return step
        return None

    def _temporary(self, entry: memory.Entry) -> bool:
        *_, source, destination = entry.key
        asks = addressed(source, "source"), addressed(destination, "destination")
        exact = source == f"host {self.packet.source}"
        found = all(holds(one, Of(self.packet)) for one in asks)
        self.keyed = self.keyed and (exact or source.startswith("host "))
        return found and entry.alive(self.mind)

    def _listed(self, kind: Kind) -> None:
        """Log what a list's entry says; of a flow only its first packet, for a while."""
        message = Message.of(kind, self.packet)
        if self.switches.summarised:
            flow = ("flow", kind.name, kind.protocol, *(str(part) for part in message[1:]))
            if flow in self.mind.counted:
                return
            self.mind.counted.add(flow)
            self.mind.resets.add(flow)
        self.mind.log(message)


def _spares(one: Judged, policy: Sequence[Judged]) -> bool:
    """Tell whether a class takes a packet that one below it may drop, the default aside."""
    return any(below.drops and below.matches for below in policy[policy.index(one) + 1 :])
