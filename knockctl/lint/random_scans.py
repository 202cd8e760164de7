"""A scan of all ports in random order, nmap's default: the exact odds that it opens a policy.

The scan is faster than anything expires, so only the order of its ports counts. Every port
stands at a random place of a line; the knocks divide it into slots. A trap before the grant
locks out; what else is wrong does harm in some slots and none in others. The knocks' orders
are followed through the reference automaton slot by slot; how likely it is that all traps and
wrong ports miss the slots in which they harm is a product of few factors: the lengths of the
slots are Dirichlet distributed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import factorial

from knockctl.automaton.reference import Packet, State, judge
from knockctl.lint.arithmetic import Warned, field_of
from knockctl.lint.playing import SOMEBODY
from knockctl.lint.port_classes import Kind, kinds
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy

Left = frozenset[tuple[Packet, int]]
"""Knocks still to come, and how often."""

_WRONG = Packet(SOMEBODY, "tcp", 0)
"""Stands for a port that is nothing to any policy: policies begin at port 1."""

LIKELY = 10_000
"""One scan in fewer than so many opens it: worth a warning."""


def lucky_shuffles(policy: ResolvedPolicy) -> Iterator[Warned]:
    """Yield the sequences that a shuffled scan completes by chance, with the odds."""
    for generation in policy.generations:
        knocks = len(generation.knocks)
        # In no policy are the odds better than those of the knocks' own order.
        if knocks == 1 or factorial(knocks) >= LIKELY:
            continue
        scans = lucky_orders(policy, generation)
        if scans is not None and scans < LIKELY:
            yield Warned(
                "shuffled-scan-opens",
                (field_of(policy, generation),),
                "a scan of all ports in random order, nmap's default, opens it by chance",
                f"1 scan in {_written(scans)}, sent before anything expires",
            )


def lucky_orders(policy: ResolvedPolicy, generation: Generation) -> Fraction | None:
    """Return in how many shuffled scans one is let in first by this sequence; None where none is.

    The scan is of the protocols that occur in the sequence, each port once and without payload.
    """
    ports = {(knock.protocol, knock.port) for knock in generation.knocks}
    if len(ports) < len(generation.knocks):
        return None
    odds = _Orders.of(policy, generation).odds()
    return 1 / odds if odds else None


def _written(scans: Fraction) -> str:
    return f"{scans.numerator:,}" if scans.denominator == 1 else f"{float(scans):,.1f}"


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a line of ports, read up to some knock, has brought the source."""

    state: State
    left: Left
    clean: int = 0
    """Slots so far without any wrong port, nor any trap."""
    spared: int = 0
    """Slots so far without any trap."""


@dataclass(frozen=True, slots=True)
class _Orders:
    """The lines of all ports, by the order of their knocks."""

    policy: ResolvedPolicy
    generation: Generation
    knocks: frozenset[Packet]
    traps: int
    wrong: Kind | None

    @classmethod
    def of(cls, policy: ResolvedPolicy, generation: Generation) -> _Orders:
        """Sort the ports that the scan meets."""
        scanned = kinds(policy, sorted({knock.protocol for knock in generation.knocks}))
        knocks, traps, wrong = set(), 0, None
        for kind in scanned:
            port = kind.packet.protocol, kind.packet.port
            if policy.is_knock(*port):
                knocks.add(kind.packet)
            elif policy.is_trap(*port):
                traps += kind.count
            elif not policy.is_service(*port) and not policy.is_public(*port):
                wrong = kind
        return cls(policy, generation, frozenset(knocks), traps, wrong)

    def odds(self) -> Fraction:
        """Add up the odds of all orders of the knocks that open."""
        fresh = State.initial(self.policy)
        ways = Counter({_Way(fresh, self._sorted(fresh, Counter(self.knocks))): 1})
        total = Fraction(0)
        while ways:
            behind: Counter[_Way] = Counter()
            for way, count in self._slots(ways).items():
                for knock, times in way.left:
                    after = self._after(way.state, knock)
                    left = self._sorted(after, Counter(dict(way.left)) - Counter([knock]))
                    if after.granted:
                        if self._completes(way.state, knock):
                            total += count * times * self._missed(way)
                    elif not after.locked and self._possible(after, left):
                        behind[_Way(after, left, way.clean, way.spared)] += count * times
            ways = behind
        return total / factorial(len(self.knocks))

    def _slots(self, ways: Counter[_Way]) -> Counter[_Way]:
        """Let wrong ports come, or not, before the next knock."""
        after: Counter[_Way] = Counter()
        for way, count in ways.items():
            wrong = self._after(way.state, self.wrong.packet) if self.wrong else way.state
            spared = way.clean, way.spared + 1
            clean = way.clean + 1, way.spared
            if wrong == way.state:
                after[_Way(way.state, way.left, *spared)] += count
                continue
            after[_Way(way.state, way.left, *clean)] += count
            if not wrong.locked and self._possible(wrong, way.left):
                # Some wrong port: any number of them, less none.
                after[_Way(wrong, way.left, *spared)] += count
                after[_Way(wrong, way.left, *clean)] -= count
        return after

    def _sorted(self, state: State, left: Counter[Packet]) -> Left:
        """Put together the knocks that no sequence can come to any more: they all do the same.

        So the ways stay few for long sequences, too.
        """
        alive = {(k.protocol, k.port) for k in self._alive(state, left)}
        together: Counter[Packet] = Counter()
        for knock, times in left.items():
            port = knock.protocol, knock.port
            # A service that comes too early is not wrong, a knock out of turn is.
            keep = port in alive or self.policy.is_service(*port)
            together[knock if keep else _WRONG] += times
        return frozenset(together.items())

    def _alive(self, state: State, left: Counter[Packet]) -> Iterator[Knock]:
        """Yield what can still advance a sequence, now or after a reset."""
        ports = {(packet.protocol, packet.port) for packet in left}
        for generation, stage in zip(self.policy.generations, state.stages, strict=True):
            for start in {0, stage.reached}:
                for knock in generation.knocks[start:]:
                    if (knock.protocol, knock.port) not in ports:
                        break
                    yield knock

    def _missed(self, way: _Way) -> Fraction:
        """Return the odds that harmful ports miss the slots, times the orders of what is left."""
        free = sum(times for _, times in way.left)
        left = free - 1
        harmful = self.traps + (self.wrong.count if self.wrong else 0)
        odds = Fraction(factorial(left))
        for slot in range(free, free + way.spared):
            odds *= Fraction(slot, slot + self.traps)
        for slot in range(free + way.spared, free + way.spared + way.clean):
            odds *= Fraction(slot, slot + harmful)
        return odds

    def _after(self, state: State, packet: Packet) -> State:
        return judge(self.policy, state, packet, 0.0).state

    def _stage(self, state: State) -> int:
        index = self.policy.generations.index(self.generation)
        return state.stages[index].reached

    def _completes(self, state: State, packet: Packet) -> bool:
        last = self.generation.knocks[-1]
        here = (last.protocol, last.port) == (packet.protocol, packet.port)
        return here and self._stage(state) + 1 == len(self.generation.knocks)

    def _possible(self, state: State, left: Left) -> bool:
        """Tell whether all knocks that the sequence still needs are to come."""
        ports = {(packet.protocol, packet.port) for packet, _ in left}
        needed = self.generation.knocks[self._stage(state) :]
        return all((knock.protocol, knock.port) in ports for knock in needed)
