"""The firewall's data plane without its wires: rules, sessions, power and resetting."""

import pytest

from tests.fixtures.frames import ACK, CLIENT, FIN, RST, SYN, icmp, packed, tcp, udp
from tests.fixtures.panos_bench import MANAGEMENT, OUTSIDE, Bench, handshake
from tests.fixtures.panos_plane import SEED, VSYS, group, match, profile, rule, service, tag

KNOCKS = [tcp(7001), udp(7002), tcp(7003)]


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
