"""Jobs: one at a time, each with its queue, its progress and its end, by the device's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import markup
from knockctl_panos.twin.device.clock import Clock, Timer, stamp
from knockctl_panos.twin.device.faults import Faults
from knockctl_panos.twin.device.refusals import NO_OBJECT, Refusal

Status = Literal["PEND", "ACT", "FIN"]
Kind = Literal["Commit", "Validate", "CommitAll", "HA-Sync"]


@dataclass
class Outcome:
    """How a job ended."""

    ok: bool
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    devices: list[Element] = field(default_factory=list)


@dataclass
class Job:
    """One job; ``begin`` prepares when it is dequeued, ``end`` carries out and says how it went."""

    number: int
    kind: Kind
    user: str
    description: str
    length: float
    begin: Callable[[], None]
    end: Callable[[], Outcome]
    queued: float
    status: Status = "PEND"
    started: float = 0.0
    finished: float = 0.0
    outcome: Outcome | None = None
    timer: Timer | None = None

    def progress(self, now: float) -> int:
        """Return how much is done, in percent; 100 only when it has ended."""
        if self.status != "ACT":
            return 100 if self.status == "FIN" else 0
        return min(99, int(100 * (now - self.started) / self.length)) if self.length else 99

    def printed(self, now: float, position: int) -> Element:
        """Print it as ``show jobs id`` does."""
        job = markup.make("job")
        words = {
            "tenq": stamp(self.queued),
            "tdeq": stamp(self.started)[11:] if self.started else "",
            "id": str(self.number),
            "user": self.user,
            "type": self.kind,
            "status": self.status,
            "queued": "YES" if self.status == "PEND" else "NO",
            "stoppable": "yes" if self.status == "PEND" else "no",
            "result": self._result,
            "tfin": stamp(self.finished)[11:] if self.status == "FIN" else "Still Active",
            "description": self.description,
            "positionInQ": str(position),
            "progress": str(self.progress(now)),
        }
        for tag, text in words.items():
            markup.under(job, tag, text)
        done = self.outcome or Outcome(ok=True)
        for tag, lines in (("details", done.lines), ("warnings", done.warnings)):
            container = markup.under(job, tag)
            for line in lines:
                markup.under(container, "line", line)
        if done.devices:
            job.append(markup.make("devices", done.devices))
        return job

    @property
    def _result(self) -> str:
        if self.outcome is None or self.status != "FIN":
            return "PEND"
        return "OK" if self.outcome.ok else "FAIL"


@dataclass
class Jobs:
    """The job table; a reboot empties it."""

    clock: Clock
    faults: Faults
    queue_time: float = 0.0
    crash: Callable[[], None] = lambda: None
    """Reboots the device."""
    table: dict[int, Job] = field(default_factory=dict)
    count: int = 0

    def add(
        self,
        kind: Kind,
        user: str,
        length: float,
        begin: Callable[[], None],
        end: Callable[[], Outcome],
        description: str = "",
    ) -> Job:
        """Queue a job; it begins when none runs."""
        self.count += 1
        now = self.clock.now()
        job = Job(self.count, kind, user, description, length, begin, end, now)
        self.table[job.number] = job
        self.clock.call_at(now + self.queue_time, self._next)
        return job

    @property
    def active(self) -> Job | None:
        """The one that runs."""
        return next((job for job in self.table.values() if job.status == "ACT"), None)

    @property
    def busy(self) -> bool:
        """A job runs or waits."""
        return any(job.status != "FIN" for job in self.table.values())

    def find(self, number: str) -> Job:
        """Return a job.

        Raises:
            Refusal: there is none, or the device has forgotten it.
        """
        job = self.table.get(int(number)) if number.isdecimal() else None
        if job is None or self.faults.job_vanishes:
            raise Refusal(NO_OBJECT, f"job {number} not found")
        return job

    def printed(self, job: Job) -> Element:
        """Print a job, with its place in the queue."""
        waiting = [j for j in self.table.values() if j.status == "PEND"]
        return job.printed(self.clock.now(), waiting.index(job) + 1 if job in waiting else 0)

    def clear(self) -> None:
        """Lose all jobs."""
        for job in self.table.values():
            if job.timer is not None:
                job.timer.cancel()
        self.table.clear()

    def _next(self) -> None:
        job = next((job for job in self.table.values() if job.status == "PEND"), None)
        if job is None or self.active is not None:
            return
        job.status, job.started = "ACT", self.clock.now()
        job.begin()
        if self.faults.reboot_mid_commit and job.kind == "Commit":
            self.faults.reboot_mid_commit = False
            job.timer = self.clock.call_at(job.started + job.length / 2, self.crash)
        elif not self.faults.job_hangs:
            job.timer = self.clock.call_at(job.started + job.length, lambda: self._finish(job))

    def _finish(self, job: Job) -> None:
        job.outcome = job.end()
        job.status, job.finished = "FIN", self.clock.now()
        self._next()
