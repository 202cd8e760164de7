"""The seed's own rules, read as a router would, against what its page says they are for."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from knockctl.automaton.events import event_of
from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.reference import Automaton, Site
from knockctl.policy.loader import load_all, resolve
from knockctl.verify.gaps import gaps, oddity
from knockctl.verify.packets import Claim
from knockctl.verify.prove import Status, effective, opens, prove
from knockctl_routeros import VENDOR
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.render.render import render
from tests.fixtures.lab import INVENTORY

SEED = (Path(__file__).parent / "seed.rsc").read_text()
MEMBER = "/interface list member\nadd interface=ether1 list=WAN\n"
PLACE = RouterPlacement(interface_list="WAN")
# The page drops everything else from the WAN.
INTENT = replace(
    resolve(load_all(INVENTORY / "policies")["router-admin"], None), otherwise="refuse"
)
DROP = "add action=drop chain=input in-interface-list=WAN\n"


def claim(rules, policy=INTENT):
    """What runs on the router, which has nothing else, against what is meant."""
    running = VENDOR.modeller.running(f"{MEMBER}/ip firewall filter\n{rules}")
    scope = VENDOR.modeller.scope(PLACE)
    return Claim(Site((policy,)), scope, running.model, 4, whole=True)


def trace(rules, judge, policy=INTENT):
    """The shortest trace on which an honest packet gets in; None where it is proved there is none.

    ``judge`` tells which packets are looked at.
    """

    def wrong(meeting):
        looked = not oddity(meeting.letter) and judge(meeting)
        return opens(meeting) if looked else None

    result = prove(claim(rules, policy), wrong)
    assert result.status is not Status.UNKNOWN, result.reasons
    return [row.packet for row in result.findings[0].trace] if result.findings else None


def anything(_):
    return True


def no_knock(meeting):
    packet = meeting.letter.packet
    return not INTENT.is_knock(packet.protocol, packet.port)


def locked_out(meeting):
    return meeting.expected.rules == ("1",) and no_knock(meeting)


def test_without_a_last_drop_nobody_needs_to_knock():
    """The page leaves the drop to its reader."""
    assert trace(SEED, anything) == ["tcp/22 SYN"]
    found = gaps(claim(SEED)).findings
    assert [row.packet for row in found[0].trace] == ["tcp/22 SYN"]
    assert found[0].trace[0].rule.startswith("the end of /ip firewall filter input")


def test_the_last_knock_itself_is_let_in():
    assert trace(SEED + DROP, anything) == ["tcp/888 SYN", "tcp/555 SYN", "tcp/222 SYN"]


def test_the_knock_lets_in_to_every_port():
    def others(meeting):
        return no_knock(meeting) and not INTENT.is_trap("tcp", meeting.letter.packet.port)

    knocks = ["tcp/888 SYN", "tcp/555 SYN", "tcp/222 SYN"]
    (*before, last) = trace(SEED + DROP, others)
    assert before == knocks
    assert last == "tcp/9999 SYN"


def test_a_port_nobody_may_touch_has_no_effect_while_its_rules_are_disabled():
    bad_ports = replace(INTENT, traps=INTENT.traps[:1])
    knocks = ["tcp/888 SYN", "tcp/555 SYN", "tcp/222 SYN"]
    found = trace(SEED + DROP, locked_out, bad_ports)
    assert found == ["tcp/666 SYN", *knocks, "tcp/22 SYN"]
    # Enabled it works, but for those who are in: they are accepted before it is asked.
    found = trace(enabled() + DROP, locked_out, bad_ports)
    assert found == [*knocks, "tcp/666 SYN", "tcp/22 SYN"]


def enabled():
    """The blacklist enabled, and its drop at the very top, as the page says."""
    lines = SEED.replace(" disabled=yes", "").splitlines(keepends=True)
    drop = next(line for line in lines if "src-address-list=blacklist" in line)
    return "".join([drop, *(line for line in lines if line != drop)])


def scanned(rules, ports):
    """Who is in after a scan, a millisecond for each port: by intent, and in truth."""
    one = claim(rules)
    automaton, machine = Automaton(one.site), Machine(one.model)
    for number, port in enumerate([*ports, 22]):
        packet = WirePacket(
            ip_address("203.0.113.7"),
            ip_address("192.0.2.1"),
            "tcp",
            port=port,
            interface="ether-of-WAN",
        )
        expected = automaton.feed(event_of(packet, one.scope), number / 1000)
        got = machine.feed(packet, number / 1000)
    return expected.verdict.value, got.verdict.value


DOWN = range(1000, 100, -1)


def test_a_scan_from_above_opens_it():
    assert scanned(SEED + DROP, DOWN) == ("refuse", "accept")
    assert scanned(SEED + DROP, reversed(DOWN)) == ("refuse", "refuse")
    assert scanned(enabled() + DROP, DOWN) == ("refuse", "refuse")


@pytest.mark.parametrize("judge", [opens, effective])
def test_what_is_rendered_has_none_of_these_gaps(judge):
    rendered = render([INTENT], PLACE)
    text = "".join(f"{row.menu}\n{row.text()}\n" for row in rendered.config.rows)
    running = VENDOR.modeller.running(MEMBER + text)
    one = claim(SEED)
    site = Site(rendered.effective, relaxed=rendered.relaxed)
    assert prove(replace(one, site=site, model=running.model), judge).status is Status.PROVED


def test_interfaces_that_rules_tell_apart_stay_apart():
    """A list stands for its members; a rule that names one of them is not lost on it."""
    members = MEMBER + "add interface=ether2 list=WAN\n"
    text = f"{members}/ip firewall filter\n{SEED}{DROP}"
    alike = VENDOR.modeller.running(text).model
    assert alike.rules.interface_lists == {"WAN": ("ether-of-WAN",)}
    text += "add action=accept chain=input in-interface=ether2\n"
    apart = VENDOR.modeller.running(text).model
    assert apart.rules.interface_lists == {"WAN": ("ether1", "ether2")}
    assert apart.scope(VENDOR.modeller.scope(PLACE)).interfaces == ("ether1", "ether2")
