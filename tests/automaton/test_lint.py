"""Lint that plays packets: each trace it prints is true, each scan that opens is told."""

from dataclasses import replace
from fractions import Fraction
from ipaddress import ip_address

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from knockctl.automaton.reference import Automaton, Packet, Site
from knockctl.lint import lint, scans
from knockctl.lint.sweep import opening
from knockctl.policy import wellformed
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span

SOURCE = ip_address("203.0.113.7")


def policy(*ports, **changes):
    knocks = tuple(Knock("tcp", port) for port in ports)
    base = ResolvedPolicy("p", (Generation(1, knocks),), 10, (Span("tcp", 100, 100),), 60)
    return replace(base, **changes)


def found(policy, code):
    return [warned for warned in lint(policy) if warned.code == code]


def opens(policy, ports, rate, again=None):
    """Scan one by one at so many ports a second; tell whether the source ever is in.

    Each port is sent to a second time after ``again`` seconds. Times are exact.
    """
    automaton = Automaton(Site((policy,)))
    events = [(place / Fraction(rate), port) for place, port in enumerate(ports)]
    events += [(at + again, port) for at, port in events] if again else []
    for at, port in sorted(events, key=lambda event: event[0]):
        automaton.feed(Packet(SOURCE, "tcp", port), at)
        if automaton.sources[SOURCE][0].granted:
            return True
    return False


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


@pytest.mark.no_cover
@given(scannable)
def test_a_plain_scan_that_opens_is_told(gate):
    assume(not wellformed.check(gate))
    told = found(gate, "plain-scan-opens")
    for name, ports in (("ascending", range(1, 120)), ("descending", range(119, 0, -1))):
        if opens(gate, ports, 1000):
            assert any(f"ordinary {name} scan" in warned.message for warned in told)


@pytest.mark.no_cover
@settings(max_examples=60)
@given(
    scannable,
    st.integers(1, 30),
    st.fractions(Fraction(1, 60), 60, max_denominator=60),
    st.sampled_from([None, 1, "half"]),
)
def test_a_scan_that_opens_at_any_rate_is_told(gate, lockout, rate, again):
    assume(not wellformed.check(gate))
    traps = tuple(replace(trap, lockout=lockout) for trap in gate.traps)
    gate = replace(gate, traps=traps, lockout=lockout, step_timeout=gate.step_timeout * 10)
    told = found(gate, "plain-scan-opens")
    again = 1 / rate / 2 if again == "half" else again
    for name, ports in (("ascending", range(1, 120)), ("descending", range(119, 0, -1))):
        if opens(gate, ports, rate, again):
            assert any(f"ordinary {name} scan" in warned.message for warned in told)


@settings(max_examples=100)
@given(scannable, st.integers(1, 30), st.sampled_from(["", scans.TWICE, scans.AGAIN]))
def test_a_range_of_rates_that_is_told_opens_at_its_fastest(gate, lockout, again):
    """The whole scan is played, with every port of every trap."""
    assume(not wellformed.check(gate))
    traps = tuple(replace(trap, lockout=lockout) for trap in gate.traps)
    gate = replace(gate, traps=traps, lockout=lockout, step_timeout=gate.step_timeout * 10)
    gate = replace(gate, public=(*gate.public, Span("tcp", 120, 65535)))
    for direction, ports in (("ascending", range(1, 120)), ("descending", range(119, 0, -1))):
        streams = list(scans.streams(gate, ("tcp",), direction, again))
        for told in opening(gate, streams, gate.generations).values():
            pace = told.fast + Fraction(1, 10**12)
            wait = {"": None, scans.TWICE: pace, scans.AGAIN: 1}[again]
            assert opens(gate, ports, 1 / (2 * pace), wait)


def test_a_scan_so_slow_that_the_lock_out_ends_before_the_knocks_is_told():
    trap = ResolvedTrap((Span("tcp", 2, 5),), 60, unless_granted=False)
    gate = policy(10, 30, 35, wrong_knock="ignore", traps=(trap,), step_timeout=1000)
    (told,) = [w for w in found(gate, "plain-scan-opens") if "ascending" in w.evidence]
    # From port 2 to port 10 it takes the lock-out's 60 s: no trap locks a second time.
    assert "at more than 0.02 and up to 0.133333 ports/s" in told.evidence
    assert [step.rule for step in told.trace] == ["4", "4", "4"]
    for rate, does in ((Fraction(8, 60), True), (Fraction(8, 59), False), (Fraction(1, 50), False)):
        assert opens(gate, range(1, 120), rate) is does


def test_a_scan_that_is_neither_too_slow_nor_too_fast_for_its_own_retransmissions_is_told():
    gate = policy(5, 9, 1, 7, 3, wrong_knock="ignore")
    (told,) = found(gate, "plain-scan-opens")
    assert "descending, with retransmissions" in told.evidence
    assert "at more than 6 and up to 8 ports/s" in told.evidence
    for rate, does in ((9, False), (7, True), (5, False)):
        assert opens(gate, range(119, 0, -1), rate, 1) is does


@pytest.mark.no_cover
@given(scannable)
def test_a_trace_that_is_told_is_true(gate):
    """Played again, every packet gets the verdict and the rule that were printed."""
    assume(not wellformed.check(gate))
    for warned in lint(gate):
        automaton = Automaton(Site((gate,)))
        if warned.code == "plain-scan-opens":
            for step in warned.trace:
                protocol, _, port = step.packet.partition("/")
                automaton.feed(Packet(SOURCE, protocol, int(port)), step.at)
            assert automaton.sources[SOURCE][0].granted
        elif warned.trace and warned.code in ("honest-client-caught", "trap-over-service"):
            for step in warned.trace:
                protocol, _, port = step.packet.partition("/")
                judged = automaton.feed(Packet(SOURCE, protocol, int(port)), step.at)
                assert (judged.verdict.value, judged.rules[0]) == (step.verdict, step.rule)
            assert automaton.sources[SOURCE][0].locked


def test_the_rate_that_is_told_is_the_slowest():
    gate = policy(10, 30, 35, wrong_knock="ignore")
    (told,) = found(gate, "plain-scan-opens")
    assert "at more than 2 ports/s" in told.evidence
    assert opens(gate, range(1, 120), 3)
    assert not opens(gate, range(1, 120), 2)


def test_retransmissions_open_what_a_single_pass_does_not():
    gate = policy(30, 10, wrong_knock="ignore")
    told = {warned.message: warned.evidence for warned in found(gate, "plain-scan-opens")}
    assert "with retransmissions" in told["an ordinary ascending scan completes the sequence"]
    assert not opens(gate, range(1, 120), 1000)


def test_a_scan_of_tcp_then_udp_opens_a_sequence_that_changes_over():
    mixed = replace(
        policy(wrong_knock="ignore"),
        generations=(Generation(1, (Knock("tcp", 10), Knock("udp", 5))),),
        step_timeout=100,
    )
    assert any("tcp then udp" in warned.evidence for warned in found(mixed, "plain-scan-opens"))


def test_the_honest_client_who_comes_too_early_or_too_late_is_told():
    trap = ResolvedTrap((Span("tcp", 100, 100),), 60, unless_granted=True)
    told = found(policy(1, 9, traps=(trap,)), "trap-over-service")
    assert "after knock 1" in told[0].message
    assert "tcp/100 at 0.1 s" in told[0].evidence
    once = policy(1, traps=(trap,))
    assert "after the grant ended" in found(once, "trap-over-service")[0].message


def test_secrets_are_not_written_into_traces():
    secret = replace(
        policy(wrong_knock="lockout", lockout=60),
        generations=(Generation(1, tuple(Knock("tcp", p, secret=True) for p in (41001, 41502))),),
    )
    text = str(lint(secret))
    assert "4100" not in text
    assert "4150" not in text
    assert "knock 1 and then" in text
