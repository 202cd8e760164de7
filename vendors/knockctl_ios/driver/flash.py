"""Scripts on a router's flash: read, sent before they are registered, deleted when nobody asks.

An old file stays until the change that needs another is settled: what takes that change back
registers the old one again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from knockctl.errors import CommandRefused, Unsupported
from knockctl_ios.config import files, syntax
from knockctl_ios.config.files import File
from knockctl_ios.config.records import own
from knockctl_ios.driver.connection import Session
from knockctl_ios.driver.refusals import said
from knockctl_ios.plan.plan import IosRemediation
from knockctl_ios.plan.reading import DIRECTORY, IosReading, directory_of, scripts_of

_MISSING = re.compile(r"^%\s*Error opening", re.MULTILINE)
_LISTED = re.compile(r"^\s*\d+\s+-\S+\s+\d+\s.*\s(\S+)\s*$", re.MULTILINE)
_ASKED = "show running-config | include ^event manager (directory user policy|policy) "


class Scripts:
    """The scripts of one router, over one session."""

    def __init__(self, session: Session) -> None:
        """Take a session, connected or not yet."""
        self._session = session
        self._concerned = False
        """Whether there is, or was, anything of ours to be looked after."""

    def filled(self, found: IosReading) -> IosReading:
        """Return a reading with the texts of the scripts that are registered."""
        texts = self._texts(directory_of(found.shared), scripts_of(found.config))
        config = replace(found.config, files=texts)
        return replace(found, config=config, text=found.text + files.written(texts))

    def _texts(self, folder: str | None, names: Sequence[str]) -> tuple[File, ...]:
        found = []
        self._concerned = self._concerned or bool(names)
        for name in names if folder else ():
            text = self._session.ask(f"more {_path(folder, name)}", 600)
            if not _MISSING.search(text):
                found.append(File(name, text))
        return tuple(found)

    # --- changing ---

    def possible(self, otherwise: str) -> None:
        """Raise where the router has no Tcl; ``otherwise``: what to do then."""
        refused = said(self._session.ask("tclsh"))
        if refused is not None:
            raise Unsupported(
                f"the router runs no Tcl ({refused}); nothing was changed",
                hint=otherwise,
                where=self._session.where,
            )
        self._session.ask("tclquit")

    def send(self, remediation: IosRemediation) -> None:
        """Put the files of a change beside those that are there."""
        for file in remediation.sent:
            self._concerned = True
            path = self._session.upload(file.text, file.name)
            goal = _path(remediation.directory, file.name)
            if remediation.directory.rstrip("/").endswith(":"):
                continue
            output = self._session.do(f"copy {path} {goal}")
            self._session.do(f"delete /force {path}")
            if "bytes copied" not in output:
                raise CommandRefused(
                    f"{file.name} can't be put into {remediation.directory}; nothing was changed",
                    hint=f"look at dir {remediation.directory}",
                    where=self._session.where,
                )

    def tidy(self) -> None:
        """Delete the scripts of ours that nothing registers."""
        if not self._concerned:
            return
        lines = syntax.read(self._session.show(_ASKED))
        kept = scripts_of(own(lines))
        folder = directory_of(line.text for line in lines) or DIRECTORY
        for name in _LISTED.findall(self._session.ask(f"dir {folder}", 600)):
            if files.ours(name) and name not in kept:
                self._session.do(f"delete /force {_path(folder, name)}")


def _path(folder: str | None, name: str) -> str:
    return f"{(folder or DIRECTORY).rstrip('/')}/{name}"
