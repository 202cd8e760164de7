"""Connection tracking: which flows there are, as far as rules ask for it.

Times are the device's. Whatever else a vendor doesn't document is as in the Linux kernel: a flow
that was refused is forgotten at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from knockctl.automaton.packet import FLAGS, Address, Flow, WirePacket
from knockctl.lab.plane.frames import Seen

STATES = (
    "syn-sent",
    "syn-received",
    "established",
    "fin-wait",
    "time-wait",
    "close",
    "udp",
    "udp-stream",
    "icmp",
    "icmpv6",
    "generic",
)
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
    """One of ``STATES``."""
    deadline: float = 0.0
    by: str = ""
    """The rule that let its first packet in, where the device remembers."""
    interface: str = ""
    """Where its first packet came in, or went out."""
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
    """Remembers flows; times are the device's, in seconds.

    ``times`` says how long a flow of each of ``STATES`` lasts without a packet.
    """

    def __init__(self, times: Mapping[str, float], *, loose: bool = True) -> None:
        """Know no flow."""
        self.loose = loose
        """A bare ACK in the middle of an unknown flow begins one."""
        self._times = times
        self._flows: dict[Key, Connection] = {}
        self._numbers = itertools.count(1)
        self._swept = 0.0

    def flow(self, seen: Seen, now: float) -> Flow:
        """Return what the flow of an incoming packet is."""
        if seen.about is not None:
            return "related" if self._find(seen.about, now)[0] else "invalid"
        found, first = self._find(seen.packet, now)
        if found is None or (first and _reopens(found, seen.packet)):
            return self._beginning(seen.packet)
        return "known" if found.answered or not first else "unanswered"

    def accepted(self, seen: Seen, now: float, by: str = "") -> Connection | None:
        """Note a packet that was let in, ``by`` which rule, or that went out; return its flow."""
        if seen.about is not None:
            return None
        packet = seen.packet
        found, first = self._find(packet, now)
        if found is None or (first and _reopens(found, packet)):
            if self._beginning(packet) != "fresh":
                return None
            found, first = self._begin(packet, now, by), True
        found.take(packet, first=first, now=now)
        found.deadline = now + self._times[found.state]
        return found

    def _begin(self, packet: WirePacket, now: float, by: str) -> Connection:
        if now - self._swept > _SWEEP:
            self._flows = {k: flow for k, flow in self._flows.items() if flow.deadline > now}
            self._swept = now
        state = packet.protocol if packet.protocol in STATES else "generic"
        if packet.protocol == "tcp":
            state = "syn-sent" if packet.opening else "established"
        key = _key(packet)
        self._flows[key] = Connection(
            next(self._numbers), key, now, state, by=by, interface=packet.interface
        )
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

    def _beginning(self, packet: WirePacket) -> Flow:
        """Return what a packet of no known flow is."""
        if packet.protocol == "tcp":
            bare = packet.flags & (FLAGS["syn"] | FLAGS["fin"] | FLAGS["rst"] | FLAGS["ack"])
            middle = self.loose and bare == FLAGS["ack"]
            return "fresh" if packet.opening or middle else "invalid"
        if packet.protocol in _REQUESTS:
            kind = packet.icmp >> 8
            if packet.protocol == "icmpv6" and kind in _EXEMPT:
                return "untracked"
            return "fresh" if kind in _REQUESTS[packet.protocol] else "invalid"
        return "fresh"


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
