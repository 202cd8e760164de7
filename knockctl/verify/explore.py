"""Every state that policy and device can be in together, and the first packet they disagree on.

The reference automaton and the device model run side by side on the same packets. A state of
the exploration is the automaton's states, the device's state, and for each clock how far it has
run: which of the seconds anybody may still ask for have passed. One clock stands for one packet
and serves both sides, as long as anybody depends on it. From a state there are two ways on: a
packet arrives, or the next second that matters passes on some clock.

``timed=False`` lets clocks run out in any order; that is more than time can do, so that what is
equal then is equal. ``timed=True`` keeps, beside each state, the zone of ages that are possible
together. ``docs/verification.md`` has the whole argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from knockctl.automaton.machine import ClockName, DeviceModel
from knockctl.automaton.reference import Site, Step, initial, step
from knockctl.automaton.verdict import Verdict
from knockctl.verify.states import NEW, OLD, Age, Judge, Key, Letter, Meeting, Mismatch, Node
from knockctl.verify.symbolic import Now, States, as_number, deadlines, renamed, thresholds
from knockctl.verify.zones import Zone


@dataclass(slots=True)
class Exploration:
    """What an exploration saw."""

    states: int = 0
    steps: int = 0
    """Packets judged."""
    complete: bool = False
    """False when the budget was spent, or a mismatch ended it."""
    keyed: bool = True
    mismatches: list[Mismatch] = field(default_factory=list)


@dataclass(slots=True)
class Explorer:
    """One site, one device, one alphabet."""

    site: Site
    model: DeviceModel[Any]
    letters: Sequence[Letter]
    judge: Judge
    timed: bool = False
    budget: int = 200_000
    """The most packets to judge."""
    first_only: bool = True
    """Stop at the first mismatch; otherwise note it, and don't go on from there."""
    visit: Callable[[Node, Meeting], None] | None = None
    """Called for every packet that both judge alike."""
    colour: Callable[[Hashable, Meeting], Hashable] = lambda before, _: before
    """What of the way to a state tells it from the same state reached otherwise; begins None."""
    # The state at hand: whose clock is which, how far each has come, what may be asked of it.
    _names: dict[ClockName, int] = field(default_factory=dict)
    _phases: dict[int, int] = field(default_factory=dict)
    _asked: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def run(self) -> Exploration:
        """Explore breadth first, in the number of packets."""
        seen = Exploration()
        sources = max((letter.source for letter in self.letters), default=0) + 1
        start = self._beginning((initial(self.site),) * sources)
        queue = deque([start])
        queued: dict[Key, int] = {start.key: 0}
        done: dict[Key, list[Zone | None]] = {}
        while queue:
            node = queue.popleft()
            if self._known(done, node):
                continue
            seen.states += 1
            for following in self._from(node, seen):
                if not self.timed and queued.get(following.key, following.packets + 1) <= (
                    following.packets
                ):
                    continue
                queued[following.key] = following.packets
                if following.packets > node.packets:
                    queue.append(following)
                else:
                    queue.appendleft(following)
            if seen.steps > self.budget or (seen.mismatches and self.first_only):
                return seen
        seen.complete = True
        return seen

    def _beginning(self, references: tuple[States, ...]) -> Node:
        """Return the state nobody has sent a packet in; what the device lists runs from now."""
        listed = dict.fromkeys(self.model.thresholds(self.model.initial), NEW)
        start = self._settled(references, self.model.initial, listed, {NEW: 0}, ages={NEW: ((), 0)})
        if self.timed:
            start.zone = self._elapsed(start, Zone().kept([0] * len(start.origins)))
        return start

    def _known(self, done: dict[Key, list[Zone | None]], node: Node) -> bool:
        """Tell whether a state at least as wide was explored before, and note this one."""
        zones = done.setdefault(node.key, [])
        if not self.timed:
            zones.append(None)
            return len(zones) > 1
        mine = node.zone or Zone()
        if any(zone and mine.inside(zone) for zone in zones):
            return True
        zones[:] = [zone for zone in zones if not (zone and zone.inside(mine))]
        zones.append(mine)
        return False

    def _from(self, node: Node, seen: Exploration) -> Iterator[Node]:
        """Yield the states that follow, packets first."""
        arriving = self._arriving(node)
        self._enter(node)
        for letter in self.letters if arriving or not self.timed else ():
            meeting = self._meet(node, letter)
            if meeting is None:
                continue
            seen.steps += 1
            seen.keyed = seen.keyed and meeting.got.keyed
            what = self.judge(meeting)
            if what:
                seen.mismatches.append(Mismatch(what, node, meeting))
                if self.first_only:
                    return
                continue
            if self.visit:
                self.visit(node, meeting)
            if not _idle(node, meeting):
                yield self._after(node, meeting, arriving)
        yield from self._passings(node)

    # --- a packet ---

    def _meet(self, node: Node, letter: Letter) -> Meeting | None:
        """Let both judge a packet at the state at hand; None where nothing is claimed of it."""
        now = as_number(Now(NEW, self._younger))
        states = node.key.references[letter.source]
        if letter.event is None:
            expected = Step(Verdict.PASS, states, ("not ours",))
        else:
            expected = step(self.site, states, letter.event, now)
        if not expected.claimed:
            return None
        return Meeting(
            letter, expected, self.model.step(node.key.device, letter.packet, _Named(self))
        )

    def _arriving(self, node: Node) -> Zone | None:
        """Return the ages at which a packet can arrive here: no clock at its next second yet."""
        zone = node.zone
        for clock, _, limit in node.limits():
            zone = zone and zone.younger(clock, limit)
        return zone

    def _after(self, node: Node, meeting: Meeting, arriving: Zone | None) -> Node:
        references = list(node.key.references)
        references[meeting.letter.source] = meeting.expected.states
        names = dict(node.key.clocks)
        names.update(dict.fromkeys(meeting.got.resets, NEW))
        phases = {clock: passed for clock, passed, _ in node.limits()} | {NEW: 0}
        ages = dict(enumerate(node.key.ages, start=1))
        ages[NEW] = _concerned(meeting.expected.states), len(phases)
        colour = self.colour(node.key.colour, meeting)
        after = self._settled(
            tuple(references), meeting.got.state, names, phases, colour, ages=ages
        )
        after.parent, after.edge, after.packets = node, meeting, node.packets + 1
        if arriving is not None:
            zone = arriving.kept([max(clock, 0) for clock in after.origins])
            after.zone = self._elapsed(after, zone)
        return after

    # --- time ---

    def _passings(self, node: Node) -> Iterator[Node]:
        """Yield the states after the next second that matters on one of the clocks."""
        for clock, seconds in node.passing():
            zone = self._reaching(node, clock, seconds) if node.zone is not None else None
            if node.zone is not None and zone is None:
                continue
            phases = {c: (seconds if c == clock else p) for c, p, _ in node.limits()}
            names = dict(node.key.clocks)
            after = self._later(node, names, phases)
            after.parent, after.edge, after.packets = node, (clock, seconds), node.packets
            if zone is not None:
                after.zone = self._elapsed(after, zone.kept(after.origins))
            yield after

    def _later(self, node: Node, names: dict[ClockName, int], phases: dict[int, int]) -> Node:
        """Let both sides forget what is over now."""
        self._enter(node)
        self._phases = phases
        now = as_number(Now(NEW, self._younger))
        references = tuple(
            tuple(state.at(now) for state in states) for states in node.key.references
        )
        device = self.model.settle(node.key.device, _Named(self))
        ages = dict(enumerate(node.key.ages, start=1))
        return self._settled(references, device, names, phases, node.key.colour, ages=ages)

    def _reaching(self, node: Node, clock: int, seconds: int) -> Zone | None:
        """Return the zone at the moment the clock's age is so many seconds, or later.

        The others may stand just at their own next second: that comes next, at the same moment.
        """
        zone: Zone | None = (node.zone or Zone()).elapsed()
        for other, _, limit in node.limits():
            if zone and other != clock:
                zone = zone.younger(other, limit, closed=True)
        return zone.older(clock, seconds) if zone else None

    def _elapsed(self, node: Node, zone: Zone) -> Zone:
        """Let time pass while no clock reaches its next second; forget what can't be asked."""
        result: Zone | None = zone.elapsed()
        for clock, _, limit in node.limits():
            result = result and result.younger(clock, limit, closed=True)
        largest = {clock: seconds[-1] for clock, seconds in enumerate(node.thresholds, start=1)}
        return (result or zone).extrapolated(largest)

    # --- questions about time ---

    def _enter(self, node: Node) -> None:
        self._names = dict(node.key.clocks)
        self._phases = dict(enumerate(node.key.phases, start=1))
        self._asked = dict(enumerate(node.thresholds, start=1))

    def _younger(self, clock: int, seconds: int) -> bool:
        if clock == OLD or seconds <= 0:
            return False
        if clock == NEW:
            return True
        if seconds not in self._asked[clock]:
            msg = f"a clock is asked for {seconds} s, but only {self._asked[clock]} were declared"
            raise LookupError(msg)
        return self._phases[clock] < seconds

    # --- one form for each state ---

    def _settled(
        self,
        references: tuple[States, ...],
        device: Any,
        names: Mapping[ClockName, int],
        phases: Mapping[int, int],
        colour: Hashable = None,
        *,
        ages: Mapping[int, Age],
    ) -> Node:
        """Number the clocks in the order they are met, without those nobody asks for."""
        wanted = self.model.thresholds(device)
        seconds: dict[int, set[int]] = {}
        for states in references:
            for deadline in deadlines(states):
                seconds.setdefault(deadline.clock, set())
            for clock, threshold in thresholds(self.site, states):
                seconds[clock].add(threshold)
        live = sorted(name for name in wanted if names.get(name, OLD) != OLD)
        for name in live:
            seconds.setdefault(names[name], set()).update(wanted[name])
        kept = [clock for clock, asked in seconds.items() if max(asked, default=0) > phases[clock]]
        number = {clock: place for place, clock in enumerate(kept, start=1)}
        key = Key(
            tuple(renamed(states, _OrOld(number)) for states in references),
            device,
            tuple((name, number[names[name]]) for name in live if names[name] in number),
            tuple(phases[clock] for clock in kept),
            colour,
            () if self.timed else _ranked([ages[clock] for clock in kept]),
        )
        return Node(
            key, tuple(tuple(sorted(seconds[clock])) for clock in kept), None, origins=tuple(kept)
        )


def _concerned(states: States) -> tuple[int, ...]:
    """Return the policies in whose states a packet started a time."""
    return tuple(
        number
        for number, state in enumerate(states)
        if any(deadline.clock == NEW for deadline in deadlines((state,)))
    )


def _ranked(ages: Sequence[Age]) -> tuple[Age, ...]:
    """Return the same order in the lowest numbers."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for group, rank in sorted(set(ages)):
        groups.setdefault(group, []).append(rank)
    return tuple((group, groups[group].index(rank)) for group, rank in ages)


def _idle(node: Node, meeting: Meeting) -> bool:
    """Tell whether a packet changed nothing on either side."""
    return (
        not meeting.got.resets
        and meeting.got.state == node.key.device
        and meeting.expected.states == node.key.references[meeting.letter.source]
    )


class _OrOld(dict[int, int]):
    """A clock that is not there has run out."""

    def __missing__(self, _: int) -> int:
        """Return the clock that has."""
        return OLD


@dataclass(frozen=True, slots=True)
class _Named:
    """The explorer's clocks by the device's names for them."""

    explorer: Explorer

    def younger(self, name: ClockName, seconds: int) -> bool:
        clock = self.explorer._names.get(name)  # noqa: SLF001 - one of the explorer's own
        return clock is not None and self.explorer._younger(clock, seconds)  # noqa: SLF001
