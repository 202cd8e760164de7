"""Somebody else's rules above our jump: which of them may let packets past the policy."""

import pytest

from knockctl_iptables.parse import Dump, parse

OURS = """
:KC_INPUT - [0:0]
:KC_GATE - [0:0]
-A KC_INPUT -p tcp -g KC_GATE
-A KC_GATE -p tcp -m multiport --dports 22,1001,1002 -j DROP
-A KC_GATE -p udp -m udp --dport 2001:2005 -j DROP
"""
JUMP = "-A INPUT -m comment --comment knockctl -j KC_INPUT"
CHAINS = """
:web - [0:0]
:deep - [0:0]
:loop - [0:0]
-A web -p tcp -m tcp --dport 80 -j ACCEPT
-A web -s 10.0.0.0/8 -j DROP
-A deep -j web
-A deep -p tcp -j ACCEPT
-A loop -j loop
"""


def above(rule):
    text = (
        f"*filter\n:INPUT ACCEPT [0:0]{OURS}{CHAINS}-A INPUT {rule}\n{JUMP}\n-A INPUT -j ACCEPT\n"
    )
    return [n.effect for n in parse(Dump({4: text + "COMMIT\n"})).neighbours]


@pytest.mark.parametrize(
    "rule",
    [
        "-i lo -j ACCEPT",
        "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-m state --state ESTABLISHED -j ACCEPT",
        "-p icmp -j ACCEPT",
        "-p tcp -m tcp --dport 80 -j ACCEPT",
        "-p udp -m udp --dport 53 -j ACCEPT",
        "-p tcp -m multiport --dports 80,443,8000:9000 -j ACCEPT",
        "-j LOG",
        "-j DROP",
        "-s 203.0.113.9/32 -j REJECT --reject-with icmp-port-unreachable",
        "-j loop",
        "-m comment --comment count",
    ],
)
def test_harmless(rule):
    assert above(rule) == []


@pytest.mark.parametrize(
    ("rule", "effect"),
    [
        ("-j ACCEPT", "accepts"),
        ("-p tcp -j ACCEPT", "accepts"),
        ("-p all -j ACCEPT", "accepts"),
        ("-p tcp -m tcp --dport 20:25 -j ACCEPT", "accepts"),
        ("-p udp -m multiport --dports 53,2003 -j ACCEPT", "accepts"),
        ("-s 198.51.100.0/24 -j ACCEPT", "accepts"),
        ("-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT", "accepts"),
        ("-p tcp -m tcp ! --dport 80 -j ACCEPT", "accepts"),
        ("-m conntrack ! --ctstate ESTABLISHED -j ACCEPT", "accepts"),
        ("-j deep", "accepts"),
        ("-g deep", "accepts"),
        ("-j NFQUEUE --queue-num 0", "unknown"),
    ],
)
def test_may_let_packets_past(rule, effect):
    assert above(rule) == [effect]


def test_without_our_jump_nothing_is_above_it():
    text = f"*filter\n:INPUT ACCEPT [0:0]{OURS}-A INPUT -j ACCEPT\nCOMMIT\n"
    assert parse(Dump({4: text})).neighbours == ()


def test_counters_and_other_tables_mean_nothing():
    text = (
        f"*nat\n-A INPUT -j KC_INPUT\nCOMMIT\n*filter\n:INPUT ACCEPT [7:9]\n[3:4] {JUMP}\nCOMMIT\n"
    )
    reading = parse(Dump({6: text}))
    assert reading.config.table(6).jumps == 1
    assert reading.config.table(4).empty
