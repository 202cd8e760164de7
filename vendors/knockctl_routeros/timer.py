"""The way back as it lies on a router: found, taken, started, stopped, run, cleared away."""

from __future__ import annotations

from datetime import datetime

from knockctl.errors import CommandRefused, Conflict, Where
from knockctl_routeros import revert
from knockctl_routeros.plan import RouterRemediation
from knockctl_routeros.revert import BOOT, POLICY, SCRIPT, TIMER, Note, moment, note, written
from knockctl_routeros.session import Session


class Timer:
    """The script and its two jobs, over one connection."""

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

    def job(self) -> dict[str, str] | None:
        """Return the job that runs at a date and a time; without it the change is decided."""
        return self._jobs().get(TIMER)

    def seconds_left(self) -> int | None:
        """Return how long until the job runs; None where there is none."""
        job = self.job()
        if job is None:
            return None
        due = revert.due(job.get("next-run", ""))
        return max(0, int((due - self._now()).total_seconds())) if due else 0

    def _jobs(self) -> dict[str, dict[str, str]]:
        names = (f"?name={TIMER}", f"?name={BOOT}", "?#|")
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
        due = revert.after(seconds, moment(clock["date"], clock["time"]))
        date, time = written(due, clock["date"])
        event = (f"=on-event={revert.RUN}", f"=policy={POLICY}", "=interval=0s")
        comment = f"=comment={note(remediation)}"
        boot = (f"=name={BOOT}", "=start-time=startup")
        timer = (f"=name={TIMER}", f"=start-date={date}", f"=start-time={time}")
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
        due = revert.due(jobs[TIMER].get("next-run", "")) if TIMER in jobs else None
        if BOOT not in jobs or due is None or due <= self._now():
            raise CommandRefused(
                "the revert timer does not run: the router names no time for it",
                hint="look at /system/scheduler/print; device-mode may forbid it",
                where=where,
            )

    # --- ending ---

    def stop(self) -> bool:
        """Take the job away; False where the script was quicker, and has decided."""
        job = self.job()
        if job is None:
            return True
        try:
            self._session.ask("/system/scheduler/remove", f"=.id={job['.id']}")
        except CommandRefused:
            if self.job() is not None:
                raise
            return False
        return True

    def run(self) -> None:
        """Run the script now, though its job is gone."""
        script = self.script()
        if script is None:
            return
        if self.job() is None:
            # The change ended before its timer began; the script asks for one.
            words = (f"=name={TIMER}", "=interval=0s", f"=policy={POLICY}", "=disabled=yes")
            more = (f"=on-event={revert.RUN}", f"=comment={script['comment']}")
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
        for menu, names in (("/system/scheduler", (TIMER, BOOT)), ("/system/script", (SCRIPT,))):
            for name in names:
                for row in self._session.ask(f"{menu}/print", f"?name={name}"):
                    if Note.parse(row.get("comment", "")) is not None:
                        self._session.ask(f"{menu}/remove", f"=.id={row['.id']}")


def _in_the_way(kind: str, name: str, error: CommandRefused) -> Conflict:
    return Conflict(
        f"{name} under /system {kind} is not ours, and in the way; nothing was changed",
        hint="rename or remove it",
        where=error.where,
    )
