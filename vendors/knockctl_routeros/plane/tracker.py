"""Connection tracking: which flows there are, as far as rules ask for it.

Times are the router's defaults (fact sheet 2.1). Whatever the sheet doesn't say is as in the
Linux kernel, of which RouterOS is made: a flow that was refused is forgotten at once, a segment
in the middle of an unknown flow begins one if it is a bare ACK (``loose-tcp-tracking``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from knockctl.automaton.wire import FLAGS, Address, Flow, WirePacket
from knockctl_routeros.plane.frames import Seen

TIMES = {
    "syn-sent": 5,
    "syn-received": 5,
    "established": 86_400,
    "fin-wait": 10,
    "time-wait": 10,
    "close": 10,
    "udp": 10,
    "udp-stream": 180,
    "icmp": 10,
    "icmpv6": 10,
    "generic": 600,
}
_CLOSING = ("time-wait", "close")
_REQUESTS = {"icmp": (8, 13, 15, 17), "icmpv6": (128,)}
_EXEMPT = (130, 133, 134, 135, 136, 143)
"""ICMPv6 that is never tracked: neighbour and listener discovery."""
_STREAM_AFTER = 2
"""Seconds a UDP flow must last, in both directions, to be a stream."""
_SWEEP = 5

Key = tuple[str, Address, int, Address, int]


@dataclass(slots=True)
class Connection:
    """One flow; its key is that of the packet that began it."""

    number: int
    key: Key
    since: float
    state: str
    """One of ``TIMES``."""
    deadline: float = 0.0
    answered: bool = False
    closed_by: frozenset[bool] = frozenset()
    """Which directions have sent a FIN; True is the first packet's."""

    @property
    def tcp(self) -> bool:
        """Tell whether it is a TCP connection."""
        return self.key[0] == "tcp"

    def take(self, packet: WirePacket, *, first: bool, now: float) -> None:
        """Note a packet, of the first packet's direction or the other."""
        self.answered = self.answered or not first
        if self.tcp:
            self._segment(packet.flags, first=first)
        elif self.key[0] == "udp" and self.answered and now - self.since > _STREAM_AFTER:
            self.state = "udp-stream"
        self.deadline = now + TIMES[self.state]

    def _segment(self, flags: int, *, first: bool) -> None:
        if flags & FLAGS["rst"]:
            self.state = "close"
        elif flags & FLAGS["fin"]:
            self.closed_by |= {first}
            self.state = "fin-wait" if len(self.closed_by) == 1 else "time-wait"
        elif flags & FLAGS["syn"] and self.state == "syn-sent":
            self.state = "syn-sent" if first else "syn-received"
        elif flags & FLAGS["ack"] and self.state == "syn-received" and first:
            self.state = "established"


class Tracker:
    """Remembers flows; times are the router's, in seconds."""

    def __init__(self) -> None:
        """Know no flow."""
        self._flows: dict[Key, Connection] = {}
        self._numbers = itertools.count(1)
        self._swept = 0.0

    def flow(self, seen: Seen, now: float) -> Flow:
        """Return what the flow of an incoming packet is."""
        if seen.about is not None:
            return "related" if self._find(seen.about, now)[0] else "invalid"
        found, first = self._find(seen.packet, now)
        if found is None or (first and _reopens(found, seen.packet)):
            return _beginning(seen.packet)
        return "known" if found.answered or not first else "unanswered"

    def accepted(self, seen: Seen, now: float) -> None:
        """Note a packet that was let in, or that went out."""
        if seen.about is not None:
            return
        packet = seen.packet
        found, first = self._find(packet, now)
        if found is None or (first and _reopens(found, packet)):
            if _beginning(packet) != "fresh":
                return
            found, first = self._begin(packet, now), True
        found.take(packet, first=first, now=now)

    def _begin(self, packet: WirePacket, now: float) -> Connection:
        if now - self._swept > _SWEEP:
            self._flows = {k: flow for k, flow in self._flows.items() if flow.deadline > now}
            self._swept = now
        state = packet.protocol if packet.protocol in TIMES else "generic"
        if packet.protocol == "tcp":
            state = "syn-sent" if packet.opening else "established"
        key = _key(packet)
        self._flows[key] = Connection(next(self._numbers), key, now, state)
        return self._flows[key]

    def _find(self, packet: WirePacket, now: float) -> tuple[Connection | None, bool]:
        """Return the flow, and whether the packet goes the way its first one went."""
        key = _key(packet)
        name, source, source_port, destination, port = key
        for one, first in ((key, True), ((name, destination, port, source, source_port), False)):
            found = self._flows.get(one)
            if found is not None and found.deadline > now:
                return found, first
        return None, True

    def live(self, now: float) -> Iterator[Connection]:
        """Yield the flows there are, oldest first."""
        return (flow for flow in list(self._flows.values()) if flow.deadline > now)

    def forget(self, number: int) -> None:
        """Forget one flow: its next packet is judged anew."""
        self._flows = {k: flow for k, flow in self._flows.items() if flow.number != number}

    def clear(self) -> None:
        """Forget every flow."""
        self._flows.clear()


def _key(packet: WirePacket) -> Key:
    return (
        packet.protocol,
        packet.source,
        packet.source_port,
        packet.destination,
        packet.port,
    )


def _reopens(found: Connection, packet: WirePacket) -> bool:
    """Tell whether a packet begins a new connection in the place of one that is over."""
    return found.tcp and packet.opening and found.state in _CLOSING


def _beginning(packet: WirePacket) -> Flow:
    """Return what a packet of no known flow is."""
    if packet.protocol == "tcp":
        bare = packet.flags & (FLAGS["syn"] | FLAGS["fin"] | FLAGS["rst"] | FLAGS["ack"])
        return "fresh" if packet.opening or bare == FLAGS["ack"] else "invalid"
    if packet.protocol in _REQUESTS:
        kind = packet.icmp >> 8
        if packet.protocol == "icmpv6" and kind in _EXEMPT:
            return "untracked"
        return "fresh" if kind in _REQUESTS[packet.protocol] else "invalid"
    return "fresh"
