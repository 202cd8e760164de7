"""A configuration's text as a tree of lines, and back.

The device indents what belongs to a line by one space more; what people type or copy from a page
often isn't indented at all. Lines that only have a meaning below another, such as ``match`` in a
class map, are put there in either case. Comments and the texts of banners are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

COMMENT = "!"


class Line(NamedTuple):
    """One line, without indentation, and what is below it in the text's order."""

    text: str
    below: tuple[Line, ...] = ()

    def child(self, prefix: str) -> Line | None:
        """Return the first line below that begins so."""
        return next((line for line in self.below if line.text.startswith(prefix)), None)

    def printed(self, depth: int = 0) -> Iterator[str]:
        """Yield it as the device would print it."""
        yield " " * depth + self.text
        for line in self.below:
            yield from line.printed(depth + 1)


@dataclass(slots=True)
class _Open:
    text: str
    indent: int
    below: list[_Open] = field(default_factory=list)

    def closed(self) -> Line:
        below = self.below
        return Line(self.text, tuple([one.closed() for one in below]) if below else ())


# What a line's mode takes, wherever it stands: (the line, the lines below it).
_MODES = tuple(
    (re.compile(mode), re.compile(inside))
    for mode, inside in (
        (
            r"object-group service ",
            r"(description|group-object|tcp|udp|tcp-udp|icmp|\d+)\b",
        ),
        (r"object-group network ", r"(description|group-object|host|range|any|\d+\.)"),
        (r"ip access-list ", r"(\d+ +)?(permit|deny|dynamic|remark|evaluate)\b"),
        (
            r"ipv6 access-list ",
            r"(sequence \d+ +)?(permit|deny|remark|evaluate)\b|\d+ (permit|deny)",
        ),
        (r"class-map ", r"(match|description)\b"),
        (r"policy-map ", r"(class|description)\b(?!-map)"),
        (r"class (?!-)", r"(drop|police|log|set|shape|bandwidth|priority|service-policy)\b"),
        (r"control-plane\b", r"service-policy\b"),
        (r"event manager applet ", r"(event (?!manager)|trigger|action|description)"),
        (r"trigger\b", r"(correlate|attribute)\b"),
        (r"interface ", r"(ip (access-group|address|unreachables)|ipv6 traffic-filter)\b"),
    )
)
# How such lines begin; most lines of a long configuration don't.
_BEGINNINGS = (
    *("object-group ", "ip access-list ", "ipv6 access-list ", "class-map ", "policy-map "),
    *("class ", "control-plane", "event manager applet ", "trigger", "interface "),
)
_HEADERS = ("Building ", "Current ", "Using ")
_HEADER = re.compile(r"(Building configuration|Current configuration\b|Using \d+ out of)")
_BANNER = re.compile(r"\s*banner \S+ (\^C|\S)(?P<rest>.*)")


def read(text: str) -> tuple[Line, ...]:
    """Read what ``show running-config`` prints, a part of it, or what a page says to enter."""
    top = _Open("", -1)
    path = [top]
    for raw in _lines(text):
        said = raw.strip()
        indent = len(raw) - len(raw.lstrip(" "))
        if said in ("exit", "end"):
            path = path[:1] if said == "end" else path[: max(len(path) - 1, 1)]
            continue
        while len(path) > 1 and indent <= path[-1].indent and not _inside(path[-1], said):
            path.pop()
        line = _Open(said, indent, [])
        path[-1].below.append(line)
        path.append(line)
    return tuple(line.closed() for line in top.below)


def _inside(mode: _Open, said: str) -> bool:
    """Tell whether a line that isn't indented more is below another all the same."""
    if mode.below and mode.below[0].indent > mode.indent:
        return False
    if not mode.text.startswith(_BEGINNINGS):
        return False
    return any(m.match(mode.text) and inside.match(said) for m, inside in _MODES)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines that configure something."""
    lines = iter(text.replace("\r", "").expandtabs().split("\n"))
    for line in lines:
        said = line.strip()
        if not said or said[0] == COMMENT or (said.startswith(_HEADERS) and _HEADER.match(said)):
            continue
        banner = _BANNER.match(line) if said.startswith("banner ") else None
        if banner:
            _skip(lines, banner)
        else:
            yield line.rstrip()


def _skip(lines: Iterator[str], banner: re.Match[str]) -> None:
    """Go past a banner's text, up to the character that ends it."""
    end = "\x03" if banner[1] == "^C" and "\x03" in banner["rest"] else banner[1]
    if end in banner["rest"]:
        return
    for line in lines:
        if end in line:
            return


def written(lines: Iterable[Line]) -> str:
    """Print lines as the device does, without what it puts between them."""
    return "".join(f"{text}\n" for line in lines for text in line.printed())
