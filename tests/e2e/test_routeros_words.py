"""Each word of a RouterOS rule, translated: the kernel must take it, and do what the word says."""

import pytest

from knockctl_routeros.config.export import parse_export
from tests.fixtures.routeros_duel import RouterDuel

pytestmark = pytest.mark.lab

LISTS = {"W": ["w0"], "OTHER": ["e1", "e2"], "BOTH": ["e1", "w0"], "NONE": []}
MANY = "101,103,105-106,109,111,113,115,117,119,121,123,125,127,129,131,133"
A, B, A6, B6 = "198.18.5.1", "198.18.5.200", "2001:db8:7::a1", "2001:db8:7::b1"

# What stands for `action=drop chain=input`, then packets: from, to, and whatever deviates.
DROPS = {
    "protocol=!tcp": [(A, "tcp/101", "pass"), (A, "udp/101", "refuse")],
    f"dst-port={MANY} protocol=tcp": [
        (A, "tcp/101", "refuse"),
        (A, "tcp/133", "refuse"),
        (A, "tcp/132", "pass"),
        (A, "udp/133", "pass"),
    ],
    f"dst-port=!{MANY} protocol=udp": [
        (A, "udp/101", "pass"),
        (A, "udp/133", "pass"),
        (A, "udp/132", "refuse"),
        (A, "tcp/132", "pass"),
    ],
    f"port={MANY},30007 protocol=tcp src-address-list=!fixed": [
        (A, "tcp/300:30007", "refuse"),
        (A, "tcp/133", "refuse"),
        (A, "tcp/300", "pass"),
        ("198.18.6.1", "tcp/133", "pass"),
    ],
    "src-port=30007-30009 protocol=tcp": [(A, "tcp/1:30008", "refuse"), (A, "tcp/1:31", "pass")],
    "src-address=198.18.5.0/25": [(A, "tcp/1", "refuse"), (B, "tcp/1", "pass")],
    "src-address=!198.18.5.0-198.18.5.150": [(A, "tcp/1", "pass"), (B, "tcp/1", "refuse")],
    "src-address=!0.0.0.0/0": [(A, "tcp/1", "pass")],
    "dst-address=198.18.0.1 src-address=!198.18.5.1": [
        (A, "tcp/1", "pass"),
        (B, "tcp/1", "refuse"),
    ],
    "src-address-list=fixed": [
        ("198.18.6.255", "tcp/1", "refuse"),
        ("198.18.7.4", "tcp/1", "refuse"),
        ("198.18.7.5", "tcp/1", "pass"),
        ("198.18.7.9", "tcp/1", "refuse"),
        ("198.18.8.9", "tcp/1", "refuse"),
    ],
    "src-address-list=!everybody": [(A, "tcp/1", "pass")],
    "src-address-list=!nobody": [(A, "tcp/1", "refuse")],
    "src-address-list=nobody": [(A, "tcp/1", "pass")],
    "dst-address-list=us": [(A, "tcp/1", "refuse")],
    "connection-state=new": [(A, "tcp/1", "refuse"), (A, "tcp/1 null", "pass")],
    "connection-state=!new,established": [(A, "tcp/1", "pass"), (A, "tcp/1 null", "refuse")],
    "connection-nat-state=dstnat": [(A, "tcp/1", "pass")],
    "in-interface=w0": [(A, "tcp/1", "refuse")],
    "in-interface=!w0": [(A, "tcp/1", "pass")],
    "in-interface-list=W": [(A, "tcp/1", "refuse")],
    "in-interface-list=BOTH": [(A, "tcp/1", "refuse")],
    "in-interface-list=OTHER": [(A, "tcp/1", "pass")],
    "in-interface-list=!BOTH": [(A, "tcp/1", "pass")],
    "in-interface-list=!OTHER": [(A, "tcp/1", "refuse")],
    "in-interface-list=NONE": [(A, "tcp/1", "pass")],
    "in-interface-list=!NONE": [(A, "tcp/1", "refuse")],
    "in-interface-list=all": [(A, "tcp/1", "refuse")],
    "in-interface-list=!all": [(A, "tcp/1", "pass")],
    "in-interface-list=none": [(A, "tcp/1", "pass")],
    "in-interface=w0 in-interface-list=BOTH": [(A, "tcp/1", "refuse")],
    "in-interface=w0 in-interface-list=!BOTH": [(A, "tcp/1", "pass")],
    "protocol=tcp tcp-flags=syn,!ack": [(A, "tcp/1", "refuse"), (A, "tcp/1 synack", "pass")],
    "protocol=tcp tcp-flags=!syn": [(A, "tcp/1", "pass"), (A, "tcp/1 ack", "refuse")],
    "protocol=tcp tcp-flags=ece,!cwr": [(A, "tcp/1", "pass"), (A, "tcp/1 ece", "refuse")],
    "protocol=tcp tcp-flags=syn,!syn": [(A, "tcp/1", "pass")],
    "content=sesame protocol=udp": [
        (A, "udp/1 -- open sesame", "refuse"),
        (A, "udp/1 -- open Sesame", "pass"),
    ],
    'content="!a\\"|b" protocol=udp': [
        (A, 'udp/1 -- xa"|bx', "pass"),
        (A, "udp/1 -- ab", "refuse"),
    ],
    "layer7-protocol=word protocol=udp": [
        (A, "udp/1 -- my PASS/1 it is", "refuse"),
        (A, "udp/1 -- pass", "pass"),
    ],
    "src-address-type=local": [(A, "tcp/1", "pass")],
    "dst-address-type=local,broadcast": [(A, "tcp/1", "refuse")],
    "dst-address-type=!local": [(A, "tcp/1", "pass")],
    "packet-size=28-30 protocol=udp": [(A, "udp/1 -- ab", "refuse"), (A, "udp/1 -- abc", "pass")],
    "protocol=icmp icmp-options=8:0-255": [(A, "tcp/1", "pass")],
    "protocol=udp limit=1/1h,2:packet": [
        (A, "tcp/1", "pass"),
        (A, "udp/1", "refuse"),
        (B, "udp/1", "refuse"),
        (A, "udp/1", "pass"),
    ],
    f'dst-port={MANY} protocol=udp limit=1/2h,1 log=yes log-prefix="a \\"b"': [
        (A, "udp/1", "pass"),
        (A, "udp/133", "refuse"),
        (A, "udp/133", "pass"),
    ],
}
SIX = {
    "src-address=2001:db8:7::a0/124": [(A6, "tcp/1", "refuse"), (B6, "tcp/1", "pass")],
    "src-address=2001:db8:7::a0-2001:db8:7::a1": [(A6, "tcp/1", "refuse"), (B6, "tcp/1", "pass")],
    "src-address-list=fixed": [(A6, "tcp/1", "refuse"), (B6, "tcp/1", "pass")],
    "src-address-list=!fixed": [(A6, "tcp/1", "pass"), (B6, "tcp/1", "refuse")],
    "content=sesame protocol=udp": [(A6, "udp/1 -- sesame", "refuse"), (A6, "udp/1", "pass")],
    "protocol=icmpv6 icmp-options=!128:0": [(A6, "tcp/1", "pass")],
    "dst-address-type=local": [(A6, "tcp/1", "refuse")],
}
FIXED = """\
/ip firewall address-list
add address=198.18.6.0/24 list=fixed
add address=198.18.7.1-198.18.7.4 list=fixed
add address=198.18.7.9 list=fixed timeout=1h
add address=198.18.8.0/24 list=fixed timeout=1h
add address=0.0.0.0/0 list=everybody
add address=198.18.0.1 list=us
/ipv6 firewall address-list
add address=2001:db8:7::a0-2001:db8:7::a4 list=fixed
/ip firewall layer7-protocol
add name=word regexp="pass\\\\/1"
"""


def play(world, rows, family, packets):
    duel = RouterDuel(world, parse_export(FIXED + rows), family, LISTS)
    duel.prepare()
    found = duel.verdicts([packet[:2] for packet in packets])
    assert found == [packet[2] for packet in packets]


@pytest.mark.parametrize("words", DROPS)
def test_a_word(world, words):
    rows = f"/ip firewall filter\nadd action=drop chain=input {words}\n"
    play(world, rows, 4, DROPS[words])


@pytest.mark.parametrize("words", SIX)
def test_a_word_of_ipv6(world, words):
    rows = f"/ipv6 firewall filter\nadd action=drop chain=input {words}\n"
    play(world, rows, 6, SIX[words])
