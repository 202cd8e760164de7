"""What every transaction stands on: services, steps, the lease, the connection, the record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from knockctl.errors import KnockctlError
from knockctl.inventory.device import Resolve
from knockctl.journal.journal import Journal
from knockctl.journal.record import State, now
from knockctl.policy import redaction
from knockctl.policy.redaction import redact
from knockctl.transaction.intent import Intent
from knockctl.transaction.job import Job, Outcome, Result
from knockctl.transaction.steps import Observer, Step, nobody
from knockctl.vendor import AnyVendor, Driver, Facts, Reading, vendor_for

AnyDriver = Driver[Any, Any]


@dataclass(slots=True)
class Services:
    """What a transaction needs from outside: the journal, secrets, vendors, an observer."""

    journal: Journal
    resolve: Resolve
    observer: Observer = nobody
    vendor: Callable[[str], AnyVendor] = vendor_for


@dataclass
class Frame:
    """One job at work on one device."""

    job: Job
    services: Services
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    round_trips: int = 0
    _armed: bool = False
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
            raise error.at(device=name, step=step.value) from None
        self.services.observer(name, step, "after")

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
        with self._step(Step.CONNECT):
            driver.__enter__()
        try:
            yield driver
        finally:
            self.round_trips += driver.round_trips
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
