"""The alphabet of an exploration: one packet for each kind that anything can tell apart.

Everything a policy or a configuration may ask of a packet is an ``Atom``: one field and a
test. The values of each field fall into cells that no atom divides; a ``Region`` is a set of
cells per field. A region is split only where somebody asks a question whose answer differs
inside it, so the number of regions follows what the rules really distinguish, not the product
of all their conditions.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import combinations
from typing import Any, Protocol

from knockctl.automaton.wire import FLAGS, LOOPBACK, WirePacket, named

Ranges = tuple[tuple[int, int], ...]
Network = IPv4Network | IPv6Network

UNINTERPRETED = "? "
"""Begins the name of a chance that stands for a rule nobody could interpret."""

EXAMPLES = {
    4: ("203.0.113.7", "192.0.2.77", "198.51.100.77", "10.77.0.7"),
    6: ("2001:db8:113::7", "2001:db8:2::77", "2001:db8:51::77", "fd77::7"),
}
"""Addresses that stand for "some other one", where one of them may."""
HIGHEST = {"port": 65535, "source_port": 65535}
FLOWS = ("fresh", "unanswered", "known", "related", "invalid", "untracked")
DESTINATION_TYPES = ("LOCAL", "BROADCAST", "MULTICAST", "UNICAST")
MOST_PATTERNS = 8
MOST_MARKS = 6
# Of all 64 combinations the ones people know come first: they stand for their cells.
FLAGS_BY_PREFERENCE = (
    2,
    16,
    1,
    0,
    41,
    3,
    18,
    4,
    *(f for f in range(64) if f not in (0, 1, 2, 3, 4, 16, 18, 41)),
)


@dataclass(frozen=True, slots=True)
class Atom:
    """One question to a packet: does this field pass this test?

    ============================================  ================================================
    field                                         test
    ============================================  ================================================
    ``source destination port source_port``       ranges of numbers, both ends included
    ``protocol flow destination_type``            a frozenset of the values that pass
    ``flags``                                     ``(mask, wanted)``: flags under the mask
    ``interface``                                 a name, perhaps with a trailing ``+``
    ``payload``                                   bytes that must occur
    ``mark``                                      ``(value, mask)``
    ``icmp``                                      a type
    ``chance``                                    a name; what no packet field decides
    ============================================  ================================================
    """

    field: str
    test: Any
    _hash: int = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Hash once: atoms are looked up millions of times where rules are many."""
        object.__setattr__(self, "_hash", hash((self.field, self.test)))

    def __hash__(self) -> int:
        return self._hash

    def holds(self, packet: WirePacket) -> bool:
        """Answer for one packet."""
        if self.field == "chance":
            return self.test in packet.chances
        value = getattr(packet, self.field)
        return passes(self.field, self.test, int(value) if self.field in _ADDRESSES else value)


_ADDRESSES = ("source", "destination")
_RANGED = (*_ADDRESSES, *HIGHEST)


def passes(name: str, test: Any, value: Any) -> bool:
    """Put a test to a value of a field."""
    return _TESTS.get(name, _among)(test, value)


def _among(test: Any, value: Any) -> bool:
    return value in test


def _in_ranges(test: Ranges, value: int) -> bool:
    return any(first <= value <= last for first, last in test)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(_RANGED, _in_ranges),
    "flags": lambda test, value: bool(value & test[0] == test[1]),
    "interface": named,
    "payload": lambda test, value: test in value,
    "mark": lambda test, value: bool(value & test[1] == test[0]),
    "icmp": lambda test, value: bool(value == test),
}


def protocol(*names: str) -> Atom:
    """Ask whether the protocol is one of these."""
    return Atom("protocol", frozenset(names))


def flow(*names: str) -> Atom:
    """Ask whether the packet's flow is one of these."""
    return Atom("flow", frozenset(names))


def ports(*ranges: tuple[int, int]) -> Atom:
    """Ask whether the destination port is in one of these ranges."""
    return Atom("port", ranges)


def within(name: str, *networks: Network) -> Atom:
    """Ask whether ``source`` or ``destination`` is in one of these networks."""
    return Atom(
        name,
        tuple((int(n.network_address), int(n.broadcast_address)) for n in networks),
    )


# --- the values of one field, in cells --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cells:
    """One field's values, a representative for each cell, and for each test the cells that pass.

    A set of cells is an integer, one bit a cell.
    """

    values: tuple[Any, ...]
    masks: Mapping[Any, int]

    @property
    def all(self) -> int:
        """The set of all cells."""
        return (1 << len(self.values)) - 1

    def first(self, mask: int) -> Any:
        """Return the representative of the first cell in a set."""
        return self.values[(mask & -mask).bit_length() - 1]


def _ranged(tests: Iterable[Ranges], highest: int) -> Cells:
    """Cut a range of numbers at every boundary; cells that no test tells apart become one."""
    tests = tuple(tests)
    starts = sorted(
        {0} | {p for test in tests for a, b in test for p in (a, b + 1) if p <= highest}
    )
    place = {start: number for number, start in enumerate(starts)}
    place[highest + 1] = len(starts)
    masks = {test: _union((1 << place[b + 1]) - (1 << place[a]) for a, b in test) for test in tests}
    return Cells(tuple(starts), masks)


def _union(masks: Iterable[int]) -> int:
    result = 0
    for mask in masks:
        result |= mask
    return result


def _listed(name: str, tests: Iterable[Any], values: Iterable[Any]) -> Cells:
    values = tuple(dict.fromkeys(values))
    return Cells(
        values,
        {
            test: _union(1 << n for n, value in enumerate(values) if passes(name, test, value))
            for test in tests
        },
    )


class TooManyCells(ValueError):
    """A field is asked so many things at once that its kinds can't be listed."""


def _cells(name: str, tests: Sequence[Any], family: int, samples: Iterable[Any]) -> Cells:
    if name in _ADDRESSES:
        return _ranged(tests, 2 ** (32 if family == 4 else 128) - 1)
    if name in HIGHEST:
        return _ranged(tests, HIGHEST[name])
    return _listed(name, tests, _candidates(name, tests, samples))


def _candidates(name: str, tests: Sequence[Any], samples: Iterable[Any]) -> list[Any]:
    """Return values among which every possible combination of answers occurs."""
    if name in _FIXED:
        return list(_FIXED[name])
    if name == "payload":
        return _subsets(tests, MOST_PATTERNS, b" ".join)
    if name == "mark":
        return _subsets(tests, MOST_MARKS, _marked)
    if name == "protocol":
        return [*samples, *(p for test in tests for p in sorted(test)), "253"]
    if name == "interface":
        some = [_unlike(name, tests) for name in tests if name]
        return [*samples, *some, _unlike("another+", tests), LOOPBACK]
    return [*samples, *tests, 254]  # icmp


def _unlike(pattern: str, tests: Sequence[str]) -> str:
    """Return an interface of this name; for a wildcard, one that nobody names in full."""
    if not pattern.endswith("+"):
        return pattern
    names = (f"{pattern[:-1]}{number}" for number in range(len(tests) + 1))
    return next(name for name in names if name not in tests)


_FIXED: dict[str, Sequence[Any]] = {
    "flags": FLAGS_BY_PREFERENCE,
    "flow": FLOWS,
    "destination_type": DESTINATION_TYPES,
}


def _subsets(tests: Sequence[Any], most: int, join: Callable[[tuple[Any, ...]], Any]) -> list[Any]:
    if len(tests) > most:
        raise TooManyCells(f"{len(tests)} patterns in one field are more than can be combined")
    return [join(chosen) for n in range(len(tests) + 1) for chosen in combinations(tests, n)]


def _marked(chosen: tuple[tuple[int, int], ...]) -> int:
    value = 0
    for wanted, mask in chosen:
        value = value & ~mask | wanted
    return value


# --- regions ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Space:
    """All packets of a family, cut by the given atoms."""

    family: int
    fields: Mapping[str, Cells]
    chances: tuple[str, ...]
    places: Mapping[Atom, tuple[str, int]]
    """For each atom its field and the cells that pass."""

    @classmethod
    def of(cls, family: int, atoms: Iterable[Atom], samples: Mapping[str, Sequence[Any]]) -> Space:
        """Cut by these atoms. ``samples`` name values that must stand among the candidates."""
        atoms = tuple(dict.fromkeys(atoms))
        tests: dict[str, dict[Any, None]] = defaultdict(dict)
        for atom in atoms:
            tests[atom.field].setdefault(atom.test)
        chances = tuple(tests.pop("chance", {}))
        for name in samples:
            tests.setdefault(name, {})
        fields = {
            name: _cells(name, tuple(asked), family, samples.get(name, ()))
            for name, asked in tests.items()
        }
        fields.update({_chance(c): Cells((False, True), {c: 2}) for c in chances})
        names = {a: _chance(a.test) if a.field == "chance" else a.field for a in atoms}
        places = {a: (names[a], fields[names[a]].masks[a.test]) for a in atoms}
        return cls(family, fields, chances, places)

    def everything(self) -> Region:
        """Return the region that holds every packet."""
        return Region(self, {name: cells.all for name, cells in self.fields.items()})


def _chance(name: str) -> str:
    return f"chance {name}"


@dataclass(slots=True)
class Region:
    """A set of packets: for each field, the cells its value may be in."""

    space: Space
    masks: dict[str, int]

    def within(self, atom: Atom, *, answer: bool = True) -> Region | None:
        """Return the part that answers so; None when there is none."""
        name, yes = self.space.places[atom]
        left = self.masks[name] & (yes if answer else ~yes)
        return Region(self.space, {**self.masks, name: left}) if left else None

    def narrowed(self, **values: Iterable[Any]) -> Region | None:
        """Return the part whose fields have one of these values; None when there is none."""
        masks = dict(self.masks)
        for name, wanted in values.items():
            chosen = set(wanted)
            cells = self.space.fields[name]
            masks[name] &= _union(1 << n for n, v in enumerate(cells.values) if v in chosen)
            if not masks[name]:
                return None
        return Region(self.space, masks)

    def packet(self, likes: WirePacket) -> WirePacket:
        """Return one packet of the region; fields nobody asks about are as in ``likes``."""
        values: dict[str, Any] = {
            name: self.space.fields[name].first(mask)
            for name, mask in self.masks.items()
            if not name.startswith("chance ")
        }
        for name, kind in (("source", likes.source), ("destination", likes.destination)):
            if name in values:
                values[name] = self._address(name, kind)
        for name in HIGHEST:
            if name in values:
                values[name] = self._number(name, getattr(likes, name))
        chances = frozenset(c for c in self.space.chances if self.masks[_chance(c)] == 2)
        return _replaced(likes, {**values, "chances": chances, **self._flags()})

    def _flags(self) -> dict[str, int]:
        """A stray segment is likely what conntrack calls so; a fresh one that is no SYN, an ACK."""
        if "flags" not in self.masks:
            return {}
        cells, mask = self.space.fields["flags"], self.masks["flags"]
        stray = (
            "flow" in self.masks
            and self.space.fields["flow"].first(self.masks["flow"]) == "invalid"
        )
        order = (0, 1, 41, 3) if stray else (2, 16)
        for flags in order:
            if mask >> cells.values.index(flags) & 1:
                return {"flags": flags}
        return {"flags": cells.first(mask)}

    def _number(self, name: str, liked: int) -> int:
        """Return the liked value where it is inside, else the first one."""
        cells, mask = self.space.fields[name], self.masks[name]
        if mask >> _cell_of(cells.values, liked) & 1:
            return liked
        return int(cells.first(mask))

    def _address(self, name: str, liked: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
        cells, mask = self.space.fields[name], self.masks[name]
        kind = type(liked)
        for example in (liked, *(kind(text) for text in EXAMPLES[self.space.family])):
            if mask >> _cell_of(cells.values, int(example)) & 1:
                return example
        first = int(cells.first(mask))
        # The very first address of a network is a poor example of a host.
        return kind(first + 1 if first + 1 not in cells.values else first)


def _cell_of(starts: tuple[int, ...], value: int) -> int:
    from bisect import bisect_right

    return bisect_right(starts, value) - 1


def _replaced(packet: WirePacket, values: Mapping[str, Any]) -> WirePacket:
    from dataclasses import replace

    return replace(packet, **values)


# --- from questions to kinds ------------------------------------------------------------------


class Ask(Protocol):
    """Answers questions to a packet, or to a set of packets that grows smaller with each."""

    def __call__(self, atom: Atom, /) -> bool:
        """Tell whether the packet passes."""

    def refutes(self, atom: Atom, /) -> bool:
        """Tell whether it surely doesn't; asking so decides nothing."""


@dataclass(frozen=True, slots=True)
class Of:
    """Answers for one packet."""

    packet: WirePacket

    def __call__(self, atom: Atom, /) -> bool:
        """Tell whether the packet passes."""
        return atom.holds(self.packet)

    def refutes(self, atom: Atom, /) -> bool:
        """Tell whether it doesn't."""
        return not atom.holds(self.packet)


Look = Callable[[Ask], Hashable]
"""Asks a packet what it needs to know, and returns what it saw."""

MOST_KINDS = 60_000
"""Parts of a space before the division is given up."""


def divide(start: Region, look: Look) -> Iterator[tuple[Region, Hashable]]:
    """Split a region until ``look`` sees one thing in each part; yield the parts with it.

    ``look`` is run once for each part, from the beginning: it must ask the same questions when
    it gets the same answers. Raises ``TooManyCells`` where the parts are too many.
    """
    waiting = [start]
    for _ in range(MOST_KINDS):
        if not waiting:
            return
        asker = _Asker(waiting.pop(), waiting)
        seen = look(asker)
        yield asker.region, seen
    if waiting:
        raise TooManyCells(f"the rules tell more than {MOST_KINDS:,} kinds of packets apart")


@dataclass(slots=True)
class _Asker:
    """Answers for a region; where the answer differs inside, puts the other part aside."""

    region: Region
    aside: list[Region]

    def __call__(self, atom: Atom, /) -> bool:
        region = self.region
        name, yes = region.space.places[atom]
        mine = region.masks[name]
        if not mine & yes:
            return False
        if mine & ~yes:
            self.aside.append(Region(region.space, {**region.masks, name: mine & ~yes}))
            self.region = Region(region.space, {**region.masks, name: mine & yes})
        return True

    def refutes(self, atom: Atom, /) -> bool:
        name, yes = self.region.space.places[atom]
        return not self.region.masks[name] & yes


@cache
def flag_word(text: str) -> int:
    """Return the flags of a comma-separated list: ``SYN,ACK``, ``ALL``, ``NONE``."""
    if text == "ALL":
        return 63
    return sum(FLAGS[word.lower()] for word in text.split(",") if word not in ("NONE", ""))
