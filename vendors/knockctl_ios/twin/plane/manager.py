"""The embedded event manager: log lines wake applets, some time later, in the lines' order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from knockctl.lab.clock import Callback, Timer
from knockctl_ios.semantics.applets import Applet
from knockctl_ios.semantics.language import Variables
from knockctl_ios.semantics.scripts import Script
from knockctl_ios.semantics.statements import Detector
from knockctl_ios.semantics.tcl import Interpreter
from knockctl_ios.twin.device import Device, LogLine
from knockctl_ios.twin.plane.runs import Contexts, Job, Session, played
from knockctl_ios.twin.plane.switches import Switches


@dataclass(frozen=True, slots=True)
class Event:
    """A line that an applet of several events keeps; without a tag, that all of them came."""

    tag: str
    text: str
    when: float


class Manager:
    """Runs the applets and the scripts of a device."""

    def __init__(
        self,
        device: Device,
        switches: Switches,
        registered: Callable[[], tuple[Applet, ...]],
        scripts: Callable[[], tuple[Script, ...]],
    ) -> None:
        """Hear every line that the device logs from now on."""
        self.device = device
        self.switches = switches
        self._registered, self._scripts = registered, scripts
        self.interpreter = Interpreter()
        """What runs scripts."""
        self._random = random.Random(switches.seed)  # noqa: S311 - a latency, no secret
        self._last = 0.0
        self._timers: list[Timer] = []
        self._events: dict[str, list[Event]] = {}
        self._contexts = Contexts()
        self._jobs = itertools.count(1)

    def switch(self, switches: Switches) -> None:
        """Be as late as other switches say."""
        self.switches = switches
        self._random = random.Random(switches.seed)  # noqa: S311 - a latency, no secret

    def forget(self) -> None:
        """Lose what is under way, and what applets wait with: a restart."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._events.clear()
        self._contexts.kept.clear()
        self._last = 0.0

    def hear(self, line: LogLine) -> None:
        """Have the applets that wait for a line see it, when its time has come."""
        found = [
            (applet, detector)
            for applet in self._registered()
            for detector in applet.detectors
            if detector.pattern.search(line.text)
        ]
        started = [script for script in self._scripts() if script.hears(line.text)]
        if not (found or started):
            return
        now = self.device.clock.now()
        self._last = max(self._last, now + self._random.uniform(*self.switches.latency))
        for applet, detector in found:
            self._at(self._last, partial(self._fired, applet, detector, line.text))
        for script in started:
            self._at(self._last, partial(self._play, script, line.text))

    def _at(self, when: float, callback: Callback) -> None:
        now = self.device.clock.now()
        self._timers = [timer for timer in self._timers if timer.when >= now]
        self._timers.append(self.device.clock.call_at(when, callback))

    # --- events ---

    def _fired(self, applet: Applet, detector: Detector, text: str) -> None:
        if not applet.multiple and detector.occurs == 1:
            self._start(applet, {"": text})
            return
        events = self._events.setdefault(applet.name, [])
        events.append(Event(detector.tag, text, self.device.clock.now()))
        self._keep(events, detector.tag, detector.occurs)
        if self._complete(applet, events):
            self._triggered(applet, events)

    def _keep(self, events: list[Event], tag: str, most: int) -> None:
        """Keep no more of a kind than may count: later ones replace earlier ones."""
        mine = [one for one in events if one.tag == tag]
        for one in mine[: max(len(mine) - most, 0)]:
            events.remove(one)

    def _come(self, events: list[Event], tag: str, window: float, often: int) -> bool:
        now = self.device.clock.now()
        return sum(one.tag == tag and now - one.when < window for one in events) >= often

    def _complete(self, applet: Applet, events: list[Event]) -> bool:
        """Tell whether all events have come that must."""
        needs = {one.tag: one for one in applet.detectors}
        first = applet.detectors[0].tag
        result = False
        for number, (join, tag) in enumerate(applet.correlated or (("and", first),)):
            need = needs.get(tag)
            come = need is not None and self._come(
                events, tag, need.period or applet.period, need.occurs
            )
            if number == 0:
                result = come
            elif join == "or":
                result = result or come
            else:
                result = result and come is (join == "and")
        return result

    def _triggered(self, applet: Applet, events: list[Event]) -> None:
        """Start the applet, if all of it has come as often as its trigger says."""
        mine = [one for one in events if one.tag or not applet.multiple]
        often = applet.occurs
        if self.switches.occurs == "events" and len(mine) >= often:
            often = 1
        for one in mine:
            events.remove(one)
        if often > 1:
            events.append(Event("", "", self.device.clock.now()))
            self._keep(events, "", often)
            if not self._come(events, "", applet.period, often):
                return
            events.clear()
        self._start(applet, {one.tag: one.text for one in mine})

    # --- runs ---

    def _start(self, applet: Applet, lines: dict[str, str]) -> None:
        session = Session.of(self.device, f"event manager applet {applet.name}", self._contexts)
        began = self.device.clock.now()
        job = Job(next(self._jobs), applet, session, lines, self.switches.numeric, began)
        self._go(job)

    def _play(self, script: Script, text: str) -> None:
        """Run a script, if it is still registered; its file is read each time."""
        registered = f"event manager policy {script.name}"
        node = self.device.running.child(registered)
        if node is not None:
            there = replace(script, text=self.device.text_of(node.args["path"]) or "")
            session = Session.of(self.device, registered, self._contexts)
            played(there, text, session, self.interpreter, next(self._jobs))

    def _go(self, job: Job, at: int = 0, variables: Variables = ()) -> None:
        waits = job.go(at, variables)
        if waits is not None:
            later = self.device.clock.now() + waits.seconds
            self._at(later, partial(self._go, job, waits.at, waits.variables))
