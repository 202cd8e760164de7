"""Guessing a sequence: how many guesses there are, and how long they take."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from knockctl.automaton.reference import State, judge
from knockctl.lint.arithmetic import ALL_PORTS
from knockctl.lint.arithmetic import odds as written
from knockctl.lint.port_classes import kinds
from knockctl.policy.resolved import ResolvedPolicy

RATE = 1_000
"""Packets a second that one guesser is taken to send."""
HOUR = 3600
_YEAR = 365 * 24 * HOUR


@dataclass(frozen=True, slots=True)
class Odds:
    """What a blind guesser is up against."""

    knocks: int
    guesses: int
    """Whole sequences over all ports of TCP and UDP."""
    seconds: float
    """To try half of them, at ``RATE`` packets a second, were nobody locked out."""
    seconds_locked: float | None
    """The same from one source that breaks off and waits whenever a guess locks it out; None
    where no guess does."""

    @property
    def expected(self) -> int:
        """The guesses that it takes on average: half of all."""
        return self.guesses // 2

    def data(self) -> dict[str, Any]:
        """Return JSON-able data."""
        return {
            "knocks": self.knocks,
            "guesses": self.guesses,
            "expected_guesses": self.expected,
            "packets_per_second": RATE,
            "seconds": self.seconds,
            "seconds_with_lockout": self.seconds_locked,
        }

    def __str__(self) -> str:
        """Print in one line."""
        line = (
            f"1 in {written(self.knocks)} blind guesses;"
            f" half of them take {_time(self.seconds)} at {RATE:,} packets/s"
        )
        if self.seconds_locked is None:
            return line
        return f"{line}, {_time(self.seconds_locked)} from one source with the lock-out"


def odds(policy: ResolvedPolicy) -> Odds:
    """Return the odds against the shortest active sequence."""
    knocks = min(len(generation.knocks) for generation in policy.generations)
    guesses = ALL_PORTS**knocks
    packets, pause = guess(policy, knocks)
    free = guesses / 2 * knocks / RATE
    locked = float(Fraction(guesses, 2) * (packets / RATE + pause)) if pause else None
    return Odds(knocks, guesses, free, locked)


def guess(policy: ResolvedPolicy, knocks: int) -> tuple[Fraction, Fraction]:
    """Return how many packets a blind guess takes and for how many seconds it locks out.

    Both are exact averages over all guesses of so many packets, each to any of ``ALL_PORTS``.
    Nothing expires within a guess; the guesser breaks it off as soon as it is locked out.
    """
    ports = kinds(policy, ("tcp", "udp"), lowest=0)
    states = {State.initial(policy): Fraction(1)}
    packets = pause = Fraction(0)
    for _ in range(knocks):
        packets += sum(states.values())
        after: defaultdict[State, Fraction] = defaultdict(Fraction)
        for state, share in states.items():
            for kind in ports:
                judged = judge(policy, state, kind.packet, 0.0).state
                part = share * Fraction(kind.count, ALL_PORTS)
                if judged.locked:
                    pause += part * Fraction(judged.locked_until)
                else:
                    after[judged] += part
        states = after
    return packets, pause


def _time(seconds: float) -> str:
    for name, length in (("years", _YEAR), ("days", 24 * HOUR), ("hours", HOUR), ("minutes", 60)):
        if seconds >= 2 * length:
            count = seconds / length
            return f"{count:,.0f} {name}" if count < 10**6 else f"{count:.2e} {name}"
    return f"{seconds:.3g} seconds"
