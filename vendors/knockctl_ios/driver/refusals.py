"""What a router says of lines it does not take.

Sources: fact sheet 5. A marker below the line shows the character that was not understood; other
refusals begin with a percent sign and mark nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_REFUSED = re.compile(r"^%\s?(?!Warning|Info|NOTE|EEM Note)\S.*|^Command authorization failed.*")
_MARKER = re.compile(r"^\s*\^\s*$")
_FINE = (
    "%Warning",
    "% Warning",
    # Logged to the session that configures.
    "%SYS-",
    "%ARCHIVE_DIFF-",
)
MASK = "•••"


@dataclass(frozen=True, slots=True)
class Refused:
    """A line the router did not take."""

    line: str
    """As the router repeats it; empty where it does not."""
    reason: str
    column: int = -1
    """Where in the line the marker points; -1: it has none."""

    def __str__(self) -> str:
        """Print line, marker and reason, each below the other."""
        marked = [" " * self.column + "^"] if self.column >= 0 else []
        return "\n".join([line for line in (self.line, *marked, self.reason) if line])


def said(output: str) -> str | None:
    """Return the first refusal in what a command prints, in one line; None: there is none."""
    found = next(refusals(output), None)
    return None if found is None else found.reason


def refusals(output: str) -> Iterator[Refused]:
    """Yield the lines of a file that were refused, as ``copy`` prints them."""
    line, column = "", -1
    for raw in output.replace("\r", "").split("\n"):
        text = raw.rstrip()
        if _MARKER.match(text):
            column = text.index("^")
        elif text.startswith(_FINE):
            continue
        elif _REFUSED.match(text):
            yield Refused(line, text, column)
            line, column = "", -1
        elif text.strip():
            line, column = text, -1


def masked(text: str, words: Iterable[str]) -> str:
    """Return a text without secret words."""
    found = sorted((re.escape(word) for word in words if word), key=len, reverse=True)
    if not found:
        return text
    return re.sub(rf"(?<!\w)(?:{'|'.join(found)})(?!\w)", MASK, text)
