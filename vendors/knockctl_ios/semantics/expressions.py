"""The regular expressions of applets, read: a subset in which Tcl, POSIX and Python agree.

Literals, ``.``, classes, groups, ``* + ?`` and bounds, ``|`` between alternatives of which none
begins like another. Anything else is not understood.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field

PRINTED = frozenset(string.printable) - frozenset("\n\r\x0b\x0c\t")
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
class Part:
    """A piece of an expression, as its first, last and following positions (Glushkov)."""

    first: set[int]
    last: set[int]
    empty: bool


@dataclass(slots=True)
class Reader:
    """Reads an expression; ``python`` collects it as Python writes it."""

    text: str
    at: int = 0
    chars: list[Chars] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)
    python: list[str] = field(default_factory=list)

    def peek(self) -> str:
        """Return the next character; empty at the end."""
        return self.text[self.at : self.at + 1]

    def _take(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    def either(self) -> Part:
        """Read alternatives, as far as they go."""
        parts = [self._sequence()]
        while self.peek() == "|":
            self.python.append(self._take())
            parts.append(self._sequence())
        if len(parts) > 1:
            self._unlike(parts)
        return Part(
            set().union(*(p.first for p in parts)),
            set().union(*(p.last for p in parts)),
            any(p.empty for p in parts),
        )

    def _unlike(self, parts: list[Part]) -> None:
        """Refuse alternatives where the first that matches need not be the longest."""
        seen: set[str] = set()
        for part in parts:
            found = set().union(*(self.chars[one] for one in part.first))
            if part.empty or seen & found:
                raise NotUnderstood(f"alternatives that begin alike in {self.text}")
            seen |= found

    def _sequence(self) -> Part:
        whole = Part(set(), set(), empty=True)
        while self.peek() and self.peek() not in "|)":
            part = self._repeated()
            for one in whole.last:
                self.follow[one] |= part.first
            whole = Part(
                whole.first | part.first if whole.empty else whole.first,
                whole.last | part.last if part.empty else part.last,
                whole.empty and part.empty,
            )
        return whole

    def _repeated(self) -> Part:
        start, written = self.at, len(self.python)
        part = self._single()
        piece = self.text[start : self.at]
        if self.peek() in ("*", "+", "?") and self.peek():
            sign = self._take()
            self.python.append(sign)
            if sign in "*+":
                self._looped(part)
            part = Part(part.first, part.last, part.empty or sign in "*?")
        elif self.peek() == "{":
            part = self._bounded(part, piece, written)
        if self.peek() in ("*", "+", "?", "{") and self.peek():
            raise NotUnderstood(f"a repeat of a repeat in {self.text}")
        return part

    def _looped(self, part: Part) -> None:
        for one in part.last:
            self.follow[one] |= part.first

    def _bounded(self, part: Part, piece: str, written: int) -> Part:
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

    def _copied(self, part: Part, least: int, most: int | None) -> Part:
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
        return Part({only}, last, least == 0)

    def _single(self) -> Part:
        sign = self._take()
        if sign == "(":
            return self._group()
        if sign == ".":
            chars: Chars = PRINTED
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
        return Part({place}, {place}, empty=False)

    def _group(self) -> Part:
        if self.peek() == "?":
            raise NotUnderstood(f"a group of a special kind in {self.text}")
        self.python.append("(")
        part = self.either()
        if self.peek() != ")":
            raise NotUnderstood(f"a group without an end in {self.text}")
        self.python.append(self._take())
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
        return PRINTED - chars if negated else frozenset(chars)

    def _escaped(self) -> Chars:
        sign = self._take() if self.peek() else ""
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
    if chars >= PRINTED:
        return "."
    return f"[{''.join(re.escape(char) for char in sorted(chars))}]"
