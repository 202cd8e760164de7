"""Words as the RouterOS console and ``/export`` write them: quoting, escapes, long lines.

The console works on bytes. A text is its UTF-8; bytes that are none, which WinBox may have
written in a local code page, are carried as lone surrogates and come out as they went in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

WIDTH = 80
INDENT = "    "

_PLAIN = re.compile(r"[A-Za-z0-9_.,:/!*+-]+")
_NAMED = {
    '"': '"',
    "\\": "\\",
    "$": "$",
    "?": "?",
    "_": " ",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}
_ESCAPES = {char: f"\\{name}" for name, char in _NAMED.items() if char != " "}
_TOKEN = re.compile(
    r"\s*(?P<key>!?[^\s=\"\\]+)"
    r"(?:=(?P<value>\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>(?:[^\s\"\\]|\\.)*)))?(?=\s|$)",
    re.ASCII | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?P<hex>[0-9A-F]{2})|\\(?P<name>.)|(?P<text>[^\\]+)", re.DOTALL)


class NotWords(ValueError):
    """Not a line of words; the message is the text from where it stops making sense."""


def escaped(value: str) -> str:
    """Return what stands between the quotes: ASCII without control characters."""
    parts = []
    for byte in value.encode("utf-8", "surrogateescape"):
        char = chr(byte)
        if char in _ESCAPES:
            parts.append(_ESCAPES[char])
        elif " " <= char <= "~":
            parts.append(char)
        else:
            parts.append(f"\\{byte:02X}")
    return "".join(parts)


@lru_cache(maxsize=4096)
def quoted(value: str) -> str:
    """Return a value as ``/export`` prints it, in quotes where it needs them."""
    return value if _PLAIN.fullmatch(value) else f'"{escaped(value)}"'


def unescaped(text: str) -> str:
    """Read what stands between quotes; raise ``NotWords`` for an escape nobody knows.

    A lone ``$`` or ``?`` is taken as it stands: people write it, and no export has variables.
    """
    if "\\" not in text:
        return text
    parts: list[bytes] = []
    for match in _ESCAPE.finditer(text):
        if match["hex"]:
            parts.append(bytes.fromhex(match["hex"]))
        elif match["name"] is None:
            parts.append(match["text"].encode("utf-8", "surrogateescape"))
        elif match["name"] in _NAMED:
            parts.append(_NAMED[match["name"]].encode())
        else:
            raise NotWords(match[0])
    return b"".join(parts).decode("utf-8", "surrogateescape")


def words(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the ``key=value`` words of a line; None for the value of a word that has none."""
    position, end = 0, len(text.rstrip(" \t\r\n"))
    while position < end:
        match = _TOKEN.match(text, position)
        if not match:
            raise NotWords(text[position:end].lstrip())
        raw = match["quoted"] if match["quoted"] is not None else match["bare"]
        yield match["key"], None if raw is None else unescaped(raw)
        position = match.end()


def line(first: str, *parts: str) -> str:
    """Join words to a line, continued after a backslash where it would pass 80 columns.

    A word is never cut, so that whoever masks a secret finds it in one piece.
    """
    text, width = first, len(first)
    for part in parts:
        width += 1 + len(part)
        if width + len(" \\") > WIDTH:
            text += " \\\n" + INDENT
            width = len(INDENT) + len(part)
        else:
            text += " "
        text += part
    return text
