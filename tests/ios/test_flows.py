"""Flows that an access list logs: the first packet is a knock, what is counted is none."""

import random
from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import WirePacket
from knockctl.policy.resolved import Generation, Knock
from knockctl_ios.plan.modeller import IosModeller
from knockctl_ios.semantics.logs import TIME, Format, Kind, Message
from knockctl_ios.semantics.memory import SUMMARY, Switches
from knockctl_ios.semantics.regex import pattern
from tests.fixtures.ios_policies import METHODS, P, corner
from tests.ios.test_plane import AWAY, HOME, Bench

TWO = replace(P, generations=(Generation(1, (Knock("udp", 101), Knock("udp", 102))),))
ONE = corner(TWO, method="acl-log", access_list=None, interface="GigabitEthernet0/0", log_delay=0)


def packet(port, source=AWAY, source_port=5000):
    protocol = "udp" if port > 100 else "tcp"
    ends = ip_address(source), ip_address(HOME)
    return WirePacket(*ends, protocol, port, source_port, interface="GigabitEthernet0/0")


@pytest.mark.parametrize("number", range(20))
def test_it_is_as_if_counted_packets_had_not_been_sent(number):
    """So what is proved where each packet is logged, is proved of what is sent besides them."""
    rng = random.Random(f"flows {number}")
    summed, single = (
        Machine(IosModeller(Switches(summarised=how)).model(ONE.config)) for how in (True, False)
    )
    logged, now, counted = {}, 0.0, 0
    for _ in range(200):
        now += rng.choice([0.5, 5, 40, 100])
        source = rng.choice([AWAY, "198.51.100.101"])
        one = packet(rng.choice([101, 101, 102, 102, 22]), source, rng.choice([1, 1, 2, 3, 4]))
        got = summed.feed(one, now).verdict
        if one.port != 22 and now - logged.get(one, -SUMMARY) < SUMMARY:
            counted += 1
            assert got.value == "refuse"
            continue
        logged[one] = now
        assert got is single.feed(one, now).verdict
    assert counted > 20


def bench():
    found = Bench(ONE.config.text().split("\n", 1)[1])
    found.advance(1)
    return found


def who(found):
    """The lists that hold an entry."""
    return [entry.acl.rpartition("-")[2] for entry in found.device.entries.items]


@pytest.mark.parametrize(("more", "knocks"), [(0, 0), (1, 1), (2, 0), (9, 0), (10, 0), (11, 0)])
def test_a_line_that_sums_up_several_packets_is_no_knock(more, knocks):
    found = bench()
    for _ in range(1 + more):
        found.send("udp/101", port=5000)
    found.advance(2)
    assert who(found) == ["m1"]
    found.advance(SUMMARY - 5)
    assert who(found) == []
    found.advance(5)
    packets = f"{more} packet{'s' if more > 1 else ''}"
    assert any(f"(101), {packets}" in line for line in found.log()[1:]) == bool(more)
    assert who(found) == ["m1"] * knocks


def test_a_flow_that_is_counted_knocks_no_more():
    found = bench()
    for port, times in ((101, 1), (102, 1)):
        for _ in range(times):
            found.send(f"udp/{port}", port=5000)
            found.advance(2)
    assert found.passes("tcp/22")
    found.advance(200)
    for port in (101, 102):
        found.send(f"udp/{port}", port=5000)
        found.advance(2)
    assert not found.passes("tcp/22")
    for port in (101, 102):
        found.send(f"udp/{port}")
        found.advance(2)
    assert found.passes("tcp/22")


@pytest.mark.parametrize("method", METHODS)
def test_a_line_that_quotes_a_knocks_line_is_none(method):
    """Whoever fails to log in chooses a name that is logged."""
    one = corner(TWO, method=method, access_list=None, log_delay=0)
    found = Bench(one.config.text().split("\n", 1)[1])
    knock = Kind("access-list", "udp", "denied", "kc-in", "kc-p-1")
    if method == "copp":
        knock = Kind("control-plane", "udp", "DROP")
    line = Format().line(Message(knock, AWAY, 5000, HOME, 101)).partition(TIME)[2]
    found.device.log(f"%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: {line}]")
    found.advance(2)
    assert who(found) == []
    found.device.log(line)
    found.advance(2)
    assert who(found) == ["m1"]
    (text,) = {t for t in one.texts() if t.startswith("event ") and "(101" in t}
    looked = pattern(text.split('"')[1])
    assert looked.search(f"000001: {TIME}{line}")
    platform = line.replace("%SEC-6-IPACCESSLOGP: ", "%FMANFP-6-IPACCESSLOGP: F0: fman_fp_image: ")
    assert looked.search(f"{TIME}{platform}")


def test_patterns_wait_for_single_packets():
    line = f"%SEC-6-IPACCESSLOGP: list kc-in denied udp {AWAY}(5000) -> {HOME}(101), {{}} [kc-p-1]"
    (text,) = {t for t in ONE.texts() if t.startswith("event ") and "(101" in t}
    looked = pattern(text.split('"')[1])
    heard = [looked.search(line.format(n)) is not None for n in ("1 packet", "5 packets")]
    assert heard == [True, False]
    assert not looked.search(line.format("11 packets"))
    assert not looked.search(line.replace("(101)", "(1010)").format("1 packet"))


def test_the_control_plane_logs_each_packet():
    one = corner(TWO, method="copp")
    assert not any("packet" in text for text in one.texts() if text.startswith("event "))
    assert "flow-log" not in {note.code for note in one.rendered.fidelity}
    (note,) = [note for note in ONE.rendered.fidelity if note.code == "flow-log"]
    assert note.blocks
