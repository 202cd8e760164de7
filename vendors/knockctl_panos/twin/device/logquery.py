"""Log filters: ``( rule eq 'k1' ) and ( addr.src in 192.0.2.0/24 )``, judged on a log's fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network

Fields = Mapping[str, str]
Filter = Callable[[Fields], bool]

_TOKEN = re.compile(r"\s*(?:(?P<quoted>'[^']*'|\"[^\"]*\")|(?P<sign>[()])|(?P<word>[^\s()'\"]+))")
_FIELDS = {
    "addr.src": "src",
    "addr.dst": "dst",
    "port.src": "sport",
    "port.dst": "dport",
    "zone.src": "from",
    "zone.dst": "to",
    "tag": "tag_name",
    "ip": "ip",
}


class Malformed(ValueError):
    """A filter that can't be read."""


def parse(text: str) -> Filter:
    """Read a filter; an empty one, and ``All Logs``, let everything through.

    Raises:
        Malformed: with where.
    """
    if text.strip() in ("", "All Logs"):
        return lambda _: True
    tokens, position = list[tuple[str, str]](), 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Malformed(f"unexpected character at {position}")
        kind = str(match.lastgroup)
        tokens.append((kind, match[kind]))
        position = match.end()
    found, rest = _either(tokens)
    if rest:
        raise Malformed(f"unexpected {rest[0][1]}")
    return found


Tokens = list[tuple[str, str]]


def _either(tokens: Tokens) -> tuple[Filter, Tokens]:
    left, rest = _both(tokens)
    while rest and rest[0] == ("word", "or"):
        right, rest = _both(rest[1:])
        left = _join(left, right, any)
    return left, rest


def _both(tokens: Tokens) -> tuple[Filter, Tokens]:
    left, rest = _term(tokens)
    while rest and rest[0] == ("word", "and"):
        right, rest = _term(rest[1:])
        left = _join(left, right, all)
    return left, rest


def _join(left: Filter, right: Filter, how: Callable[[list[bool]], bool]) -> Filter:
    return lambda fields: how([left(fields), right(fields)])


def _term(tokens: Tokens) -> tuple[Filter, Tokens]:
    if tokens and tokens[0] == ("sign", "("):
        found, rest = _either(tokens[1:])
        if not rest or rest[0] != ("sign", ")"):
            raise Malformed("a parenthesis is not closed")
        return found, rest[1:]
    words = tokens[:3]
    if len(words) < 3 or any(kind == "sign" for kind, _ in words):
        raise Malformed("expected: attribute operator value")
    (_, attribute), (_, operator), (kind, value) = words
    wanted = value[1:-1] if kind == "quoted" else value
    if operator not in _OPERATORS:
        raise Malformed(f"unknown operator {operator}")
    judge, field = _OPERATORS[operator], _FIELDS.get(attribute, attribute)
    return (lambda fields: judge(fields.get(field, ""), wanted)), tokens[3:]


def _within(found: str, wanted: str) -> bool:
    try:
        return ip_address(found) in ip_network(wanted, strict=False)
    except ValueError:
        return found == wanted


def _order(found: str, wanted: str) -> int:
    if found.isdecimal() and wanted.isdecimal():
        return int(found) - int(wanted)
    return (found > wanted) - (found < wanted)


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda found, wanted: found == wanted,
    "neq": lambda found, wanted: found != wanted,
    "in": _within,
    "notin": lambda found, wanted: not _within(found, wanted),
    "leq": lambda found, wanted: _order(found, wanted) <= 0,
    "geq": lambda found, wanted: _order(found, wanted) >= 0,
    "contains": lambda found, wanted: wanted in found,
}
