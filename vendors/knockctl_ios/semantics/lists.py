"""Access lists, compiled: what an entry asks of a packet, what it says of it, what it logs.

Sources: fact sheet 2, 3. Entries are asked from the top, the first that matches decides, and what
none matches is denied. A dynamic entry is a template: it matches nothing itself, but stands where
the temporary entries made of it are asked. Words that nobody here understands make it a guess
whether the entry matches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from socket import inet_aton

from knockctl.automaton.packet import FLAGS
from knockctl.automaton.questions import Atom, Ranges, protocol
from knockctl_ios.config.port_names import PROTOCOLS
from knockctl_ios.semantics.conditions import (
    ALWAYS,
    Condition,
    Either,
    all_of,
    atoms,
    guess,
)
from knockctl_ios.semantics.document import Document
from knockctl_ios.semantics.groups import PORTED, Groups, ported, span, wildcard
from knockctl_ios.semantics.overlap import Boxes, boxes

HIGHEST = 65535
_DOTS = 3
from_bytes = int.from_bytes
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
    groups: Groups = field(init=False)
    _tails: dict[tuple[str, str], Tail] = field(default_factory=dict)
    """What was read already, by the words before and behind the source."""

    def __post_init__(self) -> None:
        """Compile groups once for all lists."""
        self.groups = Groups(self.document)

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
        said = text.split(" ", 4)
        if len(said) > _SHORTEST and said[1] in _PLAIN:
            # Most entries of most lists ask for one network or host, in two words.
            action, kind, first, second, rest = said
            ranges = _sources(first, second)
            tail = ranges and (self._tails.get((kind, rest)) or self._tail(kind, rest))
            if tail:
                return Entry(where, text, action == "permit", ranges, tail)
        return self._slowly(text, where)

    def _tail(self, kind: str, rest: str) -> Tail | None:
        """Read what stands around a source; None where that can't be read whole."""
        reader = _Reader([kind, "any", *rest.split()], "", self.groups)
        tail, _ = reader.read()
        if reader.guessed:
            return None
        self._tails[kind, rest] = tail
        return tail

    def _shared(self, said: list[str], tail: Tail) -> Tail:
        """Return the one tail of all entries that differ in their source alone."""
        kinds = 2 if said[0] == "object-group" else 1
        first = "".join(said[kinds : kinds + 1])
        size = 1 if first in ("any", "") or "/" in first else 2
        key = " ".join(said[:kinds]), " ".join(said[kinds + size :])
        return self._tails.setdefault(key, tail)

    def _slowly(self, text: str, where: str) -> Entry:
        said, place = text.split(), f"{where}: {text}"
        dynamic, minutes = "", 0
        if said[0] == "dynamic":
            dynamic, said = said[1], said[2:]
            if said[0] == "timeout":
                minutes, said = int(said[1]), said[2:]
        if said[:1] not in (["permit"], ["deny"]):
            return Entry(where, text, permits=False, ranges=(), tail=Tail(), understood=False)
        reader = _Reader(said[1:], place, self.groups)
        tail, source = reader.read()
        if not (reader.guessed or dynamic):
            tail = self._shared(said[1:], tail)
        return Entry(where, text, said[0] == "permit", (), tail, source, dynamic, minutes)


def _either(entry: Entry) -> Iterator[Entry]:
    """Yield an entry; for one that isn't understood, two: it may permit, or deny."""
    if entry.understood:
        yield entry
        return
    for permits, what in ((True, "whether it permits"), (False, "whether it denies")):
        tail = _tail([guess(entry.place, what)], ALWAYS)
        yield replace(entry, permits=permits, tail=tail)


_PLAIN = frozenset(("ip", "tcp", "udp", "icmp", "50", "47", "89"))
_SHORTEST = 4


def _sources(first: str, second: str) -> Ranges:
    """Return the numbers of ``host A`` or ``A WILDCARD``; none where that is neither."""
    try:
        if first == "host":
            number = from_bytes(inet_aton(second))
            return ((number, number),)
        if first.count(".") != _DOTS:
            return ()
        base, free = from_bytes(inet_aton(first)), from_bytes(inet_aton(second))
    except OSError:
        return ()
    return () if free & (free + 1) else ((base & ~free, base | free),)


def _tail(rest: list[Condition], destination: Condition, log: str | None = None) -> Tail:
    condition = all_of([*rest, destination])
    return Tail(tuple(rest), destination, log is not None, log or "", condition, boxes(condition))


@dataclass(slots=True)
class _Reader:
    """Reads what stands behind ``permit`` or ``deny``."""

    words: list[str]
    place: str
    groups: Groups
    log: str | None = None
    rest: list[Condition] = field(default_factory=list)
    """What isn't about addresses."""
    guessed: bool = False

    def read(self) -> tuple[Tail, Condition]:
        """Return what is asked, and apart from that what is asked of the source."""
        kind = self.words.pop(0) if self.words else "ip"
        if kind == "object-group":
            self.rest.append(self._of(Groups.service, self.words.pop(0)))
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

    def _of(self, ask: Callable[..., Condition], *said: str) -> Condition:
        """Ask a group; where something of it isn't understood, in the name of this entry."""
        found = ask(self.groups, *said)
        if not self.groups.guessed:
            return found
        self.groups.guessed, self.guessed = False, True
        return ask(Groups(self.groups.document, self.place), *said)

    def _guess(self, why: str) -> Condition:
        self.guessed = True
        return guess(self.place, why)

    def _address(self, side: str) -> Condition:
        word = self.words.pop(0) if self.words else "any"
        if word == "any":
            return ALWAYS
        if word == "object-group":
            return self._of(Groups.network, self.words.pop(0), side)
        try:
            if word == "host":
                return Atom(side, span(self.words.pop(0)))
            if "/" in word:
                network = ip_network(word, strict=False)
                return Atom(side, ((int(network[0]), int(network[-1])),))
            return Atom(side, wildcard(word, self.words.pop(0)))
        except (ValueError, IndexError):
            return self._guess(f"whether the {side} is {word}")

    def _port(self, name: str) -> None:
        if self.words[:1] and self.words[0] in PORTED:
            operator = self.words.pop(0)
            numbers = []
            while self.words and self.words[0].isdigit():
                numbers.append(int(self.words.pop(0)))
            if len(numbers) < PORTED[operator]:
                self.rest.append(self._guess(f"which port {' '.join(self.words[:1])} is"))
                self.words.clear()
                return
            self.rest.append(ported(operator, numbers, name))

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


# --- temporary entries --------------------------------------------------------------------------


def addressed(spec: str, side: str) -> Condition:
    """Return what a temporary entry asks of an address: ``any``, ``host A`` or ``A WILDCARD``."""
    said = spec.split()
    if said == ["any"]:
        return ALWAYS
    if said[0] == "host":
        return Atom(side, span(said[1]))
    return Atom(side, wildcard(*said))
