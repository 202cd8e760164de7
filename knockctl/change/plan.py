"""What a job wants the device to run, and the way there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from knockctl.change.case import Case
from knockctl.change.job import Job
from knockctl.change.services import Services
from knockctl.contract import AnyVendor, Facts, FidelityNote, Placement, Reading
from knockctl.errors import InventoryError, JournalError, Where
from knockctl.inventory.device import Device
from knockctl.journal.journal import Journal
from knockctl.journal.record import ChangeRecord
from knockctl.policy import redaction
from knockctl.policy.loader import check_together
from knockctl.policy.resolved import ResolvedPolicy


@dataclass(frozen=True, slots=True)
class Intent:
    """The intended config, what was said about it, and the remediation that leads there."""

    compiler: Any
    placement: Placement
    policies: tuple[ResolvedPolicy, ...]
    config: Any
    fidelity: tuple[FidelityNote, ...]
    remediation: Any
    already: str
    """What to say when there is nothing to do."""
    case: Case | None = None
    """What the device is to be held to; None for a snapshot, which tells no policy."""

    @property
    def lag(self) -> int:
        """Seconds a knock may take to show."""
        return self.case.rendered.lag if self.case else 0

    @property
    def notes(self) -> tuple[str, ...]:
        """The fidelity notes as sentences."""
        return tuple(
            f"{n.code} ({n.kind}, {n.direction}): {n.reason}"
            + (f" [costs: {n.cost}]" if n.cost else "")
            for n in self.fidelity
        )


def form_intent(job: Job, services: Services, reading: Reading[Any], facts: Facts | None) -> Intent:
    """Render, or fetch the snapshot, and plan."""
    vendor = services.vendor(job.device.platform)
    compiler = vendor.compiler
    placement = place(vendor, job.device)
    policies: tuple[ResolvedPolicy, ...] = ()
    fidelity: tuple[FidelityNote, ...] = ()
    case: Case | None = None
    config, already = compiler.empty(), "nothing of ours is there"
    if job.kind == "deploy" and job.policies:
        check_together(job.policies, job.device.name)
        rendered = compiler.render(job.policies, placement, facts)
        config, fidelity = rendered.config, rendered.fidelity
        policies, already = rendered.effective, "already as intended"
        case = Case(vendor, placement, rendered)
    elif job.kind == "rollback":
        config = compiler.load(_snapshot(job, services.journal, reading.config.revision))
        already = "already runs that revision"
    redaction.register_all(config.secrets())
    remediation = compiler.plan(reading, config, job.change_id)
    return Intent(compiler, placement, policies, config, fidelity, remediation, already, case)


def place(vendor: AnyVendor, device: Device, policies: Collection[str] | None = None) -> Placement:
    """Validate a device's placement against its vendor's fields.

    With the names of all policies there are, those it speaks of have to be among them.
    """
    context = None if policies is None else {"policies": policies}
    try:
        found: Placement = vendor.placement.model_validate(dict(device.placement), context=context)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(("placement", *(str(part) for part in first["loc"])))
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(vendor.placement.model_fields))
            message = f"unknown field; known are {known}"
        raise InventoryError(message, where=Where(file=device.place, field=field)) from None
    return found


def _snapshot(job: Job, journal: Journal, revision: str | None) -> str:
    """Return the dump to go back to: a named revision, or what was before a change.

    That is the change that is named, if it is what runs, or else the last one.
    """
    if job.to_revision:
        record = journal.get(job.to_revision)
        if record is None or record.device != job.device.name or record.after is None:
            raise JournalError(
                f"the journal has no revision {job.to_revision} of {job.device.name}",
                hint=f"see knockctl history {job.device.name}",
            )
        return record.after
    record = journal.get(job.to_change) if job.to_change else None
    if record is None or record.revision != revision:
        record = journal.get(revision) if revision else _latest(journal, job.device.name)
    if record is None or record.before is None:
        what = f"revision {revision}" if revision else "the last change"
        raise JournalError(
            f"the journal has no snapshot from before {what} of {job.device.name}",
            hint="use the journal of whoever deployed it, or knockctl remove",
        )
    return record.before


def _latest(journal: Journal, device: str) -> ChangeRecord | None:
    return journal.latest(device, ("confirmed",))
