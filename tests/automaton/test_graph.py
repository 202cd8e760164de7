"""The picture of a policy: every edge is a step of the automaton, and nothing secret shows."""

from dataclasses import replace
from ipaddress import ip_network
from xml.etree import ElementTree as ET

import pytest

from knockctl.graph.drawing import mermaid, svg
from knockctl.graph.graph import graph
from knockctl.policy.loader import load_all, resolve
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span
from tests.fixtures.lab import INVENTORY

SEEDS = {name: resolve(one, None) for name, one in load_all(INVENTORY / "policies").items()}
P = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("tcp", 1001), Knock("udp", 1002))),),
    step_timeout=10,
    services=(Span("tcp", 22, 22),),
    grant_duration=60,
)


def edges(policy):
    return {(e.source, e.target): e.label for e in graph(policy).edges}


def test_the_seed_for_linux_in_mermaid():
    assert mermaid(graph(SEEDS["ssh-box"])) == (
        "stateDiagram-v2\n"
        "    direction LR\n"
        "    [*] --> begin\n"
        "    begin: start\n"
        "    s1: 1 of 3\n"
        "    s2: 2 of 3\n"
        "    open: open for 10s, once\n"
        "    begin --> s1: tcp/1234\n"
        "    s1 --> s2: tcp/2345\n"
        "    s1 --> begin: any wrong port, after 3s\n"
        "    s2 --> open: tcp/3456\n"
        "    s2 --> begin: any wrong port, after 3s\n"
        "    open --> begin: tcp/22 accepted, after 10s\n"
    )


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_in_svg(name):
    drawn = graph(SEEDS[name])
    text = svg(drawn)
    root = ET.fromstring(text)
    assert root.tag.endswith("svg")
    words = " ".join("".join(root.itertext()).split())
    for knock in SEEDS[name].generations[0].knocks:
        assert words.count(str(knock.span)) == 1
    assert "start" in words
    assert svg(drawn) == text


@pytest.mark.parametrize(
    ("change", "where", "label"),
    [
        ({"wrong_knock": "ignore"}, ("s1", "start"), "after 10s"),
        ({"wrong_knock": "reset"}, ("s1", "start"), "any wrong port, after 10s"),
        ({"wrong_knock": "lockout", "lockout": 60}, ("s1", "locked1m"), "any wrong port"),
        ({"stray": "revoke"}, ("open", "start"), "any other port, after 1m"),
        ({"stray": "lockout", "lockout": 60}, ("open", "locked1m"), "any other port"),
        ({"uses": "single"}, ("open", "start"), "tcp/22 accepted, after 1m"),
        ({}, ("open", "open"), "tcp/22 accepted"),
        (
            {"traps": (ResolvedTrap((Span("tcp", 666, 666),), 120, unless_granted=True),)},
            ("start", "locked2m"),
            "trap tcp/666",
        ),
    ],
)
def test_what_the_policy_says_is_what_is_drawn(change, where, label):
    assert edges(replace(P, **change))[where] == label


BOTH = replace(
    P,
    generations=(
        Generation(1, (*P.generations[0].knocks, Knock("udp", 1003))),
        Generation(2, (Knock("tcp", 2001), Knock("tcp", 2002))),
    ),
)


def test_two_sequences_are_two_tracks_from_the_start_to_the_grant():
    assert edges(BOTH) == {
        ("start", "q1s1"): "tcp/1001",
        ("q1s1", "q1s2"): "udp/1002",
        ("q1s2", "open"): "udp/1003",
        ("q1s1", "start"): "any wrong port, after 10s",
        ("q1s2", "start"): "any wrong port, after 10s",
        ("start", "q2s1"): "tcp/2001",
        ("q2s1", "open"): "tcp/2002",
        ("q2s1", "start"): "any wrong port, after 10s",
        ("open", "open"): "tcp/22 accepted",
        ("open", "start"): "after 1m",
    }
    assert [(n.label, n.track) for n in graph(BOTH).nodes if n.kind == "stage"] == [
        ("1 of 3 (sequence 1)", 0),
        ("2 of 3 (sequence 1)", 0),
        ("1 of 2 (sequence 2)", 1),
    ]


@pytest.mark.parametrize("wrong_knock", ["ignore", "reset", "lockout"])
def test_a_track_shows_its_own_knocks_alone(wrong_knock):
    shared = replace(
        P,
        generations=(
            Generation(1, (Knock("tcp", 1001), Knock("tcp", 1002), Knock("tcp", 1003))),
            Generation(2, (Knock("tcp", 1001), Knock("tcp", 1002), Knock("tcp", 1004))),
        ),
        wrong_knock=wrong_knock,
        lockout=60,
    )
    drawn = {way: label for way, label in edges(shared).items() if way[1][0] in "qo"}
    assert drawn == {
        ("start", "q1s1"): "tcp/1001",
        ("q1s1", "q1s2"): "tcp/1002",
        ("q1s2", "open"): "tcp/1003",
        ("start", "q2s1"): "tcp/1001",
        ("q2s1", "q2s2"): "tcp/1002",
        ("q2s2", "open"): "tcp/1004",
        ("open", "open"): "tcp/22 accepted",
    }


def test_being_let_in_by_one_sequence_is_not_drawn_on_the_other():
    a, b, c, d = (Knock("tcp", port) for port in (1001, 1002, 1003, 1004))
    for other, last in (((d,), "start"), ((a, d), "q2s1")):
        generations = (Generation(1, (a, b, c)), Generation(2, other))
        drawn = edges(replace(P, generations=generations))
        onto = {way: label for way, label in drawn.items() if way[1] == "open"}
        assert onto == {
            ("q1s2", "open"): "tcp/1003",
            (last, "open"): "tcp/1004",
            ("open", "open"): "tcp/22 accepted",
        }


def test_a_secret_knock_is_called_by_its_place_on_its_own_track():
    knocks = tuple(Knock("tcp", port, secret=True) for port in (1001, 1002, 1001, 1003))
    other = tuple(Knock("tcp", port, secret=True) for port in (1002, 1001, 1004))
    drawn = edges(replace(P, generations=(Generation(4, knocks), Generation(5, other))))
    assert [drawn[way] for way in (("q4s1", "q4s2"), ("q4s2", "q4s3"), ("q4s3", "open"))] == [
        "knock 2",
        "knock 3",
        "knock 4",
    ]
    assert drawn["start", "q5s1"] == "knock 1"


def test_secret_ports_are_called_by_their_place():
    secret = replace(
        P,
        generations=(
            Generation(1, tuple(replace(k, secret=True) for k in P.generations[0].knocks)),
        ),
    )
    drawn = graph(secret)
    for text in (mermaid(drawn), svg(drawn), repr(drawn)):
        assert "1001" not in text
        assert "1002" not in text
    assert "tcp/1001" in mermaid(graph(secret, reveal=True))


def test_labels_cannot_break_mermaid():
    odd = replace(graph(P), nodes=(replace(graph(P).nodes[0], label="a;b#c"),), edges=())
    assert "begin: a#59;b#35;c" in mermaid(odd)


TWO = replace(P, services=(Span("tcp", 22, 22), Span("tcp", 23, 23)))


def trap(first, last, lockout, *, unless_granted=False):
    return ResolvedTrap((Span("tcp", first, last),), lockout, unless_granted=unless_granted)


@pytest.mark.parametrize("port", [22, 23])
def test_a_trap_over_one_of_two_services(port):
    drawn = edges(replace(TWO, traps=(trap(port, port, 120),)))
    assert drawn["start", "locked2m"] == drawn["s1", "locked2m"] == f"trap tcp/{port}"
    assert drawn["open", "open"] == "tcp/22-23 accepted"


def test_a_trap_inside_a_trap_locks_for_the_longer_time_and_the_outer_stays():
    drawn = edges(replace(P, traps=(trap(100, 200, 60), trap(150, 160, 3600))))
    assert drawn["start", "locked1m"] == "trap tcp/100-149 tcp/161-200"
    assert drawn["start", "locked1h"] == "trap tcp/150-160"
    drawn = edges(replace(P, traps=(trap(150, 160, 60), trap(100, 200, 3600))))
    assert drawn["start", "locked1h"] == "trap tcp/100-200"
    assert ("start", "locked1m") not in drawn


def test_traps_that_differ_only_for_who_is_in():
    drawn = edges(replace(P, traps=(trap(100, 200, 60, unless_granted=True), trap(150, 160, 60))))
    assert drawn["start", "locked1m"] == "trap tcp/100-200"
    assert drawn["open", "locked1m"] == "trap tcp/150-160"


def words(*payloads, secret=False):
    return Generation(1, tuple(Knock("udp", 888, p, secret=secret) for p in payloads))


def test_two_passphrases_on_one_port():
    drawn = edges(replace(P, generations=(words(b"open", b"sesame"),)))
    assert drawn["start", "s1"] == "udp/888 with passphrase 1"
    assert drawn["s1", "open"] == "udp/888 with passphrase 2"
    drawn = edges(replace(P, generations=(words(b"open", b"sesame", secret=True),)))
    assert (drawn["start", "s1"], drawn["s1", "open"]) == ("knock 1", "knock 2")


def test_a_passphrase_alone_on_its_port():
    knocks = (Knock("udp", 888, b"open"), Knock("tcp", 1001))
    drawn = edges(replace(P, generations=(Generation(1, knocks),)))
    assert drawn["start", "s1"] == "udp/888 with a passphrase"


def test_a_secret_knock_leaves_no_gap_in_what_is_listed():
    secret = Generation(1, (Knock("tcp", 150, secret=True), Knock("tcp", 1001, secret=True)))
    drawn = graph(replace(P, generations=(secret,), services=(Span("tcp", 100, 200),)))
    assert {e.label for e in drawn.edges if e.target == "open"} == {
        "knock 2",
        "tcp/100-200 accepted",
    }
    assert "149" not in repr(drawn)


@pytest.mark.parametrize(
    "trusted",
    [
        ["203.0.113.0/24"],
        ["203.0.113.0/24", "203.0.114.0/23", "203.0.113.4/30"],
        ["128.0.0.0/1"],
        ["0.0.0.0/0"],
        ["0.0.0.0/0", "2001:db8::/32"],
        ["::/0"],
    ],
)
def test_what_is_drawn_happens_to_whoever_is_not_trusted(trusted):
    networks = tuple(ip_network(one) for one in trusted)
    assert graph(replace(P, trusted=networks)) == graph(P)


def test_where_everybody_is_trusted_everybody_is_let_in():
    everybody = replace(P, trusted=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    assert edges(everybody) == {("start", "start"): "tcp/22 accepted"}
    ET.fromstring(svg(graph(everybody)))


def test_a_knock_that_is_the_service_is_let_in_by_its_own_name():
    last = replace(P, services=(Span("udp", 1002, 1002),))
    assert edges(last)["open", "open"] == "udp/1002 accepted"
    secret = tuple(replace(k, secret=True) for k in P.generations[0].knocks)
    assert edges(replace(last, generations=(Generation(1, secret),)))["open", "open"] == (
        "knock 2 accepted"
    )
