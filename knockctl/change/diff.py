"""The difference between what a device runs and what is intended. Changes nothing."""

from __future__ import annotations

import contextlib
from typing import Any

from pydantic import BaseModel, ConfigDict

from knockctl.change.foreign import Foreign, ask, open_questions
from knockctl.change.job import Job
from knockctl.change.plan import Intent, form_intent
from knockctl.change.services import Services
from knockctl.contract import PendingChange, Reading
from knockctl.errors import KnockctlError, Unreachable
from knockctl.policy import redaction
from knockctl.policy.redaction import redact


class Difference(BaseModel):
    """One device's difference, or why it could not be told."""

    model_config = ConfigDict(frozen=True)

    device: str
    revision: str | None = None
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Foreign, ...] = ()
    """What foreign rules do to the policies, as they will run after a deploy."""
    mended: tuple[Foreign, ...] = ()
    """What foreign rules do now, and will not after a deploy."""
    remedy: str = ""
    """What mends such findings."""
    accepted: frozenset[str] = frozenset()
    """Codes of findings that don't count as differences."""
    pending: tuple[str, ...] = ()
    description: str = ""
    error: str | None = None
    hint: str | None = None
    unreachable: bool = False

    @property
    def exit_code(self) -> int:
        """4 where the device could not be read, 3 where it differs."""
        return 4 if self.error else 3 if self.changes or self.stopping else 0

    @property
    def stopping(self) -> tuple[Foreign, ...]:
        """The findings that are differences: they stop a deploy until they are accepted."""
        return tuple(open_questions(self.findings, self.accepted))


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
        findings, mended = foreign(intent, reading)
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
        findings=findings,
        mended=mended,
        remedy=vendor.modeller.remedy,
        accepted=job.options.accept,
        pending=tuple(f"{p.change_id} ({_state(p)})" for p in pending),
        description=facts.description,
    )


def foreign(
    intent: Intent, reading: Reading[Any]
) -> tuple[tuple[Foreign, ...], tuple[Foreign, ...]]:
    """Ask what foreign rules will do to the policies once what is intended runs.

    Besides, what strangers reach now and will not then, where something of ours runs already.
    """
    if intent.case is None:
        return (), ()
    modeller = intent.case.vendor.modeller
    after = ask(intent.case, modeller.running(reading.text, intent.config))
    if not intent.remediation.changes or reading.config.empty:
        return after, ()
    told = {one.text for one in after}
    now = ask(intent.case, modeller.running(reading.text))
    return after, tuple(one for one in now if one.kind == "exposed" and one.text not in told)


def _state(pending: PendingChange) -> str:
    if pending.holder == "operator":
        return "stays until it is confirmed or rolled back"
    if pending.seconds_left is None:
        return "not persisted"
    return f"{pending.seconds_left} s left"
