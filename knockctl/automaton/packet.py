"""A packet as a device sees it: more than a policy asks for, no more than rules can match on.

The policy's own view of the same packet is made of it in ``events``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

Address = IPv4Address | IPv6Address
Flow = Literal["fresh", "unanswered", "known", "related", "invalid", "untracked"]
"""What connection tracking says of a packet's flow.

``fresh``: the first packet of a flow. ``unanswered``: one packet of the flow was accepted, none
came back yet. ``known``: both directions were seen. ``related``: announced by another flow.
``invalid``: a stray segment that fits no flow. ``untracked``: exempt from tracking.
"""

FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32}
OPENING_MASK = FLAGS["syn"] | FLAGS["fin"] | FLAGS["rst"] | FLAGS["ack"]
LOOPBACK = "lo"


@dataclass(frozen=True, slots=True)
class WirePacket:
    """One packet that reaches a device from outside (or over ``lo``)."""

    source: Address
    destination: Address
    protocol: str
    """``tcp``, ``udp``, ``icmp``, ``icmpv6``; anything else by its number."""
    port: int = 0
    source_port: int = 40000
    flags: int = FLAGS["syn"]
    """TCP flags as in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32."""
    flow: Flow = "fresh"
    interface: str = "eth0"
    destination_type: str = "LOCAL"
    """What the destination is to the device: LOCAL, BROADCAST, MULTICAST or UNICAST."""
    payload: bytes = b""
    icmp: int = 8 << 8
    """Type times 256, plus code."""
    ttl: int = 64
    chances: frozenset[str] = frozenset()
    """What the packet alone can't tell and happens to be so: a rate not exceeded, a list hit."""

    @property
    def family(self) -> int:
        """IP version, 4 or 6."""
        return self.source.version

    @property
    def opening(self) -> bool:
        """Tell whether a TCP segment is a SYN, and no FIN, RST or ACK."""
        return self.flags & OPENING_MASK == FLAGS["syn"]

    @property
    def accepted_before(self) -> bool:
        """Tell whether one packet of the flow was accepted before."""
        return self.flow in ("known", "unanswered")

    def __str__(self) -> str:
        """Print as people write packets: ``tcp/22 SYN``."""
        return " ".join(self._words())

    def _words(self) -> Iterator[str]:
        if self.protocol not in ("tcp", "udp"):
            yield self.protocol
        else:
            yield f"{self.protocol}/{self.port}"
        if self.protocol == "tcp":
            yield ",".join(n.upper() for n, bit in FLAGS.items() if self.flags & bit) or "no flags"
        if self.flow != "fresh":
            yield f"({self.flow} flow)"
        if self.payload:
            yield f"with {len(self.payload)} bytes"
        if self.interface == LOOPBACK:
            yield "over lo"
        if self.destination_type != "LOCAL":
            yield f"to a {self.destination_type.lower()} address"
        yield from (f"[{chance}]" for chance in sorted(self.chances))


@dataclass(frozen=True, slots=True)
class Scope:
    """Which packets are the policies' at all: those to the protected addresses."""

    addresses: tuple[Address, ...] = ()
    """A family with none listed is protected whole, unless ``only_listed``."""
    interfaces: tuple[str, ...] = ()
    """Interfaces that packets must come in by; none listed: any but the loopback."""
    destination_type: str | None = "LOCAL"
    """``UNICAST`` where hosts behind the device are protected; None: whatever the destination is
    to the device."""
    only_listed: bool = False
    """Whether a family with none listed is not the policies' at all."""

    def listed(self, family: int) -> tuple[Address, ...]:
        """Return the protected addresses of a family."""
        return tuple(a for a in self.addresses if a.version == family)

    def holds(self, packet: WirePacket) -> bool:
        """Tell whether the packet is the policies' to judge."""
        listed = self.listed(packet.family)
        return (
            self.destination_type in (None, packet.destination_type)
            and (packet.destination in listed or not (listed or self.only_listed))
            and (
                not self.interfaces
                or any(named(pattern, packet.interface) for pattern in self.interfaces)
            )
        )


def named(pattern: str, interface: str) -> bool:
    """Tell whether an interface has this name; a trailing ``+`` stands for any ending."""
    if pattern.endswith("+"):
        return interface.startswith(pattern[:-1])
    return interface == pattern
