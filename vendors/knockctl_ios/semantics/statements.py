"""What an applet waits for: its event and trigger statements.

Sources: fact sheet 1 (6, 7), 2. What nobody here understands makes it a guess when it runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from knockctl.automaton.questions import Atom
from knockctl_ios.config import normal, quoting
from knockctl_ios.config.syntax import Line
from knockctl_ios.semantics.conditions import guess
from knockctl_ios.semantics.regex import NotUnderstood, Pattern, pattern

WINDOW = 180
"""Seconds within which correlated events must come, where nothing else is said."""
_OPTIONS = frozenset(("pattern", "occurs", "period", "maxrun"))


@dataclass(frozen=True, slots=True)
class Detector:
    """One event statement: a pattern that log lines are searched for."""

    tag: str
    pattern: Pattern
    occurs: int = 1
    period: int | None = None


@dataclass
class Statements:
    """Reads event and trigger statements."""

    name: str
    detectors: list[Detector] = field(default_factory=list)
    unsure: list[Atom] = field(default_factory=list)
    correlated: list[tuple[str, str]] = field(default_factory=list)
    occurs: int = 1
    period: int = WINDOW
    maxrun: int = int(normal.MAXRUN)
    multiple: bool = False

    def read(self, lines: Iterable[Line]) -> None:
        """Read an applet's lines, but for its actions."""
        for line in lines:
            said = quoting.split(line.text)
            if said[0] == "event":
                self._event(said[1:], line.text)
            elif said[0] == "trigger":
                self._trigger(line, said[1:])
            elif said[0] not in ("action", "description"):
                self._guess(f"what {line.text!r} means")

    def _guess(self, why: str) -> None:
        self.unsure.append(guess(f"applet {self.name}", why))

    def _trigger(self, line: Line, said: list[str]) -> None:
        found = normal.options(said)
        if set(found) - {"occurs", "period"} or len(said) % 2:
            self._guess(f"when {line.text!r} lets it run")
        self.occurs = int(found.get("occurs", "1"))
        self.period = seconds(found.get("period", str(WINDOW)))
        self.multiple = True
        for child in line.below:
            self._correlate(child.text.split())

    def _event(self, said: list[str], text: str) -> None:
        tag = ""
        if said[0] == "tag":
            tag, said = said[1], said[2:]
            self.multiple = True
        if said[0] == "none":
            return
        found = normal.options(said[1:])
        if said[0] != "syslog" or set(found) - _OPTIONS or not len(said) % 2:
            self._guess(f"when {text!r} happens")
            return
        self.maxrun = seconds(found.get("maxrun", normal.MAXRUN))
        try:
            looked = pattern(found.get("pattern", "").replace('\\"', '"'))
        except NotUnderstood as error:
            self._guess(f"what matches: {error}")
            return
        period = seconds(found["period"]) if "period" in found else None
        self.detectors.append(Detector(tag, looked, int(found.get("occurs", "1")), period))

    def _correlate(self, said: list[str]) -> None:
        if said[:1] == ["attribute"]:
            if "occurs" in said:
                tag, number = said[2], int(said[said.index("occurs") + 1])
                self.detectors = [
                    Detector(d.tag, d.pattern, number, d.period) if d.tag == tag else d
                    for d in self.detectors
                ]
            return
        join = "and"
        for word, name in zip(said[1:], [*said[2:], ""], strict=True):
            if word in ("and", "or", "andnot"):
                join = word
            elif word in ("event", "track"):
                self.correlated.append((join, name))
                if word == "track":
                    self._guess(f"whether track {name} is up")


def seconds(text: str) -> int:
    """Return whole seconds, never too few."""
    return math.ceil(float(text)) if text.replace(".", "", 1).isdigit() else 0
