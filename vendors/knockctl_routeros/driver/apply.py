"""Making a change on a router, command by command, and undoing them where one is refused.

In this order: the mark; new rules, disabled, at their places, and moves; new rules on, who is let
in first and our jumps last; old rules off, our jumps first. Where the router can (7.18) and the
change is small enough all of it happens in safe mode, so that a connection that is lost takes it
back at once; the revert timer stands behind that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from knockctl.errors import CommandRefused, Conflict, ConnectionCut, DeviceError
from knockctl_routeros.config.records import Menu, Row
from knockctl_routeros.driver import safemode
from knockctl_routeros.driver.connection import Session, path
from knockctl_routeros.driver.revert_script import batches, off_and_on, remarked, renamed
from knockctl_routeros.plan.plan import Added, Anchor, Moved, RouterRemediation

# Safe mode's history holds 100 actions; one more and nothing of it is undone (fact sheet 6).
SAFE_ACTIONS = 80
Ids = Mapping[tuple[Menu, str], list[str]]


class Application:
    """One change being made."""

    def __init__(
        self, session: Session, ids: Ids, remediation: RouterRemediation, version: str
    ) -> None:
        """``ids`` are the router's names for our rows, by menu and comment, as last read."""
        self._session = session
        self._ids = {key: list(found) for key, found in ids.items()}
        self._change = remediation
        self._version = version
        self._undo: list[Callable[[], object]] = []

    def run(self) -> None:
        """Make the change; after ``CommandRefused`` nothing of it is left."""
        safe = self._safe()
        try:
            self._make()
            if safe:
                safemode.release(self._session)
        except ConnectionCut:
            raise
        except DeviceError as error:
            state = self._back(safe=safe)
            raise CommandRefused(f"{error.message}; {state}", hint=error.hint) from error

    def _make(self) -> None:
        change = self._change
        for row, old in remarked(change):
            self._mark(row, old)
        if change.moved:
            self._undo.append(self._move_back)
        for one in change.placed:
            if isinstance(one, Added):
                self._add(one)
            else:
                self._move(one)
        self._switch([row for row in off_and_on(change.added) if row.rule], on=True)
        dropped = [row for row in off_and_on(list(change.dropped)) if row.rule]
        self._switch(list(reversed(renamed(change, dropped))), on=False)

    # --- one command each, and its opposite ---

    def _add(self, one: Added) -> None:
        words = [f"={key}={value}" for key, value in one.row.words]
        if one.row.rule:
            words.append("=disabled=yes")
        anchor = self._anchor(one.row.menu, one.before)
        if anchor:
            words.append(f"=place-before={anchor}")
        menu = path(one.row.menu)
        reply = self._session.ask(f"{menu}/add", *words)
        made = reply[0]["ret"]
        self._ids[one.row.menu, one.row.get("comment")] = [made]
        self._undo.append(lambda: self._session.ask(f"{menu}/remove", f"=.id={made}"))

    def _mark(self, row: Row, old: str) -> None:
        menu, new = path(row.menu), row.get("comment")
        ids = self._ids.pop((row.menu, old))
        for id_ in ids:
            self._session.ask(f"{menu}/set", f"=.id={id_}", f"=comment={new}")
            self._undo.append(
                lambda id_=id_: self._session.ask(  # type: ignore[misc]
                    f"{menu}/set", f"=.id={id_}", f"=comment={old}"
                )
            )
        self._ids[row.menu, new] = ids

    def _move(self, move: Moved, *, back: bool = False) -> None:
        menu = move.row.menu
        (mine, *_) = self._ids[menu, move.row.get("comment")]
        anchor = self._anchor(menu, move.was_before if back else move.before)
        where = (f"=destination={anchor}",) if anchor else ()
        self._session.ask(f"{path(menu)}/move", f"=numbers={mine}", *where)

    def _move_back(self) -> None:
        for move in self._change.moved:
            self._move(move, back=True)

    def _switch(self, rows: list[Row], *, on: bool) -> None:
        verbs = ("enable", "disable") if on else ("disable", "enable")
        for menu, listed in batches(rows):
            found = (i for row in listed for i in self._ids[menu, row.get("comment")])
            ids = ",".join(found)
            there, back = (f"{path(menu)}/{verb}" for verb in verbs)
            self._undo.append(lambda back=back, ids=ids: self._session.ask(back, f"=.id={ids}"))  # type: ignore[misc]
            self._session.ask(there, f"=.id={ids}")

    def _anchor(self, menu: Menu, before: Anchor) -> str | None:
        if before is None or before.startswith("*"):
            return before
        return self._ids[menu, before][0]

    # --- nets ---

    def _safe(self) -> bool:
        """Take safe mode where the router has it and the change is small enough.

        Who else holds it undoes, by ending without a word, what everybody did meanwhile.
        """
        try:
            taken = safemode.take(self._session, self._version)
        except Conflict as error:
            raise Conflict(
                f"{error.message}; nothing was changed", hint=error.hint, where=error.where
            ) from None
        change = self._change
        actions = 2 * len(change.placed) + len(change.dropped) + len(change.kept) + 4
        if taken and actions > SAFE_ACTIONS:
            safemode.release(self._session)
            return False
        return taken

    def _back(self, *, safe: bool) -> str:
        """Undo what was done, in reverse; say what came of it."""
        try:
            for undo in reversed(self._undo):
                undo()
        except ConnectionCut:
            raise
        except DeviceError as worse:
            if safe:
                with contextlib.suppress(DeviceError):
                    self._session.ask("/safe-mode/unroll")
                    return "nothing was changed"
            return f"it could not all be undone: {worse.message}"
        if safe:
            # Where it is refused, the end of this session undoes what is undone already.
            with contextlib.suppress(CommandRefused):
                safemode.release(self._session)
        return "nothing was changed"
