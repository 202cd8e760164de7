"""The regular expressions of applets: a subset in which Tcl, POSIX and this module agree.

Literals, ``.``, classes, groups, ``* + ?`` and bounds, ``|`` between alternatives of which none
begins like another, anchors at the ends. Anything else is not understood. Whether a line matches
is also answered for lines of which only some characters are known: ``Automaton`` reads them piece
by piece.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

_PRINTED = frozenset(string.printable) - frozenset("\n\r\x0b\x0c\t")
_CLASSES = {
    "d": frozenset(string.digits),
    "w": frozenset(string.ascii_letters + string.digits + "_"),
    "s": frozenset(" \t"),
}
_NAMED = {
    "[:digit:]": string.digits,
    "[:alpha:]": string.ascii_letters,
    "[:alnum:]": string.ascii_letters + string.digits,
    "[:space:]": " ",
}
_SPECIAL = frozenset(".[]{}()\\*+?|^$")
_MOST_REPEATS = 20


class NotUnderstood(ValueError):
    """An expression, or a statement of an applet, beyond what is interpreted here."""


Chars = frozenset[str]


@dataclass(slots=True)
class _Part:
    """A piece of an expression, as its first, last and following positions (Glushkov)."""

    first: set[int]
    last: set[int]
    empty: bool


@dataclass(slots=True)
class _Reader:
    """Reads an expression; ``python`` collects it as Python writes it."""

    text: str
    at: int = 0
    chars: list[Chars] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)
    python: list[str] = field(default_factory=list)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    def either(self) -> _Part:
        parts = [self.sequence()]
        while self.peek() == "|":
            self.python.append(self.take())
            parts.append(self.sequence())
        if len(parts) > 1:
            self._unlike(parts)
        return _Part(
            set().union(*(p.first for p in parts)),
            set().union(*(p.last for p in parts)),
            any(p.empty for p in parts),
        )

    def _unlike(self, parts: list[_Part]) -> None:
        """Refuse alternatives where the first that matches need not be the longest."""
        seen: set[str] = set()
        for part in parts:
            found = set().union(*(self.chars[one] for one in part.first))
            if part.empty or seen & found:
                raise NotUnderstood(f"alternatives that begin alike in {self.text}")
            seen |= found

    def sequence(self) -> _Part:
        whole = _Part(set(), set(), empty=True)
        while self.peek() and self.peek() not in "|)":
            part = self.repeated()
            for one in whole.last:
                self.follow[one] |= part.first
            whole = _Part(
                whole.first | part.first if whole.empty else whole.first,
                whole.last | part.last if part.empty else part.last,
                whole.empty and part.empty,
            )
        return whole

    def repeated(self) -> _Part:
        start, written = self.at, len(self.python)
        part = self.single()
        piece = self.text[start : self.at]
        if self.peek() in ("*", "+", "?") and self.peek():
            sign = self.take()
            self.python.append(sign)
            if sign in "*+":
                self._looped(part)
            part = _Part(part.first, part.last, part.empty or sign in "*?")
        elif self.peek() == "{":
            part = self._bounded(part, piece, written)
        if self.peek() in ("*", "+", "?", "{") and self.peek():
            raise NotUnderstood(f"a repeat of a repeat in {self.text}")
        return part

    def _looped(self, part: _Part) -> None:
        for one in part.last:
            self.follow[one] |= part.first

    def _bounded(self, part: _Part, piece: str, written: int) -> _Part:
        match = re.compile(r"\{(\d+)(?:(,)(\d*))?\}").match(self.text, self.at)
        if not match or "(" in piece:
            raise NotUnderstood(f"a bound in {self.text}")
        self.at = match.end()
        least = int(match[1])
        most = least if match[2] is None else int(match[3]) if match[3] else None
        if max(least, most or 0) > _MOST_REPEATS or most == 0:
            raise NotUnderstood(f"a bound in {self.text}")
        del self.python[written + 1 :]
        self.python.append(match[0])
        return self._copied(part, least, most)

    def _copied(self, part: _Part, least: int, most: int | None) -> _Part:
        """Repeat a single character: one position for each time it may stand there."""
        (only,) = part.first
        places = [
            only,
            *(self._position(self.chars[only]) for _ in range((most or least or 1) - 1)),
        ]
        for one, other in zip(places, places[1:], strict=False):
            self.follow[one].add(other)
        if most is None:
            self.follow[places[-1]].add(places[-1])
        last = set(places[max(least, 1) - 1 :])
        return _Part({only}, last, least == 0)

    def single(self) -> _Part:
        sign = self.take()
        if sign == "(":
            return self._group()
        if sign == ".":
            chars: Chars = _PRINTED
            self.python.append(".")
        elif sign == "[":
            chars = self._class()
            self.python.append(_python_class(chars))
        elif sign == "\\":
            chars = self._escaped()
            self.python.append(_python_class(chars))
        elif sign in _SPECIAL - {"]", "}", "{"}:
            raise NotUnderstood(f"{sign!r} at {self.at} in {self.text}")
        else:
            chars = frozenset(sign)
            self.python.append(re.escape(sign))
        place = self._position(chars)
        return _Part({place}, {place}, empty=False)

    def _group(self) -> _Part:
        if self.peek() == "?":
            raise NotUnderstood(f"a group of a special kind in {self.text}")
        self.python.append("(")
        part = self.either()
        if self.peek() != ")":
            raise NotUnderstood(f"a group without an end in {self.text}")
        self.python.append(self.take())
        return part

    def _class(self) -> Chars:
        end = self.text.find("]", self.at + (2 if self.peek() == "^" else 1))
        inside = self.text[self.at : end]
        while end >= 0 and "[:" in inside and inside.count("[:") > inside.count(":]"):
            end = self.text.find("]", end + 1)
            inside = self.text[self.at : end]
        if end < 0 or "\\" in inside:
            raise NotUnderstood(f"a class in {self.text}")
        self.at = end + 1
        negated, body = inside.startswith("^"), inside.removeprefix("^")
        chars: set[str] = set()
        for name, members in _NAMED.items():
            if name in body:
                chars |= set(members)
                body = body.replace(name, "")
        while body:
            if len(body) > 2 and body[1] == "-":
                chars |= {chr(code) for code in range(ord(body[0]), ord(body[2]) + 1)}
                body = body[3:]
            else:
                chars.add(body[0])
                body = body[1:]
        return _PRINTED - chars if negated else frozenset(chars)

    def _escaped(self) -> Chars:
        sign = self.take() if self.peek() else ""
        if sign in _CLASSES:
            return _CLASSES[sign]
        if not sign or sign.isalnum():
            raise NotUnderstood(f"\\{sign} in {self.text}")
        return frozenset(sign)

    def _position(self, chars: Chars) -> int:
        self.chars.append(chars)
        self.follow.append(set())
        return len(self.chars) - 1


def _python_class(chars: Chars) -> str:
    if chars >= _PRINTED:
        return "."
    return f"[{''.join(re.escape(char) for char in sorted(chars))}]"


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
    reader = _Reader(text[begins : len(text) - ends])
    part = reader.either()
    if reader.at < len(reader.text):
        raise NotUnderstood(f"{reader.peek()!r} in {text}")
    compiled = re.compile(("^" if begins else "") + "".join(reader.python) + ("$" if ends else ""))
    moves, start, done = _automaton(reader, part, begins=begins, ends=ends)
    return Pattern(text, compiled.groups, compiled, moves, start, done)


def _automaton(
    reader: _Reader, part: _Part, *, begins: bool, ends: bool
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
    moves.append((_PRINTED, start))
    moves.append((frozenset() if ends else _PRINTED, done))
    return tuple(moves), start, done
