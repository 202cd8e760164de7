r"""The words of a line of an applet: what quotes hold is one word.

Sources: fact sheet 2, EEM: arguments with blanks stand in double quotes; ``\"`` escapes inside.
"""

from __future__ import annotations

import re

# A quote that nothing closes is an ordinary character.
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|$)|(\S+)')
_BLANK = re.compile(r"\s")


def split(text: str) -> list[str]:
    """Return the words, without the quotes around them; what quotes escape stays escaped."""
    return [quoted if plain == "" else plain for quoted, plain in _WORD.findall(text)]


def quoted(word: str) -> str:
    """Put a word into quotes."""
    return f'"{word}"'


def shown(word: str) -> str:
    """Write a word, in quotes if it needs them."""
    return quoted(word) if not word or _BLANK.search(word) else word
