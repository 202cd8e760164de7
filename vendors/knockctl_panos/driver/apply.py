"""Making a change run: written, validated, committed alone, pushed; and finding out whether it did.

A commit that is lost sight of, as when the device restarts, is waited for: what runs then tells.
"""

from __future__ import annotations

from collections.abc import Callable

from knockctl.errors import CommandRefused, Conflict, ConnectionCut
from knockctl_panos.config.location import Location
from knockctl_panos.driver import panorama, reader
from knockctl_panos.driver.candidate import Candidate
from knockctl_panos.driver.connection import Session
from knockctl_panos.driver.jobs import JobHangs, Jobs
from knockctl_panos.driver.revert import Hold, Locks
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.plan.plan import PanosRemediation, plan


class Application:
    """Changes of one location, over one session."""

    def __init__(
        self, session: Session, placement: PanosPlacement, say: Callable[[str], None]
    ) -> None:
        """Take a session, connected or not yet; ``say`` hears of the progress."""
        self._session, self._placement, self._say = session, placement, say
        self._location = Location.of(placement)
        self.jobs = Jobs(session, say)
        self.locks = Locks(session, self._location)
        self.candidate = Candidate(session, self._location, self.jobs)

    def run(self, way: PanosRemediation, hold: Hold, description: str) -> None:
        """Make a change run, by one commit and, from Panorama, one push."""
        self._say("writing the candidate configuration")
        self.candidate.write(way.operations, at_once=self._placement.multi_config)
        self.candidate.validate(hold.admin)
        self._held_still(hold)
        try:
            seen = self.candidate.commit(hold.admin, description) is not None
        except JobHangs:
            raise
        except ConnectionCut as error:
            self._find_out(way, hold, error.message)
        else:
            if not seen:
                self._find_out(way, hold, "the device knows its commit no more")
        self.locks.renew(hold)
        self.push(hold, description)

    def _held_still(self, hold: Hold) -> None:
        """See that nobody has ended the change from elsewhere while it was being made."""
        there = self.locks.hold()
        if there is not None and (there.change_id, there.back) == (hold.change_id, hold.back):
            return
        if there is None:
            self.candidate.revert(hold.admin)
        raise Conflict(
            "it was ended from elsewhere, or its lock taken away; nothing was changed",
            where=self._session.where,
        )

    def push(self, hold: Hold, description: str) -> None:
        """From Panorama, give the firewalls what it runs; nothing on a firewall."""
        group = self._location.group
        if group is not None:
            chosen = self._placement.devices
            panorama.push(self._session, self.jobs, group, chosen, hold.admin, description)

    def _find_out(self, way: PanosRemediation, hold: Hold, said: str) -> None:
        """Wait until the device answers, and see what it runs."""
        reader.answering(self._session, self._say)
        self.jobs.settle(hold.admin)
        there = reader.read(self._session, self._location, whole=False)
        same = there.config.revision == way.intended.revision
        if same and not plan(there, way.intended, way.change_id).changes:
            return
        raise CommandRefused(
            f"{said}; the commit did not take effect, and nothing was changed",
            hint="look at show jobs all and the system log",
            where=self._session.where,
        )
