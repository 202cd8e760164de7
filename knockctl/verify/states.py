"""The nodes of an exploration: states that policy and device are in together, and the way there.

A node is the automaton's states, the device's state, and for each clock which of the seconds that
matter have passed. Nodes follow from one another by a packet that both sides judge, or by the next
second that matters on some clock.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from knockctl.automaton.machine import ClockName, Reaction
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.reference import Packet, Step
from knockctl.verify.symbolic import States
from knockctl.verify.zones import Zone

NEW = -1
"""The clock that the packet at hand resets, until it gets a number."""
OLD = 0
"""A clock for which every second that matters has passed. Numbers begin at 1."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One packet of the alphabet, as the device and as the policy see it."""

    packet: WirePacket
    event: Packet | None
    """None: not to the protected address, or not by a protected interface."""
    source: int = 0
    """Which of the explored sources sends it."""
    guesses: frozenset[str] = frozenset()
    """Rules that can't be interpreted and were taken to match, or not to."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """One packet judged by both."""

    letter: Letter
    expected: Step
    got: Reaction[Any]


Judge = Callable[[Meeting], str | None]
"""Names what is wrong with a meeting; None when both agree."""


Age = tuple[tuple[int, ...], int]
"""Which policies a clock was first reset for, and its rank among their clocks, the oldest lowest.

The clocks of different policies have no order: remembering one would only multiply states.
"""


@dataclass(frozen=True, slots=True)
class Key:
    """What tells two states apart, zones aside."""

    references: tuple[States, ...]
    device: Any
    clocks: tuple[tuple[ClockName, int], ...]
    phases: tuple[int, ...]
    colour: Hashable = None
    ages: tuple[Age, ...] = ()
    """The clocks' order; empty where zones know it."""


@dataclass(slots=True)
class Node:
    """A state, and how it was first reached."""

    key: Key
    thresholds: tuple[tuple[int, ...], ...]
    zone: Zone | None
    parent: Node | None = None
    edge: Meeting | tuple[int, int] | None = None
    """The packet that led here, or ``(clock, seconds)``: that clock of the parent's passed that."""
    origins: tuple[int, ...] = ()
    """For each clock here, its number in the parent; ``NEW`` for the packet's own."""
    packets: int = 0

    def limits(self) -> Iterator[tuple[int, int, int]]:
        """Yield ``(clock, passed, next)``: its age is at least the one and below the other."""
        for clock, (passed, seconds) in enumerate(
            zip(self.key.phases, self.thresholds, strict=True), start=1
        ):
            yield clock, passed, next(s for s in seconds if s > passed)

    def passing(self) -> Iterator[tuple[int, int]]:
        """Yield ``(clock, seconds)`` for what may be reached next.

        Not before an older clock has passed as much: it comes there first.
        """
        limits = [(clock, limit) for clock, _, limit in self.limits()]
        ages = self.key.ages or (((), 0),) * len(limits)
        for clock, limit in limits:
            mine, rank = ages[clock - 1]
            if not any(
                ages[other - 1][0] == mine and ages[other - 1][1] < rank and awaited <= limit
                for other, awaited in limits
            ):
                yield clock, limit

    def path(self) -> list[Node]:
        """Return the way from the beginning to here."""
        nodes: list[Node] = []
        node: Node | None = self
        while node:
            nodes.append(node)
            node = node.parent
        return nodes[::-1]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A packet that was judged differently, and the state it arrived in."""

    what: str
    before: Node
    meeting: Meeting
