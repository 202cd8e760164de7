"""Lint that plays packets: each trace it prints is true, each scan that opens is told."""

from dataclasses import replace
from ipaddress import ip_address

from hypothesis import assume, given
from hypothesis import strategies as st

from knockctl.automaton.lint import lint
from knockctl.automaton.reference import Automaton, Packet, Site
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


def opens(policy, ports, rate):
    """Scan one by one at so many ports a second; tell whether the source ever is in."""
    automaton = Automaton(Site((policy,)))
    for place, port in enumerate(ports):
        automaton.feed(Packet(SOURCE, "tcp", port), place / rate)
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


@given(scannable)
def test_a_plain_scan_that_opens_is_told(gate):
    assume(not wellformed.check(gate))
    told = found(gate, "plain-scan-opens")
    for name, ports in (("ascending", range(1, 120)), ("descending", range(119, 0, -1))):
        if opens(gate, ports, 1000):
            assert any(f"ordinary {name} scan" in warned.message for warned in told)


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
    assert "at 3 ports/s or faster" in told.evidence
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
