"""How a change on a device ends: kept, taken back, or pending with its id, and what is said."""

from __future__ import annotations

import contextlib

from knockctl.change.context import AnyDriver, Frame
from knockctl.change.job import Outcome, Result, failure
from knockctl.errors import DeviceError, JournalError
from knockctl.journal.record import State


class Endings(Frame):
    """The ends of a transaction; each journals what it says."""

    def _settled_elsewhere(self, driver: AnyDriver) -> Outcome:
        """Somebody confirmed the change, or took it back: the device tells which."""
        if not self._still_runs(driver):
            self._journal("rolled_back", "from elsewhere", finished=True)
            return self._outcome(Result.ROLLED_BACK, "taken back from elsewhere")
        self._journal("confirmed", "from elsewhere", finished=True)
        return self._done()

    def _still_runs(self, driver: AnyDriver) -> bool:
        """Tell by the device itself whether this change is what it runs."""
        reading = driver.read(whole=False)
        if self._intent is None:
            return bool(reading.config.revision in self._marks())
        config = self._intent.config
        return not self._intent.compiler.plan(reading, config, self.job.change_id).changes

    def _marks(self) -> set[str | None]:
        """Return the marks a device may carry that runs this change."""
        record = self.services.journal.get(self.job.change_id)
        return {self.job.change_id, record.revision if record else self.job.change_id}

    def _done(self) -> Outcome:
        intent = self._intent
        said = {
            "deploy": "deployed and confirmed",
            "remove": "removed",
            "rollback": "rolled back",
            "confirm": "confirmed",
        }[self.job.kind]
        if intent and not intent.remediation.keeps_grants:
            said += "; live grants ended with it"
        rolled = self.job.kind == "rollback"
        return self._outcome(Result.ROLLED_BACK if rolled else Result.CONFIRMED, said, asked=rolled)

    # --- ways back ---

    def _withdraw(self, driver: AnyDriver, error: DeviceError) -> Outcome:
        """Arming or applying was refused: the device is as it was; clear the timer."""
        try:
            result = driver.fire(self.job.change_id)
            driver.forget(self.job.change_id)
        except DeviceError as worse:
            self.warnings.append(self._left(worse))
        else:
            if self._held and result == "fired":
                return self._taken_back(error)
        self._journal("failed", error.message, finished=True)
        return failure(self.job, error, "nothing was changed" if not self._said(error) else None)

    def _left(self, error: DeviceError) -> str:
        if not self._held:
            return f"the revert timer is left to run out by itself: {error.message}"
        return (
            f"the hold on the device is left: {error.message}; end it with knockctl rollback"
            f" --change {self.job.change_id}"
        )

    @staticmethod
    def _said(error: DeviceError) -> bool:
        return "nothing was changed" in error.message

    def _take_back(self, driver: AnyDriver, error: DeviceError) -> Outcome:
        """The change is on the device and not good: fire the timer now."""
        try:
            result = driver.fire(self.job.change_id)
        except DeviceError:
            return self._lost(error)
        if result == "cancelled" and self._held:
            return self._settled_elsewhere(driver)
        if result == "cancelled":
            return self._stays_pending(error.message)
        with contextlib.suppress(DeviceError):
            driver.forget(self.job.change_id)
        return self._taken_back(error)

    def _taken_back(self, error: DeviceError) -> Outcome:
        self._journal("rolled_back", error.message, finished=True)
        return self._outcome(
            Result.ROLLED_BACK, f"{error.where.step}: {error.message}; taken back", hint=error.hint
        )

    def without_journal(self, driver: AnyDriver, error: JournalError) -> Outcome:
        """The journal failed midway: no change goes on unrecorded, none is left unsaid."""
        change_id = self.job.change_id
        try:
            result = driver.fire(change_id)
        except DeviceError:
            return self._outcome(
                Result.PENDING,
                f"{error.message}; {self._by_whom}",
                hint=self._back_hint() if self._held else None,
                deadline=not self._held,
            )
        if result == "cancelled":
            return self._outcome(
                Result.PENDING,
                f"it runs and its timer is off, but could not be recorded: {error.message}",
                hint=f"run knockctl confirm --change {change_id} {self.job.device.name}",
            )
        with contextlib.suppress(DeviceError):
            driver.forget(change_id)
        return self._outcome(Result.ROLLED_BACK, f"{error.message}; the change was taken back")

    def _lost(self, error: DeviceError) -> Outcome:
        """The connection went away: look once more; else the timer does what is right."""
        with contextlib.suppress(DeviceError), self.connected() as driver:
            driver.facts()
            reading = driver.read(whole=False)
            intent = self._intent
            applied = (
                intent is not None
                and not intent.compiler.plan(reading, intent.config, self.job.change_id).changes
            )
            result = driver.fire(self.job.change_id)
            if result == "cancelled" and self._held:
                return self._settled_elsewhere(driver)
            # Where we take it back ourselves, a job may have ended only after we had read.
            applied = result == "fired" if self._held else applied
            driver.forget(self.job.change_id)
            state: State = "rolled_back" if applied else "failed"
            self._journal(state, error.message, finished=True)
            if applied and result == "fired":
                return self._outcome(Result.ROLLED_BACK, f"{error.message}; taken back")
            return failure(self.job, error, "nothing was changed")
        return self._unknown(error)

    def _unknown(self, error: DeviceError, unless: str = "") -> Outcome:
        self._journal("pending", error.message)
        if not self._armed and self.job.kind != "confirm":
            return failure(self.job, error, "nothing was changed")
        return self._outcome(
            Result.PENDING,
            f"{error.message}; {unless}{self._by_whom}",
            hint=self._back_hint(),
            deadline=not self._held,
        )

    @property
    def _ended(self) -> str:
        return "confirmed" if self._held else "cancelled"

    @property
    def _by_whom(self) -> str:
        if self._held:
            return "nothing on the device takes the change back"
        return "the device takes the change back by itself"

    def _back_hint(self) -> str:
        return f"when it answers again: knockctl rollback --change {self.job.change_id}"

    def _stays_pending(self, reason: str) -> Outcome:
        self._journal("pending", reason)
        hint = f"run knockctl confirm --change {self.job.change_id} once that is mended"
        return self._outcome(Result.PENDING, reason, hint=hint)
