"""One run of an applet or a script: what it does, on the router's own command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from knockctl_ios.semantics.applets import Applet
from knockctl_ios.semantics.language import Run, Variables, Waits
from knockctl_ios.semantics.scripts import Script
from knockctl_ios.semantics.tcl import Failed, Interpreter, Moment
from knockctl_ios.twin.device import Device, Shell, exec_commands, records

HISTORY = 50
SESSION = "event manager session cli username "


@dataclass(slots=True)
class Contexts:
    """What applets have saved for later runs; reading forgets it."""

    kept: dict[str, Variables] = field(default_factory=dict)


@dataclass(slots=True)
class Session:
    """Satisfies ``knockctl_ios.semantics.language.Router`` for one run."""

    device: Device
    shell: Shell
    contexts: Contexts

    @classmethod
    def of(cls, device: Device, registered: str, contexts: Contexts) -> Session:
        """Open one with the rights of what a line of the configuration registers."""
        node = device.running.child(registered)
        named = device.running.having(SESSION)
        user = named[0].text.removeprefix(SESSION).split()[0] if named else "EEM"
        bypass = node is not None and "authorization bypass" in node.text
        return cls(device, Shell(device, exec_commands, user, 15, bypass=bypass), contexts)

    def command(self, text: str) -> str:
        """Type a line; every question is answered with Enter."""
        return self.shell.answer(text)

    def emit(self, applet: str, text: str) -> None:
        """Log a line of the applet's own."""
        self.device.log(f"%HA_EM-6-LOG: {applet}: {text}")

    def save(self, key: str, variables: Variables) -> None:
        """Keep variables for later runs."""
        self.contexts.kept[key] = variables

    def retrieve(self, key: str) -> Variables:
        """Return what was kept, and forget it."""
        return self.contexts.kept.pop(key, ())


@dataclass(slots=True)
class Job:
    """A run, from its start to its entry in the history."""

    number: int
    applet: Applet
    session: Session
    lines: Mapping[str, str]
    """The log lines that fired it, by their tags."""
    numeric: bool
    began: float
    waited: int = 0

    def go(self, at: int = 0, variables: Variables = ()) -> Waits | None:
        """Execute up to a wait that is not longer than the run may last, or to the end."""
        known = dict(variables)
        run = Run(self.applet, self.session, self.lines, self.numeric, at=at)
        run.privileged = known.pop(" privileged", "") == "1"
        run.variables = known
        if not self.applet.multiple and not at:
            run.variables["_syslog_msg"] = list(self.lines.values())[-1]
        waits = run.go()
        if waits is not None and self.waited + waits.seconds <= self.applet.maxrun:
            self.waited += waits.seconds
            return waits
        self._record(run, killed=waits is not None)
        return None

    def _record(self, run: Run, *, killed: bool) -> None:
        ended = run.at >= len(self.applet.actions) or self.applet.actions[run.at - 1].verb == "exit"
        status = "success" if ended and not killed else "abort"
        event = "multiple" if self.applet.multiple else "syslog"
        of = f"applet: {self.applet.name}"
        _record(self.session.device, records.Run(self.number, status, self.began, event, of))


def played(
    script: Script, text: str, session: Session, interpreter: Interpreter, number: int
) -> None:
    """Run a script on a log line, as its file is at this moment."""
    device = session.device
    now = device.clock.now()
    status = "success"
    try:
        moment = Moment(text, math.floor(now))
        interpreter.run(script.text, moment, session, name=script.name, maxrun=script.maxrun)
    except Failed as error:
        status = "abort"
        device.log(f"%HA_EM-3-FMPD_ERROR: Error executing script {error}")
    _record(device, records.Run(number, status, now, "syslog", f"script: {script.name}"))


def _record(device: Device, run: records.Run) -> None:
    device.runs.append(run)
    del device.runs[:-HISTORY]
