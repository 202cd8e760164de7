"""Guessing a sequence: how many guesses there are, and how long they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from knockctl.automaton.lint.playing import Player, elsewhere, to
from knockctl.policy.lint import ALL_PORTS
from knockctl.policy.lint import odds as written
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
    """The same from one source that every wrong guess locks out; None where none does."""

    def data(self) -> dict[str, Any]:
        """Return JSON-able data."""
        return {
            "knocks": self.knocks,
            "guesses": self.guesses,
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
    half = guesses / 2
    free = half * knocks / RATE
    pause = _pause(policy)
    locked = None if pause is None else half * (knocks / RATE + pause)
    return Odds(knocks, guesses, free, locked)


def _pause(policy: ResolvedPolicy) -> float | None:
    """Play a wrong guess; return for how many seconds it locks the guesser out."""
    player, other = Player(policy), elsewhere(policy)
    if other is None:
        return None
    for number in range(max(len(generation.knocks) for generation in policy.generations)):
        player.send(number / RATE, to(other))
    if player.state().locked:
        return player.state().locked_until
    # Most first guesses are no knock at all: only a guess that begins right is punished.
    player = Player(policy)
    first = policy.generations[-1].knocks[0]
    player.send(0.0, to(first.span, first.payload))
    player.send(1 / RATE, to(other))
    share = len(policy.generations) / ALL_PORTS
    return player.state().locked_until * share if player.state().locked else None


def _time(seconds: float) -> str:
    for name, length in (("years", _YEAR), ("days", 24 * HOUR), ("hours", HOUR), ("minutes", 60)):
        if seconds >= 2 * length:
            count = seconds / length
            return f"{count:,.0f} {name}" if count < 10**6 else f"{count:.2e} {name}"
    return f"{seconds:.3g} seconds"
