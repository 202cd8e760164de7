"""What lines an expression matches, and which groups of it.

Whether a line matches is also answered for lines of which only some characters are known: the
states of ``Pattern`` read them piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from knockctl_ios.semantics.expressions import PRINTED, Chars, NotUnderstood, Part, Reader

__all__ = ["NotUnderstood", "Pattern", "States", "pattern"]

States = int
"""A set of states, one bit each."""


@dataclass(frozen=True)
class Pattern:
    """An expression, ready to be looked for."""

    text: str
    groups: int
    """How many sub-matches it has."""
    _compiled: re.Pattern[str] = field(compare=False, repr=False)
    _moves: tuple[tuple[Chars, int], ...] = field(compare=False, repr=False)
    _start: States = field(compare=False, repr=False)
    _accept: int = field(compare=False, repr=False)
    _memory: dict[tuple[States, str], States] = field(
        default_factory=dict, compare=False, repr=False
    )

    def search(self, line: str) -> tuple[str, ...] | None:
        """Return what it matches and the text of each group; None where it doesn't."""
        match = self._compiled.search(line)
        return None if match is None else (match[0], *(text or "" for text in match.groups()))

    # --- piece by piece ---

    @property
    def classes(self) -> frozenset[Chars]:
        """The classes of characters that it tells apart."""
        return frozenset(chars for chars, _ in self._moves)

    @property
    def begin(self) -> States:
        """The states before a line."""
        return self._start

    def after(self, states: States, text: str) -> States:
        """Return the states after some more of a line."""
        for char in text:
            known = self._memory.get((states, char))
            if known is None:
                known = self._memory[states, char] = self._next(states, char)
            states = known
        return states

    def accepts(self, states: States) -> bool:
        """Tell whether the line matches, now that it ends."""
        return bool(states & self._accept)

    def _next(self, states: States, char: str) -> States:
        found = 0
        for place, (chars, _) in enumerate(self._moves):
            if states >> place & 1 and char in chars:
                found |= self._moves[place][1]
        return found


@cache
def pattern(text: str) -> Pattern:
    """Compile an expression; raises ``NotUnderstood``."""
    begins = text.startswith("^")
    ends = text.endswith("$") and not text.endswith("\\$")
    reader = Reader(text[begins : len(text) - ends])
    part = reader.either()
    if reader.at < len(reader.text):
        raise NotUnderstood(f"{reader.peek()!r} in {text}")
    compiled = re.compile(("^" if begins else "") + "".join(reader.python) + ("$" if ends else ""))
    moves, start, done = _automaton(reader, part, begins=begins, ends=ends)
    return Pattern(text, compiled.groups, compiled, moves, start, done)


def _automaton(
    reader: Reader, part: Part, *, begins: bool, ends: bool
) -> tuple[tuple[tuple[Chars, int], ...], States, int]:
    """Return moves, the states to begin with, and the one that accepts.

    State ``n`` waits for the character of position ``n``; two more wait for any: one before a
    match, where it need not begin the line, one behind it, where it need not end it.
    """
    size = len(reader.chars)
    before, done = 1 << size, 1 << (size + 1)

    def bits(places: Iterable[int], *, accepting: bool) -> int:
        return sum(1 << one for one in places) | (done if accepting else 0)

    start = bits(part.first, accepting=part.empty) | (0 if begins else before)
    moves = [
        (reader.chars[one], bits(reader.follow[one], accepting=one in part.last))
        for one in range(size)
    ]
    moves.append((PRINTED, start))
    moves.append((frozenset() if ends else PRINTED, done))
    return tuple(moves), start, done
