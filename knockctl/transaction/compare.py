"""The difference between what a device runs and what is intended. Changes nothing."""

from __future__ import annotations

import contextlib

from pydantic import BaseModel, ConfigDict

from knockctl.errors import KnockctlError, Unreachable
from knockctl.policy import redaction
from knockctl.policy.redaction import redact
from knockctl.transaction.frame import Services
from knockctl.transaction.intent import form_intent
from knockctl.transaction.job import Job
from knockctl.vendor import PendingChange


class Difference(BaseModel):
    """One device's difference, or why it could not be told."""

    model_config = ConfigDict(frozen=True)

    device: str
    revision: str | None = None
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    shadows: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    description: str = ""
    error: str | None = None
    hint: str | None = None
    unreachable: bool = False

    @property
    def exit_code(self) -> int:
        """4 where the device could not be read, 3 where it differs."""
        return 4 if self.error else 3 if self.changes else 0


def compare(job: Job, services: Services, *, reveal: bool = False) -> Difference:
    """Read a device and plan; a device that can't be read is a result, too."""
    device = job.device
    mask = (lambda text: text) if reveal else redact
    try:
        with contextlib.ExitStack() as stack:
            vendor = services.vendor(device.platform)
            target = device.target(services.resolve, job.options.timeouts)
            driver = stack.enter_context(vendor.connect(target))
            facts = driver.facts()
            reading = driver.read()
            pending = driver.pending()
        redaction.register_all(reading.config.secrets())
        intent = form_intent(job, services, reading, facts)
    except KnockctlError as error:
        return Difference(
            device=device.name,
            error=redact(error.message),
            hint=error.hint,
            unreachable=isinstance(error, Unreachable),
        )
    return Difference(
        device=device.name,
        revision=reading.config.revision,
        changes=tuple(mask(str(change)) for change in intent.remediation.changes),
        notes=tuple(mask(note) for note in intent.notes),
        shadows=tuple(f"{n.place}: {n.text}" for n in intent.remediation.shadows),
        pending=tuple(f"{p.change_id} ({_state(p)})" for p in pending),
        description=facts.description,
    )


def _state(pending: PendingChange) -> str:
    if pending.holder == "operator":
        return "stays until it is confirmed or rolled back"
    if pending.seconds_left is None:
        return "not persisted"
    return f"{pending.seconds_left} s left"
