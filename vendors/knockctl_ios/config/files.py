"""Files of ours on flash: the scripts that a configuration names.

In the text of a config they are comments behind everything else: ``! file NAME``, then each line
behind ``!| ``. The device itself never sees them so; it is sent the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

_HEAD, _BODY = "! file ", "!|"
_OWN = re.compile(r"kc-[a-z][a-z0-9-]*-[0-9a-f]{4}\.tcl")
_KNOCK = re.compile(r"knock ([0-9a-f]{4}) (tcp|udp) (\d+)")
_COMMENT, _SECRET = "# knockctl ", " secret"


@dataclass(frozen=True, slots=True)
class File:
    """A text file, its lines without blanks at their ends."""

    name: str
    text: str

    def __post_init__(self) -> None:
        """Bring the text into the one form that terminals and file systems leave alone."""
        lines = [line.rstrip() for line in self.text.replace("\r", "").split("\n")]
        object.__setattr__(self, "text", "\n".join(lines).strip("\n") + "\n")

    @property
    def policy(self) -> str:
        """What the names of its policy begin with."""
        return self.name.rpartition("-")[0]

    @property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.text.splitlines()

    def knocks(self) -> Iterator[tuple[str, str]]:
        """Yield each knock as its generation and what it is, in the order they are to be made."""
        for line in self.lines:
            match = _KNOCK.fullmatch(line)
            if match:
                yield match[1], f"{match[2]} {match[3]}"

    def secrets(self) -> Iterator[str]:
        """Yield the ports of knocks below a comment that says they are secret."""
        secret = False
        for line in self.lines:
            if line.startswith(_COMMENT):
                secret = line.endswith(_SECRET)
            match = _KNOCK.fullmatch(line)
            if match and secret:
                yield match[3]


def ours(name: str) -> bool:
    """Tell whether a file is ours, by its name."""
    return _OWN.fullmatch(name) is not None


def written(files: Iterable[File]) -> str:
    """Print files as they stand in a config's text."""
    return "".join(
        f"{_HEAD}{one.name}\n" + "".join(f"{_BODY} {line}".rstrip() + "\n" for line in one.lines)
        for one in files
    )


def read(text: str) -> tuple[File, ...]:
    """Read back what ``written`` printed, wherever in a text it stands."""
    found: dict[str, list[str]] = {}
    into: list[str] | None = None
    for line in text.splitlines():
        if line.startswith(_HEAD):
            into = found.setdefault(line.removeprefix(_HEAD).strip(), [])
        elif line.startswith(_BODY) and into is not None:
            into.append(line.removeprefix(_BODY).removeprefix(" "))
        else:
            into = None
    return tuple(File(name, "\n".join(lines)) for name, lines in found.items())


def differences(old: File, new: File) -> tuple[list[str], list[str]]:
    """Return the lines that are gone, and those that have come."""
    was, will = old.lines, new.lines
    gone: list[str] = []
    come: list[str] = []
    for what, first, last, start, end in SequenceMatcher(
        None, was, will, autojunk=False
    ).get_opcodes():
        if what != "equal":
            gone += was[first:last]
            come += will[start:end]
    return gone, come
