"""Pieces of rules, in RouterOS' own words and normal form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from knockctl.ports import Span, in_slots, merged
from knockctl_routeros.config.normal import duration

Words = Mapping[str, str]
Rule = tuple[str, Words]
"""What it is for, and its words."""

# Linux' multiport holds 15 ports, a range counting as two; RouterOS documents no limit of its
# own, and is built on it.
SLOTS = 15

OPENING: Words = {"protocol": "tcp", "tcp-flags": "!fin,syn,!rst,!ack"}
ANY: Words = {}
ACCEPT: Words = {"action": "accept"}
DROP: Words = {"action": "drop"}
RETURN: Words = {"action": "return"}


def jump(chain: str) -> Words:
    """Go to a chain and come back."""
    return {"action": "jump", "jump-target": chain}


def on(name: str) -> Words:
    """Match sources that are on the list."""
    return {"src-address-list": name}


def off(name: str) -> Words:
    """Match sources that are not on the list."""
    return {"src-address-list": f"!{name}"}


def put(name: str, seconds: int) -> Words:
    """Put the source on the list, or start its time anew; the packet goes on."""
    return {
        "action": "add-src-to-address-list",
        "address-list": name,
        "address-list-timeout": timeout(seconds),
    }


@lru_cache(maxsize=1024)
def timeout(seconds: int) -> str:
    """Return seconds as RouterOS writes them."""
    return duration(f"{seconds}s")


def port_matches(spans: Iterable[Span]) -> tuple[Words, ...]:
    """Return the words that together match all the ports, one piece for each rule needed."""
    return _port_matches(tuple(spans))


@lru_cache(maxsize=4096)
def _port_matches(spans: tuple[Span, ...]) -> tuple[Words, ...]:
    every = merged(spans)
    return tuple(
        {"protocol": protocol, "dst-port": ",".join(_run(span) for span in chunk)}
        for protocol in ("tcp", "udp")
        for chunk in in_slots((s for s in every if s.protocol == protocol), SLOTS)
    )


def _run(span: Span) -> str:
    return str(span.first) if span.first == span.last else f"{span.first}-{span.last}"


def rules(what: str, *parts: Words, ports: Sequence[Span] | None = None) -> Iterator[Rule]:
    """Yield the rule that joins these words; with ports, as many as they need."""
    matches: Sequence[Words] = ({},) if ports is None else port_matches(ports)
    for match in matches:
        joined = dict(match)
        for part in parts:
            joined.update(part)
        yield what, joined
