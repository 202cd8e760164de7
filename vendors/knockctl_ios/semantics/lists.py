"""Access lists, compiled: what an entry asks of a packet, what it says of it, what it logs.

Sources: fact sheet 2, 3. Entries are asked from the top, the first that matches decides, and what
none matches is denied. A dynamic entry is a template: it matches nothing itself, but stands where
the temporary entries made of it are asked. Words that nobody here understands make it a guess
whether the entry matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, ip_address, ip_network
from socket import inet_aton

from knockctl.automaton.alphabet import Atom, Ranges, protocol
from knockctl.automaton.wire import FLAGS
from knockctl_ios.ports import PROTOCOLS
from knockctl_ios.semantics.conditions import (
    ALWAYS,
    NEVER,
    Condition,
    Either,
    Not,
    all_of,
    atoms,
    guess,
)
from knockctl_ios.semantics.document import Document
from knockctl_ios.semantics.overlap import Boxes, boxes

HIGHEST = 65535
_ESTABLISHED = Either(
    (Atom("flags", (FLAGS["ack"], FLAGS["ack"])), Atom("flags", (FLAGS["rst"], FLAGS["rst"])))
)
_IP = ("ip", "ipv6")
_SIDES = (("source", "source_port"), ("destination", "port"))


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """What an entry asks besides its source, and what it logs; one object where it is the same."""

    rest: tuple[Condition, ...] = ()
    """What isn't about addresses."""
    destination: Condition = ALWAYS
    logs: bool = False
    tag: str = ""
    condition: Condition = ALWAYS
    boxes: Boxes = ({},)
    """The same, as far as ranges tell it."""


@dataclass(slots=True, eq=False)
class Entry:
    """One entry of a list."""

    where: str
    text: str
    permits: bool
    ranges: Ranges
    """The sources that it is about, where those are one network or host."""
    tail: Tail
    others: Condition = ALWAYS
    """What it asks of the source, where that is something else."""
    dynamic: str = ""
    """The name of a template; empty for an ordinary entry."""
    minutes: int = 0
    """How long its temporary entries last at most; 0: no limit."""
    understood: bool = True
    """Whether it permits or denies at all."""
    ours: bool = False
    """Whether it is marked as ours."""
    _condition: Condition | None = None

    @property
    def place(self) -> str:
        """Name it for people."""
        return f"{self.where}: {self.text}"

    @property
    def condition(self) -> Condition:
        """All that it asks; for a template, its addresses included."""
        if self._condition is None:
            tail = self.tail
            source = Atom("source", self.ranges) if self.ranges else self.others
            self._condition = all_of([*tail.rest, source, tail.destination])
        return self._condition

    @property
    def unaddressed(self) -> Condition:
        """Of a template, the condition without its addresses."""
        return all_of(self.tail.rest)

    @property
    def logs(self) -> bool:
        """Whether it logs what it matches."""
        return self.tail.logs

    @property
    def tag(self) -> str:
        """What is appended to its lines."""
        return self.tail.tag

    def questions(self) -> Iterator[Atom]:
        """Yield all it asks."""
        yield from atoms(self.condition)


@dataclass
class Lists:
    """Compiles the lists of a document."""

    document: Document
    _compiled: dict[tuple[str, int], tuple[Entry, ...] | None] = field(default_factory=dict)
    _tails: dict[tuple[str, str], Tail] = field(default_factory=dict)
    """What was read already, by the words before and behind the source."""

    def entries(self, name: str, family: int = 4) -> tuple[Entry, ...] | None:
        """Return a list's entries; None where there is no such list."""
        if (name, family) not in self._compiled:
            known = self.document.access_lists if family == 4 else self.document.access_lists_6
            self._compiled[name, family] = self._list(known.get(name), name)
        return self._compiled[name, family]

    def _list(self, texts: tuple[str, ...] | None, name: str) -> tuple[Entry, ...] | None:
        if texts is None:
            return None
        found = [self.entry(text, name) for text in texts]
        for entry, ours in zip(found, self.document.owned(name), strict=False):
            entry.ours = ours
        if all(entry.understood for entry in found):
            return tuple(found)
        return tuple(one for entry in found for one in _either(entry))

    def entry(self, text: str, where: str = "") -> Entry:
        """Compile one entry of a list of that name."""
        found = _PLAIN.fullmatch(text)
        if found:
            action, kind, source, rest = found.groups()
            tail = self._tails.get((kind, rest)) or self._tail(kind, rest)
            if tail and source == "any":
                return Entry(where, text, action == "permit", (), tail)
            ranges = _sources(source) if tail else ()
            if tail and ranges:
                return Entry(where, text, action == "permit", ranges, tail)
        return self._slowly(text, where)

    def _tail(self, kind: str, rest: str) -> Tail | None:
        """Read what stands around a source; None where that can't be read whole."""
        reader = _Reader([kind, "any", *rest.split()], "", self.document)
        tail, _ = reader.read()
        if reader.guessed:
            return None
        self._tails[kind, rest] = tail
        return tail

    def _slowly(self, text: str, where: str) -> Entry:
        said, place = text.split(), f"{where}: {text}"
        dynamic, minutes = "", 0
        if said[0] == "dynamic":
            dynamic, said = said[1], said[2:]
            if said[0] == "timeout":
                minutes, said = int(said[1]), said[2:]
        if said[:1] not in (["permit"], ["deny"]):
            return Entry(where, text, permits=False, ranges=(), tail=Tail(), understood=False)
        tail, source = _Reader(said[1:], place, self.document).read()
        return Entry(where, text, said[0] == "permit", (), tail, source, dynamic, minutes)


def _either(entry: Entry) -> Iterator[Entry]:
    """Yield an entry; for one that isn't understood, two: it may permit, or deny."""
    if entry.understood:
        yield entry
        return
    for permits, what in ((True, "whether it permits"), (False, "whether it denies")):
        tail = _tail([guess(entry.place, what)], ALWAYS)
        yield replace(entry, permits=permits, tail=tail)


_PLAIN = re.compile(
    r"(permit|deny) (ip|tcp|udp|icmp|esp|gre|\d+) (any|host [\d.]+|[\d.]+ [\d.]+) (.+)"
)
"""Most entries of most lists: an address, and no source ports."""


def _sources(said: str) -> Ranges:
    """Return the numbers of ``host A`` or ``A WILDCARD``; none where that is neither."""
    first, second = said.split()
    try:
        if first == "host":
            number = int.from_bytes(inet_aton(second))
            return ((number, number),)
        return wildcard(first, second)
    except (ValueError, OSError):
        return ()


def _tail(rest: list[Condition], destination: Condition, log: str | None = None) -> Tail:
    condition = all_of([*rest, destination])
    return Tail(tuple(rest), destination, log is not None, log or "", condition, boxes(condition))


@dataclass(slots=True)
class _Reader:
    """Reads what stands behind ``permit`` or ``deny``."""

    words: list[str]
    place: str
    document: Document
    log: str | None = None
    rest: list[Condition] = field(default_factory=list)
    """What isn't about addresses."""
    guessed: bool = False

    def read(self) -> tuple[Tail, Condition]:
        """Return what is asked, and apart from that what is asked of the source."""
        kind = self.words.pop(0) if self.words else "ip"
        if kind == "object-group":
            self.rest.append(self._services(self.words.pop(0)))
        elif kind not in _IP:
            name = kind if kind in ("tcp", "udp", "icmp") else PROTOCOLS.get(kind, kind)
            self.rest.append(protocol({"icmp6": "icmpv6"}.get(name, name)))
        addresses = []
        for side, port in _SIDES:
            addresses.append(self._address(side))
            self._port(port)
        while self.words:
            self._option()
        return _tail(self.rest, addresses[1], self.log), addresses[0]

    def _guess(self, why: str) -> Condition:
        self.guessed = True
        return guess(self.place, why)

    def _address(self, side: str) -> Condition:
        word = self.words.pop(0) if self.words else "any"
        if word == "any":
            return ALWAYS
        if word == "object-group":
            return self._network(self.words.pop(0), side)
        try:
            if word == "host":
                return Atom(side, _span(self.words.pop(0)))
            if "/" in word:
                network = ip_network(word, strict=False)
                return Atom(side, ((int(network[0]), int(network[-1])),))
            return Atom(side, wildcard(word, self.words.pop(0)))
        except (ValueError, IndexError):
            return self._guess(f"whether the {side} is {word}")

    def _network(self, name: str, side: str) -> Condition:
        members = self.document.groups("network").get(name)
        if members is None:
            return self._guess(f"whether the {side} is in {name}")
        found = []
        for member in members:
            said = member.split()
            if said[0] == "group-object":
                found.append(self._network(said[1], side))
            elif said[0] == "range":
                found.append(Atom(side, ((_number(said[1]), _number(said[2])),)))
            elif said[0] in ("host", "any"):
                found.append(Atom(side, _span(said[1])) if said[0] == "host" else ALWAYS)
            else:
                mask = str(ip_network(f"{said[0]}/{said[1]}", strict=False).hostmask)
                found.append(Atom(side, wildcard(said[0], mask)))
        return Either(tuple(found))

    def _port(self, name: str) -> None:
        if self.words[:1] and self.words[0] in ("eq", "neq", "lt", "gt", "range"):
            operator = self.words.pop(0)
            numbers = []
            while self.words and self.words[0].isdigit():
                numbers.append(int(self.words.pop(0)))
            if len(numbers) < (2 if operator == "range" else 1):
                self.rest.append(self._guess(f"which port {' '.join(self.words[:1])} is"))
                self.words.clear()
                return
            self.rest.append(ported(operator, numbers, name))

    def _services(self, name: str) -> Condition:
        members = self.document.groups("service").get(name)
        if members is None:
            return self._guess(f"what {name} holds")
        return Either(tuple(self._service(member.split()) for member in members))

    def _service(self, said: list[str]) -> Condition:
        if said[0] == "group-object":
            return self._services(said[1])
        names = ("tcp", "udp") if said[0] == "tcp-udp" else (said[0],)
        parts: list[Condition] = [] if said[0] in _IP else [protocol(*names)]
        rest, port = said[1:], "port"
        if rest[:1] == ["source"]:
            rest, port = rest[1:], "source_port"
        if rest and rest[0] in ("eq", "lt", "gt", "range"):
            parts.append(ported(rest[0], [int(n) for n in rest[1:] if n.isdigit()], port))
        elif rest:
            parts.append(self._guess(f"what {' '.join(said)} matches"))
        return all_of(parts)

    def _option(self) -> None:
        word = self.words.pop(0)
        if word == "established":
            self.rest.append(_ESTABLISHED)
        elif word in ("log", "log-input"):
            self.log = self.words.pop(0) if self.words else ""
        elif word in FLAGS:
            self.rest.append(Atom("flags", (FLAGS[word], FLAGS[word])))
        else:
            self.rest.append(self._guess(f"what {' '.join([word, *self.words])!r} asks"))
            self.words.clear()


def ported(operator: str, numbers: list[int], name: str) -> Condition:
    """Return what asks for ports."""
    if operator == "neq":
        return Not(ported("eq", numbers, name))
    runs: Ranges = {
        "eq": tuple((n, n) for n in numbers),
        "lt": ((0, numbers[0] - 1),),
        "gt": ((numbers[0] + 1, HIGHEST),),
        "range": ((min(numbers), max(numbers)),),
    }[operator]
    return Atom(name, tuple(run for run in runs if run[0] <= run[1])) if runs else NEVER


def wildcard(address: str, mask: str) -> Ranges:
    """Return the addresses that a wildcard leaves; raises ``ValueError`` where it has holes."""
    base, free = int(IPv4Address(address)), int(IPv4Address(mask))
    if free & (free + 1):
        raise ValueError(mask)
    return ((base & ~free, base | free),)


def _number(text: str) -> int:
    return int(ip_address(text))


def _span(text: str) -> Ranges:
    return ((_number(text), _number(text)),)


# --- temporary entries --------------------------------------------------------------------------


def addressed(spec: str, side: str) -> Condition:
    """Return what a temporary entry asks of an address: ``any``, ``host A`` or ``A WILDCARD``."""
    said = spec.split()
    if said == ["any"]:
        return ALWAYS
    if said[0] == "host":
        return Atom(side, _span(said[1]))
    return Atom(side, wildcard(*said))
