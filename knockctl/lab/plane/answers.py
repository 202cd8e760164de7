"""What answers a refusal: a TCP reset, or an ICMP message with the packet's beginning.

Forms: RFC 792, 1812, 4443 and 9293.
"""

from __future__ import annotations

import struct

from knockctl.automaton.packet import FLAGS
from knockctl.lab.plane.frames import (
    ETHERNET,
    ICMP,
    ICMPV6,
    IPV4,
    TCP,
    Header,
    Seen,
    ip,
)
from knockctl.lab.plane.judging import Answer

_UNREACHABLE = {4: 3, 6: 1}
_QUOTED = {4: 548, 6: 1232}


def rejection(frame: bytes, seen: Seen, answer: Answer) -> bytes | None:
    """Return the frame that answers a rejected one; None where silence is the answer.

    Neither resets nor ICMP errors are answered, nor what was sent to more than one.
    """
    packet = seen.packet
    if packet.destination_type != "LOCAL" or seen.about is not None:
        return None
    header = ip(frame[ETHERNET:], packet.family)
    if answer == "tcp-reset":
        if packet.protocol != "tcp" or packet.flags & FLAGS["rst"]:
            return None
        return _framed(frame, header, TCP, _reset(header, packet.flags))
    quoted = frame[ETHERNET:][: _QUOTED[packet.family]]
    body = struct.pack("!BBHI", _UNREACHABLE[packet.family], answer, 0, 0) + quoted
    return _framed(frame, header, ICMP if packet.family == 4 else ICMPV6, body)


def _reset(header: Header, flags: int) -> bytes:
    body = header.body
    source, destination, sequence, acknowledged = struct.unpack_from("!HHII", body)
    if flags & FLAGS["ack"]:
        numbers, answer = (acknowledged, 0), FLAGS["rst"]
    else:
        length = len(body) - (body[12] >> 4) * 4
        length += bool(flags & FLAGS["syn"]) + bool(flags & FLAGS["fin"])
        numbers, answer = (0, (sequence + length) & 0xFFFFFFFF), FLAGS["rst"] | FLAGS["ack"]
    return struct.pack("!HHIIBBHHH", destination, source, *numbers, 5 << 4, answer, 0, 0, 0)


def _framed(frame: bytes, header: Header, protocol: int, body: bytes) -> bytes:
    """Send a body back to where a frame came from, checksums made."""
    source, destination = header.destination.packed, header.source.packed
    at = {TCP: 16}.get(protocol, 2)
    pseudo = source + destination + struct.pack("!II", len(body), protocol)
    check = checksum(body if protocol == ICMP else pseudo + body)
    body = body[:at] + struct.pack("!H", check) + body[at + 2 :]
    ends = frame[6:12] + frame[:6] + frame[12:14]
    if int.from_bytes(frame[12:14]) == IPV4:
        plain = struct.pack("!BBHIBBH", 0x45, 0, 20 + len(body), 0, 64, protocol, 0)
        sum_ = struct.pack("!H", checksum(plain + source + destination))
        return ends + plain[:10] + sum_ + source + destination + body
    first = struct.pack("!IHBB", 6 << 28, len(body), protocol, 64)
    return ends + first + source + destination + body


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
