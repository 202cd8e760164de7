"""The state while one packet is judged, or while what it left behind takes effect."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, replace
from itertools import count
from operator import itemgetter

from knockctl.automaton.machine import ClockName, Clocks, ConcreteClocks
from knockctl_ios.semantics.applets import Applet
from knockctl_ios.semantics.configured import Configured
from knockctl_ios.semantics.entries import after
from knockctl_ios.semantics.events import Events
from knockctl_ios.semantics.language import Run, Variables, Waits
from knockctl_ios.semantics.logs import Kind, Message
from knockctl_ios.semantics.memory import (
    Coming,
    Limit,
    Lines,
    Resting,
    State,
    Waiting,
    clocks_of,
    later,
    unused,
)
from knockctl_ios.semantics.scripts import Script
from knockctl_ios.semantics.tcl import Failed, Interpreter, Moment

_MOST_LINES = 50


@dataclass(slots=True, kw_only=True)
class Memory(Events):
    """A state at work; satisfies ``language.Router`` for the applet that runs."""

    waiting: list[Waiting]
    coming: Coming | None
    resting: list[Resting]
    contexts: dict[str, Variables]
    counted: set[ClockName]
    depth: int = 0
    interpreter: Interpreter | None = None
    """What runs scripts, where time is a number."""

    @classmethod
    def of(
        cls,
        state: State,
        configured: Configured,
        clocks: Clocks,
        interpreter: Interpreter | None = None,
    ) -> Memory:
        """Take up a state."""
        return cls(
            configured=configured,
            clocks=clocks,
            entries={entry.key: entry for entry in state.entries},
            waiting=list(state.waiting),
            coming=state.coming,
            events=list(state.events),
            resting=list(state.resting),
            contexts=dict(state.contexts),
            counted=set(state.counted),
            shared=state.shared,
            interpreter=interpreter,
        )

    def frozen(self) -> State:
        """Return the state as it is now."""
        return State(
            tuple(sorted(self.entries.values())),
            tuple(self.waiting),
            self.coming,
            tuple(self.events),
            tuple(self.resting),
            tuple(sorted(self.contexts.items())),
            tuple(sorted(self.counted)),
            self.shared,
        )

    # --- what applets can do ---

    def emit(self, applet: str, text: str) -> None:
        """Log a line that applets see in turn."""
        self.seen(Message(Kind("applet", word=text, name=applet)))

    def save(self, key: str, variables: Variables) -> None:
        """Keep variables."""
        self._context(key)
        self.contexts[key] = variables

    def retrieve(self, key: str) -> Variables:
        """Return what was kept, and forget it (fact sheet 7, C)."""
        self._context(key)
        return self.contexts.pop(key, ())

    def _context(self, key: str) -> None:
        (one, *more) = self.about or ("",)
        if more or not re.search(rf"(?<![\d.]){re.escape(one)}(?![\d.])", key) or not one:
            self.shared = True

    # --- log lines ---

    def log(self, message: Message) -> None:
        """Write a line: applets that wait for it see it now or later."""
        switches = self.configured.switches
        line = self.configured.form.line(message)
        applets = self.configured.applets
        heard = any(one.pattern.search(line) for a in applets for one in a.detectors)
        if not heard and not any(one.hears(line) for one in self._played):
            return
        if not switches.delay:
            self.seen(message)
            return
        if self.configured.foreseeable:
            self._foresee(message)
            return
        used = clocks_of(self.frozen())
        some = self.entries.values()
        over = tuple(sorted(e.key for e in some if not e.outlasts(self, switches.delay)))
        self.resets.add(later(self.waiting, message, switches, used, over))

    def _foresee(self, message: Message) -> None:
        """Decide what a line will do, by the entries that will be there when it is seen.

        Until then entries only end, and what lines before it change shows at that very moment. So
        what it does is known now; a line that does nothing is as good as none.
        """
        delay, leads = self.configured.switches.delay, self.configured.leads
        clock = self.coming.clock if self.coming else unused(clocks_of(self.frozen()))
        before = dict(self.coming.changes) if self.coming else {}
        there = {
            key: entry
            for key, entry in self.entries.items()
            if key not in before and (delay not in leads(key) or entry.outlasts(self, delay))
        }
        there |= {key: entry for key, entry in before.items() if entry}
        mind = replace(self, entries=dict(there), then=frozenset(there))
        mind.moment = Limit(clock, delay)
        mind.seen(message)
        self.shared = mind.shared
        done = {
            key: mind.entries.get(key)
            for key in {**there, **mind.entries}
            if there.get(key) != mind.entries.get(key)
        }
        changes = {
            key: entry for key, entry in {**before, **done}.items() if entry or key in self.entries
        }
        if changes:
            self.coming = Coming(clock, tuple(sorted(changes.items(), key=itemgetter(0))))
            self.resets.add(clock)
        else:
            self.coming = None

    def come(self) -> None:
        """Let what lines on their way change be so."""
        for key, entry in self.coming.changes if self.coming else ():
            if entry:
                self.entries[key] = entry
            else:
                self.entries.pop(key, None)
        self.coming = None

    def seen(self, message: Message) -> None:
        """Let every applet see a line."""
        self.depth += 1
        if self.depth < _MOST_LINES:
            line = self.configured.form.line(message)
            for applet in self.configured.applets:
                number = self.following(applet)
                for detector in applet.detectors:
                    if detector.pattern.search(line):
                        lines = self.arrived(applet, detector, message, number)
                        if lines is not None:
                            self._run(applet, lines, 0, (), 0)
            for script in self._played:
                if script.hears(line):
                    self._play(script, message)
        self.depth -= 1

    # --- scripts ---

    @property
    def _played(self) -> tuple[Script, ...]:
        """The scripts that can be run: only a time in numbers can be told to them."""
        concrete = self.interpreter and isinstance(self.clocks, ConcreteClocks)
        return self.configured.scripts if concrete else ()

    def _play(self, script: Script, message: Message) -> None:
        """Run a script on a line; one that fails has done what it did until then."""
        if self.interpreter is None or not isinstance(self.clocks, ConcreteClocks):
            return
        now = self.clocks.now
        if self.moment is not None:
            now = self.clocks.started.get(self.moment.clock, now) + self.moment.seconds
        before, self.about = self.about, frozenset((message.source,))
        line = self.configured.form.line(message)
        moment = Moment(line, math.floor(now))
        with contextlib.suppress(Failed):
            self.interpreter.run(script.text, moment, self, name=script.name, maxrun=script.maxrun)
        self.about = before

    # --- runs ---

    def _run(
        self,
        applet: Applet,
        messages: Lines,
        at: int,
        variables: Variables,
        waited: int,
    ) -> None:
        """Execute an applet from some action on; lines are numbered in the order they came."""
        form = self.configured.form
        lines = {tag: form.line(one, number) for tag, number, one in messages}
        before, self.about = self.about, frozenset(one.source for *_, one in messages)
        known = dict(variables)
        run = Run(applet, self, lines, self.configured.switches.numeric, at=at)
        run.privileged = known.pop(" privileged", "") == "1"
        run.variables = known
        if not applet.multiple and not at and messages:
            run.variables["_syslog_msg"] = lines[messages[-1][0]]
        waits = run.go()
        if isinstance(waits, Waits) and waited + waits.seconds <= applet.maxrun:
            begun = self._begin("run", applet.name, self._resting(applet))
            due = after(begun, waits.seconds)
            self.resting.append(
                Resting(
                    applet.name,
                    waits.at,
                    waits.variables,
                    messages,
                    due,
                    waited + waits.seconds,
                )
            )
        self.about = before

    def _resting(self, applet: Applet) -> str:
        used = {one.due.clock for one in self.resting}
        return f"{next(n for n in count() if ('run', applet.name, f'{n}') not in used)}"

    def resume(self, run: Resting) -> None:
        """Go on with a run whose time has come."""
        self.resting.remove(run)
        self.moment = run.due
        applet = next(one for one in self.configured.applets if one.name == run.applet)
        self._run(applet, run.messages, run.at, run.variables, run.waited)
        self.moment = None
