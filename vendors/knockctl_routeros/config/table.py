"""The rows of one menu as the router lists them, ours told from foreign.

Of thousands of foreign rules hardly one can touch what is ours. All are sorted by their chains in
one pass over the router's own words; a row in normal form is made only of what is looked at.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

from knockctl_routeros.config import normal
from knockctl_routeros.config.records import OWN, OWN_NAME, RULES, Menu, Row

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
        self._named = True
        self.ours = [
            place
            for place, words in enumerate(self._words)
            if str(words.get("comment")).startswith(OWN)
        ]
        """The places of rows of ours."""
        self._chains = defaultdict[str, list[int]](list)
        for place, words in enumerate(self._words):
            self._chains[_chain(words)].append(place)
        self._standing = defaultdict[str, list[int]](list)
        for place in self.ours if menu in RULES else ():
            name = _chain(self._words[place])
            self._standing[name].append(bisect_left(self._chains[name], place))

    @classmethod
    def of(cls, menu: Menu, rows: Sequence[Row]) -> Self:
        """Take rows that are made already, such as those of an export.

        They get names, as the router's own ones are not in it.
        """
        table = cls(menu, [row.mapping for row in rows])
        table._rows, table._named = dict(enumerate(rows)), False
        return table

    def row(self, place: int) -> Row:
        """Return the row at a place."""
        if place not in self._rows:
            self._rows[place] = Row.of(self.menu, self._words[place])
        return self._rows[place]

    def rows(self) -> Iterator[Row]:
        """Yield every row in order."""
        return (self.row(place) for place in range(len(self._words)))

    def lines(self) -> Iterator[str]:
        """Yield every row as ``/export`` prints it."""
        return (row.text() for row in self.rows())

    def word(self, place: int, key: str) -> str:
        """Return a word of the row at a place as the router wrote it; it may not be normal."""
        return normal.plain(self._words[place].get(key, ""))

    def id(self, place: int) -> str | None:
        """Return the router's own name for a row; None for none, and behind the last row."""
        if place >= len(self._words):
            return None
        if not self._named:
            return f"*{place + 1:X}"
        words = self._words[place]
        return str(words[".id"]) if ".id" in words else None

    def chain(self, name: str) -> Sequence[int]:
        """Return the places of a chain's rules, in order."""
        return self._chains.get(name, ())

    def standing(self, name: str) -> Sequence[int]:
        """Return which rules of a chain are ours, from 0."""
        return self._standing.get(name, ())

    @property
    def chains(self) -> list[str]:
        """The chains that have rules of ours, and those that only ours should be in."""
        return [n for n in self._chains if n in self._standing or n.startswith(OWN_NAME)]

    def theirs(self, name: str) -> list[int]:
        """Return the places of a chain's foreign rules, in order."""
        found = list(self.chain(name))
        for number in reversed(self.standing(name)):
            del found[number]
        return found


def _chain(words: Words) -> str:
    name = words.get("chain", "")
    return name if isinstance(name, str) else normal.plain(name)
