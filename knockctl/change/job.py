"""What a transaction is asked to do, and what came of it. Both are small and pickle."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from knockctl.contract import Timeouts
from knockctl.errors import KnockctlError, Unreachable
from knockctl.inventory.device import Device
from knockctl.policy.redaction import redact
from knockctl.policy.resolved import ResolvedPolicy

Kind = Literal["deploy", "remove", "rollback", "confirm"]


class Result(StrEnum):
    """How a device ended up."""

    UNCHANGED = "unchanged"
    CONFIRMED = "confirmed"
    PENDING = "pending"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"


class Options(BaseModel):
    """How careful a change is to be."""

    model_config = ConfigDict(frozen=True)

    accept: frozenset[str] = frozenset()
    """Codes of notes the user has read and takes on."""
    confirm_within: int | None = None
    """Stop before confirming; the device takes the change back after so many seconds."""
    probe_knock: bool = False
    """After the change, knock for real and see a service open."""
    timeouts: Timeouts = Timeouts()
    operator: str = "unknown"
    reason: str | None = None


class Job(BaseModel):
    """One transaction on one device. The change id is chosen beforehand: a re-run resumes."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    kind: Kind
    change_id: str
    device: Device
    policies: tuple[ResolvedPolicy, ...] = ()
    to_revision: str | None = None
    """For a rollback: the revision to go back to; None for the one before the last change."""
    to_change: str | None = None
    """For confirm and rollback: the pending change meant; None for the only one there is."""
    options: Options = Options()


class Outcome(BaseModel):
    """What came of a job."""

    model_config = ConfigDict(frozen=True)

    device: str
    result: Result
    change_id: str | None = None
    kind: Kind
    message: str
    hint: str | None = None
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    deadline: datetime | None = None
    """For ``pending``: when the device takes the change back by itself."""
    round_trips: int = 0
    seconds: float = 0.0
    asked: bool = True
    """For ``rolled_back``: whether that is what the user asked for."""

    @property
    def exit_code(self) -> int:
        """The exit code this outcome alone would give (design, section 9)."""
        if self.result in (Result.FAILED, Result.UNREACHABLE, Result.SKIPPED):
            return 4
        if self.result is Result.PENDING:
            return 8
        if self.result is Result.ROLLED_BACK and not self.asked:
            return 5
        return 0


def failure(job: Job, error: KnockctlError, message: str | None = None) -> Outcome:
    """Return the outcome of an error that left the device as it was."""
    lost = isinstance(error, Unreachable)
    place = str(replace(error.where, device=None))
    text = f"{place}: {error.message}" if place else error.message
    return Outcome(
        device=job.device.name,
        result=Result.UNREACHABLE if lost else Result.FAILED,
        change_id=job.change_id,
        kind=job.kind,
        message=redact(f"{text}; {message}" if message else text),
        hint=error.hint,
    )
