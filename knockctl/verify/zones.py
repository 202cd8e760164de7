"""Difference bounds: which ages of clocks are possible together.

A zone over clocks 1..n is a matrix ``m`` with ``x_i - x_j < m[i][j]`` or ``<=``; index 0 is the
constant zero. A bound is one integer: twice the constant, plus one where equality is allowed,
so that comparing bounds is comparing integers. Seconds are whole, as all policies' are.

After Bengtsson and Yi, *Timed Automata: Semantics, Algorithms and Tools* (2004).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

INFINITE = 1 << 60
ZERO = 1
"""The bound ``<= 0``."""


def below(seconds: int) -> int:
    """Return the bound ``< seconds``."""
    return 2 * seconds


def at_most(seconds: int) -> int:
    """Return the bound ``<= seconds``."""
    return 2 * seconds + 1


def _plus(one: int, two: int) -> int:
    if one >= INFINITE or two >= INFINITE:
        return INFINITE
    return ((one >> 1) + (two >> 1)) * 2 + (one & two & 1)


@dataclass(frozen=True, slots=True)
class Zone:
    """A non-empty zone in canonical form: every bound is as tight as the others make it."""

    bounds: tuple[tuple[int, ...], ...] = ((ZERO,),)

    @property
    def clocks(self) -> int:
        """How many clocks there are."""
        return len(self.bounds) - 1

    def elapsed(self) -> Zone:
        """Let any time pass."""
        rows = [list(row) for row in self.bounds]
        for row in rows[1:]:
            row[0] = INFINITE
        return Zone(tuple(tuple(row) for row in rows))

    def where(self, one: int, other: int, bound: int) -> Zone | None:
        """Add ``x_one - x_other`` within a bound; None when nothing is left."""
        old = self.bounds
        if bound >= old[one][other]:
            return self
        if _plus(bound, old[other][one]) < ZERO:
            return None
        size = range(len(old))
        rows = [list(row) for row in old]
        rows[one][other] = bound
        for i in size:
            via = _plus(rows[i][one], bound)
            for j in size:
                through = _plus(via, rows[other][j])
                rows[i][j] = min(rows[i][j], through)
        return Zone(tuple(tuple(row) for row in rows))

    def younger(self, clock: int, seconds: int, *, closed: bool = False) -> Zone | None:
        """Add ``x_clock < seconds`` (or ``<=``)."""
        return self.where(clock, 0, at_most(seconds) if closed else below(seconds))

    def older(self, clock: int, seconds: int) -> Zone | None:
        """Add ``x_clock >= seconds``."""
        return self.where(0, clock, at_most(-seconds))

    def kept(self, clocks: Sequence[int]) -> Zone:
        """Return the zone over these clocks, in this order; a 0 stands for one just reset.

        A clock not kept is one nobody will ask for again: forgetting it loses nothing.
        """
        order = [0, *clocks]
        return Zone(tuple(tuple(self.bounds[i][j] for j in order) for i in order))

    def extrapolated(self, largest: Mapping[int, int]) -> Zone:
        """Forget what no question can find out: bounds beyond the largest one asked for.

        Exact for reachability where clocks are only compared with constants: Behrmann, Bouyer,
        Larsen, Pelanek (2006).
        """
        rows = [list(row) for row in self.bounds]
        size = range(len(rows))
        changed = False
        for i in size:
            for j in size:
                if i == j:
                    continue
                if i and INFINITE > rows[i][j] > at_most(largest[i]):
                    rows[i][j], changed = INFINITE, True
                elif j and rows[i][j] < below(-largest[j]):
                    rows[i][j], changed = below(-largest[j]), True
        return Zone(_canonical(rows)) if changed else self

    def inside(self, other: Zone) -> bool:
        """Tell whether every valuation of this zone is in the other."""
        return all(
            mine <= theirs
            for row, others in zip(self.bounds, other.bounds, strict=True)
            for mine, theirs in zip(row, others, strict=True)
        )


def _canonical(rows: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    size = range(len(rows))
    for k in size:
        for i in size:
            via = rows[i][k]
            if via >= INFINITE:
                continue
            for j in size:
                rows[i][j] = min(rows[i][j], _plus(via, rows[k][j]))
    return tuple(tuple(row) for row in rows)
