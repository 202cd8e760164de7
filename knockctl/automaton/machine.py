"""What a vendor's ``semantics`` hands over: its device as a machine that can be executed.

A model is written from the device's documentation. Its states hold no times: the one thing it
may ask about time is whether a clock, reset by an earlier packet, is still younger than so many
seconds. Concrete clocks answer from numbers, the explorer from what is possible.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, cast

from knockctl.automaton.chains import Program
from knockctl.automaton.packet import Scope, WirePacket
from knockctl.automaton.questions import Ask, Atom
from knockctl.automaton.verdict import Verdict

ClockName = tuple[Hashable, ...]


class Clocks(Protocol):
    """Answers the only question about time."""

    def younger(self, name: ClockName, seconds: int) -> bool:
        """Tell whether the clock was last reset less than so many seconds ago."""


S = TypeVar("S", bound=Hashable)


class Late(Protocol):
    """A machine that can also be made to show what packets change only later."""

    def delayed(self, seconds: int) -> DeviceModel[Any]:
        """Return the machine on which every change shows so many seconds after its packet."""


def delayed(model: DeviceModel[Any], seconds: int) -> DeviceModel[Any]:
    """Return the machine that late, where it can be late at all."""
    return cast("Late", model).delayed(seconds) if seconds and hasattr(model, "delayed") else model


class Untracking(Protocol):
    """A machine that knows connection tracking, and whether rules exempt packets from it."""

    def untracks(self, family: int) -> bool:
        """Tell whether some rule of an IP version may."""


def untracks(model: DeviceModel[Any], family: int) -> bool:
    """Tell whether packets may be exempt from tracking; where a machine doesn't say, they may."""
    return not hasattr(model, "untracks") or cast("Untracking", model).untracks(family)


class Scoped(Protocol):
    """A machine that knows more of which packets are the policies' than a placement says."""

    def scope(self, scope: Scope) -> Scope:
        """Return a scope with what only the device's configuration tells of it."""


def scoped(model: DeviceModel[Any], scope: Scope) -> Scope:
    """Return the scope on this device, where it says more about it."""
    return cast("Scoped", model).scope(scope) if hasattr(model, "scope") else scope


class Chained(Protocol):
    """A machine that can also say what packets meet, as chains of rules."""

    def program(self, family: int) -> Program:
        """Return what packets of an IP version meet, made of the rules that ``step`` asks."""


@dataclass(frozen=True, slots=True)
class Reaction(Generic[S]):
    """What a device did with one packet."""

    verdict: Verdict
    """``PASS`` where the configuration at hand ends without a verdict of its own."""
    state: S
    resets: frozenset[ClockName]
    """The clocks that start anew with this packet."""
    rules: tuple[str, ...] = ()
    """The rules that matched, in order; the last one decided."""
    keyed: bool = True
    """Every state looked at or written belongs to the packet's exact source alone."""


class DeviceModel(Protocol[S]):
    """A device's configuration as a machine. All methods are pure."""

    evidence: str
    """What the model rests on: ``kernel``, ``translated to kernel``, ``fact sheet``, …"""

    @property
    def initial(self) -> S:
        """Return the state nobody has sent a packet in; its clocks begin with the first look."""

    def predicates(self, family: int) -> Iterable[Atom]:
        """Yield every question the configuration puts to a packet of an IP version."""

    def signature(self, family: int, ask: Ask, *, verdict: bool = True) -> Hashable:
        """Return what becomes of a packet as far as the packet alone decides it.

        Where the verdict is nobody's concern, only what the packet leaves behind.

        Packets with equal signatures can't be told apart by this device, in any state. ``ask``
        answers predicates; the same model asked the same questions asks the same next one.
        """

    def step(self, state: S, packet: WirePacket, clocks: Clocks) -> Reaction[S]:
        """Return what the device does with a packet."""

    def settle(self, state: S, clocks: Clocks) -> S:
        """Return the same state without what time has made meaningless."""

    def thresholds(self, state: S) -> Mapping[ClockName, tuple[int, ...]]:
        """Return, for every clock the state still depends on, all seconds it may be asked for."""


@dataclass(slots=True)
class ConcreteClocks:
    """Clocks in numbers: for simulations, twins, and replaying a counterexample."""

    now: float = 0.0
    started: dict[ClockName, float] = field(default_factory=dict)

    def younger(self, name: ClockName, seconds: int) -> bool:
        """Compare with the time of the last reset."""
        begun = self.started.get(name)
        return begun is not None and self.now - begun < seconds

    def reset(self, names: Iterable[ClockName]) -> None:
        """Start clocks anew, now."""
        for name in names:
            self.started[name] = self.now


@dataclass(slots=True)
class Machine(Generic[S]):
    """A model at work on concrete packets at concrete times."""

    model: DeviceModel[S]
    clocks: ConcreteClocks = field(default_factory=ConcreteClocks)
    _state: S | None = None

    @property
    def state(self) -> S:
        """The model's present state."""
        return self.model.initial if self._state is None else self._state

    def feed(self, packet: WirePacket, now: float) -> Reaction[S]:
        """Let the device judge a packet that arrives at ``now`` (seconds, never going back)."""
        if self._state is None:
            # What the device lists beforehand with a timeout runs from the beginning.
            self.clocks.reset(self.model.thresholds(self.model.initial))
        self.clocks.now = now
        state = self.model.settle(self.state, self.clocks)
        reaction = self.model.step(state, packet, self.clocks)
        self.clocks.reset(reaction.resets)
        self._state = reaction.state
        return reaction
