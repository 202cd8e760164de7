"""What is sent back where a refusal is no silence."""

from dataclasses import replace
from ipaddress import ip_address

import dpkt
import pytest

from knockctl.lab.plane import answers
from tests.fixtures.frames import (
    ACK,
    CLIENT,
    DEVICE,
    FIN,
    RST,
    SYN,
    frame,
    icmp,
    packed,
    seen,
    tcp,
    udp,
)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("layer", "numbers"),
    [
        (tcp(22, SYN, seq=7), (0, 8, RST | ACK)),
        (tcp(22, ACK, seq=7, ack=99, data=b"abc"), (99, 0, RST)),
        (tcp(22, FIN, seq=7, data=b"abc"), (0, 11, RST | ACK)),
    ],
)
def test_a_reset_answers_a_segment(family, layer, numbers):
    answer = answers.rejection(frame(layer, family), seen(layer, family), "tcp-reset")
    packet = dpkt.ethernet.Ethernet(answer).data
    assert (packet.src, packet.dst) == (
        ip_address(DEVICE[family]).packed,
        ip_address(CLIENT[family]).packed,
    )
    segment = packet.data
    assert (segment.sport, segment.dport) == (22, 40000)
    assert (segment.seq, segment.ack, segment.flags) == numbers
    assert sums_right(answer)


def sums_right(answer):
    """Have dpkt make the checksums again."""
    ethernet = dpkt.ethernet.Ethernet(answer)
    packet = ethernet.data
    found = packet.data.sum
    packet.data.sum = 0
    if isinstance(packet, dpkt.ip.IP):
        packet.sum = 0
    again = dpkt.ethernet.Ethernet(bytes(ethernet))
    return again.data.data.sum == found and bytes(again) == answer


@pytest.mark.parametrize(("family", "kind"), [(4, (3, 0)), (4, (3, 13)), (6, (1, 0)), (6, (1, 4))])
def test_an_icmp_message_quotes_what_it_answers(family, kind):
    sent = frame(udp(888), family)
    answer = answers.rejection(sent, seen(udp(888), family), kind[1])
    message = dpkt.ethernet.Ethernet(answer).data.data
    assert (message.type, message.code) == kind
    assert bytes(message).endswith(sent[14:])
    assert sums_right(answer)


def test_what_must_not_be_answered_is_not():
    reset = tcp(22, RST)
    assert answers.rejection(frame(reset), seen(reset), "tcp-reset") is None
    assert answers.rejection(frame(udp()), seen(udp()), "tcp-reset") is None
    inner = bytes(packed(udp(), source=DEVICE[4], target=CLIENT[4]))
    error = icmp(3, data=bytes(4) + inner)
    assert answers.rejection(frame(error), seen(error), 1) is None
    everyone = seen(udp())
    everyone = replace(everyone, packet=replace(everyone.packet, destination_type="BROADCAST"))
    assert answers.rejection(frame(udp()), everyone, 1) is None
