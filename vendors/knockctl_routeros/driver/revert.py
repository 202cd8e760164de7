"""The way back as it lies on a router: found, taken, started, stopped, run, cleared away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from knockctl.errors import CommandRefused, Conflict, Where
from knockctl_routeros.driver import revert_script
from knockctl_routeros.driver.connection import Session
from knockctl_routeros.driver.revert_script import (
    BEGUN,
    BOOT,
    POLICY,
    SCRIPT,
    TIMER,
    Note,
    moment,
    note,
    written,
)
from knockctl_routeros.plan.plan import RouterRemediation

State = Literal["waiting", "going back", "decided"]


class Timer:
    """The script and its jobs, over one connection."""

    def __init__(self, session: Session) -> None:
        """Take a session, connected or not yet."""
        self._session = session

    def script(self) -> dict[str, str] | None:
        """Return the script, whosever it is."""
        rows = self._session.ask("/system/script/print", f"?name={SCRIPT}")
        return rows[0] if rows else None

    def held(self) -> Note | None:
        """Return what the script says of the change it takes back; None for none of ours."""
        script = self.script()
        return Note.parse(script.get("comment", "")) if script else None

    def state(self) -> State:
        """Tell whether the timer waits, or the script has begun; neither: somebody has decided."""
        return _state(self._jobs())

    def seconds_left(self) -> int | None:
        """Return how long until the script runs; None where the change is decided."""
        jobs = self._jobs()
        if _state(jobs) != "waiting":
            return 0 if _state(jobs) == "going back" else None
        job = jobs[TIMER]
        due = revert_script.due(job.get("next-run", ""))
        return max(0, int((due - self._now()).total_seconds())) if due else 0

    def _jobs(self) -> dict[str, dict[str, str]]:
        names = (f"?name={TIMER}", f"?name={BOOT}", f"?name={BEGUN}", "?#|", "?#|")
        return {row["name"]: row for row in self._session.ask("/system/scheduler/print", *names)}

    def _clock(self) -> dict[str, str]:
        (clock,) = self._session.ask("/system/clock/print")
        return clock

    def _now(self) -> datetime:
        clock = self._clock()
        return moment(clock["date"], clock["time"])

    # --- arming ---

    def take(self, remediation: RouterRemediation, source: str) -> None:
        """Add the script; raise ``Conflict`` where another change has."""
        words = (f"=name={SCRIPT}", f"=source={source}", f"=policy={POLICY}")
        try:
            self._session.ask("/system/script/add", *words, f"=comment={note(remediation)}")
        except CommandRefused as error:
            script = self.script()
            other = Note.parse(script.get("comment", "")) if script else None
            if script and other is None:
                raise _in_the_way("script", SCRIPT, error) from None
            if other is None or other.change_id == remediation.change_id:
                raise
            raise Conflict(
                f"the change {other.change_id} is being made or waits; nothing was changed",
                hint=f"finish it: knockctl confirm or rollback --change {other.change_id}",
                where=error.where,
            ) from None

    def start(self, remediation: RouterRemediation, seconds: int) -> None:
        """Start both jobs, with dates and times of their own: some versions need them."""
        clock = self._clock()
        due = revert_script.after(seconds, moment(clock["date"], clock["time"]))
        date, time = written(due, clock["date"])
        event = (f"=on-event={revert_script.RUN}", f"=policy={POLICY}", "=interval=0s")
        comment = f"=comment={note(remediation)}"
        boot = (f"=name={BOOT}", "=start-time=startup")
        timer = (f"=name={TIMER}", f"=start-date={date}", f"=start-time={time}")
        for job in self._jobs().values():
            if Note.parse(job.get("comment", "")) is not None:
                # Whoever holds the script holds the jobs: what lies there is nobody's any more.
                self._session.ask("/system/scheduler/remove", f"=.id={job['.id']}")
        try:
            self._session.ask("/system/scheduler/add", *boot, *event, comment)
            self._session.ask("/system/scheduler/add", *timer, *event, comment)
        except CommandRefused as error:
            for name, job in self._jobs().items():
                if Note.parse(job.get("comment", "")) is None:
                    raise _in_the_way("scheduler", name, error) from None
            raise

    def verify(self, change_id: str) -> None:
        """Raise unless both jobs are there, and the router says when the timer runs."""
        where = Where(device=self._session.target.name)
        jobs, held = self._jobs(), self.held()
        if held is None or held.change_id != change_id:
            raise CommandRefused("the way back is not on the router", where=where)
        due = revert_script.due(jobs[TIMER].get("next-run", "")) if TIMER in jobs else None
        if BOOT not in jobs or due is None or due <= self._now():
            raise CommandRefused(
                "the revert timer does not run: the router names no time for it",
                hint="look at /system/scheduler/print; device-mode may forbid it",
                where=where,
            )

    # --- ending ---

    def stop(self) -> bool:
        """Take the job away; False where the script was quicker, and has decided."""
        jobs = self._jobs()
        if _state(jobs) != "waiting":
            return _state(jobs) == "decided"
        try:
            self._session.ask("/system/scheduler/remove", f"=.id={jobs[TIMER]['.id']}")
        except CommandRefused:
            if TIMER in self._jobs():
                raise
            return False
        return True

    def run(self) -> None:
        """Run the script now, though its job is gone."""
        script = self.script()
        if script is None:
            return
        if self.state() == "decided":
            # The change ended before its timer began; the script asks for one.
            words = (f"=name={TIMER}", "=interval=0s", f"=policy={POLICY}", "=disabled=yes")
            more = (f"=on-event={revert_script.RUN}", f"=comment={script['comment']}")
            self._session.ask("/system/scheduler/add", *words, *more)
        self._session.ask("/system/script/run", f"=number={script['.id']}")
        if self.script() is not None:
            raise CommandRefused(
                "taking the change back failed; see /log on the router",
                hint="the router may run parts of it: compare with `knockctl diff`",
                where=Where(device=self._session.target.name),
            )

    def release(self) -> None:
        """Take jobs and script away, the timer first: without it the script does nothing."""
        jobs = self._jobs()
        found = [("/system/scheduler", jobs.get(name)) for name in (TIMER, BOOT, BEGUN)]
        for menu, row in (*found, ("/system/script", self.script())):
            if row is not None and Note.parse(row.get("comment", "")) is not None:
                self._session.ask(f"{menu}/remove", f"=.id={row['.id']}")


def _state(jobs: Mapping[str, object]) -> State:
    return "going back" if BEGUN in jobs else "waiting" if TIMER in jobs else "decided"


def _in_the_way(kind: str, name: str, error: CommandRefused) -> Conflict:
    return Conflict(
        f"{name} under /system {kind} is not ours, and in the way; nothing was changed",
        hint="rename or remove it",
        where=error.where,
    )
