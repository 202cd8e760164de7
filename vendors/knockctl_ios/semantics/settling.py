"""What time alone does: lines and runs act whose time has come, the rest is forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from knockctl.automaton.model import Clocks
from knockctl_ios.eem import Interpreter
from knockctl_ios.semantics.applets import Applet
from knockctl_ios.semantics.memory import SUMMARY, Event, Limit, State, alive
from knockctl_ios.semantics.router import Configured, Memory


def settled(
    state: State, configured: Configured, clocks: Clocks, interpreter: Interpreter | None = None
) -> State:
    """Let lines and runs act whose time has come, and forget what is over."""
    delay = configured.switches.delay
    if not any(state[:4]) and not state.counted:
        return state
    mind = Memory.of(state, configured, clocks, interpreter)
    while mind.waiting and not clocks.younger(mind.waiting[0].clock, delay):
        first = mind.waiting.pop(0)
        mind.moment = Limit(first.clock, delay)
        mind.then = frozenset(mind.entries) - set(first.over)
        for message in first.messages:
            mind.seen(message)
        mind.moment = mind.then = None
    mind.entries = {entry.key: entry for entry in alive(mind.entries.values(), clocks)}
    while True:
        due = next((run for run in mind.resting if not clocks.younger(*run.due)), None)
        if due is None:
            break
        mind.resume(due)
    mind.events = [one for one in mind.events if _counts(one, configured.applets, clocks)]
    mind.entries = {entry.key: entry for entry in alive(mind.entries.values(), clocks)}
    mind.counted = {name for name in mind.counted if clocks.younger(name, SUMMARY)}
    return mind.frozen()


def _counts(event: Event, applets: Sequence[Applet], clocks: Clocks) -> bool:
    applet = next(one for one in applets if one.name == event.applet)
    return any(
        clocks.younger(event.since.clock, event.since.seconds + window)
        for window in windows(applet)
    )


def windows(applet: Applet) -> tuple[int, ...]:
    """Return for how many seconds an applet's events may count."""
    if not applet.multiple and all(one.occurs == 1 for one in applet.detectors):
        return ()
    found = {one.period for one in applet.detectors if one.period} | {applet.period}
    return tuple(sorted(found))
