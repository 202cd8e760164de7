"""The router's data plane without its wires: frames, answers, flows, and rules at work."""

import functools
from dataclasses import replace
from ipaddress import ip_address

import dpkt
import pytest

from knockctl.automaton.wire import FLAGS
from knockctl_routeros.plane import answers
from knockctl_routeros.plane.connections import Connections
from knockctl_routeros.plane.frames import Malformed, parse
from knockctl_routeros.plane.judge import Judge
from knockctl_routeros.plane.tracker import Tracker
from knockctl_routeros.twin import Clock, Router, Switches

CLIENT = {4: "198.51.100.100", 6: "2001:db8:51::100"}
ROUTER = {4: "198.51.100.12", 6: "2001:db8:51::12"}
SYN, ACK, RST, FIN = (FLAGS[name] for name in ("syn", "ack", "rst", "fin"))
START = 1_780_000_000.0


def tcp(port=22, flags=SYN, sport=40000, data=b"", seq=7, ack=0):
    return 6, dpkt.tcp.TCP(sport=sport, dport=port, flags=flags, seq=seq, ack=ack, data=data)


def udp(port=53, sport=40000, data=b"hello"):
    return 17, dpkt.udp.UDP(sport=sport, dport=port, ulen=8 + len(data), data=data)


def icmp(kind=8, family=4, data=b"\x12\x34\0\1"):
    if family == 4:
        return 1, dpkt.icmp.ICMP(type=kind, data=data)
    return 58, dpkt.icmp6.ICMP6(type=kind, data=data)


def packed(layer, family=4, source=None, target=None, **more):
    protocol, body = layer
    ends = {
        "src": ip_address(source or CLIENT[family]).packed,
        "dst": ip_address(target or ROUTER[family]).packed,
        "data": body,
        **more,
    }
    if family == 6:
        return dpkt.ip6.IP6(nxt=protocol, p=protocol, hlim=61, plen=len(bytes(body)), **ends)
    return dpkt.ip.IP(p=protocol, ttl=61, len=20 + len(bytes(body)), **ends)


def frame(layer, family=4, **more):
    packet = packed(layer, family, **more)
    kind = 0x0800 if family == 4 else 0x86DD
    ends = {"src": b"\2client", "dst": b"\2route"[:6].ljust(6, b"r")}
    ends["src"] = ends["src"][:6]
    return bytes(dpkt.ethernet.Ethernet(type=kind, data=packet, **ends))


def seen(layer, family=4, **more):
    found = parse(frame(layer, family, **more), "ether1")
    return replace(found, packet=replace(found.packet, destination_type="LOCAL"))


def reply(layer, family=4):
    return seen(layer, family, source=ROUTER[family], target=CLIENT[family])


# --- frames ---


@pytest.mark.parametrize("family", [4, 6])
def test_a_segment_is_read(family):
    packet = seen(tcp(888, SYN | ACK, 1234, b"data"), family).packet
    assert (str(packet.source), str(packet.destination)) == (CLIENT[family], ROUTER[family])
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
    inner = bytes(packed(udp(5353, 40001), source=ROUTER[4], target=CLIENT[4]))[:28]
    about = seen(icmp(3, data=bytes(4) + inner)).about
    assert (about.protocol, about.port, about.source_port) == ("udp", 5353, 40001)
    assert str(about.source) == ROUTER[4]


# --- answers ---


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
        ip_address(ROUTER[family]).packed,
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


@pytest.mark.parametrize(
    ("family", "how", "kind"),
    [
        (4, "icmp-network-unreachable", (3, 0)),
        (4, "icmp-admin-prohibited", (3, 13)),
        (6, "icmp-no-route", (1, 0)),
        (6, "icmp-port-unreachable", (1, 4)),
    ],
)
def test_an_icmp_message_quotes_what_it_answers(family, how, kind):
    sent = frame(udp(888), family)
    answer = answers.rejection(sent, seen(udp(888), family), how)
    message = dpkt.ethernet.Ethernet(answer).data.data
    assert (message.type, message.code) == kind
    assert bytes(message).endswith(sent[14:])
    assert sums_right(answer)


def test_what_must_not_be_answered_is_not():
    reset = tcp(22, RST)
    assert answers.rejection(frame(reset), seen(reset), "tcp-reset") is None
    assert answers.rejection(frame(udp()), seen(udp()), "tcp-reset") is None
    inner = bytes(packed(udp(), source=ROUTER[4], target=CLIENT[4]))
    error = icmp(3, data=bytes(4) + inner)
    assert answers.rejection(frame(error), seen(error), "icmp-host-unreachable") is None
    everyone = seen(udp())
    everyone = replace(everyone, packet=replace(everyone.packet, destination_type="BROADCAST"))
    assert answers.rejection(frame(udp()), everyone, "icmp-host-unreachable") is None


# --- flows ---


@pytest.fixture
def tracker():
    return Tracker()


def handshake(tracker, now=0.0, sport=40000):
    tracker.accepted(seen(tcp(22, SYN, sport)), now)
    tracker.accepted(reply((6, tcp(sport, SYN | ACK, 22)[1])), now)
    tracker.accepted(seen(tcp(22, ACK, sport)), now)


def test_a_connection_is_known_once_it_was_answered(tracker):
    first, second = seen(tcp()), seen(tcp(22, ACK))
    assert tracker.flow(first, 0) == "fresh"
    tracker.accepted(first, 0)
    assert tracker.flow(first, 0.1) == "unanswered"
    tracker.accepted(reply(tcp(40000, SYN | ACK, 22)), 0.2)
    assert tracker.flow(second, 0.3) == "known"


def test_a_refused_packet_leaves_no_flow(tracker):
    assert tracker.flow(seen(tcp()), 0) == "fresh"
    assert tracker.flow(seen(tcp()), 1) == "fresh"


@pytest.mark.parametrize(
    ("flags", "flow"),
    [
        (ACK, "fresh"),
        (SYN | ACK, "invalid"),
        (RST, "invalid"),
        (FIN | ACK, "invalid"),
        (0, "invalid"),
    ],
)
def test_a_segment_of_no_flow(tracker, flags, flow):
    assert tracker.flow(seen(tcp(22, flags)), 0) == flow


def test_an_unanswered_syn_is_forgotten_after_five_seconds(tracker):
    tracker.accepted(seen(tcp()), 0)
    assert tracker.flow(seen(tcp()), 4.9) == "unanswered"
    assert tracker.flow(seen(tcp()), 5) == "fresh"


def test_an_idle_connection_lasts_a_day(tracker):
    handshake(tracker)
    assert tracker.flow(seen(tcp(22, ACK)), 86_399) == "known"
    assert tracker.flow(seen(tcp(22, FIN)), 86_400) == "invalid"


def test_a_closed_port_leaves_room_for_another_try(tracker):
    tracker.accepted(seen(tcp()), 0)
    tracker.accepted(reply(tcp(40000, RST | ACK, 22)), 0)
    assert tracker.flow(seen(tcp()), 1) == "fresh"
    assert tracker.flow(seen(tcp(22, ACK)), 1) == "known"


def test_a_closed_connection_is_over_after_ten_seconds(tracker):
    handshake(tracker)
    tracker.accepted(seen(tcp(22, FIN | ACK)), 1)
    assert [flow.state for flow in tracker.live(1)] == ["fin-wait"]
    tracker.accepted(reply(tcp(40000, FIN | ACK, 22)), 1)
    assert [flow.state for flow in tracker.live(1)] == ["time-wait"]
    assert tracker.flow(seen(tcp(22, ACK)), 10.9) == "known"
    assert tracker.flow(seen(tcp(22, SYN)), 2) == "fresh"
    assert not list(tracker.live(11))


def test_datagrams_become_a_stream_after_two_seconds(tracker):
    tracker.accepted(seen(udp(53)), 0)
    assert tracker.flow(seen(udp(53)), 9.9) == "unanswered"
    assert tracker.flow(seen(udp(53)), 10) == "fresh"
    tracker.accepted(reply(udp(40000, 53)), 1)
    assert tracker.flow(seen(udp(53)), 10.9) == "known"
    tracker.accepted(seen(udp(53)), 3.5)
    assert tracker.flow(seen(udp(53)), 183) == "known"
    assert tracker.flow(seen(udp(53)), 183.5) == "fresh"


def test_what_the_router_began_is_known_when_it_is_answered(tracker):
    tracker.accepted(reply(udp(40000, 53)), 0)
    assert tracker.flow(seen(udp(53)), 1) == "known"


@pytest.mark.parametrize(("family", "ask", "answer"), [(4, 8, 0), (6, 128, 129)])
def test_an_echo_begins_a_flow_and_its_answer_none(tracker, family, ask, answer):
    assert tracker.flow(seen(icmp(answer, family), family), 0) == "invalid"
    assert tracker.flow(seen(icmp(ask, family), family), 0) == "fresh"
    tracker.accepted(reply(icmp(ask, family), family), 0)
    assert tracker.flow(seen(icmp(answer, family), family), 0) == "known"


def test_listener_reports_are_not_tracked(tracker):
    assert tracker.flow(seen(icmp(143, 6, bytes(8)), 6), 0) == "untracked"


def test_an_error_is_related_to_a_flow_or_invalid(tracker):
    inner = bytes(packed(udp(40000, 53), source=ROUTER[4], target=CLIENT[4]))
    error = seen(icmp(3, data=bytes(4) + inner))
    assert tracker.flow(error, 0) == "invalid"
    tracker.accepted(seen(udp(53)), 0)
    assert tracker.flow(error, 0) == "related"
    tracker.accepted(error, 0)
    assert len(list(tracker.live(0))) == 1, "an error is no flow of its own"


def test_flows_that_are_over_are_swept_away(tracker):
    for sport in range(1000, 1100):
        tracker.accepted(seen(udp(53, sport)), 0)
    tracker.accepted(seen(udp(53)), 100)
    assert len(tracker._flows) == 1


# --- rules at work ---

KNOCKS = """/ip firewall filter
add chain=input action=accept connection-state=established,related,untracked
add chain=input action=accept protocol=tcp dst-port=22 src-address-list=secured connection-state=new
add chain=input action=add-src-to-address-list address-list=secured address-list-timeout=30m \
    protocol=tcp dst-port=222 src-address-list=555 in-interface-list=WAN
add chain=input action=add-src-to-address-list address-list=555 address-list-timeout=30s \
    protocol=tcp dst-port=555 src-address-list=888 in-interface-list=WAN
add chain=input action=add-src-to-address-list address-list=888 address-list-timeout=30s \
    protocol=tcp dst-port=888 in-interface-list=WAN
add chain=input action=drop in-interface-list=WAN
"""


class Bench:
    """A router, its clock at our command, and packets put before its judge."""

    def __init__(self, text="", **switches):
        self.router = Router(Switches(**switches), clock=Clock(START, scale=0))
        self.tracker = Tracker()
        local = [ip_address(address) for address in (*ROUTER.values(), "192.0.2.12")]
        self.judge = Judge(self.router, self.tracker, local, ["198.51.100.0/24"])
        self.router.on_change = self.judge.changed
        for path in ("/ip/firewall/connection", "/ipv6/firewall/connection"):
            now = self.router.clock.now
            self.router._tables[path] = Connections(path, self.tracker, now)
        self.router.load(text.replace("\\\n", ""))
        self.sport = 20000

    def send(self, layer, family=4, interface="ether1", **more):
        found = seen(layer, family, **more)
        found = replace(found, packet=replace(found.packet, interface=interface))
        return self.judge.judge(self.judge.addressed(found))

    def knock(self, *ports, family=4, **more):
        for port in ports:
            self.sport += 1
            last = self.send(tcp(port, sport=self.sport), family, **more)
        return last.accepted

    def listed(self, path="/ip/firewall/address-list"):
        return {(row["list"], row["address"]): row.get("timeout") for row in self.router.rows(path)}

    def do(self, text):
        self.router.load(text)

    wait = functools.partialmethod(lambda self, seconds: self.router.clock.advance(seconds))


def test_without_rules_everything_is_accepted():
    bench = Bench()
    assert bench.send(tcp()).accepted
    assert bench.send(tcp(), 6).accepted
    assert not bench.send(tcp(), target="198.51.100.11").accepted, "nothing is forwarded"


def test_a_sequence_opens_and_a_wrong_order_does_not():
    bench = Bench(KNOCKS)
    assert not bench.knock(22)
    assert not bench.knock(888, 222, 555, 22)
    assert bench.knock(888, 555, 222, 22)
    assert not bench.knock(22, source="198.51.100.101")


def test_lists_show_who_is_on_them_and_for_how_long():
    bench = Bench(KNOCKS)
    bench.knock(888)
    assert bench.listed() == {("888", CLIENT[4]): "30s"}
    bench.wait(10)
    assert bench.listed() == {("888", CLIENT[4]): "20s"}
    bench.wait(20)
    assert bench.listed() == {}
    assert not bench.knock(555)
    assert bench.listed() == {}


def test_a_repeated_knock_has_the_full_time_again_unless_the_switch_says_no():
    for refresh, left in ((True, "30s"), (False, "10s")):
        bench = Bench(KNOCKS, refresh=refresh)
        bench.knock(888)
        bench.wait(20)
        bench.knock(888)
        assert bench.listed() == {("888", CLIENT[4]): left}


def test_removing_an_address_closes():
    bench = Bench(KNOCKS)
    bench.knock(888, 555, 222)
    assert bench.knock(22)
    bench.do("/ip firewall address-list remove [find list=secured]")
    assert not bench.knock(22)


def test_a_flow_goes_on_after_its_grant():
    bench = Bench(KNOCKS)
    bench.knock(888, 555, 222)
    assert bench.send(tcp(22, SYN, 1)).accepted
    bench.tracker.accepted(reply(tcp(1, SYN | ACK, 22)), bench.router.clock.now())
    assert bench.send(tcp(22, ACK, 1)).accepted
    bench.wait(3600)
    assert not bench.knock(22)
    assert bench.send(tcp(22, ACK, 1)).accepted
    bench.do("/ip firewall connection remove [find]")
    assert not bench.send(tcp(22, ACK, 1)).accepted


def test_other_changes_leave_lists_alone():
    bench = Bench(KNOCKS)
    bench.knock(888)
    bench.wait(10)
    bench.do("/ip firewall filter add chain=forward action=drop")
    assert bench.knock(555) is False
    assert bench.listed() == {("888", CLIENT[4]): "20s", ("555", CLIENT[4]): "30s"}
    bench.wait(20)
    assert bench.knock(555, 222, 22)


@pytest.mark.parametrize("address", [CLIENT[4], "198.51.100.0/25", "198.51.100.90-198.51.100.101"])
@pytest.mark.parametrize("timeout", ["", "timeout=1m"])
@pytest.mark.parametrize("rules", [KNOCKS, KNOCKS.replace("list=secured", "list=friends", 1)])
def test_an_address_put_on_a_list_by_hand(address, timeout, rules):
    bench = Bench(rules)
    name = "friends" if "friends" in rules else "secured"
    bench.do(f"/ip firewall address-list add list={name} address={address} {timeout}")
    assert bench.knock(22)
    assert not bench.knock(22, source="198.51.100.200")
    bench.wait(59)
    assert bench.knock(22)
    bench.wait(1)
    assert bench.knock(22) is (not timeout)


@pytest.mark.parametrize(
    ("timeout", "dynamic"), [("none-dynamic", "true"), ("none-static", "false")]
)
def test_an_address_that_stays(timeout, dynamic):
    bench = Bench(KNOCKS.replace("address-list-timeout=30m", f"address-list-timeout={timeout}"))
    assert bench.knock(888, 555, 222, 22)
    (row,) = [r for r in bench.router.rows("/ip/firewall/address-list") if r["list"] == "secured"]
    assert (row["dynamic"], row.get("timeout")) == (dynamic, None)
    bench.wait(1_000_000)
    assert bench.knock(888, 555, 222, 22)
    bench.router.power_off()
    bench.router.power_on()
    assert bench.knock(22) is (dynamic == "false")


def test_ipv6_has_lists_of_its_own():
    bench = Bench(KNOCKS.replace("/ip ", "/ipv6 "))
    assert not bench.knock(22, family=6)
    assert bench.knock(888, 555, 222, 22, family=6)
    assert bench.knock(22), "IPv4 has no rules"
    names = {name for name, _ in bench.listed("/ipv6/firewall/address-list")}
    assert names == {"888", "555", "secured"}
    bench.do("/ipv6 firewall address-list remove [find list=secured]")
    assert not bench.knock(22, family=6)


def test_interface_lists_are_looked_up():
    bench = Bench(KNOCKS)
    assert bench.knock(22, interface="ether2"), "the drop is for the WAN alone"
    bench.do("/interface list member add list=WAN interface=ether2")
    assert not bench.knock(22, interface="ether2")
    bench.do("/interface list set [find name=WAN] exclude=LAN")
    assert bench.knock(22, interface="ether2")


@pytest.mark.parametrize(
    ("how", "expected"), [("", "icmp-network-unreachable"), ("reject-with=tcp-reset", "tcp-reset")]
)
def test_a_reject_says_how(how, expected):
    bench = Bench(f"/ip firewall filter add chain=input action=reject protocol=tcp {how}")
    assert bench.send(tcp()).reject_with == expected
    assert bench.send(udp()).accepted
    bench.do("/ip firewall filter set [find] action=drop !reject-with")
    assert bench.send(tcp()).reject_with is None


def test_a_disabled_rule_and_one_that_refers_to_nothing_do_nothing():
    bench = Bench("/ip firewall filter add chain=input action=drop disabled=yes")
    assert bench.knock(22)
    bench.do("/interface list add name=gone")
    bench.do("/ip firewall filter add chain=input action=drop in-interface-list=!gone")
    assert not bench.knock(22)
    bench.do("/interface list remove [find name=gone]")
    assert bench.knock(22)


def test_what_raw_exempts_is_no_flow():
    bench = Bench("/ip firewall raw add chain=prerouting action=notrack protocol=udp dst-port=53")
    assert bench.send(udp(53)).accepted
    assert bench.send(udp(54)).accepted
    rows = bench.router.rows("/ip/firewall/connection")
    assert [row["dst-address"] for row in rows] == [f"{ROUTER[4]}:54"]


def test_rules_count_what_they_match():
    bench = Bench("/ip firewall filter add chain=input action=drop protocol=udp")
    size = bench.send(udp(53)) and seen(udp(53)).size
    bench.send(udp(53))
    (row,) = bench.router.rows("/ip/firewall/filter")
    assert (row["packets"], row["bytes"]) == ("2", str(2 * size))


def test_a_rate_is_never_exceeded():
    rule = "add chain=input action=accept protocol=udp limit=1,5:packet"
    bench = Bench(f"/ip firewall filter\n{rule}\nadd chain=input action=drop")
    assert bench.send(udp(53)).accepted


def test_a_connection_is_listed_and_removed():
    bench = Bench()
    bench.send(tcp(22, SYN, 1))
    bench.send(tcp(22, SYN, 1), 6)
    (row,) = bench.router.rows("/ip/firewall/connection")
    assert row["src-address"] == f"{CLIENT[4]}:1"
    assert (row["protocol"], row["tcp-state"], row["seen-reply"]) == ("tcp", "syn-sent", "false")
    assert row["timeout"] == "5s"
    bench.do("/ip firewall connection remove [find]")
    assert bench.router.rows("/ip/firewall/connection") == []
    (row,) = bench.router.rows("/ipv6/firewall/connection")
    assert row["src-address"] == f"[{CLIENT[6]}]:1"
    bench.router.power_off()
    assert bench.router.rows("/ipv6/firewall/connection") == []


def test_a_disabled_interface_hears_nothing():
    bench = Bench()
    assert bench.judge.hears("ether1")
    bench.do("/interface disable [find name=ether1]")
    assert [bench.judge.hears(name) for name in ("ether1", "ether2")] == [False, True]
    bench.router.power_off()
    assert not bench.judge.hears("ether2")


def test_where_packets_are_for():
    kind = Bench().judge.kind
    said = [
        kind(ip_address(a)) for a in (ROUTER[4], "fe80::1", "198.51.100.255", "255.255.255.255")
    ]
    assert said == ["LOCAL", "LOCAL", "BROADCAST", "BROADCAST"]
    said = [kind(ip_address(a)) for a in ("224.0.0.1", "ff02::1", "198.51.100.11")]
    assert said == ["MULTICAST", "MULTICAST", "UNICAST"]
