"""The driver: one API connection to a router, one command at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from knockctl.errors import (
    CommandRefused,
    Conflict,
    DeviceError,
    ProbeFailed,
    Unsupported,
    Where,
)
from knockctl.vendor import CancelResult, Endpoint, Facts, PendingChange, Reading, Target
from knockctl_routeros import revert
from knockctl_routeros.apply import Application
from knockctl_routeros.config import MENUS, Menu, RouterConfig, Row
from knockctl_routeros.parse import RouterReading, api_rows, read, static
from knockctl_routeros.plan import RouterRemediation
from knockctl_routeros.revert import BOOT, POLICY, SCRIPT, TIMER, Note, moment, note, written
from knockctl_routeros.session import Reply, Session, path

_LISTS = ("/ip firewall address-list", "/ipv6 firewall address-list")
OLDEST = (6, 43)
"""The first version whose login does not need the password in a recoverable form."""


class RouterDriver:
    """A MikroTik router over its API. Satisfies ``knockctl.vendor.Driver``."""

    def __init__(self, target: Target) -> None:
        """Keep the target; ``__enter__`` connects."""
        self.target = target
        self._session = Session(target)
        self._facts: Facts | None = None
        self._ids: dict[tuple[Menu, str], list[str]] = {}
        self._pending: tuple[PendingChange, ...] = ()

    def __enter__(self) -> Self:
        """Connect and log in."""
        self._session.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._session.__exit__(kind, error, trace)

    @property
    def round_trips(self) -> int:
        """Commands sent so far."""
        return self._session.round_trips

    # --- reading ---

    def facts(self) -> Facts:
        """Ask what the router is, and which of its menus it has."""
        (found,) = self._session.ask("/system/resource/print")
        version = found.get("version", "")
        numbers = [int(n) for n in re.findall(r"\d+", version)[:2]]
        where = Where(device=self.target.name)
        if tuple(numbers) < OLDEST:
            raise Unsupported(f"RouterOS {version} is older than 6.43", where=where)
        families = "4 6" if self._has_ipv6() else "4"
        board = found.get("board-name", "")
        self._facts = Facts(
            description=f"RouterOS {version} {board}".strip(),
            endpoint=self._endpoint(),
            details={"families": families, "version": version.split()[0]},
            warnings=tuple(self._warnings()),
        )
        return self._facts

    def _warnings(self) -> Iterator[str]:
        if not self.target.credentials.tls:
            yield "the API is spoken without TLS: the password and every knock can be overheard"
        elif not self.target.credentials.verify_certificate:
            yield "the router's certificate is not verified: anybody in between could be it"

    def _has_ipv6(self) -> bool:
        try:
            self._session.ask("/ipv6/firewall/filter/print", "=count-only=")
        except Unsupported:
            return False
        return True

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

    def read(self) -> Reading[RouterConfig]:
        """Read what is ours, the neighbours, and the changes that are not settled."""
        reading = self._reading()
        self._pending = tuple(self._unsettled())
        if any(pending.change_id == reading.config.revision for pending in self._pending):
            # What a change turns off stays until the change is settled.
            return replace(reading, off=())
        return reading

    def _reading(self) -> RouterReading:
        rows: dict[Menu, tuple[Row, ...]] = {}
        ids: dict[Menu, tuple[str, ...]] = {}
        for menu in self._menus():
            if menu not in _LISTS:
                found = static(self._print(menu))
                rows[menu] = api_rows(menu, found)
                ids[menu] = tuple(str(row[".id"]) for row in found)
        self._ids = {}
        for menu, listed in rows.items():
            for row, id_ in zip(listed, ids[menu], strict=True):
                if row.ours:
                    self._ids.setdefault((menu, row.get("comment")), []).append(id_)
        return read(rows, ids)

    def _menus(self) -> Iterator[Menu]:
        families = (self._facts or self.facts()).details["families"].split()
        return (menu for menu in MENUS if "6" in families or not menu.startswith("/ipv6"))

    def _print(self, menu: str, *words: str) -> Reply:
        return self._session.ask(f"{path(menu)}/print", *words)

    def everything(self) -> str:
        """Return both firewalls and the interface lists, as ``/export`` would print them."""
        lines = [f"# families {(self._facts or self.facts()).details['families']}"]
        for menu in self._menus():
            lines.append(menu)
            lines += [row.text() for row in api_rows(menu, self._print(menu))]
        lines.append("/interface list member")
        for row in static(self._print("/interface list member")):
            if row.get("disabled") != "true":
                lines.append(f"add interface={row['interface']} list={row['list']}")
        return "\n".join(lines) + "\n"

    # --- changes that are not settled ---

    def pending(self) -> tuple[PendingChange, ...]:
        """List the unsettled changes, as of the last ``read``."""
        return self._pending

    def _unsettled(self) -> Iterator[PendingChange]:
        script = self._script()
        found = Note.parse(script.get("comment", "")) if script else None
        if found is None:
            return
        jobs = self._jobs()
        left = None
        if TIMER in jobs:
            due = revert.due(jobs[TIMER].get("next-run", ""))
            left = max(0, int((due - self._now()).total_seconds())) if due else 0
        yield PendingChange(found.change_id, left)

    def _script(self) -> dict[str, str] | None:
        rows = self._print("/system script", f"?name={SCRIPT}")
        return rows[0] if rows else None

    def _jobs(self) -> dict[str, dict[str, str]]:
        rows = self._print("/system scheduler", f"?name={TIMER}", f"?name={BOOT}", "?#|")
        return {row["name"]: row for row in rows}

    def _clock(self) -> dict[str, str]:
        (clock,) = self._print("/system clock")
        return clock

    def _now(self) -> datetime:
        clock = self._clock()
        return moment(clock["date"], clock["time"])

    # --- the revert timer ---

    def arm(self, remediation: RouterRemediation, seconds: int) -> None:
        """Take the device by adding the script, see that nobody was first, start the timer."""
        source = revert.source(remediation)
        where = Where(device=self.target.name, step="arm")
        if len(source) > revert.LONGEST:
            raise CommandRefused(
                f"the way back takes {len(source)} characters, more than a script may have"
                f" ({revert.LONGEST}); nothing was changed",
                hint="deploy fewer policies at once",
                where=where,
            )
        self._take(remediation, source)
        planned = {row.mark for row in remediation.before.device_rows()}
        if self._marks() != planned - {""}:
            self._release()
            raise Conflict(
                "somebody else has written since this change was planned; nothing was changed",
                hint="look at `knockctl diff`, then deploy again",
                where=where,
            )
        try:
            self._start(remediation, seconds)
        except CommandRefused:
            self._release()
            raise

    def _take(self, remediation: RouterRemediation, source: str) -> None:
        words = (f"=name={SCRIPT}", f"=source={source}", f"=policy={POLICY}")
        comment = f"=comment={note(remediation)}"
        try:
            self._session.ask("/system/script/add", *words, comment)
        except CommandRefused as error:
            held = self._script()
            other = Note.parse(held.get("comment", "")) if held else None
            if other is None or other.change_id == remediation.change_id:
                raise
            raise Conflict(
                f"the change {other.change_id} is being made or waits; nothing was changed",
                hint=f"finish it: knockctl confirm or rollback --change {other.change_id}",
                where=error.where,
            ) from None

    def _marks(self) -> set[str]:
        """Return the marks on our jumps that are turned on."""
        rows: list[Row] = []
        for menu in self._menus():
            if menu.endswith((" filter", " raw")):
                rows += api_rows(menu, self._print(menu, "?action=jump", "?comment"))
        return {row.mark for row in rows if row.jump and not row.off} - {""}

    def _start(self, remediation: RouterRemediation, seconds: int) -> None:
        """Start both jobs, with dates and times of their own: some versions need them."""
        clock = self._clock()
        due = revert.after(seconds, moment(clock["date"], clock["time"]))
        date, time = written(due, clock["date"])
        event = (f"=on-event={revert.RUN}", f"=policy={POLICY}", "=interval=0s")
        comment = f"=comment={note(remediation)}"
        boot = (f"=name={BOOT}", "=start-time=startup")
        self._session.ask("/system/scheduler/add", *boot, *event, comment)
        timer = (f"=name={TIMER}", f"=start-date={date}", f"=start-time={time}")
        self._session.ask("/system/scheduler/add", *timer, *event, comment)

    def _release(self) -> None:
        """Take script and jobs away, the timer first: without it the script does nothing."""
        for menu, names in (("/system scheduler", (TIMER, BOOT)), ("/system script", (SCRIPT,))):
            for name in names:
                for row in self._print(menu, f"?name={name}", "=.proplist=.id"):
                    self._session.ask(f"{path(menu)}/remove", f"=.id={row['.id']}")

    def verify_armed(self, change_id: str) -> None:
        """Raise unless both jobs are there, and the router says when the timer runs."""
        where = Where(device=self.target.name, step="verify-armed")
        jobs, script = self._jobs(), self._script()
        held = Note.parse(script.get("comment", "")) if script else None
        if held is None or held.change_id != change_id:
            raise CommandRefused("the way back is not on the router", where=where)
        due = revert.due(jobs[TIMER].get("next-run", "")) if TIMER in jobs else None
        if BOOT not in jobs or due is None or due <= self._now():
            raise CommandRefused(
                "the revert timer does not run: the router names no time for it",
                hint="look at /system/scheduler/print; device-mode may forbid it",
                where=where,
            )

    def cancel(self, change_id: str) -> CancelResult:
        """Take the timer away, then the rules that were only turned off."""
        script = self._script()
        held = Note.parse(script.get("comment", "")) if script else None
        if held is None or held.change_id != change_id:
            return "absent"
        reading = self._reading()
        if reading.config.revision != change_id:
            return "absent"
        job = self._jobs().get(TIMER)
        if job is not None:
            try:
                self._session.ask("/system/scheduler/remove", f"=.id={job['.id']}")
            except CommandRefused:
                # The script took it away between two commands: it has decided.
                return "fired"
            if self._reading().config.revision != change_id:
                return "fired"
        self._settle(reading, held)
        return "cancelled"

    def _settle(self, reading: RouterReading, held: Note) -> None:
        """Remove what the change turned off, and give a rolled-back revision its own mark."""
        off = {(row.menu, row.get("comment")) for row in reading.off}
        for menu in {menu for menu, _ in off}:
            ids = [i for key in off if key[0] == menu for i in self._ids.get(key, ())]
            self._session.ask(f"{path(menu)}/remove", f"=.id={','.join(ids)}")
        unused = self._unused(reading)
        if unused:
            layer7 = path("/ip firewall layer7-protocol")
            self._session.ask(f"{layer7}/remove", f"=.id={','.join(unused)}")
        if held.settled not in (None, held.change_id):
            for row in reading.config.device_rows():
                if row.jump:
                    self._comment(row, row.marked(held.settled).get("comment"))
        self._release()

    def _unused(self, reading: RouterReading) -> list[str]:
        """Return our patterns that no rule in force refers to."""
        menu: Menu = "/ip firewall layer7-protocol"
        used = {row.get("layer7-protocol") for row in reading.config.rows}
        return [
            id_
            for row in reading.config.device_rows()
            if row.menu == menu and row.get("name") not in used
            for id_ in self._ids.get((menu, row.get("comment")), ())
        ]

    def _comment(self, row: Row, comment: str) -> None:
        for id_ in self._ids[row.menu, row.get("comment")]:
            self._session.ask(f"{path(row.menu)}/set", f"=.id={id_}", f"=comment={comment}")

    def fire(self, change_id: str) -> CancelResult:
        """Run the way back now."""
        script = self._script()
        held = Note.parse(script.get("comment", "")) if script else None
        if script is None or held is None or held.change_id != change_id:
            return "absent"
        if TIMER not in self._jobs():
            if self._reading().config.revision == change_id:
                return "cancelled"
            # The change ended before its timer began; the script asks for one.
            words = (f"=name={TIMER}", "=interval=0s", f"=policy={POLICY}", "=disabled=yes")
            self._session.ask("/system/scheduler/add", *words, f"=on-event={revert.RUN}")
        self._session.ask("/system/script/run", f"=number={script['.id']}")
        if self._script() is not None:
            raise CommandRefused(
                f"taking change {change_id} back failed; see /log on the router",
                hint="the router may run parts of it: compare with `knockctl diff`",
                where=Where(device=self.target.name, step="revert"),
            )
        return "fired"

    def forget(self, change_id: str) -> None:
        """Remove script and jobs of a settled change, if they are still its own."""
        script = self._script()
        held = Note.parse(script.get("comment", "")) if script else None
        if held is not None and held.change_id == change_id:
            self._release()

    # --- changing ---

    def apply(self, remediation: RouterRemediation) -> None:
        """Add, mark, move, turn on, turn off; undo our own commands where one is refused."""
        version = (self._facts or self.facts()).details["version"]
        Application(self._session, self._ids, remediation, version).run()

    def probe(self) -> None:
        """Open a second connection, log in, and ask something on it."""
        try:
            self._session.probe()
        except DeviceError as error:
            raise ProbeFailed(
                f"a new connection does not work: {error.message}",
                where=Where(device=self.target.name, step="probe"),
            ) from error

    def persist(self, change_id: str) -> str | None:
        """Do nothing: what a router runs is what it keeps."""
        del change_id
        return None
