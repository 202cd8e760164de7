"""The router's data plane without its wires: rules at work."""

import functools
from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.lab.plane.local import Local
from knockctl.lab.plane.tracker import Tracker
from knockctl_routeros.twin.device import Clock, Router, Switches
from knockctl_routeros.twin.plane.answers import answer
from knockctl_routeros.twin.plane.connections import TIMES, Connections
from knockctl_routeros.twin.plane.judge import Judge
from tests.fixtures.frames import ACK, CLIENT, SYN, reply, seen, tcp, udp
from tests.fixtures.frames import DEVICE as ROUTER

START = 1_780_000_000.0

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
        self.tracker = Tracker(TIMES)
        local = [ip_address(address) for address in (*ROUTER.values(), "192.0.2.12")]
        self.judge = Judge(self.router, self.tracker, Local(local, ["198.51.100.0/24"]))
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
    ("family", "how", "code"),
    [
        (4, "icmp-network-unreachable", 0),
        (4, "icmp-admin-prohibited", 13),
        (6, "icmp-no-route", 0),
        (6, "icmp-admin-prohibited", 1),
        (6, "icmp-port-unreachable", 4),
    ],
)
def test_words_of_reject_with_are_codes_of_icmp(family, how, code):
    assert answer(how, family) == code


@pytest.mark.parametrize(("how", "expected"), [("", 0), ("reject-with=tcp-reset", "tcp-reset")])
def test_a_reject_says_how(how, expected):
    bench = Bench(f"/ip firewall filter add chain=input action=reject protocol=tcp {how}")
    assert bench.send(tcp()).answer == expected
    assert bench.send(udp()).accepted
    bench.do("/ip firewall filter set [find] action=drop !reject-with")
    assert bench.send(tcp()).answer is None


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
