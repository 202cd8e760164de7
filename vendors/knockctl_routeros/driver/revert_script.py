"""The way back on the router: a script, and two scheduler jobs that run it.

The script's name is the same for every change, and names are unique: whoever can add it holds
the device, so it is the mutex of a transaction, too. One job runs it at a date and a time, one
three seconds after a boot: a job whose time passes while the router is off never runs (fact
sheet 6). Whoever takes the first job away, the script or the operator, has decided the change.

The script gives the second job another name before it decides, and takes it away at its end: where
power is lost midway, that job runs it once more after the boot. So each of its commands may be
carried out twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from knockctl_routeros.config.records import MENUS, OWN, Menu, Row
from knockctl_routeros.config.syntax import quoted
from knockctl_routeros.plan.plan import Moved, RouterRemediation

SCRIPT = "knockctl-revert"
TIMER, BOOT = "knockctl-revert", "knockctl-revert-boot"
BEGUN = "knockctl-revert-begun"
"""What the script calls the job ``BOOT`` from its beginning to its end."""
POLICY = "read,write,policy,test"
"""What the script needs to change the firewall, and to take itself and its jobs away."""
RUN = f"/system script run {SCRIPT}"
LONGEST = 60_000
"""Characters of a script. RouterOS documents no limit; texts of its language end at 64 KiB."""

_JOBS = "/system scheduler"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Note:
    """What the script's comment says of the change it takes back."""

    change_id: str
    before: str | None
    """The mark before the change."""
    settled: str | None
    """The mark after it is confirmed."""

    def __str__(self) -> str:
        """Print for the comment."""
        return f"{OWN} {self.change_id} {self.before or '-'} {self.settled or '-'}"

    @classmethod
    def parse(cls, text: str) -> Note | None:
        """Read a comment; None for what is not ours."""
        words = [None if word == "-" else word for word in text.split()]
        if len(words) != 4 or words[0] != OWN or words[1] is None:
            return None
        return cls(words[1], words[2], words[3])


def note(remediation: RouterRemediation) -> Note:
    """Return what is to be remembered of a change."""
    return Note(remediation.change_id, remediation.before.revision, remediation.settled)


# --- the script -------------------------------------------------------------------------------


def source(remediation: RouterRemediation) -> str:
    """Return the script that takes a change back, as far as it was made."""
    return "\n".join(_lines(remediation)) + "\n"


def _lines(remediation: RouterRemediation) -> Iterator[str]:
    yield f"# knockctl: takes change {remediation.change_id} back"
    yield from _decide()
    yield f":if ({_begun(remediation)}) do={{"
    yield from _back(remediation)
    yield "}"
    for row in reversed(remediation.added):
        yield f"{row.menu} remove [{_find(row)}]"
    yield f':log info "knockctl: change {remediation.change_id} taken back"'
    yield f"{_JOBS} remove [find where name={quoted(BEGUN)}]"
    yield f"/system script remove [find where name={quoted(SCRIPT)}]"


def _decide() -> Iterator[str]:
    """Yield the lines that end the script where the operator has decided, and else decide.

    To remove a job by its name, unlike by ``find``, is an error where it is gone: the operator may
    take it away between any two lines.
    """
    yield f":if ({_none(BEGUN)}) do={{"
    yield f'  :if ({_none(TIMER)}) do={{ :error "decided already" }}'
    yield f"  {_call(BOOT, BEGUN)}"
    yield f"  :do {{ {_JOBS} remove {quoted(TIMER)} }} on-error={{"
    yield f"    {_call(BEGUN, BOOT)}"
    yield '    :error "decided already"'
    yield "  }"
    yield "}"
    yield f"{_JOBS} remove [find where name={quoted(TIMER)}]"


def _none(job: str) -> str:
    return f"[:len [{_JOBS} find where name={quoted(job)}]] = 0"


def _call(job: str, other: str) -> str:
    return f"{_JOBS} set [find where name={quoted(job)}] name={quoted(other)}"


def _begun(remediation: RouterRemediation) -> str:
    """Return the question whether the change's mark is on the router."""
    marks = [kept.row for kept in remediation.kept]
    marks = marks or [row for row in remediation.added if row.jump]
    if not marks:
        marks = [row.marked(remediation.change_id) for row in remediation.dropped if row.jump]
    counts = [f"[:len [{row.menu} {_find(row)}]]" for row in marks]
    return f"({' + '.join(counts)}) > 0" if counts else "true"


def _back(remediation: RouterRemediation) -> Iterator[str]:
    for row in off_and_on(renamed(remediation, remediation.dropped)):
        if row.rule:
            yield f"  {row.menu} enable [{_find(row)}]"
    for move in remediation.moved:
        yield f"  :do {{ {_move(move)} }} on-error={{}}"
    for row, old in remarked(remediation):
        comment = quoted(old)
        yield f"  {row.menu} set [{_find(row)}] comment={comment}"
    for row in off_and_on(remediation.added):
        if row.rule:
            yield f"  {row.menu} disable [{_find(row)}]"


def remarked(remediation: RouterRemediation) -> Iterator[tuple[Row, str]]:
    """Yield the jumps that get the change's mark though they are not new, and the comment before.

    A jump that is turned off gets it, too: where nothing of ours is left on, it alone tells whose
    change it was.
    """
    for kept in remediation.kept:
        yield kept.row, kept.old
    if remediation.intended.empty:
        for row in remediation.dropped:
            if row.jump:
                yield row.marked(remediation.change_id), row.get("comment")


def renamed(remediation: RouterRemediation, rows: Iterable[Row]) -> list[Row]:
    """Return rows as they are called while the change is on the router."""
    now = {(row.menu, old): row for row, old in remarked(remediation)}
    return [now.get((row.menu, row.get("comment")), row) for row in rows]


def _move(move: Moved) -> str:
    where = f" destination={move.was_before}" if move.was_before else ""
    return f"{move.row.menu} move [{_find(move.row)}]{where}"


def _find(row: Row) -> str:
    return f"find where comment={quoted(row.get('comment'))}"


def off_and_on(rows: tuple[Row, ...] | list[Row]) -> list[Row]:
    """Return rows in the order to turn them on: who is let in first, our jumps last."""
    kinds = ("accept", "return", "jump", "add-src-to-address-list")

    def order(row: Row) -> tuple[int, int, int]:
        action = row.get("action")
        place = kinds.index(action) if action in kinds else len(kinds)
        return (len(kinds) + 1 if row.jump else place, MENUS.index(row.menu), 0)

    return sorted(rows, key=order)


def batches(rows: list[Row]) -> Iterator[tuple[Menu, list[Row]]]:
    """Yield neighbours of one menu together, for one command each."""
    found: list[Row] = []
    for row in rows:
        if found and (found[0].menu != row.menu or found[0].jump != row.jump):
            yield found[0].menu, found
            found = []
        found.append(row)
    if found:
        yield found[0].menu, found


# --- dates ------------------------------------------------------------------------------------


def moment(date: str, time: str) -> datetime:
    """Read a router's date and time, in either form: ``2026-01-31`` or ``jan/31/2026``.

    The router's own time zone is not looked at: such moments are only compared with each other.
    """
    if "/" in date:
        month, day, year = date.split("/")
        date = f"{year}-{_MONTHS.index(month.lower()) + 1:02}-{day}"
    return datetime.fromisoformat(f"{date} {time}").replace(tzinfo=UTC)


def written(when: datetime, like: str) -> tuple[str, str]:
    """Return a moment as date and time, in the form of another date."""
    if "/" in like:
        return f"{_MONTHS[when.month - 1]}/{when.day:02}/{when.year}", f"{when:%H:%M:%S}"
    return f"{when:%Y-%m-%d}", f"{when:%H:%M:%S}"


def due(next_run: str) -> datetime | None:
    """Read a job's ``next-run``; None where there is none."""
    match = re.fullmatch(r"(\S+) (\d+:\d+:\d+)", next_run.strip())
    return moment(match[1], match[2]) if match else None


def after(seconds: int, now: datetime) -> datetime:
    """Return the moment so many seconds later."""
    return now + timedelta(seconds=seconds)
