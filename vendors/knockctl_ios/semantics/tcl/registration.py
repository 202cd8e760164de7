"""What a script waits for: the options of its ``event_register_syslog``.

Sources: EEM Event Registration Tcl Command Extensions; fact sheet 7, C.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAXRUN = 20.0
"""Seconds, where a script doesn't say."""
_COMMAND = re.compile(r"^\s*(?:::cisco::eem::)?event_register_(\w+)[ \t]*(.*)$", re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Registration:
    """One event that a script is registered for."""

    kind: str
    """``syslog``, ``timer``, ``none`` and so on."""
    pattern: str | None = None
    """Of ``syslog``; None where it holds what only the router can put in its place."""
    maxrun: float = MAXRUN


def registration(text: str) -> Registration | None:
    """Return what a script is registered for; None: for nothing, and it can't be registered."""
    found = _COMMAND.search(text)
    if found is None:
        return None
    words = _words(found[2])
    options = dict(zip(words[::2], words[1::2], strict=False))
    maxrun = options.get("maxrun") or ""
    seconds = float(maxrun) if re.fullmatch(r"\d+(\.\d+)?", maxrun) else MAXRUN
    return Registration(found[1], options.get("pattern"), seconds)


def _words(text: str) -> list[str | None]:
    """Split a command as Tcl does; None stands for a word with something to be put in its place."""
    words: list[str | None] = []
    rest = text.strip()
    while rest:
        if rest[0] == "{":
            end = _closing(rest)
            words.append(rest[1:end])
        elif rest[0] == '"':
            match = re.match(r'"((?:[^"\\]|\\.)*)"', rest)
            end = match.end() - 1 if match else len(rest) - 1
            words.append(_substituted(match[1] if match else rest[1:]))
        else:
            end = len(rest.split(None, 1)[0]) - 1
            words.append(_substituted(rest[: end + 1]))
        rest = rest[end + 1 :].lstrip()
    return words


def _closing(text: str) -> int:
    depth = 0
    for at, char in enumerate(text):
        if at and text[at - 1] == "\\":
            continue
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth == 0:
            return at
    return len(text)


def _substituted(word: str) -> str | None:
    plain = _ESCAPED.sub("", word)
    return None if "$" in plain or "[" in plain else _ESCAPED.sub(r"\1", word)
