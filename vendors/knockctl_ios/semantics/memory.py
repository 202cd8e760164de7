"""What packets left behind: temporary entries, log lines on their way, what applets wait with.

Everything that ends is kept with a clock and how old that clock will be then. Where logs act at
once each thing has a clock of its own; otherwise the clock is that of the log that brought it,
which began when the packet came. Log lines act in the order they were written; of equal ones on
their way at once the first and the latest are kept, or the latest where all are seen together.
Where lines are seen together and nothing can come between, not the lines are kept, but what they
will have changed (``Coming``): those that change nothing leave no trace, and those that change the
same are one.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal, NamedTuple

from knockctl.automaton.machine import ClockName, Clocks
from knockctl_ios.semantics.language import Variables
from knockctl_ios.semantics.logs import Message, Style

SUMMARY = 300
"""Seconds within which packets of one flow are only counted (fact sheet 7, D)."""


class Limit(NamedTuple):
    """An end: when the clock is so many seconds old."""

    clock: ClockName
    seconds: int


class Idle(NamedTuple):
    """An end that each packet puts off."""

    limit: Limit
    span: int
    """Seconds from a packet until it ends."""


Key = tuple[str, str, str, str]
"""Of a temporary entry: its access list, dynamic list, source and destination."""


class Entry(NamedTuple):
    """A temporary entry."""

    key: Key
    limits: tuple[Limit, ...] = ()
    """It is gone with the first of them; none: it stays."""
    idle: Idle | None = None

    @property
    def ends(self) -> tuple[Limit, ...]:
        """All its ends."""
        return (*self.limits, self.idle.limit) if self.idle else self.limits

    def alive(self, clocks: Clocks) -> bool:
        """Tell whether it is still there."""
        return all(clocks.younger(*limit) for limit in self.ends)

    def outlasts(self, clocks: Clocks, seconds: int) -> bool:
        """Tell whether it is still there so many seconds later, if no packet puts that off."""
        return all(
            limit.seconds > seconds and clocks.younger(limit.clock, limit.seconds - seconds)
            for limit in self.ends
        )


class Waiting(NamedTuple):
    """Log lines that no applet has seen yet."""

    clock: ClockName
    messages: tuple[Message, ...]
    over: tuple[Key, ...] = ()
    """The entries there were when the last line was logged, and that are gone when it is seen."""


class Coming(NamedTuple):
    """What lines on their way will have changed, when the last of them is seen."""

    clock: ClockName
    """Of the last line, and of all that is added."""
    changes: tuple[tuple[Key, Entry | None], ...]
    """Entries that will be added; None: taken away."""

    @property
    def added(self) -> Iterator[Entry]:
        """Yield the entries that will be there."""
        return (entry for _, entry in self.changes if entry)


class Event(NamedTuple):
    """A line that an applet has seen and keeps, or, without one, that all of its events came."""

    applet: str
    tag: str
    message: Message | None
    since: Limit
    """The age the clock had when it came."""
    number: int = 0
    """Of the line, among those that the applet keeps; one line may be several events."""


Lines = tuple[tuple[str, int, Message], ...]
"""What fired an applet: tags, numbers, and the lines."""


class Resting(NamedTuple):
    """A run of an applet that goes on later."""

    applet: str
    at: int
    variables: Variables
    messages: Lines
    due: Limit
    waited: int


class State(NamedTuple):
    """All a router remembers; entries and contexts sorted, the rest in the order it came."""

    entries: tuple[Entry, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    coming: Coming | None = None
    events: tuple[Event, ...] = ()
    resting: tuple[Resting, ...] = ()
    contexts: tuple[tuple[str, Variables], ...] = ()
    counted: tuple[ClockName, ...] = ()
    """Flows whose packets are only counted."""
    shared: bool = False
    """Whether something of one source was kept where others' count, too."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What the documentation leaves open, or what differs from router to router."""

    style: Style = "spaced"
    """How the control plane writes its lines."""
    bracketed: bool = True
    """Whether the tag of an access list's log stands in brackets."""
    counted: int = 0
    """How many lines the router has logged before, where lines are numbered."""
    template: Literal["absolute", "idle"] = "absolute"
    """How the timeout of ``access-template`` is meant."""
    late: int = 0
    """Seconds that a temporary entry may outlive its time by."""
    renewed: bool = False
    """Whether adding an entry that is there gives it its full time anew."""
    one_dynamic: bool = True
    """Whether only the first dynamic list of an access list is honoured."""
    denying: bool = True
    """Whether a dynamic list may deny."""
    destination: Literal["given", "both"] = "given"
    """Whether a temporary entry's addresses replace those of its dynamic list, or add to them."""
    log_action: bool = True
    """Whether a logging policy logs only where its class says ``log``."""
    by_interface: bool = True
    """Whether a logging class can ask for the interface that a packet came in by."""
    summarised: bool = True
    """Whether packets of a flow that an access list logged are only counted, for five minutes."""
    occurs: Literal["total", "events"] = "total"
    """Whether a trigger's ``occurs`` counts how often all events came, or single ones."""
    numeric: bool = True
    """Whether ``lt`` and the like compare numbers as such."""
    delay: int = 0
    """Seconds from a packet until applets have done their work."""
    together: bool = False
    """Whether lines on their way are seen together, when the last of them has come."""


def later(
    waiting: list[Waiting],
    message: Message,
    how: Switches,
    used: set[ClockName],
    over: tuple[Key, ...] = (),
) -> ClockName:
    """Let a line wait; return the clock that starts for it."""
    messages: tuple[Message, ...] = (message,)
    if how.together and waiting:
        before = waiting.pop()
        messages = (*(one for one in before.messages if one != message), message)
        used.discard(before.clock)
    else:
        equal = [number for number, one in enumerate(waiting) if one.messages == messages]
        if len(equal) > 1:
            used.discard(waiting.pop(equal[1]).clock)
    clock = unused(used)
    waiting.append(Waiting(clock, messages, over))
    return clock


def unused(used: Container[ClockName]) -> ClockName:
    """Return a clock for a line that nothing is kept with."""
    return next(name for n in count() if (name := ("log", f"{n}")) not in used)


def clocks_of(state: State) -> set[ClockName]:
    """Return every clock that something is kept with."""
    found = {limit.clock for entry in state.entries for limit in entry.ends}
    found |= {one.clock for one in state.waiting}
    found |= {state.coming.clock} if state.coming else set()
    found |= {one.since.clock for one in state.events}
    return found | {one.due.clock for one in state.resting}
