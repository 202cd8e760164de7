"""The driver: one API connection to a router, one command at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from knockctl.contract import CancelResult, Endpoint, Facts, PendingChange, Reading, Target
from knockctl.contract.connection import OverSession
from knockctl.errors import (
    CommandRefused,
    Conflict,
    ConnectionCut,
    DeviceError,
    ProbeFailed,
    Unsupported,
    Where,
)
from knockctl_routeros.config.records import Menu, RouterConfig
from knockctl_routeros.driver import revert_script, safemode
from knockctl_routeros.driver.access import RouterAccess
from knockctl_routeros.driver.apply import Application
from knockctl_routeros.driver.connection import Session, path
from knockctl_routeros.driver.reader import Reader
from knockctl_routeros.driver.revert import Timer
from knockctl_routeros.driver.revert_script import Note
from knockctl_routeros.plan import foreign
from knockctl_routeros.plan.plan import RouterRemediation
from knockctl_routeros.plan.reading import (
    RouterReading,
)

_PATTERNS: Menu = "/ip firewall layer7-protocol"
OLDEST = (6, 43)
"""The first version whose login does not need the password in a recoverable form."""


def _marks_of(held: Note, *, decided: bool) -> set[str | None]:
    """Return the marks a router carries while a change runs, and while it is cleared away."""
    return {held.change_id, held.settled} if decided else {held.change_id}


class RouterDriver(OverSession[Session]):
    """A MikroTik router over its API. Satisfies ``knockctl.contract.Driver``."""

    def __init__(self, target: Target) -> None:
        """Keep the target; ``__enter__`` connects."""
        self.target = target
        self._session = Session(target)
        self._timer = Timer(self._session)
        self._facts: Facts | None = None
        self._reader = Reader(self._session)
        self._pending: tuple[PendingChange, ...] = ()
        self._armed = False
        """Whether this connection began a change: then it was not lost in safe mode."""

    # --- reading ---

    def facts(self) -> Facts:
        """Ask what the router is, and which of its menus it has."""
        (found,) = self._session.ask("/system/resource/print")
        version = found.get("version", "")
        numbers = [int(n) for n in re.findall(r"\d+", version)[:2]]
        where = Where(device=self.target.name)
        if tuple(numbers) < OLDEST:
            raise Unsupported(
                f"RouterOS {version} is older than 6.43", hint="update the router", where=where
            )
        families = self._reader.families
        board = found.get("board-name", "")
        self._facts = Facts(
            description=f"RouterOS {version} {board}".strip(),
            endpoint=self._endpoint(),
            details={"families": " ".join(map(str, families)), "version": version.split()[0]},
            warnings=tuple(self._warnings()),
        )
        return self._facts

    def _warnings(self) -> Iterator[str]:
        if not self.target.credentials.tls:
            yield "the API is spoken without TLS: the password and every knock can be overheard"
        elif not self.target.credentials.verify_certificate:
            yield "the router's certificate is not verified: anybody in between could be it"

    def _version(self) -> str:
        return (self._facts or self.facts()).details["version"]

    def _endpoint(self) -> Endpoint | None:
        """Return our connection as the router sees it: behind NAT that is not what we see."""
        mine, theirs, port = self._session.ends
        active = self._session.ask("/user/active/print", "=.proplist=address,via")
        seen = {row.get("address", "") for row in active if "api" in row.get("via", "")}
        if seen and mine not in seen:
            if len(seen) > 1:
                return None
            mine = seen.pop()
        return Endpoint(ip_address(mine), ip_address(theirs), port)

    def read(self, *, whole: bool = True) -> Reading[RouterConfig]:
        """Read what is ours, the rules beside it, and the changes that are not settled."""
        reading = self._reader.reading(whole=whole)
        held = self._timer.held()
        if held is None:
            self._pending = ()
            return reading
        left = self._timer.seconds_left()
        applied = reading.config.revision in _marks_of(held, decided=left is None)
        if left is None and not applied:
            # It ended while it was being armed: the way back only clears it away.
            left = 0
        self._pending = (PendingChange(held.change_id, left),)
        # What a change turns off stays until the change is settled.
        return reading.settled() if applied else reading

    # --- changes that are not settled ---

    def pending(self) -> tuple[PendingChange, ...]:
        """List the unsettled changes, as of the last ``read``."""
        return self._pending

    # --- the revert timer ---

    def arm(self, remediation: RouterRemediation, seconds: int) -> None:
        """Take the device by adding the script, see that nobody was first, start the timer."""
        source = revert_script.source(remediation)
        where = Where(device=self.target.name)
        if len(source) > revert_script.LONGEST:
            raise CommandRefused(
                f"the way back takes {len(source)} characters, more than a script may have"
                f" ({revert_script.LONGEST}); nothing was changed",
                hint="deploy fewer policies at once",
                where=where,
            )
        self._tidy()
        self._nobody_let_in(remediation)
        self._timer.take(remediation, source)
        self._armed = True
        try:
            planned = {row.mark for row in remediation.before.device_rows()}
            if self._reader.marks() != planned - {""}:
                raise Conflict(
                    "somebody else has written since this change was planned; nothing was changed",
                    hint="look at `knockctl diff`, then deploy again",
                    where=where,
                )
            self._timer.start(remediation, seconds)
        except ConnectionCut:
            raise
        except DeviceError:
            self._timer.release()
            raise

    def _nobody_let_in(self, remediation: RouterRemediation) -> None:
        """Raise where somebody is, for good, on a list that rules ask from now on."""
        asked = set(foreign.used(remediation.before.rows))
        new = [name for name in foreign.used(remediation.added) if name not in asked]
        there = self._reader.opening(new)
        if there:
            listed = f"{there[0].menu} {there[0].get('list')}: {' '.join(there[0].parts())}"
            raise Conflict(
                f"somebody has put addresses on our lists: {listed}; nothing was changed",
                hint="remove them; `knockctl admit` lets somebody in for a time",
                where=Where(device=self.target.name),
            )

    def _tidy(self) -> None:
        """Finish a change that was confirmed and not cleared away."""
        for pending in self._pending:
            if pending.seconds_left is None:
                self.persist(pending.change_id)
                self.forget(pending.change_id)

    def verify_armed(self, change_id: str) -> None:
        """Raise unless both jobs are there, and the router says when the timer runs."""
        self._timer.verify(change_id)

    def cancel(self, change_id: str) -> CancelResult:
        """Take the timer away: without it the script does nothing."""
        held = self._held(change_id)
        if held is None:
            return "absent"
        self._nobody_undoes()
        state = self._timer.state()
        marks = _marks_of(held, decided=state == "decided")
        if state == "going back":
            return "fired"
        if self._reader.reading().config.revision not in marks:
            return "absent"
        if not self._timer.stop() or self._reader.reading().config.revision not in marks:
            return "fired"
        return "cancelled"

    def fire(self, change_id: str) -> CancelResult:
        """Run the way back now."""
        if self._held(change_id) is None:
            return "absent"
        if self._timer.state() == "decided" and self._reader.reading().config.revision == change_id:
            return "cancelled"
        self._nobody_undoes()
        self._timer.run()
        return "fired"

    def _nobody_undoes(self) -> None:
        """Wait until a connection that was lost in safe mode has been found out."""
        if not self._armed:
            safemode.wait(self._session, self._version())

    def persist(self, change_id: str) -> str | None:
        """Remove what the change turned off, and give a revision gone back to its own mark.

        What a router runs is what it keeps.
        """
        held = self._held(change_id)
        if held is None:
            return None
        if self.cancel(change_id) != "cancelled":
            raise CommandRefused(
                f"the change {change_id} is not what runs", where=Where(device=self.target.name)
            )
        reading = self._reader.reading()
        try:
            self._clear(reading, held)
        except CommandRefused as error:
            raise CommandRefused(
                f"what the change replaced can't be cleared away: {error.message}; it does"
                " nothing, and the router keeps what it runs",
                where=error.where,
            ) from None
        return None

    def _clear(self, reading: RouterReading, held: Note) -> None:
        for menu, ids in self._reader.off.items():
            self._remove(menu, ids)
        self._remove(_PATTERNS, [i for r in reading.unused for i in self._reader.id(r)])
        if held.settled not in (None, held.change_id):
            for row in reading.config.device_rows():
                new = row.marked(held.settled).get("comment")
                for id_ in self._reader.id(row) if row.jump else ():
                    self._session.ask(f"{path(row.menu)}/set", f"=.id={id_}", f"=comment={new}")

    def forget(self, change_id: str) -> None:
        """Remove script and jobs of a settled change, if they are still its own."""
        if self._held(change_id) is not None:
            self._timer.release()

    def _held(self, change_id: str) -> Note | None:
        held = self._timer.held()
        return held if held is not None and held.change_id == change_id else None

    def _remove(self, menu: Menu, ids: list[str]) -> None:
        if ids:
            self._session.ask(f"{path(menu)}/remove", f"=.id={','.join(ids)}")

    # --- access ---

    def access(self) -> RouterAccess:
        """Return who is in, and the means to change that, over this connection."""
        config = self._reader.reading().config
        return RouterAccess(self._session, config, self._reader.families)

    # --- changing ---

    def apply(self, remediation: RouterRemediation) -> None:
        """Add, mark, move, turn on, turn off; undo our own commands where one is refused."""
        Application(self._session, self._reader.ids, remediation, self._version()).run()

    def probe(self) -> None:
        """Open a second connection, log in, and ask something on it."""
        try:
            self._session.probe()
        except DeviceError as error:
            raise ProbeFailed(f"a new connection does not work: {error.message}") from error
