"""What ``/export`` prints, of RouterOS 6 and 7, to rows.

An export is a script: headings name a menu, ``add`` and ``set`` lines act on it. Only what is
added to the menus we touch is read; everything else is somebody else's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from knockctl.errors import ConfigurationError, Where
from knockctl_routeros.config import syntax
from knockctl_routeros.config.records import Menu, Row, menu_of

_HINT = "give the unchanged output of /export"

_CONTINUED = re.compile(r"(?<!\\)(?:\\\\)*\\$")
_PATH = re.compile(r"(?P<path>/[a-z0-9-]*(?:[ \t/]+[a-z0-9-]+)*)(?=[ \t]|$)(?P<rest>.*)", re.DOTALL)
_COMMAND = re.compile(
    r"(?P<path>/.*?)[ \t/]+(?P<verb>add|set|remove|move|enable|disable)(?P<names>(?:[ \t].*)?)"
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A command, continuations joined, and the number of its first line."""

    number: int
    text: str

    def error(self, found: str) -> ConfigurationError:
        """Say what was found here instead of what an export holds."""
        return ConfigurationError(
            f"line {self.number} of the export: {found}",
            hint=_HINT,
            where=Where(line=self.number),
        )


def parse_export(text: str, default_menu: Menu | None = None) -> tuple[Row, ...]:
    """Return the rows that an export adds to our menus, in its order.

    ``default_menu`` is where ``add`` lines before any heading belong, as in a manual's excerpt.
    Raises ``ConfigurationError`` with the line and the word that was found in it, without what
    follows its ``=``: that may be a secret.
    """
    rows: list[Row] = []
    here: Menu | None = default_menu
    known = default_menu is not None
    for number, said in commands(text):
        row = _plainly(here, said)
        if row is not None:
            rows.append(row)
            continue
        menu, command, line = here, said, _Line(number, said)
        if command.startswith("/"):
            menu, command = _split(line)
            if not command:
                here, known = menu, True
        elif not known:
            raise line.error(f"{_shown(command)} stands under no menu's heading")
        if menu is not None and command:
            rows.extend(_rows(menu, line, command))
    return tuple(rows)


def _plainly(menu: Menu | None, command: str) -> Row | None:
    """Read an ``add`` without escapes, as most lines of many are, in a fraction of the time.

    None for one that is odd in any way: ``_rows`` reads it, or says what is wrong with it.
    """
    if not (menu and command.startswith("add ") and command.isascii() and command.isprintable()):
        return None
    head, quote, rest = command.partition('"')
    value, closing, tail = rest.partition('"')
    strange = "\\" in command or '"' in tail
    if strange or (quote and (not closing or head[-1] != "=" or (tail and tail[0] != " "))):
        return None
    words = head.split()[1:]
    if quote:
        words[-1] += value
        words += tail.split()
    return Row.said(menu, words)


def commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield commands and their lines, without comments and blank ones; only line feeds end one."""
    start, parts = 0, list[str]()
    for number, raw in enumerate(text.split("\n"), start=1):
        # The console drops what a continued line is indented by, even inside quotes.
        piece = raw.removesuffix("\r").lstrip(" \t")
        if not parts:
            if not piece or piece[0] == "#":
                continue
            start = number
        if piece.endswith("\\") and _CONTINUED.search(piece):
            parts.append(piece[:-1])
            continue
        yield start, "".join((*parts, piece)) if parts else piece
        parts = []
    if parts:
        raise _Line(start, "").error("it ends in a backslash and nothing follows")


def _split(line: _Line) -> tuple[Menu | None, str]:
    """Split ``/ip firewall filter add chain=input`` into the menu and the command."""
    match = _PATH.fullmatch(line.text)
    if not match:
        raise line.error(f"{_shown(line.text)} is neither a menu nor a command")
    path, rest = match["path"], match["rest"].strip(" \t")
    command = _COMMAND.fullmatch(path)
    if command:
        return menu_of(command["path"]), f"{command['verb']}{command['names']} {rest}".rstrip()
    menu = menu_of(path)
    if menu is None and menu_of(path.rstrip("abcdefghijklmnopqrstuvwxyz0123456789-")):
        raise line.error(f"{path!r} where a menu, add or set should be")
    return menu, rest


def _rows(menu: Menu, line: _Line, command: str) -> Iterator[Row]:
    """Yield the row that a command adds; nothing for ``set``, which changes what is built in."""
    verb, rest = (*re.split(r"[ \t]", command, maxsplit=1), "")[:2]
    if verb == "set":
        return
    if verb != "add":
        raise line.error(f"{_shown(command)} where add or set should be")
    try:
        found = list(syntax.words(rest))
    except syntax.NotWords as error:
        raise line.error(f"{_shown(str(error))} can't be read as key=value") from error
    words: dict[str, str] = {}
    for key, value in found:
        if value is None and key.startswith("!"):
            continue  # ``/export verbose`` names what is not set
        if value is None:
            raise line.error(f"{_shown(key)} has no value")
        if key in words:
            raise line.error(f"{_shown(key)} is said twice")
        words[key] = value
    yield Row.of(menu, words)


def _shown(text: str) -> str:
    """Return the first word of what was found, without its value, in quotes."""
    word, equals, _ = text.partition(" ")[0].partition("=")
    return repr(f"{word}=…" if equals else word)
