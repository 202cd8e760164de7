"""What was done, in order, so that it can be undone; and safe mode, which undoes it by itself.

The router keeps 100 actions. Who goes beyond them in safe mode has left it, silently, with
nothing undone. Source: MikroTik manual, Console, Safe mode.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from knockctl_routeros.twin.device.store import Snapshot, Table
from knockctl_routeros.twin.device.traps import failure

KEPT = 100


@dataclass(frozen=True, slots=True)
class Action:
    """One command's effect on one menu."""

    number: int
    table: Table
    before: Snapshot
    after: Snapshot
    text: str
    by: str
    when: float


@dataclass(slots=True)
class History:
    """The actions of all sessions together, and who holds safe mode."""

    actions: deque[Action] = field(default_factory=lambda: deque(maxlen=KEPT))
    undone: list[Action] = field(default_factory=list)
    last: int = 0
    holder: object | None = None
    mark: int = 0

    def record(self, table: Table, before: Snapshot, text: str, by: str, when: float) -> None:
        """Remember a change; what was undone can no longer be redone."""
        self.last += 1
        self.undone.clear()
        self.actions.append(
            Action(self.last, table, before, table.snapshot(), text, by, when),
        )
        if self.holder is not None and self.last - self.mark > KEPT:
            self.holder = None

    def take(self, holder: object) -> None:
        """Enter safe mode, or stay in it.

        Raises:
            Trap: another session is in it.
        """
        if self.holder not in (None, holder):
            raise failure("safe mode is already taken by another session")
        if self.holder is None:
            self.holder, self.mark = holder, self.last

    def release(self) -> None:
        """Keep the changes, whoever made them; nothing happens when nobody holds safe mode."""
        self.holder = None

    def unroll(self, holder: object | None) -> set[str]:
        """Undo everybody's changes since the taking; return the menus that changed."""
        if holder is None or self.holder is not holder:
            return set()
        changed = set()
        while self.actions and self.actions[-1].number > self.mark:
            changed.add(self.undo())
        self.holder = None
        return changed

    def undo(self) -> str:
        """Undo the last action of all; return its menu.

        Raises:
            Trap: there is none.
        """
        if not self.actions:
            raise failure("nothing to undo")
        action = self.actions.pop()
        action.table.restore(action.before)
        self.undone.append(action)
        return action.table.path

    def redo(self) -> str:
        """Do again what was undone last; return its menu.

        Raises:
            Trap: nothing was undone since the last change.
        """
        if not self.undone:
            raise failure("nothing to redo")
        action = self.undone.pop()
        action.table.restore(action.after)
        self.actions.append(action)
        return action.table.path

    def lose(self, since: float) -> None:
        """Undo what was done after a moment."""
        while self.actions and self.actions[-1].when > since:
            self.undo()

    def forget(self) -> None:
        """Lose the history and safe mode, as a reboot does."""
        self.actions.clear()
        self.undone.clear()
        self.holder = None
