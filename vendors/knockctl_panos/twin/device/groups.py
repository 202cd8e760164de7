"""Who is in a dynamic address group, by its filter and the registered tags."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from knockctl_panos.twin.device.tags import TagStore

Filter = Callable[[Collection[str]], bool]
_TERM = re.compile(r"\s*('[^']*'|\(|\)|[^\s()']+)")


class Malformed(ValueError):
    """A filter that can't be read."""


def parse(text: str) -> Filter:
    """Read a filter: tags, quoted or not, joined by ``and``, which binds more, and ``or``.

    Raises:
        Malformed: it is none.
    """
    terms, position = list[str](), 0
    while position < len(text.rstrip()):
        match = _TERM.match(text, position)
        if match is None:
            raise Malformed(text)
        terms.append(match[1])
        position = match.end()
    found, rest = _either(terms)
    if rest:
        raise Malformed(text)
    return found


def _either(terms: list[str]) -> tuple[Filter, list[str]]:
    left, rest = _both(terms)
    while rest[:1] == ["or"]:
        right, rest = _both(rest[1:])
        left = _join(left, right, any)
    return left, rest


def _both(terms: list[str]) -> tuple[Filter, list[str]]:
    left, rest = _term(terms)
    while rest[:1] == ["and"]:
        right, rest = _term(rest[1:])
        left = _join(left, right, all)
    return left, rest


def _join(left: Filter, right: Filter, how: Callable[[list[bool]], bool]) -> Filter:
    return lambda tags: how([left(tags), right(tags)])


def _term(terms: list[str]) -> tuple[Filter, list[str]]:
    if not terms or terms[0] in (")", "and", "or"):
        raise Malformed(" ".join(terms))
    if terms[0] == "(":
        found, rest = _either(terms[1:])
        if rest[:1] != [")"]:
            raise Malformed("a parenthesis is not closed")
        return found, rest[1:]
    tag = terms[0].strip("'")
    return (lambda tags: tag in tags), terms[1:]


def members(store: TagStore, vsys: str, text: str) -> list[str]:
    """Return the registered addresses whose tags fulfil a filter."""
    wanted = parse(text)
    return [ip for ip in store.addresses(vsys) if wanted(store.tags(vsys, ip))]
