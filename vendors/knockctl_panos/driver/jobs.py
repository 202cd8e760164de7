"""Jobs of a device: validations, commits and pushes, followed to their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from knockctl.errors import CommandRefused, ConnectionCut, Unreachable
from knockctl_panos.driver.connection import Session

FIRST, _LONGEST, _GROWS = 0.1, 2.0, 1.5
"""Seconds between two looks at a job."""
_OURS = ("Commit", "CommitAll", "Validate")


@dataclass(frozen=True, slots=True)
class Job:
    """A job that has ended."""

    number: str
    ok: bool
    lines: tuple[str, ...] = ()
    devices: tuple[tuple[str, bool, str], ...] = ()
    """Of a push: serial number or name, whether it went well, and what was said."""

    @property
    def said(self) -> str:
        """What it said, in one line."""
        parts = [line.strip() for line in self.lines if line.strip()]
        parts += [f"{name}: {words}" for name, ok, words in self.devices if not ok]
        return "; ".join(parts) or "no reason given"


class JobHangs(ConnectionCut):
    """A job runs on and on: what the device will do is not known."""


class Jobs:
    """Follows jobs, through restarts of the device, too."""

    def __init__(self, session: Session, said: Callable[[str], None]) -> None:
        """``said`` hears of the progress."""
        self._session, self._said = session, said

    def begun(self, root: ET.Element) -> str | None:
        """Return the number of the job an answer speaks of; None where none was needed."""
        return root.findtext("result/job") or root.findtext("job")

    def follow(self, number: str, what: str, seconds: int | None = None) -> Job | None:
        """Wait for a job; None where the device knows it no more, as after a restart.

        Raises ``JobHangs`` where it does not end in time.
        """
        seconds = seconds or self._session.target.timeouts.job
        deadline = time.monotonic() + seconds
        for _ in _pauses(deadline):
            try:
                found = self._job(number)
            except Unreachable:
                self._said(f"{what}: no answer, asking again")
                continue
            except CommandRefused:
                return None
            if found is None:
                return None
            if found.findtext("status") == "FIN":
                return _ended(number, found)
            self._said(f"{what}: {found.findtext('progress') or 0} %")
        raise JobHangs(
            f"the {what} (job {number}) did not end within {seconds} s",
            hint="look at it with show jobs all; timeouts.job says how long to wait",
            where=self._session.where,
        )

    def _job(self, number: str) -> ET.Element | None:
        return self._session.op(f"<show><jobs><id>{number}</id></jobs></show>").find("job")

    def settle(self, admin: str) -> None:
        """See that no commit of an account is under way; one that is about to end may."""
        limits = self._session.target.timeouts
        result = self._session.op("<show><jobs><all></all></jobs></show>")
        for job in result.iter("job"):
            words = (job.findtext("user"), job.findtext("type"), job.findtext("status"))
            if words[0] == admin and words[1] in _OURS and words[2] != "FIN":
                number, seconds = job.findtext("id") or "", min(limits.command, limits.job)
                self.follow(number, "commit under way", seconds)


def _ended(number: str, job: ET.Element) -> Job:
    lines = tuple("".join(line.itertext()) for line in job.iterfind("details/line"))
    devices = tuple(_device(entry) for entry in job.iterfind("devices/entry"))
    return Job(number, job.findtext("result") == "OK", lines, devices)


def _device(entry: ET.Element) -> tuple[str, bool, str]:
    name = entry.findtext("serial-no") or entry.get("name") or entry.findtext("devicename") or "?"
    said = [line.text or "" for line in entry.iterfind("details/msg/errors/line")]
    words = "; ".join(word for word in said if word) or entry.findtext("status") or "failed"
    return name, entry.findtext("result") == "OK", words


def _pauses(deadline: float) -> Iterator[None]:
    """Yield at once, and then after growing pauses, until it is too late."""
    pause = FIRST
    yield
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(_LONGEST, pause * _GROWS)
        yield
