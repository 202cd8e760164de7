"""The transaction on one device (design, section 7).

``lease → read → plan → journal the intent → arm → verify → apply → read back → probe →
journal confirming → cancel → persist → journal the outcome → release``

Every failure ends in a known state, which the outcome names: unchanged, rolled back, or
pending with its id. What is not known is never assumed: the device's mark and timer decide.

Where a device holds no timer this process does: it waits to be confirmed, and takes the change
back. If it dies the change stays, and fences the device until somebody ends it.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from knockctl import __version__
from knockctl.change import preflight
from knockctl.change.context import AnyDriver
from knockctl.change.foreign import ask
from knockctl.change.job import Outcome, Result, failure
from knockctl.change.outcomes import Endings
from knockctl.change.plan import Intent, form_intent
from knockctl.change.probe import knock, knock_and_check
from knockctl.change.steps import Step
from knockctl.change.waiting import Ended, wait
from knockctl.contract import Config, Reading, Running, WholeDevice
from knockctl.errors import (
    Conflict,
    DeviceError,
    GuardError,
    JournalError,
    KnockctlError,
    ProbeFailed,
    Unreachable,
    Where,
)
from knockctl.journal.record import ChangeRecord, now
from knockctl.policy.redaction import redact


@dataclass
class Transaction(Endings):
    """One run of one job, from reading to the journalled outcome."""

    def run(self) -> Outcome:
        """Run the job; never raises for what can go wrong on a device."""
        begun = time.monotonic()
        try:
            with self._lease():
                outcome = self._run()
        except KnockctlError as error:
            error.at(device=self.job.device.name)
            outcome = failure(self.job, error, "nothing was changed")
        seconds = round(time.monotonic() - begun, 3)
        return self.complete(outcome).model_copy(update={"seconds": seconds})

    # --- the protocol ---

    def _run(self) -> Outcome:
        with self.connected() as driver:
            reading = self.read(driver)
            self._before = reading.config
            self._nobody_elses(driver)
            self._close_what_ended(driver, reading)
            with self._step(Step.PLAN):
                intent = form_intent(self.job, self.services, reading, self._facts)
                self._intent = intent
                self.notes.extend(intent.notes)
            resumed = any(p.change_id == self.job.change_id for p in driver.pending())
            with self._step(Step.PLAN):
                around = self._around(reading, intent)
                if not resumed:
                    self._foreign(intent, around)
            if not intent.remediation.changes:
                return self._nothing_to_do(driver, reading, intent)
            with self._step(Step.PLAN):
                self._guarded(reading, intent, around)
            with self._step(Step.JOURNAL_INTENT):
                self.services.journal.begin(self._record(reading, intent))
            return self._change(driver, intent)

    def _nobody_elses(self, driver: AnyDriver) -> None:
        """Somebody's unconfirmed change is on the device: theirs to finish, not ours to bury."""
        for pending in driver.pending():
            if pending.change_id == self.job.change_id:
                continue
            if pending.holder == "operator":
                whose = f", made by {pending.by}" if pending.by else ""
                raise Conflict(
                    f"the change {pending.change_id}{whose}, is pending on the device, and nothing"
                    " on the device takes it back",
                    hint=f"run knockctl confirm or rollback --change {pending.change_id}",
                ).at(device=self.job.device.name, step=Step.READ.value)
            if pending.seconds_left is None:
                continue
            raise Conflict(
                f"the change {pending.change_id} is pending on the device for another"
                f" {pending.seconds_left} s",
                hint=f"run knockctl confirm or rollback --change {pending.change_id}, or wait",
            ).at(device=self.job.device.name, step=Step.READ.value)

    def _close_what_ended(self, driver: AnyDriver, reading: Reading[Any]) -> None:
        """A change the journal has open and the device has not was taken back meanwhile."""
        alive = {pending.change_id for pending in driver.pending()}
        alive |= {self.job.change_id, reading.config.revision or ""}
        for record in self.services.journal.open_changes(self.job.device.name):
            if record.id not in alive:
                said = "not on the device any more" if self._held else "taken back by the device"
                self.services.journal.update(record.id, "rolled_back", detail=said, finished=True)
                self.looks_back(driver, record.id)
                driver.forget(record.id)

    def _around(self, reading: Reading[Any], intent: Intent) -> Running[Any] | None:
        """Return everything the device will run once what is intended does."""
        if intent.case is None:
            return None
        return intent.case.vendor.modeller.running(reading.text, intent.config)

    def _foreign(self, intent: Intent, around: Running[Any] | None) -> None:
        """Stop at what foreign rules do to the policies; tell what stops nothing."""
        if intent.case is None or around is None:
            return
        accepted = self.job.options.accept
        found = ask(intent.case, around)
        preflight.check_foreign(found, accepted, intent.case.vendor.modeller.remedy)
        self.warnings.extend(
            f"accepted: {one.text}" if one.blocks else f"{one.kind}: {one.text}" for one in found
        )

    def _guarded(self, reading: Reading[Any], intent: Intent, around: Running[Any] | None) -> None:
        options = self.job.options
        preflight.check_notes(intent.fidelity, options.accept)
        endpoint = self._facts.endpoint if self._facts else None
        if intent.case and around:
            if not options.probe_knock:
                modeller = intent.case.vendor.modeller
                before = modeller.running(reading.text).model
                ours = modeller.model(intent.config)
                machines = preflight.Machines(before, around.model, ours)
                warning = preflight.check_management(
                    endpoint, intent.case, machines, options.accept
                )
                self.warnings.extend([warning] if warning else [])
            if self._held:
                preflight.check_way_back(endpoint, intent.placement, options.accept)
        seconds, worst = self._seconds(), options.timeouts.worst_case
        if seconds <= worst and not self._held:
            raise GuardError(
                f"the revert timer would fire after {seconds} s, but applying and probing may"
                f" take {worst} s",
                hint=f"give it at least {worst + 1} s, or lower timeouts.command and .probe",
            )

    def _change(self, driver: AnyDriver, intent: Intent) -> Outcome:
        """Everything from arming on: from here the device may take the change back itself."""
        try:
            return self._arm_and_apply(driver, intent)
        except JournalError as error:
            return self.without_journal(driver, error)

    def _arm_and_apply(self, driver: AnyDriver, intent: Intent) -> Outcome:
        try:
            with self._step(Step.ARM):
                driver.arm(intent.remediation, self._seconds())
                self._armed = True
            with self._step(Step.VERIFY_ARMED):
                driver.verify_armed(self.job.change_id)
            self._journal("armed", deadline=True)
            with self._step(Step.APPLY):
                driver.apply(intent.remediation)
        except Unreachable as error:
            return self._lost(error)
        except DeviceError as error:
            return self._withdraw(driver, error)
        return self._judge(driver, intent)

    def _judge(self, driver: AnyDriver, intent: Intent) -> Outcome:
        """The change is on the device: look at it, probe it, then keep it or take it back."""
        try:
            with self._step(Step.READ_BACK):
                self._same(driver.read(whole=False), intent)
            self._journal("applied")
            with self._step(Step.PROBE):
                self._probe(driver, intent)
        except DeviceError as error:
            return self._take_back(driver, error)
        if self.job.options.confirm_within:
            self._journal("pending", deadline=self._held)
            if self._held:
                return self._wait(driver)
            if isinstance(driver, WholeDevice):
                with contextlib.suppress(DeviceError):
                    driver.stays(self.job.change_id)
            return self._outcome(
                Result.PENDING,
                f"applied and waiting; the device takes it back in {self._seconds()} s",
                hint=f"run knockctl confirm --change {self.job.change_id}",
                deadline=True,
            )
        return self.confirm(driver)

    def _wait(self, driver: AnyDriver) -> Outcome:
        """Nothing on the device takes the change back: stay, and do it."""
        device, change_id, seconds = self.job.device.name, self.job.change_id, self._seconds()
        self.services.announce(
            device,
            f"applied and waiting (change {change_id}): this process takes it back in {seconds} s"
            f" unless knockctl confirm --change {change_id} is run elsewhere; Ctrl-C takes it back"
            " now. Nothing on the device takes it back",
        )
        with self._step(Step.WAIT):
            ended = wait(
                lambda: any(p.change_id == change_id for p in driver.pending()),
                seconds,
                self.services.stop,
                lambda left: self.services.progress(device, f"waits to be confirmed: {left} s"),
            )
        if ended is Ended.SETTLED:
            return self._settled_elsewhere(driver)
        said = f"not confirmed within {seconds} s" if ended is Ended.OVER else "interrupted"
        return self._take_back(driver, DeviceError(said, where=Where(step=Step.WAIT.value)))

    def _same(self, reading: Reading[Any], intent: Intent) -> None:
        again = intent.compiler.plan(reading, intent.config, self.job.change_id)
        if again.changes:
            listed = "; ".join(str(change) for change in again.changes[:3])
            raise ProbeFailed(f"what runs is not what was written: {listed}")

    def _probe(self, driver: AnyDriver, intent: Intent) -> None:
        if self.job.options.probe_knock:
            for policy in intent.policies:
                seconds = self.job.options.timeouts.probe
                knock_and_check(policy, intent.placement, seconds, intent.lag)
            for policy in intent.policies:
                # The check may have used up a single-use grant that the new connection needs.
                knock(policy, intent.placement, intent.lag)
        driver.probe()

    def confirm(self, driver: AnyDriver) -> Outcome:
        """Cancel the timer and settle; from here on the change stays."""
        change_id = self.job.change_id
        with self._step(Step.JOURNAL_CONFIRMING):
            self._journal("confirming")
        try:
            with self._step(Step.CANCEL):
                result = driver.cancel(change_id)
        except Unreachable as error:
            return self._confirm_again(error)
        except DeviceError as error:
            return self._stays_pending(f"{error.message}")
        if result == "absent" and self._still_runs(driver):
            # Somebody cleared the timer's traces; the probe just now was on what runs.
            result = "cancelled"
        if result != "cancelled":
            what = "it had been taken back" if self._held else "the revert timer had fired"
            self._journal("rolled_back", what, finished=True)
            return self._outcome(Result.ROLLED_BACK, f"{what} before it was {self._ended}")
        try:
            with self._step(Step.PERSIST):
                warning = driver.persist(change_id)
        except DeviceError as error:
            return self._stays_pending(f"it runs, but is not settled: {error.message}")
        if warning:
            self.warnings.append(warning)
        with self._step(Step.JOURNAL_OUTCOME):
            self._journal("confirmed", finished=True)
        with self._step(Step.FORGET), contextlib.suppress(DeviceError):
            driver.forget(change_id)
        return self._done()

    def _confirm_again(self, error: DeviceError) -> Outcome:
        """The answer was lost: ask once more, on a new connection."""
        if not self._asked_again:
            self._asked_again = True
            with contextlib.suppress(DeviceError), self.connected() as driver:
                driver.facts()
                return self.confirm(driver)
        settled = "it was confirmed" if self._held else "its timer was stopped"
        return self._unknown(error, f"unless {settled} already, ")

    # --- nothing to do ---

    def _nothing_to_do(self, driver: AnyDriver, reading: Reading[Any], intent: Intent) -> Outcome:
        """What runs is what is meant. A mark nobody has confirmed is probed all the same."""
        if self._held and any(p.change_id == self.job.change_id for p in driver.pending()):
            # This very job was cut off after it had done what it was to do.
            with self._step(Step.PROBE):
                driver.probe()
            return self.confirm(driver)
        revision = reading.config.revision
        known = self.services.journal.get(revision) if revision else None
        unsettled = any(p.change_id == revision for p in driver.pending())
        if revision and (unsettled or (known and known.state != "confirmed")):
            with self._step(Step.PROBE):
                driver.probe()
            with self._step(Step.PERSIST):
                warning = driver.persist(revision)
                self.warnings.extend([warning] if warning else [])
            with self._step(Step.JOURNAL_OUTCOME):
                self.services.journal.update(revision, "confirmed", finished=True)
            with self._step(Step.FORGET):
                driver.forget(revision)
        said = intent.already
        if self.job.options.probe_knock and intent.policies:
            with self._step(Step.PROBE):
                self._probe(driver, intent)
            said += "; a real knock opened it"
        return self._outcome(Result.UNCHANGED, said, change_id=revision)

    # --- records ---

    def _record(self, reading: Reading[Any], intent: Intent) -> ChangeRecord:
        config: Config = intent.remediation.intended
        before: Config = reading.config
        return ChangeRecord(
            id=self.job.change_id,
            device=self.job.device.name,
            kind=self.job.kind,
            state="planned",
            operator=self.job.options.operator,
            started=now(),
            tool_version=__version__,
            base_revision=before.revision,
            revision=intent.remediation.settled,
            policies=tuple(policy.name for policy in intent.policies),
            summary=tuple(redact(str(change)) for change in intent.remediation.changes),
            reason=self.job.options.reason,
            before=before.dump(),
            after=config.dump(),
        )
