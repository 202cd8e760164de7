"""The firewall's data plane without its wires: sessions, rules, logs, and tags that come late."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.lab.clock import Clock
from knockctl.lab.plane.local import Local
from knockctl.policy.resolved import Knock
from knockctl.ports import Span
from knockctl_panos import xmltext
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.plane.firewall import LabFirewall
from knockctl_panos.plane.switches import Switches as PlaneSwitches
from knockctl_panos.render import render
from knockctl_panos.twin import Switches, markup
from tests.fixtures.frames import ACK, CLIENT, FIN, RST, SYN, icmp, packed, seen, tcp, udp
from tests.fixtures.panos_crew import policy
from tests.fixtures.panos_plane import SEED, VSYS, group, match, profile, rule, service, tag

OUTSIDE = {4: "198.51.100.13", 6: "2001:db8:51::13"}
MANAGEMENT = "192.0.2.13"
ZONES = {"ethernet1-1": "untrust", "mgmt": "trust"}
KNOCKS = [tcp(7001), udp(7002), tcp(7003)]
START = 1_780_000_000.0


class Bench:
    """A firewall, its clock at our command, and packets put before its judge."""

    def __init__(self, config=(), **plane):
        local = Local([ip_address(a) for a in (*OUTSIDE.values(), MANAGEMENT)], ["198.51.100.0/24"])
        self.firewall = LabFirewall(
            Switches(),
            PlaneSwitches(**plane),
            local,
            zones=ZONES,
            management=ip_address(MANAGEMENT),
            clock=Clock(START, scale=0),
        )
        self.device, self.judge = self.firewall.appliance, self.firewall.judge
        self.load(*config)
        self.sport = 20000

    def load(self, *pairs):
        for pair in pairs:
            self.device.load(*pair)

    def wait(self, seconds):
        self.firewall.clock.advance(seconds)

    def send(self, layer, family=4, interface="ethernet1-1", **more):
        found = seen(layer, family, **{"target": OUTSIDE[family], **more})
        found = replace(found, packet=replace(found.packet, interface=interface))
        return self.judge.judge(self.judge.addressed(found))

    def answer(self, layer, family=4):
        """The firewall's own listeners send something."""
        found = seen(layer, family, source=OUTSIDE[family], target=CLIENT[family])
        found = replace(found, packet=replace(found.packet, interface="ethernet1-1"))
        self.judge.sent(found)

    def visit(self, make, port, family=4, **more):
        """A packet of a flow of its own; whether it was let in."""
        self.sport += 1
        return self.send(make(port, sport=self.sport), family, **more).accepted

    def knock(self, family=4, pause=3.0, **more):
        for make, port in ((tcp, 7001), (udp, 7002), (tcp, 7003)):
            assert not self.visit(make, port, family, **more)
            self.wait(pause)

    def tags(self, address=CLIENT[4]):
        return sorted(self.device.tags.tags("vsys1", address))

    def logs(self, *names, kind="traffic"):
        return [tuple(log[name] for name in names) for log in self.device.logs.entries(kind)]


# --- rules ---


@pytest.mark.parametrize("family", [4, 6])
def test_within_a_zone_everything_is_let_in_until_rules_say_otherwise(family):
    bench = Bench()
    assert bench.visit(tcp, 443, family)
    assert not bench.visit(tcp, 443, family, interface="mgmt"), "from another zone nothing is"
    bench.load(service("https", "tcp/443"), rule("no", services=("https",), logs=False))
    assert not bench.visit(tcp, 443, family)
    assert bench.visit(tcp, 80, family)


def test_management_is_none_of_the_rules_business():
    bench = Bench([rule("no", logs=False)])
    assert bench.send(tcp(443), interface="mgmt", target=MANAGEMENT).accepted
    assert not bench.send(tcp(443), target=MANAGEMENT).accepted, "not from outside"


def test_nothing_is_forwarded_and_nothing_broadcast_is_heard():
    bench = Bench()
    for target in ("198.51.100.14", "198.51.100.255", "224.0.0.5"):
        assert not bench.send(udp(5353), target=target).accepted


@pytest.mark.parametrize("family", [4, 6])
def test_the_seed_opens_to_who_knocks_and_waits(family):
    bench = Bench(SEED)
    assert not bench.visit(tcp, 443, family)
    bench.knock(family)
    assert bench.tags(CLIENT[family]) == ["granted"]
    assert bench.visit(tcp, 443, family)
    assert bench.visit(udp, 4501, family)
    other = CLIENT[family][:-1] + "1"
    assert not bench.visit(tcp, 443, family, source=other)


def test_who_does_not_wait_is_locked_out():
    """The seed's trap: the second knock comes before the first one's tag, the third is wrong."""
    bench = Bench(SEED)
    for make, port in ((tcp, 7001), (udp, 7002)):
        bench.visit(make, port)
        bench.wait(0.5)
    bench.wait(3)
    assert bench.tags() == ["door1"]
    bench.visit(tcp, 7003)
    bench.wait(3)
    assert bench.tags() == ["locked"]


def test_a_wrong_port_locks_out_for_an_hour():
    bench = Bench(SEED)
    bench.visit(tcp, 7001)
    bench.wait(3)
    bench.visit(tcp, 9999)
    bench.wait(3)
    assert bench.tags() == ["locked"]
    assert not bench.visit(tcp, 80), "nothing gets through, be it public otherwise"
    bench.wait(3600)
    assert bench.tags() == []
    assert bench.visit(tcp, 80)


def test_stages_end_by_themselves():
    bench = Bench(SEED)
    bench.visit(tcp, 7001)
    bench.wait(3)
    assert bench.tags() == ["door1"]
    bench.wait(60)
    assert bench.tags() == []


def test_tags_registered_by_hand_count_as_those_of_logs():
    bench = Bench(SEED)
    bench.device.tags.add("vsys1", CLIENT[4], "granted", 60)
    assert bench.visit(tcp, 443)
    bench.device.tags.remove("vsys1", CLIENT[4], "granted")
    assert not bench.visit(tcp, 443)


def test_a_tag_that_no_log_registers_counts_too():
    bench = Bench([group("friends", "'friend'"), rule("f", source=("friends",), logs=False)])
    assert bench.visit(tcp, 80)
    bench.device.tags.add("vsys1", CLIENT[4], "friend")
    assert not bench.visit(tcp, 80)


def test_refusals_that_are_no_silence():
    unreachable = "<icmp-unreachable>yes</icmp-unreachable>"
    bench = Bench([rule("r", "reset-client", more=unreachable, logs=False)])
    assert bench.send(tcp(443)).answer == "tcp-reset"
    assert (bench.send(udp(443)).answer, bench.send(udp(443), 6).answer) == (13, 1)
    bench.load(rule("r", "drop", logs=False))
    assert (bench.send(tcp(443)).answer, bench.send(udp(443)).answer) == (13, 13)


# --- sessions ---


def handshake(bench, sport=40000):
    assert bench.send(tcp(443, SYN, sport)).accepted
    bench.answer((6, tcp(sport, SYN | ACK, 443)[1]))
    assert bench.send(tcp(443, ACK, sport)).accepted


def test_a_session_goes_on_whatever_becomes_of_its_tags():
    bench = Bench(SEED)
    bench.knock()
    handshake(bench)
    bench.device.tags.remove("vsys1", CLIENT[4], "granted")
    bench.device.tags.add("vsys1", CLIENT[4], "locked", 3600)
    assert bench.send(tcp(443, ACK)).accepted
    assert not bench.visit(tcp, 443)
    (row,) = bench.device.sessions.listed()
    assert (row.source, row.destination_port, row.rule) == (CLIENT[4], 443, "granted")
    assert (row.zone, row.to_zone, row.protocol) == ("untrust", "untrust", 6)


def test_a_cleared_session_is_over_and_its_segments_begin_none():
    bench = Bench(SEED)
    bench.knock()
    handshake(bench)
    bench.device.sessions.clear({row.number for row in bench.device.sessions.listed()})
    assert not bench.send(tcp(443, ACK)).accepted
    assert bench.device.sessions.listed() == []
    assert bench.send(tcp(443, SYN)).accepted, "the grant is still there"


@pytest.mark.parametrize("flags", [ACK, SYN | ACK, RST, FIN | ACK, 0])
def test_tcp_that_begins_in_the_middle_is_dropped_unseen(flags):
    bench = Bench(SEED)
    assert not bench.send(tcp(7001, flags)).accepted
    assert not bench.send(tcp(80, flags)).accepted
    bench.wait(3)
    assert bench.tags() == []
    assert bench.logs("rule") == []


def test_the_switch_lets_rules_see_it():
    bench = Bench(SEED, reject_non_syn=False)
    assert bench.send(tcp(80, ACK)).accepted
    assert not bench.send(tcp(7001, ACK)).accepted
    bench.wait(3)
    assert bench.tags() == ["door1"]


def test_idle_sessions_end_and_say_so():
    bench = Bench([profile("knock", match("all", ("add-tag", "seen", 1))), rule("all", "allow")])
    assert bench.send(udp(4501)).accepted
    bench.wait(29)
    assert bench.send(udp(4501)).accepted
    bench.wait(29.5)
    assert len(bench.device.sessions.listed()) == 1
    assert bench.logs("subtype") == []
    bench.wait(0.5)
    assert bench.device.sessions.listed() == []
    assert bench.logs("subtype", "rule", "session_end_reason") == [("end", "all", "aged-out")]
    bench.wait(3)
    assert bench.tags() == ["seen"], "an end is a log as any"


def test_a_session_start_is_logged_where_the_rule_says_so():
    ends = "<log-start>yes</log-start><log-end>no</log-end>"
    bench = Bench([tag("seen"), profile("knock", match("all", ("add-tag", "seen", 1)))])
    bench.load(rule("all", "allow", more=ends))
    handshake(bench)
    assert bench.logs("subtype", "action") == [("start", "allow")]
    bench.wait(3)
    assert bench.tags() == ["seen"]


@pytest.mark.parametrize(("rematch", "left"), [(True, 0), (False, 1)])
def test_a_commit_discards_what_the_new_rules_would_not_let_in(rematch, left):
    bench = Bench([rule("all", "allow", logs=False)], rematch=rematch)
    handshake(bench)
    bench.load([f"{VSYS}/tag/entry[@name='any']", "<comments>nothing of packets</comments>"])
    assert len(bench.device.sessions.listed()) == 1
    bench.load([f"{VSYS}/rulebase/security/rules/entry[@name='all']", "<action>drop</action>"])
    assert len(bench.device.sessions.listed()) == left


def test_pings_and_errors():
    bench = Bench(SEED)
    assert bench.send(icmp(8)).accepted
    assert not bench.send(icmp(0, data=b"\0\7\0\1")).accepted, "an answer to nothing"
    inner = bytes(packed(udp(40000, 5353), source=OUTSIDE[4], target=CLIENT[4]))
    error = icmp(3, data=bytes(4) + inner)
    assert not bench.send(error).accepted
    assert bench.send(udp(5353)).accepted
    assert bench.send(error).accepted


# --- logs and tags ---


def test_a_dropped_packet_is_logged_at_once_and_again_when_it_comes_again():
    bench = Bench(SEED)
    for _ in range(2):
        bench.send(tcp(7001))
    names = ("subtype", "rule", "app", "sessionid", "from", "to", "dport", "proto", "action")
    line = ("drop", "knock1", "not-applicable", "0", "untrust", "untrust", "7001", "tcp", "drop")
    assert bench.logs(*names) == [line, line]
    assert bench.logs("rule", "src", "dst")[0] == ("knock1", CLIENT[4], OUTSIDE[4])


def test_rules_that_log_nothing_log_nothing():
    bench = Bench(SEED)
    bench.visit(tcp, 7003)
    bench.load(rule("quiet", services=("s2",), more="<log-end>no</log-end>"))
    assert bench.logs("rule") == [("rest",)], "log-end is on where nothing is said"


def test_tags_come_late_and_each_in_its_turn():
    bench = Bench(SEED, latency=(1.0, 3.0))
    bench.visit(tcp, 7001)
    bench.wait(0.99)
    assert bench.tags() == []
    bench.wait(2.01)
    assert bench.tags() == ["door1"]
    times = []
    for seed in range(5):
        bench = Bench(SEED, seed=seed)
        bench.visit(tcp, 7001)
        while not bench.tags():
            bench.wait(0.1)
        times.append(round(bench.firewall.clock.now() - START, 1))
    assert len(set(times)) > 1, "a latency is not always the same"
    assert all(1.0 <= time <= 3.1 for time in times)


def test_logs_take_effect_in_their_order():
    ends = "<log-start>yes</log-start>"
    bench = Bench([tag("a"), *(service(f"p{n}", f"tcp/{n}") for n in (1, 2))])
    bench.load(
        profile("knock", match("on", ("add-tag", "a", 5)), match("off", ("remove-tag", "a"))),
        rule("on", services=("p1",), more=ends),
        rule("off", services=("p2",)),
    )
    for seed in range(10):
        bench.firewall.switch(PlaneSwitches(seed=seed))
        bench.visit(tcp, 1)
        bench.visit(tcp, 2)
        bench.wait(6)
        assert bench.tags() == []


def test_only_traffic_logs_and_addresses_of_this_firewall_act():
    acting = match("r", ("add-tag", "here", 1))
    other = acting.replace("<entry name='r'>", "<entry name='{}'>")
    entries = [
        acting.replace("(rule eq 'r')", "All Logs"),
        other.format("threat").replace("traffic", "threat").replace("here", "threat"),
        other.format("there").replace("localhost", "panorama").replace("here", "there"),
        other.format("user").replace("source-address", "user").replace("here", "user"),
        other.format("cloud").replace("tagging", "integration").replace("here", "cloud"),
        other.format("target").replace("source-", "destination-"),
    ]
    bench = Bench()
    root = markup.read(f"<entry><match-list>{''.join(entries)}</match-list></entry>")
    log = {"rule": "r", "src": CLIENT[4], "dst": OUTSIDE[4]}
    bench.judge.forwarding.take(root, log)
    bench.wait(3)
    assert bench.tags() == bench.tags(OUTSIDE[4]) == ["here"]


def test_an_address_has_as_many_tags_as_it_may_and_the_rest_is_said_in_a_log():
    bench = Bench([profile("knock", match("r", ("add-tag", "more", 1))), rule("r")])
    for number in range(32):
        bench.device.tags.add("vsys1", CLIENT[4], f"t{number}")
    bench.visit(tcp, 80)
    bench.wait(3)
    assert "more" not in bench.tags()
    assert bench.logs("opaque", kind="system") == [(f"{CLIENT[4]}: more than 32 tags",)]


def test_the_ip_tag_log_tells_what_happened_to_an_address():
    bench = Bench(SEED)
    bench.knock()
    assert bench.logs("tag_name", "event_id", "timeout", kind="iptag") == [
        ("door1", "register", "60"),
        ("door2", "register", "60"),
        ("door1", "unregister", "0"),
        ("granted", "register", "86400"),
        ("door2", "unregister", "0"),
    ]


def test_equal_logs_may_be_one_that_acts_once():
    bench = Bench(SEED, aggregation=5)
    bench.visit(tcp, 7001)
    bench.wait(4)
    bench.device.tags.remove("vsys1", CLIENT[4], "door1")
    bench.visit(tcp, 7001)
    bench.wait(4)
    assert bench.logs("rule", "repeatcnt") == [("knock1", "2")]
    assert bench.tags() == [], "what is only counted acts no second time"
    bench.visit(tcp, 7001)
    bench.wait(3)
    assert bench.tags() == ["door1"]


def test_a_drop_may_be_logged_at_both_ends():
    both = "<log-start>yes</log-start><log-end>yes</log-end>"
    for twice, count in ((True, 2), (False, 1)):
        bench = Bench([rule("r", logs=False, more=both)], twice=twice)
        bench.visit(tcp, 80)
        assert len(bench.logs("rule")) == count


def test_hits_are_counted_by_rule():
    bench = Bench(SEED)
    bench.visit(tcp, 7001)
    assert bench.device.hits["vsys1", "knock1"].count == 1


# --- power and resetting ---


def test_a_reboot_is_silence_and_loses_what_was_under_way():
    bench = Bench(SEED)
    bench.knock()
    handshake(bench)
    bench.visit(tcp, 7001, source="198.51.100.101")
    bench.device.power_off()
    assert not bench.judge.hears("ethernet1-1")
    bench.wait(10)
    assert bench.tags("198.51.100.101") == []
    bench.device.power_on()
    assert bench.judge.hears("ethernet1-1")
    assert not bench.send(tcp(443, ACK)).accepted
    assert bench.tags() == ["granted"], "persistent"


def test_resetting_leaves_nothing():
    bench = Bench(SEED)
    before = Bench().firewall.export()
    bench.knock()
    handshake(bench)
    bench.firewall.reset()
    assert bench.firewall.export() == before
    assert bench.device.tags.addresses("vsys1") == []
    assert bench.device.sessions.listed() == []
    assert bench.logs("rule") == bench.logs("ip", kind="iptag") == []
    assert bench.visit(tcp, 443)


# --- bursts ---


def burst(bench, last, knocks):
    """Make all knocks but the last, then send that among wrong ones, faster than any tag comes."""
    for make, port in knocks:
        assert not bench.visit(make, port)
        bench.wait(3)
    for port in (9001, last, 9002):
        bench.visit(tcp, port)
    bench.wait(3)


def test_in_the_seed_a_burst_of_all_ports_opens_once_its_lock_out_is_over():
    bench = Bench(SEED)
    burst(bench, 7003, [(tcp, 7001), (udp, 7002)])
    assert bench.tags() == ["granted", "locked"]
    bench.wait(3600)
    assert bench.visit(tcp, 443), "a defect of the original: 23 hours of the grant are left"


def test_what_is_rendered_stands_a_burst():
    knocks = [Knock("tcp", port) for port in (7001, 7002, 7003)]
    locking = {"wrong_knock": "lockout", "lockout": 3600, "scope": "all"}
    wanted = policy(*map(str, knocks), name="gate", services=(Span.parse("tcp/443"),), **locking)
    rendered = render([wanted], PanosPlacement(addresses=list(OUTSIDE.values()))).config
    bench = Bench(
        [
            f"{VSYS}/{entry.kind}/entry[@name='{entry.name}']",
            "".join(xmltext.printed(node) for node in entry.body),
        ]
        for entry in rendered.device_entries()
    )
    burst(bench, 7003, [(tcp, 7001), (tcp, 7002)])
    assert {"kc-gate-in", "kc-gate-out"} <= set(bench.tags()), "logs were made of all of it"
    bench.wait(3600)
    assert not bench.visit(tcp, 443), "but the grant is void"
    for port in (7001, 7002, 7003):
        bench.visit(tcp, port)
        bench.wait(3)
    assert bench.visit(tcp, 443)
