"""The router's own revert timer: found, started, stopped, fired.

``configure terminal revert timer`` copies the whole running configuration to the archive and puts
it back when the time is up, whoever changed what meanwhile. There is one per router, so it fences
it, too. Right behind it a variable is set that names the change; it is not in the copy, so that
whatever takes the change back takes it along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from knockctl.errors import CommandRefused, Conflict, GuardError, Unsupported
from knockctl_ios.config import syntax
from knockctl_ios.config.records import BEARER, ENVIRONMENT
from knockctl_ios.config.syntax import Line
from knockctl_ios.driver.connection import Session
from knockctl_ios.driver.refusals import said
from knockctl_ios.plan.reading import PENDING, Held, held_by

LONGEST = 120
"""Minutes; the longest a router's timer runs."""
NOT_ENABLED = "Archive feature not enabled"
_NONE = "No Rollback Confirmed Change pending"
_FIELD = re.compile(
    r"^\s*(Time configured|Timer type|Timer value|User)[^:]*: *(.*?)\s*$", re.MULTILINE
)
_MOMENT = re.compile(r"(\d+:\d+:\d+)(?:\.\d+)? \S+ \w{3} (\w{3}) +(\d+) (\d{4})")
_BACKUP = re.compile(r"Backing up current running config to (\S+)")
_LATEST = re.compile(r"(\S+) +<- Most Recent")
_ABORTED = re.compile(r"Rollback aborted|failed to apply|Error opening", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pending:
    """A timer that runs, whosever it is."""

    user: str
    minutes: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class State:
    """What a router says of changes that are not settled."""

    held: Held | None
    mark: str | None
    timer: Pending | None


def read(text: str) -> Pending | None:
    """Read what ``show archive config rollback timer`` prints."""
    if _NONE in text or "Timer value" not in text:
        return None
    found = dict(_FIELD.findall(text))
    minutes = re.match(r"\d+", found.get("Timer value", ""))
    return Pending(
        found.get("User", ""), int(minutes[0]) if minutes else 0, _moment(found["Time configured"])
    )


def _copy(text: str) -> str | None:
    """Return the file that a router says it keeps what runs in."""
    match = _BACKUP.search(text)
    return match[1] if match else None


def _moment(text: str) -> datetime | None:
    match = _MOMENT.search(text)
    if match is None:
        return None
    said_at = f"{match[4]} {match[2]} {match[3]} {match[1]}"
    try:
        return datetime.strptime(said_at, "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


class RevertTimer:
    """The timer of one router, over one session."""

    def __init__(self, session: Session) -> None:
        """Take a session, connected or not yet."""
        self._session = session

    def pending(self) -> Pending | None:
        """Return the timer that runs."""
        return read(self._session.ask("show archive config rollback timer"))

    def state(self, running: Iterable[Line] | None = None) -> State:
        """Return timer, mark, and the change that is under way; ``running``, if read already."""
        if running is None:
            wanted = f"^{ENVIRONMENT}_kc_(pending|revision) "
            running = syntax.read(self._session.ask(f"show running-config | include {wanted}", 600))
        lines = tuple(running)
        marks = (one.text for one in lines if one.text.startswith(f"{BEARER} "))
        mark = next((text.removeprefix(BEARER).strip() for text in marks), None)
        return State(held_by(lines), mark, self.pending())

    def seconds_left(self, pending: Pending) -> int:
        """Return how long until a timer runs out, by the router's own clock."""
        now = _moment(self._session.ask("show clock"))
        if now is None or pending.since is None:
            return 60 * pending.minutes
        gone = int((now - pending.since).total_seconds())
        return max(0, 60 * pending.minutes - gone)

    # --- starting ---

    def possible(self, *, archive: bool | None = None) -> None:
        """Raise unless a timer can be had now; ``archive``: whether it is on, if that is known."""
        where = self._session.where
        if archive is None:
            archive = NOT_ENABLED not in self._session.ask("show archive")
        if not archive:
            raise Unsupported(
                "the archive is off, without which the router takes nothing back",
                hint="configure archive, and in it: path flash:archive",
                where=where,
            )
        there = self.pending()
        if there is not None:
            raise self._taken(there)

    def _taken(self, there: Pending | None) -> Conflict:
        who = f"{there.user or 'somebody'} has a" if there else "a"
        return Conflict(
            f"{who} change pending that the router takes back by itself; nothing was changed",
            hint="wait, or have it ended: configure confirm, or configure revert now",
            where=self._session.where,
        )

    def start(self, held: Held, seconds: int) -> None:
        """Start it, for whole minutes at least as long; raise ``Conflict`` where one runs."""
        minutes = max(1, -(-seconds // 60))
        if minutes > LONGEST:
            raise GuardError(
                f"a router's timer runs for {LONGEST} minutes at most",
                hint="give less time to confirm",
                where=self._session.where,
            )
        try:
            output = self._session.configure(
                lambda said: [replace(held, copy=_copy(said)).line],
                f"configure terminal revert timer {minutes}",
            )
        except CommandRefused:
            # The timer runs, and nothing has changed that it could take back but others' lines.
            self.confirm()
            raise
        refused = said(output)
        if refused is None:
            if _copy(output) is None:
                self._name_copy(held)
            return
        there = self.pending()
        if there is not None or "pending" in refused:
            raise self._taken(there)
        raise CommandRefused(
            f"the revert timer can't be started: {refused}; nothing was changed",
            where=self._session.where,
        )

    def _name_copy(self, held: Held) -> None:
        """Note what the timer puts back, where the router did not say: the latest copy."""
        latest = _LATEST.search(self._session.ask("show archive"))
        if latest is not None:
            self.note(replace(held, copy=latest[1]))

    def note(self, held: Held) -> None:
        """Write anew what is noted of the change."""
        self._session.configure(lambda _: [held.line])

    # --- ending ---

    def confirm(self) -> None:
        """Stop it: the change stays."""
        self._session.ask("configure confirm")

    def revert(self) -> None:
        """Take the change back now; raise where the router could not."""
        output = self._session.ask("configure revert now", 600)
        if _ABORTED.search(output):
            raise CommandRefused(
                "the router could not take all of the change back; see show logging",
                hint="compare with `knockctl diff`; the copy is in show archive",
                where=self._session.where,
            )

    def clear(self) -> None:
        """Take the variable away that names the change."""
        self._session.configure(lambda _: [f"no {PENDING}"])
