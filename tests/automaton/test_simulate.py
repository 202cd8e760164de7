"""Traces: written by hand, recorded by a network, played through policies and devices."""

import io
from ipaddress import ip_address

import dpkt
import pytest

from knockctl.automaton.packet import Scope, WirePacket
from knockctl.automaton.reference import Site
from knockctl.errors import UsageError
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl.simulate.play import play
from knockctl.simulate.traces import Flows, parse_words, read_file
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.render.render import render
from knockctl_iptables.semantics import LinuxModel, ours

ME, DEVICE = ip_address("203.0.113.7"), ip_address("192.0.2.1")
LIKES = WirePacket(ME, DEVICE, "tcp")
P = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("tcp", 1001), Knock("udp", 1002))),),
    step_timeout=10,
    services=(Span("tcp", 22, 22),),
    grant_duration=60,
    uses="single",
    wrong_knock="lockout",
    lockout=30,
)
SITE, SCOPE = Site((P,)), Scope((DEVICE,))


def said(trace, model=None):
    return [(step.expected.value, *step.rules) for step in play(SITE, SCOPE, trace, model)]


def test_words_of_a_command_line():
    trace = list(parse_words(["tcp/1001", "udp/1002@2.5s", "tcp/22:ack", "icmp"], LIKES))
    assert [sent.at for sent in trace] == [0.0, 2.5, 2.6, 2.7]
    assert [str(sent.packet) for sent in trace] == [
        "tcp/1001 SYN",
        "udp/1002",
        "tcp/22 ACK",
        "icmp",
    ]
    assert len({sent.packet.source_port for sent in trace}) == 4


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["ssh"], "'ssh' is not a packet"),
        (["tcp/70000"], "is not a packet"),
        (["tcp/0"], "is not a packet"),
        (["tcp/22:hello"], "'hello' is no TCP flag"),
        (["tcp/22@1", "tcp/22@0.5"], "before the packet above"),
        (["tcp/22@1.2.3"], "is no time"),
    ],
)
def test_what_is_no_packet_is_told_with_its_place(words, error):
    with pytest.raises(UsageError, match=error) as caught:
        list(parse_words(words, LIKES))
    assert "packet" in str(caught.value.where)


def test_a_file_of_packets(tmp_path):
    path = tmp_path / "trace.txt"
    path.write_text(
        "# an honest client\n0 tcp/1001\n1.5 203.0.113.9 tcp/1001  # somebody else\n"
        "2 udp/1002=open_sesame\n\ntcp/22\n"
    )
    trace = list(read_file(path, LIKES, [DEVICE]))
    assert [(s.at, str(s.packet.source)) for s in trace][1] == (1.5, "203.0.113.9")
    assert trace[2].packet.payload == b"open_sesame"
    assert said(trace) == [("refuse", "4"), ("refuse", "4"), ("refuse", "4"), ("accept", "2")]
    path.write_text("0 tcp/1001\nnonsense here and there\n")
    with pytest.raises(UsageError) as caught:
        list(read_file(path, LIKES, [DEVICE]))
    assert str(caught.value).startswith(f"{path}:2")
    path.write_text("300.1.2.3 tcp/22\n")
    with pytest.raises(UsageError, match="not an address"):
        list(read_file(path, LIKES, []))
    with pytest.raises(UsageError, match="can't be read"):
        list(read_file(tmp_path / "none", LIKES, []))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="neither a trace nor"):
        list(read_file(path, LIKES, []))


def captured(packets, writer=dpkt.pcap.Writer, family=4):
    """A capture of ``(time, source, target, layer)``."""
    file = io.BytesIO()
    capture = writer(file)
    for at, source, target, layer in packets:
        number = 6 if isinstance(layer, dpkt.tcp.TCP) else 17
        if family == 4:
            ip = dpkt.ip.IP(src=source.packed, dst=target.packed, p=number, data=layer)
            ip.len = len(ip)
            frame = dpkt.ethernet.Ethernet(data=ip)
        else:
            ip = dpkt.ip6.IP6(src=source.packed, dst=target.packed, nxt=number, data=layer)
            ip.plen = len(layer)
            frame = dpkt.ethernet.Ethernet(type=dpkt.ethernet.ETH_TYPE_IP6, data=ip)
        capture.writepkt(bytes(frame), ts=1000 + at)
    return file.getvalue()


def tcp(sport, dport, flags):
    return dpkt.tcp.TCP(sport=sport, dport=dport, flags=flags)


def udp(sport, dport, data=b"x"):
    layer = dpkt.udp.UDP(sport=sport, dport=dport, data=data)
    layer.ulen = len(layer)
    return layer


@pytest.mark.parametrize("writer", [dpkt.pcap.Writer, dpkt.pcapng.Writer])
def test_a_capture_of_a_whole_visit(tmp_path, writer):
    path = tmp_path / "visit.pcap"
    path.write_bytes(
        captured(
            [
                (0.0, ME, DEVICE, tcp(4001, 1001, 2)),
                (0.5, ME, DEVICE, udp(4002, 1002)),
                (0.9, ME, DEVICE, tcp(4003, 22, 2)),
                (0.91, DEVICE, ME, tcp(22, 4003, 18)),
                (0.92, ME, DEVICE, tcp(4003, 22, 16)),
                (1.5, ME, DEVICE, tcp(4004, 22, 2)),
                (1.6, ME, ip_address("192.0.2.99"), tcp(4005, 22, 2)),
            ],
            writer,
        )
    )
    trace = list(read_file(path, LIKES, [DEVICE]))
    assert said(trace) == [
        ("refuse", "4"),
        ("refuse", "4"),
        ("accept", "2"),
        ("accept", "known flow"),
        ("refuse", "5"),
    ]
    model = LinuxModel(ours(render([P], LinuxPlacement()).config))
    played = list(play(SITE, SCOPE, trace, model))
    assert not any(step.differs for step in played)
    assert played[3].device_rules[-1].endswith("-j ACCEPT")


def test_a_capture_in_ipv6_and_a_broken_one(tmp_path):
    path = tmp_path / "six.pcap"
    six = ip_address("2001:db8::7")
    path.write_bytes(captured([(0, six, six, tcp(1, 1001, 2))], family=6))
    (sent,) = read_file(path, LIKES, [])
    assert (sent.packet.family, sent.packet.port) == (6, 1001)
    path.write_bytes(b"\xd4\xc3\xb2\xa1short")
    with pytest.raises(UsageError, match="can't be read"):
        list(read_file(path, LIKES, []))


def test_flows_are_known_as_connection_tracking_knows_them():
    flows = Flows()
    syn = WirePacket(ME, DEVICE, "tcp", 22, 4000)
    assert flows.of(syn) == "fresh"
    flows.accepted(syn)
    assert flows.of(syn) == "unanswered"
    flows.answered(WirePacket(DEVICE, ME, "tcp", 4000, 22, 18))
    assert flows.of(syn) == "known"
    assert flows.of(WirePacket(ME, DEVICE, "tcp", 23, 4000, 16)) == "fresh"
    assert flows.of(WirePacket(ME, DEVICE, "tcp", 23, 4000, 1)) == "invalid"


def test_each_step_says_why_and_where_the_source_is_then():
    steps = list(play(SITE, SCOPE, parse_words(["tcp/1001", "udp/1002", "tcp/9@1"], LIKES)))
    assert steps[0].why == "the next knock"
    assert steps[0].state == ("p: 1 of 2 knocks, 10 s left",)
    assert steps[1].state == ("p: in for 60 s",)
    locked = list(play(SITE, SCOPE, parse_words(["tcp/1001", "tcp/9"], LIKES)))[-1]
    assert (locked.why, locked.state) == ("a wrong knock", ("p: locked out for 30 s",))


def test_a_packet_to_somewhere_else_is_not_ours():
    elsewhere = WirePacket(ME, ip_address("192.0.2.50"), "tcp")
    (step,) = play(SITE, SCOPE, parse_words(["tcp/22"], elsewhere))
    assert (step.expected.value, step.why) == ("pass", "not to a protected address")
