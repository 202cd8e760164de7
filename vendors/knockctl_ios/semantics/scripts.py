"""Tcl policies: what each waits for, and its text, where that is known.

What a script does is known by running it, which needs a time in numbers. Where there is none, as
for proofs, whatever a script may have done is a guess: any entry of any dynamic list may be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from knockctl.automaton.questions import Atom
from knockctl_ios.semantics.conditions import guess
from knockctl_ios.semantics.regex import NotUnderstood, Pattern, pattern
from knockctl_ios.semantics.tcl import registration


@dataclass(frozen=True, slots=True)
class Script:
    """One registered script that waits for log lines."""

    name: str
    text: str
    pattern: Pattern | None
    """None: nobody here knows for which."""
    maxrun: float

    def hears(self, line: str) -> bool:
        """Tell whether a line starts it, as far as that is known."""
        return self.pattern is not None and self.pattern.search(line) is not None


def scripts(names: tuple[str, ...], files: Mapping[str, str]) -> Iterator[Script]:
    """Yield the registered scripts whose files are known, and that wait for log lines."""
    for name in names:
        found = registration(files.get(name, ""))
        if found is not None and found.kind == "syslog":
            looked = None
            if found.pattern is not None:
                try:
                    looked = pattern(found.pattern)
                except NotUnderstood:
                    looked = None
            yield Script(name, files[name], looked, found.maxrun)


def unknown(name: str) -> Atom:
    """Ask for what a script does with a packet's log line."""
    return guess(f"event manager policy {name}", "what the script does with a log line")


def opened(name: str) -> Atom:
    """Ask whether a script has let a packet in: whatever it heard of may have made it do so."""
    return guess(f"event manager policy {name}", "whom the script has let in")
