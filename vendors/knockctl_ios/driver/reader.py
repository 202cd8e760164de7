"""Reading a router: its configuration once, and numbers of access lists where it hides them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from knockctl.errors import Conflict
from knockctl_ios.config import listing, normal, syntax
from knockctl_ios.config.listing import LIST, Listed
from knockctl_ios.config.records import own
from knockctl_ios.config.syntax import Line
from knockctl_ios.driver.connection import Session
from knockctl_ios.placement import IosPlacement
from knockctl_ios.plan.reading import IosReading, Place, reading

_JUDGING = (
    "version ",
    "hostname ",
    "service ",
    "logging ",
    "no logging ",
    "aaa authorization commands",
    "object-group ",
    "class-map ",
    "policy-map ",
    "interface ",
    "ip access-list ",
    "ipv6 access-list ",
    "access-list ",
    "control-plane",
    "time-range ",
    "zone-pair ",
    "ip nat ",
    "ip inspect ",
    "ip ssh port ",
    "line vty ",
    "username ",
    "kron policy-list ",
    "event manager ",
)
"""What of a configuration has to do with judging packets; nobody's passwords are in it."""
_CHANGED = re.compile(r"^! Last configuration change at (.*?)(?: by .*)?$", re.MULTILINE)
_SAVED = re.compile(r"^! NVRAM config last updated at (.*?)(?: by .*)?$", re.MULTILINE)
SCP = "ip scp server enable"


class Reader:
    """What one router runs, over one session."""

    def __init__(self, session: Session, placement: IosPlacement) -> None:
        """Take a session, connected or not yet."""
        self._session, self._placement = session, placement
        self.unsaved = False
        """Whether there was anything unsaved when it was read first."""
        self.scp: bool | None = None
        """Whether files can be sent; None: not read yet."""
        self.archive: bool | None = None
        """Whether copies of the configuration are kept; None: not read yet."""
        self.last: tuple[Line, ...] = ()
        """What ran when it was read last."""
        self._first = True
        self._ahead: tuple[int, tuple[Line, ...]] = (-1, ())

    def read(self) -> IosReading:
        """Read what is ours, and what stands around it."""
        asked, lines = self._ahead
        if asked != self._session.round_trips:
            lines = self.running()
        try:
            return self._reading(lines)
        except ValueError:
            # Somebody was at work between the two; once may happen.
            lines = self.running()
        try:
            return self._reading(lines)
        except ValueError as error:
            raise Conflict(
                f"the access list {error} changes while it is read",
                hint="somebody else is configuring the router: wait for them",
                where=self._session.where,
            ) from None

    def _reading(self, lines: tuple[Line, ...]) -> IosReading:
        found = reading(lines, self._numbers(lines))
        return replace(found, text=judging(lines, found.lists))

    def ahead(self) -> tuple[Line, ...]:
        """Read the configuration that a ``read`` will be of which is asked for next."""
        lines = self.running()
        self._ahead = (self._session.round_trips, lines)
        return lines

    def running(self) -> tuple[Line, ...]:
        """Read the whole configuration."""
        text = self._session.show("show running-config")
        lines = syntax.read(text)
        self.last = lines
        self.archive = any(line.text == "archive" and line.child("path ") for line in lines)
        self.scp = any(line.text == SCP for line in lines)
        if self._first:
            self._first, self.unsaved = False, _unsaved(text)
        return lines

    def _numbers(self, lines: tuple[Line, ...]) -> list[Listed]:
        """Ask for the numbers of lists that ours are in, or go into, where they are hidden."""
        lists = {line.text.strip(): line for line in lines if line.text.startswith(LIST)}
        config = own(lines)
        wanted = {name for name in config.parents if name in lists}
        wanted |= {f"{LIST}{name}" for _, name in config.bound}
        if self._placement.access_list:
            wanted.add(f"{LIST}{self._placement.access_list}")
        hidden = [name for name in sorted(wanted) if name in lists and _hides(lists[name])]
        return [one for name in hidden for one in self.listed(name.rpartition(" ")[2])]

    def listed(self, name: str) -> list[Listed]:
        """Return an access list as it is shown, with its temporary entries."""
        found = listing.read(self._session.ask(f"show ip access-lists {name}", 600))
        return [one for one in found if one.name == name]


def judging(lines: Iterable[Line], lists: Mapping[str, tuple[Place, ...]]) -> str:
    """Return what judges packets, in the router's own words, with the numbers that are known."""
    found = (_judging(line) for line in lines if line.text.startswith(_JUDGING))
    return syntax.written(_numbered(line, lists) for line in found if line)


def _numbered(line: Line, lists: Mapping[str, tuple[Place, ...]]) -> Line:
    """Return an access list with the numbers that the configuration hides."""
    if not line.text.startswith(LIST) or not _hides(line):
        return line
    places = lists.get(normal.plain(line.text), ())
    if not any(place.number for place in places):
        return line
    said = (f"{place.number} {place.text}" if place.number else place.text for place in places)
    return Line(line.text, tuple(map(Line, said)))


def _judging(line: Line) -> Line | None:
    """Return a line without what people log in with; None where nothing is left."""
    if line.text.startswith("username "):
        name, _, command = line.text.partition(" autocommand ")
        return Line(f"{' '.join(name.split()[:2])} autocommand {command}") if command else None
    if line.text.startswith("line "):
        kept = ("access-class ", "autocommand ")
        return Line(line.text, tuple(c for c in line.below if c.text.strip().startswith(kept)))
    return line


def _hides(line: Line) -> bool:
    return bool(line.below) and not any(child.text[:1].isdigit() for child in line.below)


def _unsaved(text: str) -> bool:
    changed, saved = _CHANGED.search(text), _SAVED.search(text)
    if changed is None:
        return False
    return saved is None or _moment(changed[1]) > _moment(saved[1])


def _moment(text: str) -> datetime:
    match = re.match(r"(\d+:\d+:\d+) \S+ \w{3} (\w{3}) +(\d+) (\d{4})", text)
    if match is None:
        return datetime.min  # noqa: DTZ901 - compared with its like alone
    said = f"{match[4]} {match[2]} {match[3]} {match[1]}"
    return datetime.strptime(said, "%Y %b %d %H:%M:%S")  # noqa: DTZ007 - the router's own time
