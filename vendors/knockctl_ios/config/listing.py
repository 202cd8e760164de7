"""What ``show ip access-lists`` prints: entries with their numbers, and who is let in by them.

Sources: fact sheet 3. A temporary entry stands below its dynamic list, without a number of its
own; remarks are not shown at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from knockctl_ios.config import normal

LIST = "ip access-list extended "
_HEADER = re.compile(r"Extended IP access list (\S+)")
_ENTRY = re.compile(r"\s{1,8}(\d+) (.*)")
_MATCHES = re.compile(r" \(\d+ match(?:es)?\)")
_LEFT = re.compile(r" \(time left (\d+)\)")


@dataclass(frozen=True, slots=True)
class Temporary:
    """An entry that an applet or a person made."""

    dynamic: str
    """The name of the dynamic list."""
    text: str
    """In normal form, such as ``permit tcp host 192.0.2.1 any eq 22``."""
    seconds_left: int | None
    """None: for good."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One access list, as it is shown."""

    name: str
    entries: tuple[normal.Entry, ...] = ()
    temporary: tuple[Temporary, ...] = ()


def read(text: str) -> Iterator[Listed]:
    """Yield the extended access lists of IPv4."""
    name: str | None = None
    entries: list[normal.Entry] = []
    temporary: list[Temporary] = []
    for line in text.replace("\r", "").split("\n"):
        header = _HEADER.match(line)
        if header or (line and not line.startswith(" ")):
            if name is not None:
                yield Listed(name, tuple(entries), tuple(temporary))
            name, entries, temporary = header[1] if header else None, [], []
        elif line.strip() and name is not None:
            _one(line, entries, temporary)
    if name is not None:
        yield Listed(name, tuple(entries), tuple(temporary))


def _one(line: str, entries: list[normal.Entry], temporary: list[Temporary]) -> None:
    left = _LEFT.search(line)
    plain = _MATCHES.sub("", _LEFT.sub("", line))
    match = _ENTRY.fullmatch(plain.rstrip())
    if match:
        said = match[2].replace("Dynamic ", "dynamic ", 1)
        entries.append(normal.Entry(normal.entry(said).text, int(match[1])))
    elif entries and entries[-1].text.startswith("dynamic "):
        dynamic = entries[-1].text.split()[1]
        seconds = int(left[1]) if left else None
        temporary.append(Temporary(dynamic, normal.entry(plain).text, seconds))
