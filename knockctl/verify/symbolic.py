"""Time as a question: what lets the reference automaton run on no clock at all.

The automaton adds seconds to ``now`` and compares the sums with a later ``now`` and with each
other. ``Now`` and ``Deadline`` answer those comparisons by asking how old a clock is, so the
very code that judges packets at times in seconds is what the explorer executes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from knockctl.automaton.reference import NEVER, Site, State
from knockctl.policy.resolved import ResolvedPolicy

Younger = Callable[[int, int], bool]
"""Asks whether clock ``n`` is younger than so many seconds."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """So many seconds after the packet that reset a clock."""

    clock: int
    seconds: int
    younger: Younger = field(compare=False, repr=False)

    def __gt__(self, other: object) -> bool:
        """Compare with ``NEVER``, or, being of this very packet, with an older deadline.

        ``now + new > then + old`` just when the old clock's age is at least ``old - new``.
        """
        if isinstance(other, Deadline):
            return not self.younger(other.clock, other.seconds - self.seconds)
        return True

    def __lt__(self, other: object) -> bool:
        """Never before ``NEVER``; between deadlines only ``>`` is ever asked."""
        return False


@dataclass(frozen=True, slots=True)
class Now:
    """The moment a packet arrives, which resets ``clock``."""

    clock: int
    younger: Younger

    def __add__(self, seconds: int) -> Deadline:
        """Return a deadline so many seconds from now."""
        return Deadline(self.clock, seconds, self.younger)

    def __lt__(self, other: object) -> bool:
        """Tell whether a deadline has not been reached."""
        return isinstance(other, Deadline) and self.younger(other.clock, other.seconds)


def as_number(now: Now) -> float:
    """Pass a symbolic time where the automaton takes seconds: it only adds and compares."""
    return cast("float", now)


States = tuple[State, ...]


def deadlines(states: States) -> Iterator[Deadline]:
    """Yield every deadline that states hold, in a fixed order."""
    for state in states:
        for time in (*(s.deadline for s in state.stages), *_times(state)):
            if isinstance(time, Deadline):
                yield time


def _times(state: State) -> tuple[float, ...]:
    return (
        state.granted_until,
        state.locked_until,
        state.paused_until,
        state.spent_until,
        state.unsettled_until,
    )


def renamed(states: States, names: Mapping[int, int]) -> States:
    """Return the same states with clocks called by other numbers."""

    def time(value: Any) -> Any:
        return replace(value, clock=names[value.clock]) if isinstance(value, Deadline) else value

    return tuple(
        State(
            tuple(replace(s, deadline=time(s.deadline)) for s in state.stages),
            *map(time, _times(state)),
        )
        if _timed(state)
        else state
        for state in states
    )


def _timed(state: State) -> bool:
    times = (*_times(state), *(s.deadline for s in state.stages))
    return any(time != NEVER for time in times)


def thresholds(site: Site, states: States) -> Iterator[tuple[int, int]]:
    """Yield ``(clock, seconds)`` for everything the automaton may ask of these states.

    A lock-out is compared with every other that may follow it: which of two ends later.
    """
    for policy, state, relaxed in zip(site.policies, states, site.relaxations, strict=True):
        for stage in state.stages:
            if isinstance(stage.deadline, Deadline):
                yield stage.deadline.clock, stage.deadline.seconds
        for until, others in (
            (state.granted_until, (policy.grant_duration,)),
            (state.locked_until, _locks(policy)),
            (state.paused_until, ()),
            (state.spent_until, ()),
            (state.unsettled_until, ()),
        ):
            if isinstance(until, Deadline):
                yield until.clock, until.seconds
                for other in others:
                    if until.seconds > other + relaxed.lag:
                        yield until.clock, until.seconds - other - relaxed.lag


def _locks(policy: ResolvedPolicy) -> tuple[int, ...]:
    own = () if policy.lockout is None else (policy.lockout,)
    return tuple({*own, *(trap.lockout for trap in policy.traps)})
