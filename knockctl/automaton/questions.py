"""The questions that policies and configurations put to packets.

Everything that may be asked of a packet is an ``Atom``: one field and a test. Whoever answers is
an ``Ask``: for one packet, or for a set of packets that shrinks with each answer (``regions``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Protocol

from knockctl.automaton.packet import FLAGS, WirePacket, named

Ranges = tuple[tuple[int, int], ...]
Network = IPv4Network | IPv6Network

UNINTERPRETED = "? "
"""Begins the name of a chance that stands for a rule nobody could interpret."""

HIGHEST = {"port": 65535, "source_port": 65535, "icmp": 65535}


@dataclass(frozen=True, slots=True)
class Text:
    """What to look for in a packet's data."""

    text: bytes
    whole: bool = False
    """It is all of the data, not just part of it."""
    folded: bool = False
    """Capitals don't matter."""

    def found(self, data: bytes) -> bool:
        """Look for it."""
        text, data = (self.text.lower(), data.lower()) if self.folded else (self.text, data)
        return text == data if self.whole else text in data


@dataclass(frozen=True, slots=True)
class Atom:
    """One question to a packet: does this field pass this test?

    ============================================  ================================================
    field                                         test
    ============================================  ================================================
    ``source destination port source_port icmp``  ranges of numbers, both ends included
    ``protocol flow destination_type``            a frozenset of the values that pass
    ``flags``                                     ``(mask, wanted)``: flags under the mask
    ``interface``                                 a name, perhaps with a trailing ``+``
    ``payload``                                   a ``Text``
    ``chance``                                    a name; what no packet field decides
    ============================================  ================================================
    """

    field: str
    test: Any
    _hash: int = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Hash once: atoms are looked up millions of times where rules are many."""
        object.__setattr__(self, "_hash", hash((self.field, self.test)))

    def __hash__(self) -> int:
        return self._hash

    def holds(self, packet: WirePacket) -> bool:
        """Answer for one packet."""
        if self.field == "chance":
            return self.test in packet.chances
        value = getattr(packet, self.field)
        return passes(self.field, self.test, int(value) if self.field in ADDRESSES else value)


ADDRESSES = ("source", "destination")
RANGED = (*ADDRESSES, *HIGHEST)


def passes(name: str, test: Any, value: Any) -> bool:
    """Put a test to a value of a field."""
    return _TESTS.get(name, _among)(test, value)


def _among(test: Any, value: Any) -> bool:
    return value in test


def _in_ranges(test: Ranges, value: int) -> bool:
    return any(first <= value <= last for first, last in test)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(RANGED, _in_ranges),
    "flags": lambda test, value: bool(value & test[0] == test[1]),
    "interface": named,
    "payload": lambda test, value: test.found(value),
}


def protocol(*names: str) -> Atom:
    """Ask whether the protocol is one of these."""
    return Atom("protocol", frozenset(names))


def flow(*names: str) -> Atom:
    """Ask whether the packet's flow is one of these."""
    return Atom("flow", frozenset(names))


def ports(*ranges: tuple[int, int]) -> Atom:
    """Ask whether the destination port is in one of these ranges."""
    return Atom("port", ranges)


def within(name: str, *networks: Network) -> Atom:
    """Ask whether ``source`` or ``destination`` is in one of these networks."""
    return Atom(
        name,
        tuple((int(n.network_address), int(n.broadcast_address)) for n in networks),
    )


class Ask(Protocol):
    """Answers questions to a packet, or to a set of packets that grows smaller with each."""

    def __call__(self, atom: Atom, /) -> bool:
        """Tell whether the packet passes."""

    def refutes(self, atom: Atom, /) -> bool:
        """Tell whether it surely doesn't; asking so decides nothing."""


@dataclass(frozen=True, slots=True)
class Of:
    """Answers for one packet."""

    packet: WirePacket

    def __call__(self, atom: Atom, /) -> bool:
        """Tell whether the packet passes."""
        return atom.holds(self.packet)

    def refutes(self, atom: Atom, /) -> bool:
        """Tell whether it doesn't."""
        return not atom.holds(self.packet)


@cache
def flag_word(text: str) -> int:
    """Return the flags of a comma-separated list: ``SYN,ACK``, ``ALL``, ``NONE``."""
    if text == "ALL":
        return 63
    return sum(FLAGS[word.lower()] for word in text.split(",") if word not in ("NONE", ""))
