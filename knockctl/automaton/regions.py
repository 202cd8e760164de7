"""Sets of packets, split only where somebody asks a question whose answer differs inside.

A ``Region`` is a set of cells per field. The number of regions follows what the rules really
distinguish, not the product of all their conditions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from knockctl.automaton.cells import Cells, TooManyCells, cells_of, union
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.questions import HIGHEST, Ask, Atom

EXAMPLES = {
    4: ("203.0.113.7", "192.0.2.77", "198.51.100.77", "10.77.0.7"),
    6: ("2001:db8:113::7", "2001:db8:2::77", "2001:db8:51::77", "fd77::7"),
}
"""Addresses that stand for "some other one", where one of them may."""


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
            name: cells_of(name, tuple(asked), family, samples.get(name, ()))
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
            masks[name] &= union(1 << n for n, v in enumerate(cells.values) if v in chosen)
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
        chances = frozenset(c for c in self.space.chances if self.masks.get(_chance(c)) == 2)
        return replace(likes, **{**values, "chances": chances, **self._flags()})

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
    return bisect_right(starts, value) - 1


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
