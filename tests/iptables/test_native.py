"""Native nftables rules, as `nft -j` prints them: whom they let by, and what is a guess."""

import json
from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import FLAGS, WirePacket
from knockctl.automaton.questions import UNINTERPRETED
from knockctl.automaton.verdict import Verdict
from knockctl_iptables import semantics
from tests.fixtures.chained import Walk

SYN = WirePacket(ip_address("10.1.2.3"), ip_address("192.0.2.1"), "tcp", 22)
SIX = replace(SYN, source=ip_address("fd00::3"), destination=ip_address("2001:db8::1"))
UDP = replace(SYN, protocol="udp", port=53)
DROP, ACCEPT = {"drop": None}, {"accept": None}
SETS = (
    {"name": "nets", "type": "ipv4_addr", "elem": [{"prefix": {"addr": "10.1.0.0", "len": 16}}]},
    {"name": "none", "type": "ipv4_addr"},
    {"name": "timed", "type": "ipv4_addr", "flags": ["timeout"], "elem": ["10.1.2.3"]},
    {"name": "some", "type": "ipv4_addr", "elem": [{"elem": {"val": "10.1.2.3", "timeout": 9}}]},
    {"name": "kept", "type": "ipv4_addr", "elem": ["10.1.2.3"]},
)
KEEPS = [{"set": {"op": "add", "elem": {"payload": {}}, "set": "@kept"}}]


def match(left, right, op="=="):
    return {"match": {"op": op, "left": left, "right": right}}


def field(protocol, name):
    return {"payload": {"protocol": protocol, "field": name}}


def meta(key):
    return {"meta": {"key": key}}


def masked(left, mask):
    return {"&": [left, mask]}


def listed(*rules, family="inet", hook="input", prio=-10, policy="accept", kind="filter", more=()):
    """One table with a base chain of these rules, and two chains to go to."""
    place = {"family": family, "table": "t"}
    base = {"type": kind, "hook": hook, "prio": prio, "policy": policy}
    chains = [("base", rules, base), ("no", [[DROP]], {}), ("back", [[{"return": None}]], {})]
    objects = [{"set": {**place, "handle": 3, **one}} for one in SETS]
    for name, _, how in chains:
        objects.append({"chain": {**place, "name": name, "handle": 1, **how}})
    for name, some, _ in chains:
        for expr in some:
            rule = {**place, "chain": name, "handle": 2, "expr": list(expr)}
            objects.append({"rule": rule})
    return json.dumps({"nftables": [{"metainfo": {}}, *objects, *more]})


def model_of(text, by=semantics, **more):
    native = by.read_native(text, [], **more)
    return by.LinuxModel(by.saved({4: "", 6: ""}, "", native))


def refused(text, packet, by=semantics):
    """Tell what becomes of a packet, by the machine and by the chains, which must agree."""
    model = model_of(text, by)
    got = Machine(model).feed(packet, 0.0).verdict
    quick, _ = Walk(model.program(packet.family), packet, {}).run()
    assert got is quick
    return got is Verdict.REFUSE


def guesses(text, **more):
    asked = (str(atom.test) for atom in model_of(text, **more).predicates(4))
    return {name for name in asked if name.startswith(UNINTERPRETED)}


# Which of these packets a rule with a drop behind the question refuses.
PACKETS = {
    "syn": SYN,
    "six": SIX,
    "udp": UDP,
    "ack": replace(SYN, flags=FLAGS["ack"], flow="invalid"),
    "known": replace(SYN, flags=FLAGS["ack"], flow="known"),
    "push": replace(SYN, flags=FLAGS["ack"] | FLAGS["psh"], flow="known"),
    "other": replace(SYN, source=ip_address("203.0.113.9"), port=80, interface="wan1"),
}
ALL, FOUR = set(PACKETS), set(PACKETS) - {"six"}
TCP = ALL - {"udp"}
QUESTIONS = [
    ([match(field("ip", "saddr"), "10.1.2.3")], FOUR - {"other"}),
    ([match(field("ip", "saddr"), {"prefix": {"addr": "10.0.0.0", "len": 8}})], FOUR - {"other"}),
    ([match(field("ip", "saddr"), {"range": ["10.1.0.0", "10.1.9.9"]})], FOUR - {"other"}),
    ([match(field("ip", "saddr"), "@nets", "!=")], {"other"}),
    ([match(field("ip", "saddr"), "@nets")], FOUR - {"other"}),
    ([match(field("ip", "saddr"), "@none")], set()),
    ([match(field("ip", "saddr"), {"set": ["192.0.2.7", "203.0.113.9"]})], {"other"}),
    ([match(field("ip", "daddr"), "192.0.2.1")], FOUR),
    ([match(field("ip6", "saddr"), "fd00::3")], {"six"}),
    ([match(field("ip6", "saddr"), "fd00::4", "!=")], {"six"}),
    ([match(field("tcp", "dport"), 22)], {"syn", "six", "ack", "known", "push"}),
    ([match(field("tcp", "dport"), 22, "!=")], {"other"}),
    ([match(field("tcp", "dport"), {"set": [{"range": [70, 90]}, 443]})], {"other"}),
    ([match(field("tcp", "sport"), {"range": [1024, 65535]})], TCP),
    ([match(field("udp", "dport"), 53)], {"udp"}),
    ([match(field("th", "dport"), {"range": [50, 60]})], {"udp"}),
    ([match(meta("l4proto"), {"set": ["udp", "icmp"]})], {"udp"}),
    ([match(meta("l4proto"), "tcp", "!=")], {"udp"}),
    ([match(field("ip", "protocol"), "udp")], {"udp"}),
    ([match(field("ip6", "nexthdr"), "tcp")], {"six"}),
    ([match(meta("nfproto"), "ipv6")], {"six"}),
    ([match(meta("nfproto"), "ipv6", "!=")], FOUR),
    ([match(meta("iifname"), "wan*")], {"other"}),
    ([match(meta("iifname"), {"set": ["lo", "wan1"]}, "!=")], ALL - {"other"}),
    ([match({"ct": {"key": "state"}}, ["established", "related"], "in")], {"known", "push"}),
    ([match({"ct": {"key": "state"}}, "new")], ALL - {"ack", "known", "push"}),
    ([match({"ct": {"key": "state"}}, "invalid", "!=")], ALL - {"ack"}),
    (
        [match(masked(field("tcp", "flags"), ["fin", "syn", "rst", "ack"]), "syn")],
        TCP - {"ack", "known", "push"},
    ),
    ([match(field("tcp", "flags"), "syn", "in")], TCP - {"ack", "known", "push"}),
    ([match(field("tcp", "flags"), "ack")], {"ack", "known"}),
    ([match(field("tcp", "flags"), {"|": ["syn", "ack"]}, "!=")], TCP),
    ([match({"fib": {"result": "type", "flags": ["daddr"]}}, "local")], ALL),
    ([match({"fib": {"result": "type", "flags": ["daddr"]}}, "multicast")], set()),
    ([match(meta("mark"), 1)], set()),
    ([match(masked(meta("mark"), 2), 0)], ALL),
    ([{"counter": {"packets": 0, "bytes": 0}}, {"log": None}], ALL),
]


@pytest.mark.parametrize(("asked", "wanted"), QUESTIONS, ids=lambda one: str(one)[:70])
def test_whom_a_question_is_about(asked, wanted):
    text = listed([*asked, DROP])
    assert {name for name, packet in PACKETS.items() if refused(text, packet)} == wanted
    assert guesses(text) == set()


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("icmp", FOUR), ("icmpv6", {"six"}), ("icmpx", ALL), ("tcp reset", TCP)],
)
def test_whom_a_rejection_is_for(kind, wanted):
    """nft 1.0.6 prints `meta nfproto ipv6 reject` as `reject with icmpv6 port-unreachable`."""
    text = listed([{"reject": {"type": kind, "expr": "port-unreachable"}}])
    assert {name for name, packet in PACKETS.items() if refused(text, packet)} == wanted


VERDICTS = [
    (
        [[{"vmap": {"key": field("tcp", "dport"), "data": {"set": [[23, ACCEPT], [22, DROP]]}}}]],
        True,
    ),
    ([[ACCEPT], [DROP]], False),
    ([[{"reject": {"type": "tcp reset"}}]], True),
    ([[{"jump": {"target": "back"}}], [DROP]], True),
    ([[{"goto": {"target": "back"}}], [DROP]], False),
    ([[{"jump": {"target": "no"}}]], True),
    ([[{"return": None}], [DROP]], False),
    ([[{"mangle": {"key": meta("mark"), "value": 1}}], [match(meta("mark"), 1), DROP]], True),
    ([[{"mangle": {"key": meta("mark"), "value": 1}}, ACCEPT], [DROP]], False),
    ([[{"mangle": {"key": meta("priority"), "value": 1}}, DROP]], True),
    (
        [[{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["new", DROP]]}}}]],
        True,
    ),
    (
        [
            [
                {
                    "vmap": {
                        "key": field("tcp", "dport"),
                        "data": {"set": [[22, {"jump": {"target": "no"}}], [23, ACCEPT]]},
                    }
                }
            ]
        ],
        True,
    ),
    ([[{"vmap": {"key": meta("l4proto"), "data": {"set": [["udp", DROP]]}}}]], False),
    ([[{"set": {"op": "add", "elem": field("ip", "saddr"), "set": "@kept"}}]], False),
]


@pytest.mark.parametrize(("rules", "wanted"), VERDICTS, ids=lambda one: str(one)[:60])
def test_what_becomes_of_a_packet(rules, wanted):
    assert refused(listed(*rules), SYN) is wanted


@pytest.mark.parametrize(
    "rule",
    [
        [match({"osf": {"key": "name"}}, "Linux"), DROP],
        [match(field("udp", "length"), 22), DROP],
        [match(field("ip", "ttl"), 1), DROP],
        [match(masked(field("ip", "saddr"), "0.0.0.255"), "0.0.0.7"), DROP],
        [match(field("ip", "saddr"), "@timed"), DROP],
        [match(field("ip", "saddr"), "@some"), DROP],
        [match(field("ip", "saddr"), "@missing"), DROP],
        [match(field("ip", "saddr"), "@kept"), DROP],
        [match(field("tcp", "dport"), 22, "<"), DROP],
        [match(field("tcp", "flags"), "cwr", "in"), DROP],
        [match({"concat": [field("ip", "saddr"), field("tcp", "dport")]}, {"set": []}), DROP],
        [match({"ct": {"key": "mark"}}, 1), DROP],
        [match(meta("skuid"), 0), DROP],
        [match(meta("iifname"), "w*n"), DROP],
        [{"queue": {"num": 1}}],
        [{"dnat": {"addr": "10.0.0.9"}}],
        [{"mangle": {"key": meta("mark"), "value": {"&": [meta("mark"), 1]}}}],
        [match(meta("mark"), 1), {"mangle": {"key": meta("mark"), "value": 2}}],
        [{"mangle": {"key": field("ip", "dscp"), "value": 2}}],
        [{"vmap": {"key": meta("iifname"), "data": "@map"}}],
        [{"xt": {"type": "match", "name": "set"}}, DROP],
    ],
    ids=lambda rule: str(rule)[:70],
)
def test_what_is_not_understood_is_a_guess_that_names_the_rule(rule):
    found = guesses(listed(rule, KEEPS))
    assert found
    assert all("nft inet t base rule 1" in name for name in found)


def test_members_that_were_not_printed_are_a_guess():
    text = listed([match(field("ip", "saddr"), "@nets"), DROP])
    assert guesses(text) == set()
    assert guesses(text, terse=True)


def test_a_rate_happens_either_way():
    text = listed([{"limit": {"rate": 3, "per": "second"}}, DROP])
    asked = {str(atom.test) for atom in model_of(text).predicates(4)}
    assert 'limit of nft inet t base rule 1: limit {"per":"second","rate":3} drop' in asked
    assert guesses(text) == set()


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"prio": -10}, {"syn", "six"}),
        ({"prio": 10}, {"syn", "six"}),
        ({"hook": "prerouting", "prio": -300}, {"syn", "six"}),
        ({"hook": "forward"}, set()),
        ({"family": "ip"}, {"syn"}),
        ({"family": "ip6"}, {"six"}),
    ],
)
def test_where_a_base_chain_stands(more, wanted):
    text = listed([DROP], **more)
    model = model_of(text)
    some = {"syn": SYN, "six": SIX}
    seen = {n for n, p in some.items() if Machine(model).feed(p, 0).verdict is Verdict.REFUSE}
    assert seen == wanted


def test_before_tracking_no_flow_is_known():
    asked = [match({"ct": {"key": "state"}}, "new"), DROP]
    assert refused(listed(asked), SYN)
    assert refused(listed(asked, hook="prerouting", prio=-190), SYN)
    assert not refused(listed(asked, hook="prerouting", prio=-300), SYN)


def test_a_native_rule_untracks_where_tracking_begins():
    untracked = [match({"ct": {"key": "state"}}, "untracked"), DROP]
    early = {"type": "filter", "hook": "prerouting", "prio": -300, "policy": "accept"}
    place = {"family": "inet", "table": "t"}
    more = [
        {"chain": {**place, "name": "early", "handle": 9, **early}},
        {"rule": {**place, "chain": "early", "handle": 9, "expr": [{"notrack": None}]}},
    ]
    assert not refused(listed(untracked), SYN)
    assert refused(listed(untracked, more=more), SYN)


def test_chains_of_type_nat_see_first_packets_alone():
    text = listed([DROP], kind="nat", hook="prerouting", prio=-100)
    assert refused(text, SYN)
    assert not refused(text, PACKETS["known"])


def test_a_policy_is_what_becomes_of_the_rest():
    assert refused(listed(policy="drop"), SYN)
    assert not refused(listed([ACCEPT], policy="drop"), SYN)


def test_rules_are_printed_as_people_write_them():
    rule = [
        match(field("ip", "saddr"), {"prefix": {"addr": "10.0.0.0", "len": 8}}, "!="),
        match(field("tcp", "dport"), {"set": [22, {"range": [80, 90]}]}),
        match(masked(field("tcp", "flags"), ["syn", "ack"]), "syn"),
        {"counter": {"packets": 7, "bytes": 9}},
        {"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["new", DROP]]}}},
        {"mangle": {"key": meta("mark"), "value": 1}},
        {"log": {"prefix": "x"}},
        {"queue": {"num": 1}},
    ]
    model = model_of(listed(rule, [{"jump": {"target": "no"}}]))
    texts = [str(one.text) for one in model.program(4).chains["nft inet t chain base"]]
    assert texts[0] == (
        "ip saddr != 10.0.0.0/8 tcp dport { 22, 80-90 } tcp flags & syn,ack syn"
        ' ct state vmap { new : drop } meta mark set 1 log queue {"num":1}'
    )
    assert texts[-1] == "jump no"
