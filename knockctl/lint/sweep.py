"""At which rates a scan opens a policy: one play for each interval in which all plays are alike.

Times in a scan are ``ticks * pace + wait``. From the fastest pace on, each play tells the next
slower pace at which something would come out differently: a deadline that a packet now meets
would be over, or two packets would change places. In between nothing changes, so that is where
the next play goes. Times are whole numbers of a unit small enough for the pace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from heapq import heapify, heappop, heappush

from knockctl.automaton.reference import NEVER, Packet, Stage, State, judge
from knockctl.policy.resolved import Generation, ResolvedPolicy

TICKS = 2
"""Ticks from one port to the next: a scan that sends twice sends on each."""
FASTEST = Fraction(1, 2**20)
"""Seconds a tick: below this no deadline of a second or more is over within any scan."""
_BETWEEN = Fraction(1, 10**12)
"""Less than there is between any two critical paces: both have a scan's ticks below them."""
MOST = 1_000
"""Intervals that are tried for one scan. Only trap ranges that lock again and again before
sequences that open have more."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Packets to a run of ports that are all alike, sent where they could do anything."""

    packet: Packet
    first: int
    last: int
    step: int = TICKS
    wait: int = 0
    """Seconds after the scanner's own pace: a retransmission."""

    def since(self, now: int, pace: Fraction) -> int:
        """Return the first tick at or after now, in the pace's unit."""
        early = now - self.wait * pace.denominator
        steps = -(-(early - self.first * pace.numerator) // (pace.numerator * self.step))
        return self.first + max(steps, 0) * self.step


@dataclass(frozen=True, slots=True)
class Range:
    """The paces, in seconds a tick, from the fastest to where it no longer opens; None: no end."""

    fast: Fraction
    slow: Fraction | None
    steps: tuple[tuple[int, int, Packet], ...]
    """Tick, wait and packet of what led to the grant, at any of these paces."""


def opening(
    policy: ResolvedPolicy, streams: Sequence[Stream], wanted: Sequence[Generation]
) -> Mapping[int, Range]:
    """Return the fastest range of paces at which each generation, by number, is completed."""
    found: dict[int, Range] = {}
    closed: set[int] = set()
    numbers = frozenset(generation.number for generation in wanted)
    pace: Fraction | None = FASTEST
    for _ in range(MOST):
        if pace is None or numbers <= closed:
            break
        play = _played(policy, streams, pace + _BETWEEN, numbers)
        for number in numbers:
            if number in play.opened and number not in closed:
                first = found.get(number)
                steps = first.steps if first else play.opened[number]
                found[number] = Range(first.fast if first else pace, play.next, steps)
            elif number in found:
                closed.add(number)
        pace = play.next
    return found


def _played(
    policy: ResolvedPolicy, streams: Sequence[Stream], pace: Fraction, wanted: frozenset[int]
) -> Play:
    """Play the whole scan, if it opens anything for a source that nothing before locked out."""
    stretched = _stretched(policy, pace.denominator)
    firsts = {(g.knocks[0].protocol, g.knocks[0].port) for g in policy.generations}
    alone = Play(stretched, streams, pace, wanted)
    for stream in streams:
        if (stream.packet.protocol, stream.packet.port) in firsts:
            alone.run(stream)
    if not alone.opened:
        return alone
    play = Play(stretched, streams, pace, wanted)
    play.run()
    play.next = min((p for p in (play.next, alone.next) if p is not None), default=None)
    return play


def _stretched(policy: ResolvedPolicy, unit: int) -> ResolvedPolicy:
    """Return the policy for a clock that makes so many units a second."""
    return replace(
        policy,
        step_timeout=policy.step_timeout * unit,
        grant_duration=policy.grant_duration * unit,
        lockout=None if policy.lockout is None else policy.lockout * unit,
        traps=tuple(replace(trap, lockout=trap.lockout * unit) for trap in policy.traps),
    )


Line = tuple[int, int]
"""Ticks and seconds: a time at every pace."""


@dataclass(slots=True)
class Play:
    """A scan at one pace: what it opened, and the next pace that could differ."""

    policy: ResolvedPolicy
    streams: Sequence[Stream]
    pace: Fraction
    wanted: frozenset[int]
    """Numbers of the generations with which it ends."""
    next: Fraction | None = None
    opened: dict[int, tuple[tuple[int, int, Packet], ...]] = field(default_factory=dict)
    _due: list[tuple[int, int, int]] = field(default_factory=list)
    _born: dict[int, Line] = field(default_factory=dict)
    """When each deadline of the state ends."""
    _steps: list[tuple[int, int, Packet]] = field(default_factory=list)

    def run(self, start: Stream | None = None) -> None:
        """Play all; or from one packet on, until the source is locked out or as it was before."""
        begin = self._time(start, start.first) if start else 0
        fresh = state = State.initial(self.policy)
        self._due = list(self._from(begin))
        heapify(self._due)
        while self._due and not self.wanted <= self.opened.keys():
            now, tick, index = heappop(self._due)
            stream = self.streams[index]
            before = state.at(now)
            if start and now > begin and before == fresh:
                break
            if before == fresh:
                self._steps = []
            state = self._fed(stream, tick, before, now)
            if start and state.locked:
                break
            if stream.last > tick:
                self._again(index, tick, before, state)
            if state != before:
                self._others(now, index)

    def _from(self, begin: int) -> Iterator[tuple[int, int, int]]:
        for index, stream in enumerate(self.streams):
            tick = stream.since(begin, self.pace)
            if tick <= stream.last:
                yield self._time(stream, tick), tick, index

    def _time(self, stream: Stream, tick: int) -> int:
        return tick * self.pace.numerator + stream.wait * self.pace.denominator

    def _fed(self, stream: Stream, tick: int, before: State, now: int) -> State:
        after = judge(self.policy, before, stream.packet, now).state
        for deadline, line in self._live(before):
            without = judge(self.policy, _forget(before, deadline), stream.packet, now).state
            if without != _forget(after, deadline):
                self._over((tick, stream.wait), line)
        if after == before:
            return after
        self._steps.append((tick, stream.wait, stream.packet))
        if tick in (stream.first, stream.last):
            self._crossed((tick, stream.wait))
        for place, (old, new) in enumerate(zip(_ends(before), _ends(after), strict=True)):
            if new not in (old, NEVER):
                seconds = (int(new) - now) // self.pace.denominator
                self._born[place] = tick, stream.wait + seconds
        if after.granted_until > before.granted_until:
            self._complete(before, stream.packet)
        return after

    def _complete(self, before: State, packet: Packet) -> None:
        for generation, stage in zip(self.policy.generations, before.stages, strict=True):
            last = generation.knocks[-1]
            here = (last.protocol, last.port) == (packet.protocol, packet.port)
            if here and stage.reached + 1 == len(generation.knocks) and not last.payload:
                self.opened.setdefault(generation.number, tuple(self._steps))

    def _again(self, index: int, tick: int, before: State, after: State) -> None:
        """Come back to a range of traps when a lock or a grant that held it off is over."""
        stream = self.streams[index]
        end = max(after.locked_until, after.granted_until)
        if end == NEVER or not self._acts(stream.packet, after.at(end), int(end)):
            return
        then = stream.since(int(end), self.pace)
        line = self._born[len(after.stages) + (1 if after.locked else 0)]
        self._over((min(then - stream.step, stream.last), stream.wait), line)
        if after.locked and before == State.initial(self.policy):
            # The lock that follows is as long, and so on until something else happens.
            length, room = then - tick, (stream.last - tick) // (then - tick)
            if self._due:
                between = self._due[0][0] - self._time(stream, tick) - 1
                room = min(room, between // (length * self.pace.numerator))
            then = tick + max(room, 1) * length
        if then <= stream.last:
            heappush(self._due, (self._time(stream, then), then, index))

    def _acts(self, packet: Packet, state: State, now: int) -> bool:
        return judge(self.policy, state, packet, now).state != state

    def _others(self, now: int, index: int) -> None:
        """Let the runs that are under way, as retransmissions are, meet what has changed."""
        for number, stream in enumerate(self.streams):
            tick = stream.since(now + 1, self.pace)
            if number != index and stream.first < tick <= stream.last:
                heappush(self._due, (self._time(stream, tick), tick, number))

    def _live(self, state: State) -> set[tuple[float, Line]]:
        ends = enumerate(_ends(state))
        return {(end, self._born[place]) for place, end in ends if end > NEVER}

    def _over(self, event: Line, end: Line) -> None:
        """Note the pace from which on the end comes no later than the event."""
        if event[0] > end[0]:
            self._differs(Fraction(end[1] - event[1], event[0] - end[0]))

    def _crossed(self, event: Line) -> None:
        """Note the paces at which other packets come to stand before or behind this one."""
        for stream in self.streams:
            if stream.wait != event[1]:
                for tick in {stream.first, stream.last} - {event[0]}:
                    self._differs(Fraction(stream.wait - event[1], event[0] - tick))

    def _differs(self, pace: Fraction) -> None:
        if pace > self.pace and (self.next is None or pace < self.next):
            self.next = pace


def _ends(state: State) -> list[float]:
    return [*(stage.deadline for stage in state.stages), state.granted_until, state.locked_until]


def _forget(state: State, end: float) -> State:
    """Return the state without what ends then."""
    return State(
        tuple(Stage() if stage.deadline == end else stage for stage in state.stages),
        NEVER if state.granted_until == end else state.granted_until,
        NEVER if state.locked_until == end else state.locked_until,
    )
