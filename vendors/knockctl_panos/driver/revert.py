"""How a change holds a firewall: the configuration lock of its scope, with a comment.

The lock fences the device, and its comment says which change is under way, and what marks mean
that it was made, or not. Exactly one of several writers gets it: one account has it once.
Whoever takes it away decides: to confirm, or to take the change back.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self
from xml.sax.saxutils import escape

from knockctl.contract import PendingChange
from knockctl.errors import CommandRefused, Conflict
from knockctl_panos.config.location import Location
from knockctl_panos.driver.connection import Session

_COMMENT = re.compile(
    r"knockctl (?P<change>\S+) until (?P<until>\d+) from (?P<base>\S+) to (?P<settled>\S+)"
    r"(?P<back> back)?"
)
_NONE = "-"


@dataclass(frozen=True, slots=True)
class Hold:
    """A change that is under way on a device."""

    change_id: str
    until: int
    """Unix time until which its operator means to wait."""
    base: str | None
    """The mark before the change, and the one after it."""
    settled: str | None
    back: bool = False
    """It is being taken back."""
    admin: str = ""

    @classmethod
    def parse(cls, comment: str, admin: str) -> Self | None:
        """Read a lock's comment; None for anybody else's."""
        found = _COMMENT.fullmatch(comment.strip())
        if found is None:
            return None
        base, settled = (None if found[n] == _NONE else found[n] for n in ("base", "settled"))
        back = found["back"] is not None
        return cls(found["change"], int(found["until"]), base, settled, back, admin)

    @property
    def comment(self) -> str:
        """The lock's comment."""
        base, settled = self.base or _NONE, self.settled or _NONE
        back = " back" if self.back else ""
        return f"knockctl {self.change_id} until {self.until} from {base} to {settled}{back}"

    def never_ran(self, mark: str | None) -> bool:
        """Tell from the mark of what runs whether the change did not get there."""
        return mark == self.base and self.base != self.settled

    def pending(self) -> PendingChange:
        """Return it as the engine knows it."""
        left = max(0, self.until - int(time.time()))
        return PendingChange(self.change_id, left, holder="operator", by=self.admin or None)


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock as the device lists it."""

    admin: str
    scope: str
    comment: str


class Locks:
    """The locks that concern one location."""

    def __init__(self, session: Session, location: Location) -> None:
        """Take a session, connected or not yet."""
        self._session, self._location = session, location

    def hold(self, change_id: str | None = None) -> Hold | None:
        """Return the hold of a change, or of any."""
        for lock in self._listed("config"):
            found = Hold.parse(lock.comment, lock.admin) if self._ours(lock) else None
            if found is not None and change_id in (None, found.change_id):
                return found
        return None

    def _ours(self, lock: Lock) -> bool:
        return lock.scope == self._location.scope

    def _listed(self, kind: str) -> Iterator[Lock]:
        result = self._session.op(f"<show><{kind}-locks><vsys>all</vsys></{kind}-locks></show>")
        for entry in result.iter("entry"):
            words = (entry.findtext("name"), entry.findtext("comment"))
            yield Lock(entry.get("name", ""), *(word or "" for word in words))

    def take(self, hold: Hold) -> Hold:
        """Lock the configuration; raise ``Conflict`` naming whoever has it, or holds commits back.

        Returns the hold with the account that the device knows us by.
        """
        try:
            self._ask("add", hold.comment)
        except (Conflict, CommandRefused) as error:
            mine = next((x for x in self._listed("config") if self._ours(x)), None)
            there = Hold.parse(mine.comment, mine.admin) if mine else None
            if there is not None and there.change_id == hold.change_id:
                return there
            raise self._taken(mine, there, error) from None
        made = self.hold(hold.change_id)
        if made is None:
            raise CommandRefused(
                "the configuration lock was taken, and is not there; nothing was changed",
                where=self._session.where,
            )
        others = [lock.admin for lock in self._listed("commit") if lock.admin != made.admin]
        if others:
            self.release(made)
            raise Conflict(
                f"{', '.join(others)} holds back commits with a commit lock; nothing was changed",
                hint="wait for them, or have the lock removed",
                where=self._session.where,
            )
        return made

    def _taken(self, lock: Lock | None, there: Hold | None, error: Exception) -> Conflict:
        if there is not None:
            return Conflict(
                f"the change {there.change_id} is being made or waits, with {there.admin}'s lock;"
                " nothing was changed",
                hint=f"finish it: knockctl confirm or rollback --change {there.change_id}",
                where=self._session.where,
            )
        said = getattr(error, "message", str(error))
        if lock is not None:
            comment = f": {lock.comment}" if lock.comment else ""
            said = f"the configuration is locked by {lock.admin}{comment}"
        return Conflict(
            f"{said}; nothing was changed",
            hint="wait for them to finish, or have the lock removed",
            where=self._session.where,
        )

    def release(self, hold: Hold) -> bool:
        """Unlock; False where somebody else has, and so has decided."""
        there = self.hold(hold.change_id)
        if there is None:
            return False
        try:
            self._ask("remove")
        except CommandRefused as error:
            if "not currently locked" in error.message:
                return False
            raise
        return True

    def turn(self, hold: Hold) -> Hold | None:
        """Decide to take a change back; None where it was settled meanwhile.

        The lock is then our own account's, whoever had it.
        """
        if not self.release(hold):
            return None
        return self.take(replace(hold, back=True))

    def renew(self, hold: Hold) -> None:
        """Lock again where a commit of ours, or a restart, has taken the lock away."""
        if self.hold(hold.change_id) is None:
            self.take(hold)

    def _ask(self, action: str, comment: str = "") -> None:
        inner = f"<comment>{escape(comment)}</comment>" if comment else ""
        cmd = f"<request><config-lock><{action}>{inner}</{action}></config-lock></request>"
        self._session.op(cmd, vsys=self._location.scope)
