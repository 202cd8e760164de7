"""The driver: a firewall, or a device group on Panorama, over its XML API.

Nothing on such a device takes a change back: ``knockctl.contract.HeldByOperator``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_address

from pydantic import ValidationError

from knockctl.contract import (
    CancelResult,
    Endpoint,
    Facts,
    PendingChange,
    Reading,
    Target,
    no_snapshot,
)
from knockctl.contract.connection import OverSession
from knockctl.errors import (
    CommandRefused,
    Conflict,
    ConnectionCut,
    DeviceError,
    GuardError,
    InventoryError,
    ProbeFailed,
    Unsupported,
)
from knockctl_panos.config.location import Location
from knockctl_panos.config.records import PanosConfig
from knockctl_panos.driver import reader
from knockctl_panos.driver.access import PanosAccess
from knockctl_panos.driver.apply import Application
from knockctl_panos.driver.connection import PORT, Session
from knockctl_panos.driver.ha import require_active
from knockctl_panos.driver.revert import Hold
from knockctl_panos.driver.tags import Tags
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.plan.plan import PanosRemediation, plan

OLDEST = (9, 1)
"""The first version whose log forwarding takes tags back in time, and is supported still."""


class PanosDriver(OverSession[Session]):
    """A firewall over its XML API: a ``knockctl.contract.Driver``, and ``HeldByOperator``."""

    def __init__(self, target: Target) -> None:
        """Keep the target; ``__enter__`` connects."""
        self.target = target
        self.placement = _placement(target)
        self.location = Location.of(self.placement)
        self.said: Callable[[str], None] = _nobody
        self._session = Session(target)
        self._application = Application(self._session, self.placement, self._say)
        self._locks, self._candidate = self._application.locks, self._application.candidate
        self._known: dict[str, PanosConfig] = {}
        self._hold: Hold | None = None
        self._change: PanosRemediation | None = None

    def _say(self, words: str) -> None:
        self.said(words)

    # --- reading ---

    def facts(self) -> Facts:
        """Say what the device is; raise where it can't do what is asked."""
        system = self._session.system
        version, model = system.get("sw-version", ""), system.get("model", "")
        numbers = tuple(int(n) for n in version.split("-")[0].split(".")[:2] if n.isdecimal())
        if numbers < OLDEST:
            raise Unsupported(
                f"PAN-OS {version} is older than 9.1", hint="update it", where=self._session.where
            )
        manages = reader.is_panorama(system)
        if manages != (self.location.group is not None):
            raise GuardError(
                "it is a Panorama, and no device group is named"
                if manages
                else "it is a firewall, and the placement names a device group",
                hint="set placement.device_group for a Panorama, placement.vsys for a firewall",
                where=self._session.where,
            )
        warnings = []
        if not self.target.credentials.verify_certificate:
            warnings.append("its certificate is not verified: anybody in between could be it")
        return Facts(
            description=f"PAN-OS {version} {model}".strip(),
            endpoint=self._endpoint(),
            details={"version": version, "model": model, "serial": system.get("serial", "")},
            warnings=tuple(warnings),
        )

    def _endpoint(self) -> Endpoint:
        mine, theirs = self._session.ends()
        judged = reader.on_data_plane(self._session, theirs)
        port = self.target.port or PORT
        return Endpoint(ip_address(mine), ip_address(theirs), port, judged=judged)

    def read(self, *, whole: bool = True) -> Reading[PanosConfig]:
        """Read what is ours, and all that judges packets, as one ``<config>`` document."""
        return reader.read(self._session, self.location, whole=whole)

    def _mark(self) -> str | None:
        return reader.mark(self._session, self.location)

    # --- the hold ---

    def pending(self) -> tuple[PendingChange, ...]:
        """List the change that holds the device now."""
        hold = self._locks.hold()
        return (hold.pending(),) if hold else ()

    def arm(self, remediation: PanosRemediation, seconds: int) -> None:
        """Take the configuration lock, and see that nobody's work is in the way."""
        require_active(self._session)
        until, base = int(time.time()) + seconds, remediation.before.revision
        wanted = Hold(remediation.change_id, until, base, remediation.settled)
        self.remember(remediation.change_id, remediation.before)
        hold = self._locks.take(wanted)
        try:
            self._candidate.clear(hold.admin)
            if self._mark() not in (base, remediation.settled):
                raise Conflict(
                    "somebody else has written since this change was planned; nothing was changed",
                    hint="look at `knockctl diff`, then deploy again",
                    where=self._session.where,
                )
        except ConnectionCut:
            raise
        except DeviceError:
            self._locks.release(hold)
            raise
        self._hold, self._change = hold, remediation

    def verify_armed(self, change_id: str) -> None:
        """Raise unless the lock is there, and ours."""
        if self._locks.hold(change_id) is None:
            raise CommandRefused(
                "the configuration lock is gone; nothing was changed", where=self._session.where
            )

    def remember(self, change_id: str, before: PanosConfig) -> None:
        """Take what was there before a change that another connection began."""
        self._known[change_id] = before

    def cancel(self, change_id: str) -> CancelResult:
        """Give the lock back: the change stays, if it is there."""
        hold = self._locks.hold(change_id)
        if hold is None:
            return "absent"
        if hold.back:
            return "fired"
        if hold.never_ran(self._mark()):
            raise CommandRefused(
                f"the change {change_id} does not run yet: it is being made, or was cut off; if so,"
                f" knockctl rollback --change {change_id} clears it away",
                where=self._session.where,
            )
        return "cancelled" if self._locks.release(hold) else "absent"

    def fire(self, change_id: str) -> CancelResult:
        """Take the change back: what is not committed, and, by a commit, what is."""
        hold = self._locks.hold(change_id)
        if hold is None:
            if self._hold is not None and self._hold.change_id == change_id:
                self._hold = None
                return "cancelled"
            return self._without_hold(change_id)
        self._application.jobs.settle(hold.admin)
        if change_id not in self._known and not hold.never_ran(self._mark()):
            raise no_snapshot(change_id)
        turned = self._locks.turn(hold)
        if turned is None:
            return "cancelled"
        if turned.admin != hold.admin:
            self._candidate.revert(hold.admin)
        return self._go_back(turned)

    def _without_hold(self, change_id: str) -> CancelResult:
        """The lock was lost, as in a restart: take it anew, if the change is what runs."""
        before = self._known.get(change_id)
        if before is None:
            return "absent"
        there = self.read(whole=False)
        if not plan(there, before, change_id).changes:
            return "absent"
        mark = there.config.revision
        wanted = Hold(change_id, int(time.time()), before.revision, mark, back=True)
        return self._go_back(self._locks.take(wanted))

    def _go_back(self, hold: Hold) -> CancelResult:
        self._candidate.revert(hold.admin)
        before = self._known.get(hold.change_id)
        result: CancelResult = "absent"
        said = f"knockctl takes the change {hold.change_id} back"
        if before is not None:
            way = plan(self.read(whole=False), before, hold.change_id)
            if way.changes:
                self._application.run(way, hold, said)
                self._tags(way).forget_stale()
                result = "fired"
            else:
                # It may have been taken back on Panorama, and not on its firewalls.
                self._application.push(hold, said)
        self._locks.release(hold)
        self._hold = None
        return result

    def persist(self, change_id: str) -> str | None:
        """Take away what addresses are remembered for that means nothing now.

        What is committed is what a device keeps.
        """
        if self.location.group is not None:
            return None
        change = self._change if self._change and self._change.change_id == change_id else None
        if change is None or change.dropped or change.freed:
            self._tags(change).forget_stale()
        return None

    def _tags(self, change: PanosRemediation | None) -> Tags:
        freed = change.freed if change is not None else ()
        return Tags(self._session, self.location, freed)

    def forget(self, change_id: str) -> None:
        """Give the lock back, if it is this change's still."""
        hold = self._locks.hold(change_id)
        if hold is not None:
            self._locks.release(hold)
        if self._hold is not None and self._hold.change_id == change_id:
            self._hold = None

    # --- changing ---

    def apply(self, remediation: PanosRemediation) -> None:
        """Write the candidate, have it validated, and commit it; on Panorama, push it."""
        hold = self._hold or self._locks.hold(remediation.change_id)
        if hold is None:
            raise CommandRefused(
                "the configuration lock is gone; nothing was changed", where=self._session.where
            )
        self._application.run(remediation, hold, f"knockctl change {remediation.change_id}")

    def probe(self) -> None:
        """Open a second connection, log in, and ask something on it."""
        try:
            self._session.probe()
        except DeviceError as error:
            raise ProbeFailed(f"a new connection does not work: {error.message}") from error

    # --- access ---

    def access(self) -> PanosAccess:
        """Return who is in, and the means to change that."""
        if self.location.group is not None:
            raise Unsupported(
                "Panorama does not know who is in: its firewalls do",
                hint="name the firewalls in the inventory, too, and ask them",
                where=self._session.where,
            )
        return PanosAccess(self._session, self.location, self.read(whole=False).config)


def _nobody(words: str) -> None:
    del words


def _placement(target: Target) -> PanosPlacement:
    """Read the placement; without addresses it says where to look all the same."""
    words = {"addresses": ["127.0.0.1"], **target.placement}
    try:
        return PanosPlacement.model_validate(words)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InventoryError(f"{target.name}: placement: {first['msg']}") from None
