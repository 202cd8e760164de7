r"""The words of a line of an applet: what quotes hold is one word.

Sources: fact sheet 2, EEM: arguments with blanks stand in double quotes; ``\"`` escapes inside.
"""

from __future__ import annotations

import re

# A quote that nothing closes is an ordinary character.
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|$)|(\S+)')


def split(text: str) -> list[str]:
    """Return the words, without the quotes around them; what quotes escape stays escaped."""
    return [quoted if plain == "" else plain for quoted, plain in _WORD.findall(text)]


def quoted(word: str) -> str:
    """Put a word into quotes."""
    return f'"{word}"'


def joined(words: list[str]) -> str:
    """Write words, quotes only around those that need them."""
    return " ".join(quoted(w) if re.search(r"\s", w) or not w else w for w in words)
