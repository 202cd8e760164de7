"""The temporary entries of dynamic access lists: made at run time, in no configuration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from knockctl.lab.clock import Clock, Timer
from knockctl_ios.twin.device import acl
from knockctl_ios.twin.device.switches import Switches
from knockctl_ios.twin.device.tree import Node


class NoEntry(Exception):
    """An entry can't be made or found; the text is what the device says."""


@dataclass(slots=True, eq=False)
class Entry:
    """One temporary entry: the dynamic list's line with addresses of its own."""

    acl: str
    name: str
    source: str
    """``any``, ``host A`` or ``A WILDCARD``; empty is what the line says."""
    destination: str
    line: Node
    created: float
    minutes: int
    """0 is no limit of its own."""
    touched: float
    matches: int = 0
    timer: Timer | None = None

    @property
    def addresses(self) -> tuple[str, str]:
        """Source and destination."""
        return self.source, self.destination

    @property
    def text(self) -> str:
        """The entry as it is shown: action, protocol, addresses, ports."""
        return _with_addresses(self.line.text, self.source, self.destination)

    def ends(self, *, idle: bool) -> float | None:
        """Return the moment its time is up, None for never."""
        cap = 60 * int(self.line.args.get("timeout") or 0)
        own = (self.touched if idle else self.created) + 60 * self.minutes
        ends = [self.created + cap] if cap else []
        return min([*ends, *([own] if self.minutes else [])], default=None)


Watcher = Callable[[Entry], None]


@dataclass(slots=True)
class Entries:
    """All temporary entries of a device, and who wants to know of them."""

    clock: Clock
    switches: Switches
    items: list[Entry] = field(default_factory=list)
    on_added: list[Watcher] = field(default_factory=list)
    on_gone: list[Watcher] = field(default_factory=list)
    """Expired, cleared, or their list changed."""

    def of(self, name: str, dynamic: str = "") -> Iterator[Entry]:
        """Return the entries of a list, or of one dynamic list in it."""
        return (e for e in self.items if e.acl == name and dynamic in ("", e.name))

    def add(
        self, lists: Node | None, dynamic: str, source: str, destination: str, minutes: int
    ) -> str:
        """Make an entry; return what the device says.

        Raises:
            NoEntry: there is no such dynamic list.
        """
        line = self._line(lists, dynamic)
        name = acl.name_of(lists) if lists is not None else ""
        now = self.clock.now()
        for known in self.of(name, line.args["dynamic"]):
            if known.addresses == (source, destination):
                return self._again(known, minutes)
        item = Entry(name, line.args["dynamic"], source, destination, line, now, minutes, now)
        self.items.append(item)
        self._arm(item)
        for watcher in list(self.on_added):
            watcher(item)
        return ""

    def _line(self, lists: Node | None, dynamic: str) -> Node:
        found = [node for node in (lists.children if lists else ()) if node.args.get("dynamic")]
        if self.switches.only_first_dynamic:
            found = found[:1]
        for node in found:
            if dynamic in ("", node.args["dynamic"]):
                return node
        raise NoEntry(f"% Dynamic list {dynamic} is not defined".replace("  ", " "))

    def _again(self, known: Entry, minutes: int) -> str:
        if self.switches.duplicate_renews:
            known.created = known.touched = self.clock.now()
            known.minutes = minutes
            self._arm(known)
        if not self.switches.duplicate_message:
            return ""
        return f"List#{known.acl}-{known.name} already contains this IP address pair"

    def clear(self, name: str, dynamic: str, source: str, destination: str) -> None:
        """Remove an entry.

        Raises:
            NoEntry: there is none.
        """
        for item in self.of(name, dynamic):
            if item.addresses == (source, destination):
                self._gone(item)
                return
        raise NoEntry("% No such temporary entry")

    def touch(self, item: Entry, packets: int = 1) -> None:
        """Count packets that an entry has matched."""
        item.matches += packets
        item.touched = self.clock.now()

    def left(self, item: Entry) -> int | None:
        """Return the seconds an entry has left; None for no limit."""
        ends = item.ends(idle=self._idle)
        return None if ends is None else max(0, math.ceil(ends - self.clock.now()))

    def prune(self, lines: Iterable[Node]) -> None:
        """Remove the entries of lines that are gone or were made anew."""
        known = {line.id for line in lines}
        for item in [item for item in self.items if item.line.id not in known]:
            self._gone(item)

    @property
    def _idle(self) -> bool:
        return self.switches.timeout_reading == "idle"

    def _arm(self, item: Entry) -> None:
        if item.timer is not None:
            item.timer.cancel()
        ends = item.ends(idle=self._idle)
        if ends is not None:
            period = self.switches.expiry_period
            when = math.ceil(ends / period) * period if period else ends
            item.timer = self.clock.call_at(when, lambda: self._due(item))

    def _due(self, item: Entry) -> None:
        ends = item.ends(idle=self._idle)
        if item not in self.items:
            return
        if ends is not None and ends <= self.clock.now():
            self._gone(item)
        else:
            self._arm(item)

    def _gone(self, item: Entry) -> None:
        self.items.remove(item)
        if item.timer is not None:
            item.timer.cancel()
        for watcher in list(self.on_gone):
            watcher(item)


def _with_addresses(text: str, source: str, destination: str) -> str:
    """Put addresses into the text of a dynamic line, whose head is left out."""
    words = text.split()
    words = words[next(i for i, w in enumerate(words) if w in ("permit", "deny")) :]
    start = 3 if words[1] == "object-group" else 2
    first = start + _width(words[start])
    second = first + _ports(words[first:])
    end = second + _width(words[second])
    put = [source.split() or words[start:first], words[first:second]]
    put += [destination.split() or words[second:end], words[end:]]
    return " ".join([*words[:start], *(word for part in put for word in part)])


def _width(word: str) -> int:
    return 1 if word == "any" else 2


def _ports(words: list[str]) -> int:
    if not words or words[0] not in ("eq", "neq", "gt", "lt", "range"):
        return 0
    if words[0] != "eq":
        return 3 if words[0] == "range" else 2
    rest = words[1:]
    return 1 + next(
        (i for i, w in enumerate(rest) if w in ("any", "host", "object-group") or "." in w),
        len(rest),
    )
