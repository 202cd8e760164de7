"""Lint: each figure and trace it prints is true of the reference automaton."""

from dataclasses import replace
from fractions import Fraction
from ipaddress import ip_address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from knockctl.automaton.reference import Automaton, Packet, Site, Verdict
from knockctl.policy import wellformed
from knockctl.policy.lint import lint, ports_per_second
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span

SOURCE = ip_address("192.0.2.1")


def policy(*ports, **changes):
    knocks = tuple(Knock("tcp", port) for port in ports)
    base = ResolvedPolicy("p", (Generation(1, knocks),), 10, (Span("tcp", 22, 22),), 60)
    return replace(base, **changes)


def codes(found):
    return [warned.code for warned in lint(found)]


def evidence(found, code):
    return [warned.evidence for warned in lint(found) if warned.code == code]


def scan_opens(found, rate):
    """Scan from the first knock to the last at so many ports a second, then try the service."""
    ports = [knock.port for knock in found.generations[0].knocks]
    step = 1 if ports[0] < ports[-1] else -1
    automaton = Automaton(Site((found,)))
    now = Fraction(0)
    for port in range(ports[0], ports[-1] + step, step):
        automaton.feed(Packet(SOURCE, "tcp", port), now)
        now += Fraction(1, rate)
    return automaton.feed(Packet(SOURCE, "tcp", 100), now).verdict is Verdict.ACCEPT


few_ports = st.integers(1, 40)
some_spans = st.lists(few_ports.map(lambda port: Span("tcp", port, port)), max_size=4)
scannable = st.builds(
    lambda ports, down, wrong, services, public, traps, timeout: policy(
        *sorted(ports, reverse=down),
        wrong_knock=wrong,
        lockout=1000,
        services=(Span("tcp", 100, 100), *services),
        public=tuple(public),
        traps=(ResolvedTrap(tuple(traps), 1000, unless_granted=True),) if traps else (),
        step_timeout=timeout,
    ),
    st.sets(few_ports, min_size=2, max_size=5),
    st.booleans(),
    st.sampled_from(["ignore", "reset", "lockout"]),
    some_spans,
    some_spans,
    some_spans,
    st.integers(1, 5),
)


@given(scannable)
def test_a_plain_scan_is_warned_of_just_when_it_opens(found):
    assume(not wellformed.check(found))
    ports = [knock.port for knock in found.generations[0].knocks]
    slowest = ports_per_second(ports, found.step_timeout)
    assert ("plain-scan-opens" in codes(found)) == scan_opens(found, slowest)
    if slowest > 1:
        assert not scan_opens(found, slowest - 1)


def test_a_sequence_that_turns_mixes_protocols_or_has_a_passphrase_is_no_scan():
    assert "plain-scan-opens" in codes(policy(1, 5, 9, wrong_knock="ignore"))
    assert "plain-scan-opens" not in codes(policy(1, 9, 5, wrong_knock="ignore"))
    for knock in (Knock("udp", 9), Knock("udp", 9, b"word")):
        generation = Generation(1, (Knock("udp", 1) if knock.payload else Knock("tcp", 1), knock))
        assert "plain-scan-opens" not in codes(
            policy(wrong_knock="ignore", generations=(generation,))
        )


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
        ("wrong_knock",): "source X, tcp/7 and then one wrong port: X is locked out for 1h",
        ("grant", "stray"): "a granted source X, one packet to any other port:"
        " X is locked out for 1h",
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
