"""Ethernet frames to packets as rules see them.

ARP and IPv6 neighbour discovery are nobody's to judge, nor is a fragment behind the first one:
without the first, nothing is put together.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from knockctl.automaton.packet import Address, WirePacket

ETHERNET = 14
IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}
DISCOVERY = range(133, 138)
ERRORS = {"icmp": (3, 4, 5, 11, 12), "icmpv6": tuple(range(128))}
_CHAINED = (0, 43, 60, 135)
_FRAGMENT, _AUTHENTICATION = 44, 51


class Malformed(ValueError):
    """A frame says it is what it is not; the kernel would drop it, too."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A packet, and what of it rules don't look at."""

    packet: WirePacket
    """An echo has its identifier for both ports, so that its answers belong to it."""
    size: int = 0
    """Bytes without the Ethernet header."""
    about: WirePacket | None = None
    """The packet that an ICMP error reports, as its sender sent it."""


@dataclass(frozen=True, slots=True)
class Header:
    """What both IP versions say before the transport's own header."""

    source: Address
    destination: Address
    protocol: int
    ttl: int
    body: bytes
    offset: int
    """Of the fragment, in its units of eight bytes."""


def parse(frame: bytes, interface: str) -> Seen | None:
    """Read a frame; None for one that passes unjudged.

    Raises:
        Malformed: it is no packet, or of a protocol that devices don't speak.
    """
    kind = int.from_bytes(frame[12:14])
    if kind == ARP:
        return None
    if kind not in (IPV4, IPV6):
        raise Malformed("neither IP nor ARP")
    try:
        header = ip(frame[ETHERNET:], 4 if kind == IPV4 else 6)
        if header.offset or (header.protocol == ICMPV6 and header.body[0] in DISCOVERY):
            return None
        packet = transport(header, interface)
        about = None
        if packet.icmp >> 8 in ERRORS.get(packet.protocol, ()):
            about = _reported(header.body[8:], packet.family)
    except (struct.error, IndexError, ValueError) as error:
        raise Malformed(str(error)) from None
    return Seen(packet, len(frame) - ETHERNET, about)


def ip(data: bytes, version: int) -> Header:
    """Read an IP header and the headers chained to it."""
    if not data or data[0] >> 4 != version:
        raise Malformed("another IP version than the frame says")
    return _ip4(data) if version == 4 else _ip6(data)


def _ip4(data: bytes) -> Header:
    total, _, offset, ttl, protocol = struct.unpack_from("!HHHBB", data, 2)
    start = (data[0] & 15) * 4
    if not 20 <= start <= total:
        raise Malformed("a header longer than its packet")
    source, destination = IPv4Address(data[12:16]), IPv4Address(data[16:20])
    return Header(source, destination, protocol, ttl, data[start:total], offset & 0x1FFF)


def _ip6(data: bytes) -> Header:
    length, following, ttl = struct.unpack_from("!HBB", data, 4)
    source, destination = IPv6Address(data[8:24]), IPv6Address(data[24:40])
    body, offset = data[40 : 40 + length], 0
    while not offset:
        if following in _CHAINED:
            size = (body[1] + 1) * 8
        elif following == _AUTHENTICATION:
            size = (body[1] + 2) * 4
        elif following == _FRAGMENT:
            size, offset = 8, int.from_bytes(body[2:4]) >> 3
        else:
            break
        following, body = body[0], body[size:]
    return Header(source, destination, following, ttl, body, offset)


def transport(header: Header, interface: str) -> WirePacket:
    """Read the header of TCP, UDP or ICMP."""
    body = header.body
    base = WirePacket(
        header.source,
        header.destination,
        NAMES.get(header.protocol, str(header.protocol)),
        source_port=0,
        flags=0,
        interface=interface,
        icmp=0,
        ttl=header.ttl,
    )
    changed: dict[str, object] = {}
    if header.protocol in (TCP, UDP):
        ports = struct.unpack_from("!HH", body)
        start = (body[12] >> 4) * 4 if header.protocol == TCP else 8
        changed = {"source_port": ports[0], "port": ports[1], "payload": body[start:]}
        if header.protocol == TCP:
            changed["flags"] = body[13] & 63
    elif header.protocol in (ICMP, ICMPV6):
        kind, number = struct.unpack_from("!H2xH", body)
        number = 0 if kind >> 8 in ERRORS[base.protocol] else number
        changed = {"icmp": kind, "source_port": number, "port": number, "payload": body[8:]}
    return replace(base, **changed)  # type: ignore[arg-type]


def _reported(data: bytes, family: int) -> WirePacket | None:
    """Read as much of the packet in an ICMP error as tells its flow: eight bytes of it suffice."""
    try:
        header = ip(data, family)
        first, second = struct.unpack_from("!HH", header.body)
        if header.protocol in (ICMP, ICMPV6):
            first = second = struct.unpack_from("!4xH", header.body)[0]
    except (struct.error, IndexError, ValueError):
        return None
    name = NAMES.get(header.protocol, str(header.protocol))
    return WirePacket(header.source, header.destination, name, second, first)
