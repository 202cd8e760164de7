"""Changes that were not brought to an end: confirm them, or take them back.

Works from any machine, with the journal or without: the device's own timer and mark decide.
Where the device holds no timer, going back needs the journal that has the snapshot, and its key.
No lease is asked for: whoever holds it may be dead, and on the device one of two always wins.
"""

from __future__ import annotations

import contextlib
from typing import Any

from knockctl import __version__
from knockctl.change.context import AnyDriver
from knockctl.change.job import Job, Outcome, Result, failure
from knockctl.change.protocol import Transaction
from knockctl.change.services import Services
from knockctl.contract import HeldByOperator, PendingChange, Reading, no_snapshot
from knockctl.errors import Conflict, DeviceError, JournalError, KnockctlError, SealError
from knockctl.journal.record import OPEN_STATES, ChangeRecord, now
from knockctl.policy import redaction


def confirm_pending(job: Job, services: Services) -> Outcome:
    """Probe again, cancel the timer, persist: the second half of a transaction."""
    transaction = Transaction(job, services)
    try:
        with transaction.connected() as driver:
            outcome = _confirm(transaction, driver)
    except KnockctlError as error:
        outcome = failure(job, error.at(device=job.device.name), "the change is still pending")
    return transaction.complete(outcome)


def _confirm(transaction: Transaction, driver: AnyDriver) -> Outcome:
    job, services = transaction.job, transaction.services
    reading = transaction.read(driver)
    pending = _find(driver, job) or _marked(driver, reading, job, services)
    if pending is None:
        return _nothing_pending(transaction, driver)
    transaction.job = job.model_copy(update={"change_id": pending.change_id})
    _recorded(transaction.job, services)
    driver.probe()
    try:
        return transaction.confirm(driver)
    except JournalError as error:
        return transaction.without_journal(driver, error)


def roll_back_pending(job: Job, services: Services) -> Outcome | None:
    """Fire a pending change's timer; None when the device has none and a snapshot is asked for."""
    transaction = Transaction(job, services)
    state = "nothing was changed"
    outcome: Outcome | None
    try:
        with transaction.connected() as driver:
            reading = transaction.read(driver)
            pending = _find(driver, job) or _marked(driver, reading, job, services)
            if pending is None:
                outcome = _ended(transaction, driver)
            elif pending.holder == "operator":
                state = f"the change {pending.change_id} is still pending"
                _hand_over(pending, job, services, driver)
                outcome = _fire(pending, job, services, driver)
            elif pending.seconds_left is None:
                outcome = None
            else:
                outcome = _fire(pending, job, services, driver)
    except KnockctlError as error:
        outcome = failure(job, error.at(device=job.device.name), state)
    return transaction.complete(outcome) if outcome else None


def _hand_over(pending: PendingChange, job: Job, services: Services, driver: AnyDriver) -> None:
    """Give a driver the snapshot it needs to take a change back; do without where there is none.

    It may do without: where the change never got to what runs there is nothing to restore.
    """
    if not isinstance(driver, HeldByOperator):
        return
    try:
        record = services.journal.get(pending.change_id)
    except SealError as error:
        raise no_snapshot(pending.change_id, error.message) from None
    if record is not None and record.before is not None:
        config = services.vendor(job.device.platform).compiler.load(record.before)
        redaction.register_all(config.secrets())
        driver.remember(pending.change_id, config)


def _fire(pending: PendingChange, job: Job, services: Services, driver: AnyDriver) -> Outcome:
    result = driver.fire(pending.change_id)
    if result == "cancelled":
        raise Conflict(f"the change {pending.change_id} was confirmed meanwhile")
    with contextlib.suppress(DeviceError):
        driver.forget(pending.change_id)
    services.journal.update(pending.change_id, "rolled_back", detail="on request", finished=True)
    return Outcome(
        device=job.device.name,
        result=Result.ROLLED_BACK,
        change_id=pending.change_id,
        kind="rollback",
        message=f"the pending change {pending.change_id} was taken back",
    )


def _find(driver: AnyDriver, job: Job) -> PendingChange | None:
    """Return the change named, or the only one there is."""
    found = driver.pending()
    if job.to_change:
        return next((p for p in found if p.change_id == job.to_change), None)
    if len(found) > 1:
        listed = ", ".join(p.change_id for p in found)
        raise Conflict(f"several changes are pending: {listed}", hint="name one with --change")
    return found[0] if found else None


def _marked(
    driver: AnyDriver, reading: Reading[Any], job: Job, services: Services
) -> PendingChange | None:
    """Return the change that nothing on the device tells of any more, but whose mark is there."""
    held = isinstance(driver, HeldByOperator)
    for record in services.journal.open_changes(job.device.name):
        if record.revision == reading.config.revision and job.to_change in (None, record.id):
            return PendingChange(record.id, None, holder="operator" if held else "device")
    return None


def _recorded(job: Job, services: Services) -> None:
    """Begin a record for a change that another machine's journal holds."""
    if services.journal.get(job.change_id) is None:
        services.journal.begin(
            ChangeRecord(
                id=job.change_id,
                device=job.device.name,
                kind="confirm",
                state="pending",
                operator=job.options.operator,
                started=now(),
                tool_version=__version__,
                revision=job.change_id,
                reason="begun on another machine",
            )
        )


def _nothing_pending(transaction: Transaction, driver: AnyDriver) -> Outcome:
    """The timer is gone: it fired, or there never was one. Close what the journal has open."""
    job = transaction.job
    closed = _close(transaction, driver)
    what = f"the change {job.to_change}" if job.to_change else "a change"
    return Outcome(
        device=job.device.name,
        result=Result.ROLLED_BACK if closed else Result.FAILED,
        change_id=closed or job.to_change,
        kind="confirm",
        message=f"{what} is not pending on the device"
        + ("; it has taken it back by itself" if closed else ""),
        hint=None if closed else "see knockctl history",
        asked=False,
    )


def _ended(transaction: Transaction, driver: AnyDriver) -> Outcome | None:
    job = transaction.job
    closed = _close(transaction, driver)
    if not job.to_change:
        return None
    return Outcome(
        device=job.device.name,
        result=Result.ROLLED_BACK if closed else Result.FAILED,
        change_id=job.to_change,
        kind="rollback",
        message=f"the change {job.to_change} is not pending on the device"
        + ("; it had been taken back" if closed else ""),
    )


def _close(transaction: Transaction, driver: AnyDriver) -> str | None:
    """Mark open changes of the journal as rolled back; return the one asked for, or the last."""
    job, services = transaction.job, transaction.services
    last = None
    for record in services.journal.open_changes(job.device.name):
        if record.state in OPEN_STATES and job.to_change in (None, record.id):
            services.journal.update(
                record.id, "rolled_back", detail="found gone from the device", finished=True
            )
            transaction.looks_back(driver, record.id)
            last = last or record.id
    return last
