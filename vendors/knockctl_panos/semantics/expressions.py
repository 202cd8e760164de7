"""The two small languages in a configuration: filters of dynamic groups, and of logs.

Both join terms by ``and`` and ``or``, with parentheses; ``and`` binds closer. Sources: fact
sheet 2 (dynamic groups), 2.5 (logs).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from knockctl_panos.semantics.formula import Formula, all_of, any_of

_TOKEN = re.compile(r"\s*(?:(?P<quoted>'[^']*')|(?P<mark>[()])|(?P<word>[^\s()']+))")

Term = Callable[[list[str]], Formula]
"""Makes a formula of the words of one term, quotes still around those that had them."""


class NotUnderstood(ValueError):
    """A text is no filter as the documentation describes them."""


def parsed(text: str, term: Term) -> Formula:
    """Read a filter; raise ``NotUnderstood``."""
    reader = _Reader(_tokens(text), term)
    found = reader.either()
    if reader.tokens:
        raise NotUnderstood(text)
    return found


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise NotUnderstood(text)
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


@dataclass(slots=True)
class _Reader:
    """Reads from the front of what is left."""

    tokens: list[str]
    term: Term

    def joined(self, word: str, part: Callable[[], Formula]) -> list[Formula]:
        parts = [part()]
        while self.tokens and self.tokens[0].lower() == word:
            self.tokens.pop(0)
            parts.append(part())
        return parts

    def either(self) -> Formula:
        return any_of(self.joined("or", self.both))

    def both(self) -> Formula:
        return all_of(self.joined("and", self.one))

    def one(self) -> Formula:
        if self.tokens and self.tokens[0] == "(":
            self.tokens.pop(0)
            found = self.either()
            if not self.tokens or self.tokens.pop(0) != ")":
                raise NotUnderstood("a parenthesis is not closed")
            return found
        words: list[str] = []
        while self.tokens and self.tokens[0] not in ("(", ")"):
            if words and self.tokens[0].lower() in ("and", "or"):
                break
            words.append(self.tokens.pop(0))
        if not words:
            raise NotUnderstood("a term is missing")
        return self.term(words)


def unquoted(word: str) -> str:
    """Return a word without the quotes around it."""
    quoted = len(word) > 1 and word[0] == word[-1] == "'"
    return word[1:-1] if quoted else word
