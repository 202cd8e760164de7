"""When jobs are due. Source: MikroTik manual, Scheduler.

A job with an interval runs at its start and then every interval; without one, once, at its start.
``startup`` without an interval runs about three seconds after each boot; with one, first an
interval after it. What was due while the router was down is not made up for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from knockctl.lab.clock import Clock, Timer
from knockctl_routeros.twin.device import times
from knockctl_routeros.twin.device.store import Item, Table
from knockctl_routeros.twin.device.switches import Switches

PATH = "/system/scheduler"
AFTER_BOOT = 3.0


class Scheduled(Protocol):
    """What the scheduler needs of the router whose jobs it starts."""

    switches: Switches
    clock: Clock
    powered: bool
    booted: float

    def table(self, path: str) -> Table:
        """Return a menu's rows."""

    def run_job(self, job: Item) -> None:
        """Run a job's script now."""


class Scheduler:
    """Wakes at the next job's moment, as long as the router has power."""

    def __init__(self, router: Scheduled) -> None:
        """Begin with no job due."""
        self._router = router
        self._timer: Timer | None = None
        self._checked = router.clock.now()
        self.unstarted: set[int] = set()
        """Jobs added without a start, which some versions never trigger."""

    def start_of(self, item: Item) -> float | None:
        """Return the moment (UTC) a job starts at, None for one that waits for a boot."""
        if item.get("start-time") == "startup":
            return None
        day = times.day_start(item.get("start-date"))
        clock = times.seconds(item.get("start-time"))
        return (day or 0.0) + (clock or 0.0) - self._router.switches.gmt_offset

    def next_run(self, item: Item, after: float) -> float | None:
        """Return the first moment later than ``after`` at which a job is due, or None."""
        if item.get("disabled") == "true" or item.number in self.unstarted:
            return None
        interval = times.seconds(item.get("interval")) or 0.0
        start = self.start_of(item)
        if start is None:
            start = self._router.booted + (interval or AFTER_BOOT)
        if start > after:
            return start
        passed = math.floor((after - start) / interval) + 1 if interval else 0
        return start + passed * interval if interval else None

    def added(self, item: Item, sent: Mapping[str, str]) -> None:
        """Note how a job was added: versions with the bug forget those without a start."""
        explicit = sent.get("start-time") == "startup" or {"start-date", "start-time"} <= set(sent)
        if self._router.switches.loses_default_starts and not explicit:
            self.unstarted.add(item.number)

    def changed(self, item: Item, sent: Mapping[str, str]) -> None:
        """Note that a job was given a start after all."""
        if {"start-date", "start-time"} & set(sent):
            self.unstarted.discard(item.number)

    def arm(self) -> None:
        """Look at the jobs again: they, or the clock, have changed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        jobs = self._router.table(PATH).items
        moments = [self.next_run(job, self._checked) for job in jobs]
        due = [moment for moment in moments if moment is not None]
        if due and self._router.powered:
            self._timer = self._router.clock.call_at(min(due), self._wake)

    def restart(self) -> None:
        """Forget what was due until now: the router was down."""
        self._checked = self._router.clock.now()
        self.arm()

    def _wake(self) -> None:
        since, self._checked = self._checked, self._router.clock.now()
        for job in list(self._router.table(PATH).items):
            moment = self.next_run(job, since)
            if moment is not None and moment <= self._checked:
                self._router.run_job(job)
        self.arm()
