"""What earlier packets left behind: tags that are registered for addresses, and logs on their way.

A tag is kept with the clock that tells its age: that of its own, where logs act at once;
otherwise that of the log that brought it, which began when the packet came. Logs act in the order
they were written. Of equal logs on their way at once the first and the latest are kept: each sets
the same tags to the same, whatever they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, NamedTuple

from knockctl.automaton.machine import ClockName, Clocks
from knockctl.automaton.packet import WirePacket
from knockctl_panos.semantics.formula import All, Either, Formula, Not, Side, Tagged
from knockctl_panos.semantics.logs import Change

AGGREGATED = 5
"""Seconds within which equal logs may be written as one (fact sheet 2.4)."""

Key = tuple[str, str]
"""A tag and an address."""


class Registered(NamedTuple):
    """A tag of an address."""

    key: Key
    clock: ClockName
    seconds: int
    """Until it is gone, as that clock runs; 0: never."""


class Waiting(NamedTuple):
    """A log whose tags are not registered yet."""

    clock: ClockName
    changes: tuple[tuple[Key, int | None], ...]


class State(NamedTuple):
    """All a firewall remembers; sorted but for logs, which stand in their order."""

    tags: tuple[Registered, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    logged: tuple[ClockName, ...] = ()
    """Logs that others equal to them are counted with."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What the documentation leaves open, or what differs from firewall to firewall."""

    delay: int = 0
    """Seconds from a packet to what its log changes."""
    together: bool = False
    """Whether logs on their way act together, with the last of them: a burst is judged as if
    nothing had been logged yet. Far fewer states than with each log on its own."""
    aggregate: Literal["no", "rule", "source"] = "no"
    """Which logs within five seconds are one, and act once: those of one rule and pair of
    addresses, or of the pair whatever the rule: all that is dropped has the same application and
    subtype, and no more is compared."""
    refresh: bool = True
    """Whether registering a tag again renews its time."""


@dataclass(slots=True)
class Memory:
    """The state while one packet is judged."""

    tags: dict[Key, Registered]
    waiting: list[Waiting]
    logged: set[ClockName]
    packet: WirePacket
    clocks: Clocks
    switches: Switches
    resets: set[ClockName] = field(default_factory=set)
    keyed: bool = True

    @classmethod
    def of(cls, state: State, packet: WirePacket, clocks: Clocks, switches: Switches) -> Memory:
        """Take up a settled state."""
        tags = {one.key: one for one in state.tags}
        return cls(tags, list(state.waiting), set(state.logged), packet, clocks, switches)

    def frozen(self) -> State:
        """Return the state as it is now."""
        tags = sorted(self.tags.values(), key=lambda one: one.key)
        return State(tuple(tags), tuple(self.waiting), tuple(sorted(self.logged)))

    def holds(self, formula: Formula) -> bool:
        """Answer what only tags can tell."""
        if isinstance(formula, Tagged):
            return self._key(formula.tag, formula.side) in self.tags
        if isinstance(formula, Not):
            return not self.holds(formula.part)
        if isinstance(formula, All):
            return all(self.holds(part) for part in formula.parts)
        if isinstance(formula, Either):
            return any(self.holds(part) for part in formula.parts)
        return bool(formula)

    def log(self, rule: str, changes: Iterable[Change]) -> None:
        """Write a rule's log of the packet: what it changes, changes now or later."""
        made = tuple((self._key(one.tag, one.side), one.seconds) for one in changes)
        if self.switches.aggregate != "no":
            of = rule if self.switches.aggregate == "rule" else ""
            name = ("log", of, str(self.packet.source), str(self.packet.destination))
            if name in self.logged:
                return
            self.logged.add(name)
            self.resets.add(name)
        if self.switches.delay:
            self._later(made)
        else:
            for key, seconds in made:
                fresh = _registered(self.tags, key, seconds, ("tag", *key), self.switches)
                if fresh and seconds:
                    self.resets.add(("tag", *key))

    def _later(self, changes: tuple[tuple[Key, int | None], ...]) -> None:
        if self.switches.together and self.waiting:
            # Each sets a tag to something, whatever it was: the last one counts.
            before = self.waiting.pop()
            changes = tuple(sorted({**dict(before.changes), **dict(changes)}.items()))
        equal = [number for number, one in enumerate(self.waiting) if one.changes == changes]
        if len(equal) > 1:
            del self.waiting[equal[1]]
        used = {one.clock for one in self.waiting} | {one.clock for one in self.tags.values()}
        clock = next(name for n in count() if (name := ("written", n)) not in used)
        self.resets.add(clock)
        self.waiting.append(Waiting(clock, changes))

    def _key(self, tag: str, side: Side) -> Key:
        self.keyed = self.keyed and side == "source"
        address = self.packet.source if side == "source" else self.packet.destination
        return tag, str(address)


def _registered(
    tags: dict[Key, Registered], key: Key, seconds: int | None, clock: ClockName, how: Switches
) -> bool:
    """Register a tag or take it away; tell whether its time begins with that clock."""
    if seconds is None:
        tags.pop(key, None)
        return False
    if key in tags and not how.refresh:
        return False
    tags[key] = Registered(key, clock, seconds + how.delay if seconds else 0)
    return True


def settled(state: State, clocks: Clocks, how: Switches) -> State:
    """Let logs act whose time has come, and forget what is over."""
    tags = {one.key: one for one in _alive(state.tags, clocks)}
    waiting = list(state.waiting)
    while waiting and not clocks.younger(waiting[0].clock, how.delay):
        clock, changes = waiting.pop(0)
        for key, seconds in changes:
            _registered(tags, key, seconds, clock, how)
        tags = {one.key: one for one in _alive(tags.values(), clocks)}
    logged = tuple(name for name in state.logged if clocks.younger(name, AGGREGATED))
    return State(tuple(sorted(tags.values(), key=lambda one: one.key)), tuple(waiting), logged)


def _alive(tags: Iterable[Registered], clocks: Clocks) -> list[Registered]:
    return [one for one in tags if not one.seconds or clocks.younger(one.clock, one.seconds)]


def thresholds(state: State, how: Switches) -> Mapping[ClockName, tuple[int, ...]]:
    """Return every clock the state depends on, and the seconds it may be asked for."""
    found: dict[ClockName, set[int]] = {}
    for one in state.tags:
        if one.seconds:
            found.setdefault(one.clock, set()).add(one.seconds)
    for log in state.waiting:
        asked = found.setdefault(log.clock, set())
        asked.add(how.delay)
        asked.update(seconds + how.delay for _, seconds in log.changes if seconds)
    for name in state.logged:
        found.setdefault(name, set()).add(AGGREGATED)
    return {clock: tuple(sorted(seconds)) for clock, seconds in found.items()}
