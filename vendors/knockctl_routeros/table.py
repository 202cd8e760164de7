"""The rows of one menu as the router lists them, ours told from foreign.

Of thousands of foreign rules hardly one can touch what is ours. All are sorted by their chains in
one pass over the router's own words; a row in normal form is made only of what is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Self

from knockctl_routeros import normal
from knockctl_routeros.config import OWN, OWN_NAME, Menu, Row

Words = Mapping[str, object]
_YES = frozenset((True, "true", "yes"))


def static(listed: Iterable[Words]) -> list[Words]:
    """Return the rows that are configuration: not learnt at run time, not made by the router.

    Positions count only these.
    """
    return [words for words in listed if words.get("dynamic") not in _YES]


class Table:
    """The static rows of a menu. A place is a row's number among them, from 0."""

    def __init__(self, menu: Menu, listed: Iterable[Words] = ()) -> None:
        """Take an API reply to ``print``; values may be cast or plain."""
        self.menu = menu
        self._words = static(listed)
        self._rows: dict[int, Row] = {}
        self.ours = [
            place
            for place, words in enumerate(self._words)
            if str(words.get("comment")).startswith(OWN)
        ]
        """The places of rows of ours."""
        self._chains = defaultdict[str, list[int]](list)
        for place, words in enumerate(self._words):
            name = words.get("chain", "")
            self._chains[name if isinstance(name, str) else normal.plain(name)].append(place)

    @classmethod
    def of(cls, menu: Menu, rows: Sequence[Row]) -> Self:
        """Take rows that are made already, such as those of an export."""
        table = cls(menu, [dict(row.words) for row in rows])
        table._rows = dict(enumerate(rows))
        return table

    def row(self, place: int) -> Row:
        """Return the row at a place."""
        if place not in self._rows:
            self._rows[place] = Row.of(self.menu, self._words[place])
        return self._rows[place]

    def rows(self) -> Iterator[Row]:
        """Yield every row in order."""
        return (self.row(place) for place in range(len(self._words)))

    def written(self, key: str, value: str) -> Iterator[Row]:
        """Yield the rows that have this word, which has but one form."""
        for place in (place for places in self._chains.values() for place in places):
            read = place < len(self._words)
            words = self._words[place] if read else self._rows[place]
            if words.get(key) == value:
                yield self.row(place)

    def id(self, place: int) -> str | None:
        """Return the router's own name for a row; None for none, and behind the last row."""
        words = self._words[place] if place < len(self._words) else {}
        return str(words[".id"]) if ".id" in words else None

    def chain(self, name: str) -> Sequence[int]:
        """Return the places of a chain's rules, in order."""
        return self._chains.get(name, ())

    @cached_property
    def chains(self) -> list[str]:
        """Return the chains that have rules of ours, and those that only ours should be in."""
        rows = map(self.row, self.ours)
        ours = {row.get("chain") for row in rows if row.rule}
        return [name for name in self._chains if name in ours or name.startswith(OWN_NAME)]

    def theirs(self, name: str) -> list[int]:
        """Return the places of a chain's foreign rules, in order."""
        ours = set(self.ours)
        return [place for place in self.chain(name) if place not in ours]

    def instead(self, rows: Sequence[tuple[Row, int]]) -> Table:
        """Return the same foreign rules, and among them these rows in place of what is ours.

        Each is given with how many foreign rules of its chain stand above it.
        """
        table = Table(self.menu)
        table._words, table._rows = self._words, dict(self._rows)
        table._chains |= self._chains | {name: self.theirs(name) for name in self.chains}
        table.ours = [len(self._words) + number for number in range(len(rows))]
        for place, (row, above) in reversed([*zip(table.ours, rows, strict=True)]):
            table._rows[place] = row
            table._chains[row.get("chain")].insert(above, place)
        return table
