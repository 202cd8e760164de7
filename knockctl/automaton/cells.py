"""The values of one field, in cells that no test divides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from knockctl.automaton.packet import LOOPBACK
from knockctl.automaton.questions import ADDRESSES, HIGHEST, Ranges, Text, passes

FLOWS = ("fresh", "unanswered", "known", "related", "invalid", "untracked")
DESTINATION_TYPES = ("LOCAL", "BROADCAST", "MULTICAST", "UNICAST")
MOST_PATTERNS = 8
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
    masks = {test: union((1 << place[b + 1]) - (1 << place[a]) for a, b in test) for test in tests}
    return Cells(tuple(starts), masks)


def union(masks: Iterable[int]) -> int:
    """Return the cells that are in any of these sets."""
    result = 0
    for mask in masks:
        result |= mask
    return result


def _listed(name: str, tests: Iterable[Any], values: Iterable[Any]) -> Cells:
    values = tuple(dict.fromkeys(values))
    return Cells(
        values,
        {
            test: union(1 << n for n, value in enumerate(values) if passes(name, test, value))
            for test in tests
        },
    )


class TooManyCells(ValueError):
    """A field is asked so many things at once that its kinds can't be listed."""


def cells_of(name: str, tests: Sequence[Any], family: int, samples: Iterable[Any]) -> Cells:
    """Cut a field by these tests; ``samples`` are values that stand among the candidates."""
    if name in ADDRESSES:
        return _ranged(tests, 2 ** (32 if family == 4 else 128) - 1)
    if name in HIGHEST:
        return _ranged(tests, HIGHEST[name])
    return _listed(name, tests, _candidates(name, tests, samples))


def _candidates(name: str, tests: Sequence[Any], samples: Iterable[Any]) -> list[Any]:
    """Return values among which every possible combination of answers occurs."""
    if name in _FIXED:
        return list(_FIXED[name])
    if name == "payload":
        return _payloads(tests)
    if name == "protocol":
        return [*samples, *(p for test in tests for p in sorted(test)), "253"]
    if name == "interface":
        some = [_unlike(name, tests) for name in tests if name]
        return [*samples, *some, _unlike("another+", tests), LOOPBACK]
    raise LookupError(name)


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


def _payloads(tests: Sequence[Text]) -> list[bytes]:
    """Return data with every choice of the texts somewhere in it, and each text alone."""
    texts = dict.fromkeys(test.text for test in tests)
    texts.update(dict.fromkeys(test.text.swapcase() for test in tests if test.folded))
    if len(texts) > MOST_PATTERNS:
        raise TooManyCells(f"{len(texts)} patterns in one field are more than can be combined")
    # Between and around texts a byte that makes no third one of them; alone they may be the whole.
    chosen = [c for n in range(len(texts) + 1) for c in combinations(texts, n)]
    return [b"", *texts, *(b"\0".join((b"", *c, b"")) for c in chosen)]
