"""The candidate configuration: whose changes are in it, ours written, and committed alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from knockctl.errors import CommandRefused, Conflict, GuardError, Unsupported
from knockctl_panos.config.location import Location
from knockctl_panos.config.records import KINDS, OWN, OWN_NAME
from knockctl_panos.driver.connection import Session
from knockctl_panos.driver.jobs import Job, Jobs
from knockctl_panos.plan.plan import Operation

_NAME = re.compile(r"@name=['\"]([^'\"]*)['\"]")
_BATCH = 200
"""Names in one xpath."""


@dataclass(frozen=True, slots=True)
class Uncommitted:
    """A change of the candidate that is not committed."""

    admin: str
    xpath: str
    action: str


class Candidate:
    """The candidate, as far as it is ours to write."""

    def __init__(self, session: Session, location: Location, jobs: Jobs) -> None:
        """Take a session, connected or not yet."""
        self._session, self._location, self._jobs = session, location, jobs

    # --- whose changes are in it ---

    def clear(self, admin: str) -> None:
        """Take back what a change of ours left; raise where anybody's work would be touched.

        A partial commit takes all that an account has changed, so that changes our own account
        made elsewhere are in the way, too.
        """
        found = list(self._uncommitted())
        mine = [change for change in found if change.admin == admin]
        touching = [change for change in found if self._touches(change)]
        others = sorted({change.admin for change in touching} - {admin})
        if others:
            listed = ", ".join(dict.fromkeys(c.xpath for c in touching if c.admin != admin))
            raise Conflict(
                f"{', '.join(others)} has changed what is ours, and not committed it: {listed};"
                " nothing was changed",
                hint="have them commit or revert it",
                where=self._session.where,
            )
        elsewhere = [change for change in mine if not self._touches(change)]
        if elsewhere:
            listed = ", ".join(dict.fromkeys(change.xpath for change in elsewhere))
            raise GuardError(
                f"{admin}, the account used here, has uncommitted changes of other things, which"
                f" would be committed with ours: {listed}; nothing was changed",
                hint="commit or revert them, and give knockctl an account of its own",
                where=self._session.where,
            )
        if mine:
            self.revert(admin)

    def _uncommitted(self) -> Iterator[Uncommitted]:
        result = self._session.op("<show><config><list><changes></changes></list></config></show>")
        for entry in result.iter("entry"):
            xpath = entry.findtext("xpath")
            admin = entry.findtext("owner") or entry.findtext("admin") or ""
            if xpath:
                yield Uncommitted(admin, xpath, (entry.findtext("action") or "").lower())

    def _touches(self, change: Uncommitted) -> bool:
        """Tell whether a change is of ours, or of what holds ours as a whole.

        What somebody sets in a whole container is added to what is there.
        """
        base = self._location.base
        if base.startswith(change.xpath.rstrip("/")):
            return change.action != "set"
        if not change.xpath.startswith(base):
            return False
        rest = change.xpath.removeprefix(base).strip("/")
        for below in (self._location.below(kind) for kind in KINDS):
            if f"{below}/".startswith(f"{rest}/"):
                return change.action != "set"
            if rest.startswith(f"{below}/entry"):
                names = _NAME.findall(rest)
                return any(n == OWN or n.startswith(OWN_NAME) for n in names)
        return False

    def revert(self, admin: str) -> None:
        """Take back all that an account has changed and not committed."""
        partial = f"<partial><admin><member>{escape(admin)}</member></admin></partial>"
        self._session.op(f"<revert><config>{partial}</config></revert>")

    # --- writing ---

    def write(self, operations: Sequence[Operation], *, at_once: bool) -> None:
        """Make changes: in one request, all or none, where the device can; else in order."""
        if at_once:
            try:
                self._many(operations)
            except Unsupported:
                pass
            else:
                return
        for one in self._split(operations):
            self._session.change(one.action, self._xpath(one), **self._words(one))

    def _many(self, operations: Sequence[Operation]) -> None:
        parts = [
            f"<{one.action} id={quoteattr(str(number))} xpath={quoteattr(self._xpath(one))}"
            f"{self._attributes(one)}>{one.element}</{one.action}>"
            for number, one in enumerate(self._split(operations), 1)
        ]
        element = f"<multi-configure-request>{''.join(parts)}</multi-configure-request>"
        query = {"type": "config", "action": "multi-config", "element": element}
        root = self._session.raw("multi-config", query)
        for inner in root.iter("response"):
            if inner.get("status") == "error":
                said = " ".join("".join(inner.itertext()).split())
                raise CommandRefused(f"multi-config: {said}", where=self._session.where)

    def _split(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """Yield deletions in batches, so that no xpath grows without bounds."""
        for one in operations:
            if one.action != "delete":
                yield one
                continue
            for start in range(0, len(one.names), _BATCH):
                yield Operation("delete", one.kind, one.names[start : start + _BATCH])

    def _xpath(self, one: Operation) -> str:
        return self._location.entry(one.kind, *one.names)

    def _words(self, one: Operation) -> dict[str, str]:
        words = {"element": one.element, "where": one.where, "dst": one.other}
        return {name: word for name, word in words.items() if word}

    def _attributes(self, one: Operation) -> str:
        words = {"where": one.where, "dst": one.other}
        return "".join(f" {name}={quoteattr(word)}" for name, word in words.items() if word)

    # --- making it run ---

    def validate(self, admin: str) -> None:
        """Have the device check what a commit of ours would run."""
        partial = f"<partial><admin><member>{escape(admin)}</member></admin></partial>"
        try:
            number = self._enqueue("validation", f"<validate>{partial}</validate>")
        except Unsupported:
            number = self._enqueue("validation", "<validate><full></full></validate>")
        job = self._jobs.follow(number, "validation") if number else None
        if job is not None and not job.ok:
            raise self._failed("validation", job)

    def _enqueue(self, what: str, cmd: str) -> str | None:
        root = self._session.raw(what, {"type": "op", "cmd": cmd})
        return self._jobs.begun(root)

    def commit(self, admin: str, description: str) -> Job | None:
        """Commit what an account has changed; None where how it ended is not known."""
        said = f"<description>{escape(description)}</description>"
        partial = f"<partial><admin><member>{escape(admin)}</member></admin></partial>"
        cmd = f"<commit>{said}{partial}</commit>"
        root = self._session.raw("commit", {"type": "commit", "action": "partial", "cmd": cmd})
        number = self._jobs.begun(root)
        if number is None:
            # Nothing to commit: it was committed before, and the answer lost.
            return None
        job = self._jobs.follow(number, "commit")
        if job is not None and not job.ok:
            raise self._failed("commit", job)
        return job

    def _failed(self, what: str, job: Job) -> CommandRefused:
        return CommandRefused(
            f"the {what} (job {job.number}) failed: {job.said}", where=self._session.where
        )
