"""What every transaction stands on: steps, the lease, the connection, the record."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from knockctl.change.job import Job, Outcome, Result
from knockctl.change.plan import Intent
from knockctl.change.services import Services
from knockctl.change.steps import HELD, Step
from knockctl.contract import (
    Driver,
    Facts,
    HeldByOperator,
    Reading,
    Talkative,
    WholeDevice,
)
from knockctl.errors import DeviceError, KnockctlError
from knockctl.journal.record import State, now
from knockctl.policy import redaction
from knockctl.policy.redaction import redact

AnyDriver = Driver[Any, Any]


@dataclass
class Frame:
    """One job at work on one device."""

    job: Job
    services: Services
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    round_trips: int = 0
    _armed: bool = False
    _held: bool = False
    """Nothing on the device takes a change back; we have to."""
    _before: Any = None
    """What was there before the change, where that is known."""
    _asked_again: bool = False
    _intent: Intent | None = None
    _facts: Facts | None = None

    @contextlib.contextmanager
    def _step(self, step: Step) -> Iterator[None]:
        """Tell the observer, and put the step's name into errors."""
        name = self.job.device.name
        self.services.observer(name, step, "before")
        try:
            yield
        except KnockctlError as error:
            raise error.at(device=name, step=self._named(step)) from None
        self.services.observer(name, step, "after")

    def _named(self, step: Step) -> str:
        return HELD.get(step, step.value) if self._held else step.value

    @contextlib.contextmanager
    def _lease(self) -> Iterator[None]:
        options = self.job.options
        seconds = (options.confirm_within or options.timeouts.revert) + options.timeouts.worst_case
        holder = f"{options.operator} ({self.job.change_id})"
        with contextlib.ExitStack() as stack:
            with self._step(Step.LEASE):
                lease = self.services.journal.lease(self.job.device.name, holder, seconds)
                stack.enter_context(lease)
            yield
            with self._step(Step.RELEASE):
                stack.close()

    @contextlib.contextmanager
    def connected(self) -> Iterator[AnyDriver]:
        """Connect to the job's device and count the round trips."""
        device = self.job.device
        vendor = self.services.vendor(device.platform)
        target = device.target(self.services.resolve, self.job.options.timeouts)
        driver = vendor.connect(target)
        if isinstance(driver, Talkative):
            driver.said = lambda words: self.services.progress(device.name, words)
        if isinstance(driver, HeldByOperator):
            self._held = True
            if self._before is not None:
                driver.remember(self.job.change_id, self._before)
        with self._step(Step.CONNECT):
            driver.__enter__()
        try:
            yield driver
        finally:
            self.round_trips += driver.round_trips
            if isinstance(driver, WholeDevice):
                self.warnings.extend(driver.notices())
            driver.__exit__(None, None, None)

    def read(self, driver: AnyDriver) -> Reading[Any]:
        """Ask the device what it is and what it runs."""
        with self._step(Step.READ):
            self._facts = driver.facts()
            self.warnings.extend(self._facts.warnings)
            reading = driver.read()
        redaction.register_all(reading.config.secrets())
        return reading

    def _seconds(self) -> int:
        options = self.job.options
        return options.confirm_within or options.timeouts.revert

    def _journal(
        self, state: State, detail: str = "", *, deadline: bool = False, finished: bool = False
    ) -> None:
        until = now() + timedelta(seconds=self._seconds()) if deadline else None
        self.services.journal.update(
            self.job.change_id, state, detail=detail, deadline=until, finished=finished
        )

    @staticmethod
    def looks_back(driver: AnyDriver, change_id: str) -> None:
        """Find out what a timer took back that ran out unattended; not knowing is no failure."""
        if isinstance(driver, WholeDevice):
            with contextlib.suppress(DeviceError):
                driver.look_back(change_id)

    def complete(self, outcome: Outcome) -> Outcome:
        """Return an outcome with all that was noted on the way."""
        return outcome.model_copy(
            update={
                "notes": tuple(redact(note) for note in self.notes),
                "warnings": tuple(redact(warning) for warning in self.warnings),
                "round_trips": self.round_trips,
            }
        )

    def _outcome(
        self,
        result: Result,
        message: str,
        *,
        hint: str | None = None,
        deadline: bool = False,
        asked: bool = False,
        change_id: str | None = None,
    ) -> Outcome:
        intent = self._intent
        changes = intent.remediation.changes if intent else ()
        return Outcome(
            device=self.job.device.name,
            result=result,
            change_id=change_id or self.job.change_id,
            kind=self.job.kind,
            message=redact(message),
            hint=hint,
            changes=tuple(redact(str(change)) for change in changes),
            deadline=now() + timedelta(seconds=self._seconds()) if deadline else None,
            asked=asked,
        )
