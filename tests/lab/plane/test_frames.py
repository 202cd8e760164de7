"""Frames to packets as rules see them."""

import pytest

from knockctl.lab.plane.frames import Malformed, parse
from tests.fixtures.frames import ACK, CLIENT, DEVICE, SYN, frame, icmp, packed, seen, tcp, udp


@pytest.mark.parametrize("family", [4, 6])
def test_a_segment_is_read(family):
    packet = seen(tcp(888, SYN | ACK, 1234, b"data"), family).packet
    assert (str(packet.source), str(packet.destination)) == (CLIENT[family], DEVICE[family])
    assert (packet.protocol, packet.port, packet.source_port) == ("tcp", 888, 1234)
    assert (packet.flags, packet.payload, packet.ttl) == (SYN | ACK, b"data", 61)
    assert packet.interface == "ether1"


@pytest.mark.parametrize("family", [4, 6])
def test_a_datagram_is_read_without_what_ethernet_pads_it_with(family):
    padded = frame(udp(888, data=b"x"), family) + bytes(20)
    packet = parse(padded, "ether1").packet
    assert (packet.protocol, packet.port, packet.payload) == ("udp", 888, b"x")


@pytest.mark.parametrize(("family", "kind"), [(4, 8), (6, 128)])
def test_an_echo_has_its_identifier_for_a_port(family, kind):
    packet = seen(icmp(kind, family), family).packet
    assert packet.protocol == {4: "icmp", 6: "icmpv6"}[family]
    assert (packet.icmp, packet.port, packet.source_port) == (kind << 8, 0x1234, 0x1234)


def test_other_protocols_go_by_their_number():
    assert seen((47, b"gre.")).packet.protocol == "47"


def test_headers_chained_to_ipv6_are_passed_over():
    chain = bytes([17, 0]) + bytes(6) + bytes(udp(888)[1])
    assert seen((60, chain), 6).packet.port == 888


@pytest.mark.parametrize("kind", range(133, 138))
def test_neighbour_discovery_passes_unjudged(kind):
    assert parse(frame(icmp(kind, 6, bytes(20)), 6), "ether1") is None


def test_arp_and_later_fragments_pass_unjudged():
    assert parse(bytes(12) + b"\x08\x06" + bytes(28), "ether1") is None
    assert parse(frame((17, b"the rest of a datagram"), _flags_offset=3), "ether1") is None
    fragment = bytes([17, 0, 0, 8, 0, 0, 0, 1]) + b"the rest"
    assert parse(frame((44, fragment), 6), "ether1") is None


def test_what_is_neither_ip_nor_arp_goes_nowhere():
    with pytest.raises(Malformed):
        parse(bytes(12) + b"\x88\xcc" + bytes(28), "ether1")


def test_the_first_fragment_is_judged():
    fragment = bytes([17, 0, 0, 1, 0, 0, 0, 1]) + bytes(udp(888)[1])
    assert seen((44, fragment), 6).packet.port == 888


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("layer", [tcp(), udp(), icmp(8), icmp(128, 6)])
def test_whatever_is_cut_off_is_read_or_malformed(family, layer):
    whole = frame(layer, family)
    for length in range(14, len(whole)):
        try:
            parse(whole[:length], "ether1")
        except Malformed:
            continue


def test_an_icmp_error_tells_what_it_is_about():
    inner = bytes(packed(udp(5353, 40001), source=DEVICE[4], target=CLIENT[4]))[:28]
    about = seen(icmp(3, data=bytes(4) + inner)).about
    assert (about.protocol, about.port, about.source_port) == ("udp", 5353, 40001)
    assert str(about.source) == DEVICE[4]
