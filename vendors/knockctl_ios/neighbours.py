"""Somebody else's entries above ours: may they judge packets that ours are about?

What can't be told from the entry alone, such as a time range, may be anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address
from typing import Literal

from knockctl.vendor import Neighbour
from knockctl_ios.config import IosConfig
from knockctl_ios.tree import Line

Groups = Mapping[str, Line]
Ports = tuple[str, int, int]
"""A protocol, and the first and the last of its ports."""
_LAST = 65535
_BOTH = ("tcp", "udp")


@dataclass(frozen=True, slots=True)
class Match:
    """What an entry may match; more, where that is not known."""

    action: Literal["permit", "deny", "other"]
    destination: tuple[IPv4Network, ...]
    ports: tuple[Ports, ...]
    """Of TCP and UDP; empty: other protocols alone."""
    sure: bool = True
    """Whether it matches all of that."""

    def meets(self, other: Match) -> bool:
        """Tell whether one packet may match both."""
        return any(a.overlaps(b) for a in self.destination for b in other.destination) and any(
            p == q and first <= end and start <= last
            for p, first, last in self.ports
            for q, start, end in other.ports
        )


def neighbours(
    config: IosConfig, lists: Mapping[str, Sequence[tuple[str, bool]]], groups: Groups
) -> tuple[Neighbour, ...]:
    """Return the foreign entries above ours; ``lists`` tell of each entry whether it is ours."""
    found: list[Neighbour] = []
    for parent in config.parents:
        entries = lists.get(parent, ())
        last = max((at for at, (_, ours) in enumerate(entries) if ours), default=0)
        above = [text for text, ours in entries[:last] if not ours]
        mine = [one.line.text for one in config.within(parent)]
        found += judging(parent, above, mine, groups)
    return tuple(found)


def judging(
    parent: str, above: Iterable[str], mine: Iterable[str], groups: Groups
) -> Iterator[Neighbour]:
    """Yield those of the entries above that may judge packets of ours."""
    ours = [match for text in mine if (match := read(text, groups)) is not None]
    for text in above:
        match = read(text, groups)
        if match is not None and any(match.meets(one) for one in ours):
            effect: Literal["accepts", "refuses", "unknown"] = "unknown"
            if match.action == "deny":
                effect = "refuses"
            elif match.action == "permit" and match.sure:
                effect = "accepts"
            yield Neighbour(parent, text, effect)


def read(text: str, groups: Groups) -> Match | None:
    """Read an entry in normal form; None for a remark."""
    words = text.split()
    if words[:1] == ["remark"]:
        return None
    if words[:1] == ["dynamic"]:
        words = words[4 if words[2:3] == ["timeout"] else 2 :]
    if words[:1] not in (["permit"], ["deny"]) or len(words) < 3:
        every = tuple((protocol, 0, _LAST) for protocol in _BOTH)
        return Match("other", (IPv4Network("0.0.0.0/0"),), every, sure=False)
    action: Literal["permit", "deny"] = "permit" if words[0] == "permit" else "deny"
    grouped = words[1] == "object-group"
    protocol, rest = (words[2], words[3:]) if grouped else (words[1], words[2:])
    _, rest = _address(rest, groups)
    _, rest = _ports(rest)
    destination, rest = _address(rest, groups)
    spans, rest = _ports(rest)
    if grouped:
        ports = tuple(_members(protocol, groups))
    else:
        ports = tuple((p, *s) for p in _protocols(protocol) for s in spans)
    options = [word for word in rest if word not in ("log", "log-input")]
    plain = not options or rest[:1] in (["log"], ["log-input"])
    return Match(action, destination, ports, sure=plain)


def _protocols(word: str) -> tuple[str, ...]:
    if word == "ip":
        return _BOTH
    return (word,) if word in _BOTH else ()


def _address(words: list[str], groups: Groups) -> tuple[tuple[IPv4Network, ...], list[str]]:
    if words[:1] == ["host"]:
        return (IPv4Network(words[1]),), words[2:]
    if words[:1] == ["object-group"]:
        return _networks(words[1], groups), words[2:]
    if len(words) > 1 and words[0].count(".") == 3:
        return (_wild(words[0], words[1]),), words[2:]
    return (IPv4Network("0.0.0.0/0"),), words[1:]


def _wild(address: str, wildcard: str) -> IPv4Network:
    """Return the smallest network around what a wildcard mask means."""
    try:
        free = int(ip_address(wildcard)).bit_length()
        return IPv4Network((int(ip_address(address)) >> free << free, 32 - free))
    except ValueError:
        return IPv4Network("0.0.0.0/0")


def _networks(name: str, groups: Groups) -> tuple[IPv4Network, ...]:
    group = groups.get(f"object-group network {name}")
    found = []
    for member in group.below if group else ():
        words = member.text.split()
        if words[0] == "host" and len(words) == 2:
            found.append(IPv4Network(words[1]))
        elif words[0].count(".") == 3 and len(words) == 2:
            found.append(IPv4Network(f"{words[0]}/{words[1]}", strict=False))
        elif words[0] != "description":
            return (IPv4Network("0.0.0.0/0"),)
    return tuple(found) or (IPv4Network("0.0.0.0/0"),)


def _ports(words: list[str]) -> tuple[list[tuple[int, int]], list[str]]:
    operator, rest = (words[0], words[1:]) if words else ("", [])
    numbers = []
    while operator in ("eq", "neq", "gt", "lt", "range") and rest and rest[0].isdigit():
        numbers.append(int(rest.pop(0)))
    if not numbers:
        return [(0, _LAST)], words
    if operator == "eq":
        return [(port, port) for port in numbers], rest
    if operator == "range" and len(numbers) == 2:
        return [(numbers[0], numbers[1])], rest
    if operator == "gt":
        return [(numbers[0] + 1, _LAST)], rest
    if operator == "lt":
        return [(0, numbers[0] - 1)], rest
    return [(0, _LAST)], rest


def _members(name: str, groups: Groups) -> Iterator[Ports]:
    group = groups.get(f"object-group service {name}")
    if group is None:
        yield from ((protocol, 0, _LAST) for protocol in _BOTH)
        return
    for member in group.below:
        words = member.text.split()
        if words[0] == "group-object":
            yield from _members(words[1], {k: v for k, v in groups.items() if v is not group})
        elif words[0] == "tcp-udp" or words[0] in _protocols(words[0]):
            spans, _ = _ports(words[1:]) if words[1:2] != ["source"] else ([(0, _LAST)], [])
            for protocol in _BOTH if words[0] == "tcp-udp" else (words[0],):
                yield from ((protocol, *span) for span in spans)
        elif words[0] == "ip":
            yield from ((protocol, 0, _LAST) for protocol in _BOTH)
