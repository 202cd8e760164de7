"""Lint: the figures it prints, and what it finds; that its traces are true, is in automaton."""

from dataclasses import replace

import pytest

from knockctl.lint import lint
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span


def policy(*ports, **changes):
    knocks = tuple(Knock("tcp", port) for port in ports)
    base = ResolvedPolicy("p", (Generation(1, knocks),), 10, (Span("tcp", 22, 22),), 60)
    return replace(base, **changes)


def codes(found):
    return [warned.code for warned in lint(found)]


def evidence(found, code):
    return [warned.evidence for warned in lint(found) if warned.code == code]


def test_a_sequence_that_turns_often_or_has_a_passphrase_is_no_scan():
    assert "plain-scan-opens" in codes(policy(1, 5, 9, wrong_knock="ignore"))
    assert "plain-scan-opens" not in codes(policy(5, 9, 1, 7, 3, 8, wrong_knock="ignore"))
    generation = Generation(1, (Knock("udp", 1), Knock("udp", 9, b"word")))
    assert "plain-scan-opens" not in codes(policy(wrong_knock="ignore", generations=(generation,)))


def test_both_generations_are_looked_at():
    old, new = (Knock("tcp", 1), Knock("tcp", 22)), (Knock("tcp", 9), Knock("tcp", 5))
    both = policy(generations=(Generation(1, old), Generation(2, new)), wrong_knock="ignore")
    places = {(w.code, w.path[0]) for w in lint(both)}
    assert ("plain-scan-opens", "previous") in places
    assert ("plain-scan-opens", "sequence") in places
    assert ("knock-is-service", "previous") in places
    assert ("few-knocks", "previous") in places


@pytest.mark.parametrize(
    ("count", "said"), [(1, "131,072"), (2, "17,179,869,184"), (3, None), (5, None)]
)
def test_the_odds_of_few_knocks(count, said):
    found = evidence(policy(*range(101, 101 + count)), "few-knocks")
    assert found == ([f"a blind guess is right once in {said}"] if said else [])


def test_both_ways_to_be_locked_out_by_forged_packets_are_told():
    gate = policy(7, 3, 9, wrong_knock="lockout", stray="lockout", lockout=3600)
    told = {w.path: w.evidence for w in lint(gate) if w.code == "spoofable-lockout"}
    assert told == {
        ("wrong_knock",): "source X, tcp/7 and then tcp/9: X is locked out for 1h;"
        " a granted source is spared",
        ("grant", "stray"): "source X, tcp/7 and then tcp/3 and then tcp/9 and then udp/65535:"
        " X is locked out for 1h; a granted source X, udp/65535: locked out for 1h, too",
    }
    assert "spoofable-lockout" not in codes(policy(7, 3, 9, lockout=3600))


def test_iana_s_ephemeral_ports_count_too():
    trap = ResolvedTrap((Span("udp", 61000, 65535),), 60, unless_granted=False)
    assert evidence(policy(7, 3, 9, traps=(trap,)), "trap-over-ephemeral") == [
        "4536 of the 32768 ephemeral ports per protocol, the first udp/61000-65535"
    ]


def test_what_stands_out_in_a_scan_leaves_fewer_guesses():
    said = evidence(policy(7, 3, 9), "silent-ports-stand-out")[0]
    assert said.startswith("4 ports stand out; a guess among them is right once in 64 ")
    assert "silent-ports-stand-out" not in codes(policy(7, 3, 9, otherwise="refuse"))
    assert "silent-ports-stand-out" not in codes(policy(7, 3, 9, refuse="reject"))


def test_secret_knocks_are_neither_named_nor_measured():
    ports = (41001, 41502, 42003)
    knocks = tuple(Knock("tcp", port, secret=True) for port in ports)
    found = policy(
        generations=(Generation(1, knocks),),
        wrong_knock="ignore",
        services=(Span("tcp", 41001, 41001),),
    )
    secret = lint(replace(found, services=(Span("tcp", 22, 22),)))
    assert "plain-scan-opens" in [w.code for w in secret]
    text = str(secret)
    assert not any(str(port) in text for port in ports)
    assert "ports/s" not in text
    assert "41001" not in str(lint(found))
