"""Traces as people write them, or as a network recorded them.

A packet is written ``tcp/1234``, with flags ``tcp/22:ack``, with a time ``tcp/1234@2.5``
(seconds), with a passphrase ``udp/888=sesame``. In a file each line may begin with a time and a
source: ``2.5 198.51.100.100 tcp/1234``; what follows a ``#`` is a remark. Captures are pcap or
pcapng files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from knockctl.automaton.packet import FLAGS, Address, Flow, WirePacket
from knockctl.errors import UsageError, Where

DEFAULT_GAP = 0.1
"""Seconds between packets that say no time."""
_PACKET = re.compile(
    r"(?P<protocol>tcp|udp|icmp)(?:/(?P<port>[0-9]{1,5}))?"
    r"(?::(?P<flags>[a-z,]+))?(?:=(?P<payload>[^@]*))?(?:@(?P<at>[0-9.]+)s?)?"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One packet of a trace."""

    at: float
    packet: WirePacket
    reply: bool = False
    """It went the other way: from the device to a client."""


def parse_packet(text: str, likes: WirePacket, where: Where) -> tuple[float | None, WirePacket]:
    """Read one packet; raise ``UsageError`` saying what would be right."""
    match = _PACKET.fullmatch(text.strip())
    port = int(match["port"] or 0) if match else 0
    needs_port = bool(match) and match["protocol"] != "icmp" if match else False
    if not match or port > 65535 or (needs_port and not port):
        raise UsageError(
            f"{text!r} is not a packet",
            hint="write tcp/1234, tcp/22:ack, udp/53@2.5 (seconds) or udp/888=passphrase",
            where=where,
        )
    protocol = match["protocol"]
    if protocol == "icmp" and likes.family == 6:
        protocol = "icmpv6"
    packet = replace(
        likes,
        protocol=protocol,
        port=port,
        flags=_flags(match["flags"], where) if protocol == "tcp" else 0,
        payload=(match["payload"] or "").encode(),
    )
    return _seconds(match["at"], where) if match["at"] else None, packet


def _flags(text: str | None, where: Where) -> int:
    if text is None:
        return FLAGS["syn"]
    words = [] if text == "none" else text.split(",")
    unknown = [word for word in words if word not in FLAGS]
    if unknown:
        known = ", ".join((*FLAGS, "none"))
        raise UsageError(f"{unknown[0]!r} is no TCP flag; known are {known}", where=where)
    return sum(FLAGS[word] for word in words)


def _seconds(text: str, where: Where) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time in seconds", where=where) from None


def parse_words(words: Sequence[str], likes: WirePacket) -> Iterator[Sent]:
    """Read packets from a command line; each is a flow of its own."""
    lines = [(text, Where(field=f"packet {n}")) for n, text in enumerate(words, start=1)]
    yield from Reader(lines)(likes)


@dataclass
class Reader:
    """Lines of a trace, read in order."""

    lines: Sequence[tuple[str, Where]]

    def __call__(self, likes: WirePacket) -> Iterator[Sent]:
        """Yield the packets; ``likes`` has what a line doesn't say."""
        now = -DEFAULT_GAP
        for number, (line, where) in enumerate(self.lines):
            words = line.split()
            at = _seconds(words.pop(0), where) if _is_number(words[0]) else None
            source = likes.source
            if len(words) > 1:
                source = _address(words.pop(0), where)
            if len(words) != 1:
                raise UsageError(
                    f"{line!r} is not a line of a trace",
                    hint="write [TIME] [SOURCE] PACKET, such as: 2.5 198.51.100.100 tcp/1234",
                    where=where,
                )
            # Packets that don't say so belong to flows of their own.
            like = replace(likes, source=source, source_port=20000 + number % 40000)
            own, packet = parse_packet(words[0], like, where)
            at = own if own is not None else at
            later = at if at is not None else now + DEFAULT_GAP
            if later < now:
                raise UsageError(
                    f"{line!r} is at {later:g} s, before the packet above it", where=where
                )
            now = round(later, 6)
            yield Sent(now, packet)


def _is_number(word: str) -> bool:
    return bool(re.fullmatch(r"[0-9]+(\.[0-9]*)?", word))


def _address(text: str, where: Where) -> Address:
    try:
        return ip_address(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an address", where=where) from None


def read_file(path: Path, likes: WirePacket, devices: Sequence[Address]) -> Iterator[Sent]:
    """Read a trace or a capture; ``devices`` are the addresses packets must go to."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    if data[:4] in _CAPTURES:
        yield from _capture(path, data, likes, devices)
        return
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is neither a trace nor a pcap or pcapng capture") from None
    lines = (
        (line.partition("#")[0].strip(), Where(file=str(path), line=number))
        for number, line in enumerate(text.splitlines(), start=1)
    )
    yield from Reader([(line, where) for line, where in lines if line])(likes)


# --- captures ---------------------------------------------------------------------------------

_CAPTURES = (
    *(b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"),
    b"\x0a\x0d\x0d\x0a",
)


def _capture(
    path: Path, data: bytes, likes: WirePacket, devices: Sequence[Address]
) -> Iterator[Sent]:
    import io

    import dpkt

    try:
        reader = dpkt.pcap.UniversalReader(io.BytesIO(data))
        first: float | None = None
        for at, frame in reader:
            packet = _decoded(_network_layer(frame, reader.datalink()), likes)
            if packet is None:
                continue
            first = at if first is None else first
            if not devices or packet.destination in devices:
                yield Sent(round(float(at - first), 6), packet)
            elif packet.source in devices:
                yield Sent(round(float(at - first), 6), packet, reply=True)
    except (dpkt.Error, ValueError) as error:
        raise UsageError(f"{path} is a capture that can't be read: {error}") from None


def _network_layer(frame: bytes, datalink: int) -> object:
    """Unpack a frame of Ethernet, Linux' cooked form, or bare IP."""
    import dpkt

    if datalink == dpkt.pcap.DLT_EN10MB:
        return dpkt.ethernet.Ethernet(frame).data
    if datalink == dpkt.pcap.DLT_LINUX_SLL:
        return dpkt.sll.SLL(frame).data
    return dpkt.ip6.IP6(frame) if frame[0] >> 4 == 6 else dpkt.ip.IP(frame)


def _decoded(layer: object, likes: WirePacket) -> WirePacket | None:
    import dpkt

    if not isinstance(layer, dpkt.ip.IP | dpkt.ip6.IP6):
        return None
    packet = replace(
        likes, source=ip_address(layer.src), destination=ip_address(layer.dst), flags=0, port=0
    )
    inner = layer.data
    if isinstance(inner, dpkt.tcp.TCP):
        return replace(
            packet,
            protocol="tcp",
            port=inner.dport,
            source_port=inner.sport,
            flags=inner.flags & 63,
        )
    if isinstance(inner, dpkt.udp.UDP):
        return replace(
            packet,
            protocol="udp",
            port=inner.dport,
            source_port=inner.sport,
            payload=bytes(inner.data),
        )
    return replace(packet, protocol="icmp" if packet.family == 4 else "icmpv6")


# --- flows ------------------------------------------------------------------------------------


ECHO = {"icmp": 8 << 8, "icmpv6": 128 << 8}


class Flows:
    """Remembers which flows were accepted and answered, as connection tracking would."""

    def __init__(self) -> None:
        """Know no flow."""
        self._flows: dict[tuple[object, ...], Flow] = {}

    def of(self, packet: WirePacket) -> Flow:
        """Return what a packet's flow is when the packet arrives."""
        known = self._flows.get(_tuple(packet))
        if known or packet.protocol != "tcp" or packet.opening:
            return known or "fresh"
        # Connection tracking takes up a flow in the middle of it (tcp_loose), but only on an ACK.
        bare = packet.flags & (FLAGS["syn"] | FLAGS["fin"] | FLAGS["rst"]) == 0
        return "fresh" if bare and packet.flags & FLAGS["ack"] else "invalid"

    def accepted(self, packet: WirePacket) -> None:
        """Note that a packet was let in."""
        self._flows.setdefault(_tuple(packet), "unanswered")
        middle = packet.protocol == "tcp" and not packet.opening
        # An ACK in an accepted flow comes after the answer it acknowledges, and an echo
        # request is answered at once.
        if middle or (packet.protocol in ECHO and packet.icmp == ECHO[packet.protocol]):
            self._flows[_tuple(packet)] = "known"

    def answered(self, reply: WirePacket) -> None:
        """Note a packet of the other direction."""
        ports = (reply.port, reply.source_port) if reply.protocol in ("tcp", "udp") else ()
        key = (reply.destination, reply.source, reply.protocol, *ports)
        if reply.protocol == "tcp" and reply.flags & FLAGS["rst"]:
            self._flows.pop(key, None)
        elif key in self._flows:
            self._flows[key] = "known"


def _tuple(packet: WirePacket) -> tuple[object, ...]:
    ports = (packet.source_port, packet.port) if packet.protocol in ("tcp", "udp") else ()
    return (packet.source, packet.destination, packet.protocol, *ports)
