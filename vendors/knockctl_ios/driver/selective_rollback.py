"""Taking a pending change back without taking back what others changed meanwhile.

The revert timer puts the whole configuration back. Where others changed something since it began,
and ours was read back as meant, ours alone is undone instead, by a file like that of a change,
while the timer still runs: whatever goes wrong then, it is the way back. Only once ours is as it
was, the timer is stopped. Of half a change what is left can't be told from others' lines: then all
goes back.
"""

from __future__ import annotations

from knockctl.errors import CommandRefused, KnockctlError, Unreachable
from knockctl_ios.config import syntax
from knockctl_ios.config.syntax import Line
from knockctl_ios.driver.concurrent_changes import LOGGED, Foreign, foreign, said_by, who
from knockctl_ios.driver.connection import Session
from knockctl_ios.driver.reader import Reader
from knockctl_ios.driver.revert import RevertTimer
from knockctl_ios.plan.plan import plan
from knockctl_ios.plan.reading import Held, ours_in

Copy = tuple[Line, ...]
"""What ran when the timer was started."""
_MEANWHILE = "others changed the router while the change was pending"


class WayBack:
    """The end of a change on one router, and what is to be told of others' lines."""

    def __init__(self, session: Session, reader: Reader, timer: RevertTimer) -> None:
        """Take what talks to the router."""
        self._session, self._reader, self._timer = session, reader, timer
        self._notices: list[str] = []

    def told(self) -> tuple[str, ...]:
        """Return what is to be told, once."""
        found, self._notices = tuple(self._notices), []
        return found

    def copy(self, held: Held) -> Copy | None:
        """Return what the timer puts back; None where that can't be read."""
        if held.copy is None:
            return None
        found = syntax.read(self._session.ask(f"more {held.copy}", 600))
        return found if any(line.text.startswith("version ") for line in found) else None

    def kept(self, copy: Copy | None, now: Copy, *, judged: bool) -> None:
        """Tell what others changed before a change was confirmed."""
        if copy is None:
            self._notices.append(f"whether {_MEANWHILE} can't be told: its copy can't be read")
            return
        theirs = foreign(copy, now)
        if theirs:
            self._notices.append(
                f"{_MEANWHILE}; that stays, and is saved with it: {_listed(theirs, judged)}"
            )

    def take(self, held: Held, written: str | None = None) -> None:
        """Take a change back for which the timer runs.

        What others changed stays, where that can surely be told from what is left of ours: where
        the change was judged. ``written``: the commands of one that was not, as far as known.
        """
        copy = self.copy(held)
        if copy is None:
            self._timer.revert()
            self._notices.append(
                "whatever others changed while the change was pending was taken back with it: its"
                " copy can't be read"
            )
            return
        running = self._reader.running()
        theirs = foreign(copy, running)
        if theirs and held.judged:
            self._apart(copy, held, theirs)
            return
        self._timer.revert()
        theirs = foreign(copy, running, said_by(written or ""))
        if theirs:
            said = _listed(theirs, written is not None)
            self._notices.append(f"{_MEANWHILE}; that was taken back with it: {said}")

    def _apart(self, copy: Copy, held: Held, theirs: Foreign) -> None:
        """Take ours back alone; all of it where that fails."""
        try:
            self._ours(copy, held, theirs)
        except Unreachable:
            raise
        except KnockctlError as error:
            self._timer.revert()
            self._notices.append(
                f"{_MEANWHILE}; that was taken back with it, as ours alone could not be"
                f" ({error.message}): {theirs}"
            )

    def _ours(self, copy: Copy, held: Held, theirs: Foreign) -> None:
        """Undo ours alone; stop the timer once that is read back."""
        before = ours_in(copy)
        way = plan(self._reader.read(), before, held.change_id)
        if way.changes and self._session.merge(way.text):
            raise CommandRefused("the router refused lines", where=self._session.where)
        if ours_in(self._reader.running()) != before:
            raise CommandRefused("ours is not as it was", where=self._session.where)
        # In this order: a name without a timer would say that the change was confirmed.
        self._timer.clear()
        self._timer.confirm()
        now = self._reader.running()
        self._notices.append(
            f"{_MEANWHILE}: only ours was taken back; theirs stays, and is not saved: {theirs}"
            if foreign(copy, now)
            else f"{_MEANWHILE}; the timer was quicker and took that back, too: {theirs}"
        )

    # --- where the timer was quicker ---

    def missed(self, before: Copy) -> None:
        """Tell what others lost by a timer that ran out since this was read."""
        theirs = foreign(before, self._reader.running())
        if theirs:
            self._notices.append(f"{_MEANWHILE}; the timer took that back, too: {theirs}")
        else:
            self.look_back()

    def look_back(self) -> None:
        """Tell whose changes a timer took back that ran out unattended, as the log has it."""
        names = who(self._session.ask(LOGGED, 600))
        if names is None:
            self._notices.append(
                "the timer took back whatever anybody changed meanwhile; the log tells no more"
            )
        elif names:
            self._notices.append(
                "the timer took back whatever anybody changed meanwhile; by the log these had"
                f" configured the router: {', '.join(names)}"
            )


def _listed(theirs: Foreign, known: bool) -> str:  # noqa: FBT001
    """Print others' lines; how many, where some may be what is left of ours, and secret."""
    if known:
        return str(theirs)
    return f"{len(theirs.lines)} differences, if not left of the change itself"
