"""What time alone does, and when: lines and runs act whose time has come, the rest is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from knockctl.automaton.machine import ClockName, Clocks
from knockctl_ios.semantics.configured import Configured
from knockctl_ios.semantics.logs import Message
from knockctl_ios.semantics.memory import SUMMARY, Entry, Event, Key, Limit, State
from knockctl_ios.semantics.router import Memory
from knockctl_ios.semantics.tcl import Interpreter


def settled(
    state: State, configured: Configured, clocks: Clocks, interpreter: Interpreter | None = None
) -> State:
    """Let lines and runs act whose time has come, and forget what is over."""
    delay = configured.switches.delay
    if not any(state[:5]) and not state.counted:
        return state
    mind = Memory.of(state, configured, clocks, interpreter)
    while mind.waiting and not clocks.younger(mind.waiting[0].clock, delay):
        first = mind.waiting.pop(0)
        mind.moment = Limit(first.clock, delay)
        before = dict(mind.entries)
        mind.then = frozenset(before) - set(first.over)
        for message in first.messages:
            mind.seen(message)
        mind.moment = mind.then = None
        # What was over for later lines, too, is there again.
        fresh = {key for key, entry in mind.entries.items() if before.get(key) is not entry}
        mind.waiting = [
            one._replace(over=tuple(key for key in one.over if key not in fresh))
            for one in mind.waiting
        ]
    if mind.coming and not clocks.younger(mind.coming.clock, delay):
        mind.come()
    mind.entries = _kept(mind, clocks)
    while True:
        due = next((run for run in mind.resting if not clocks.younger(*run.due)), None)
        if due is None:
            break
        mind.resume(due)
    mind.events = [one for one in mind.events if _counts(one, configured, clocks)]
    mind.entries = _kept(mind, clocks)
    mind.counted = {name for name in mind.counted if clocks.younger(name, SUMMARY)}
    return mind.frozen()


def _kept(mind: Memory, clocks: Clocks) -> dict[Key, Entry]:
    return {entry.key: entry for entry in mind.configured.kept(mind.entries.values(), clocks)}


def _counts(event: Event, configured: Configured, clocks: Clocks) -> bool:
    return any(
        clocks.younger(event.since.clock, event.since.seconds + window)
        for window in configured.windows[event.applet]
    )


def thresholds(
    state: State,
    configured: Configured,
    ahead: Callable[[Message], tuple[int, ...]],
) -> Mapping[ClockName, tuple[int, ...]]:
    """Return every clock the state depends on, and the seconds it may be asked for.

    ``ahead``: how long anything may last that a line begins.
    """
    delay, waits, windows = configured.switches.delay, configured.waits, configured.windows
    found: dict[ClockName, set[int]] = {}
    for entry in (*state.entries, *(state.coming.added if state.coming else ())):
        for limit in entry.ends:
            asked = found.setdefault(limit.clock, set())
            asked.update(limit.seconds - lead for lead in configured.leads(entry.key))
    if state.coming:
        found.setdefault(state.coming.clock, set()).add(delay)
    every = {0, *(one for some in waits.values() for one in some)}
    for log in state.waiting:
        horizons = {one for message in log.messages for one in ahead(message)}
        for end in _after(delay, every, horizons):
            found.setdefault(log.clock, set()).update((end, end - delay))
    for event in state.events:
        asked = found.setdefault(event.since.clock, set())
        asked.update(event.since.seconds + window for window in windows[event.applet])
    for run in state.resting:
        horizons = {one for *_, message in run.messages for one in ahead(message)}
        asked = found.setdefault(run.due.clock, set())
        asked.update(_after(run.due.seconds, {0, *waits[run.applet]}, horizons))
    for name in state.counted:
        found.setdefault(name, set()).add(SUMMARY)
    return {clock: tuple(sorted(s for s in asked if s > 0)) for clock, asked in found.items()}


def _after(begin: int, waits: set[int], horizons: set[int]) -> set[int]:
    return {begin + wait + more for wait in waits for more in (0, *horizons)}
