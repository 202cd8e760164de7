"""Odds of guesses and of lucky scans, against counting what the reference automaton says."""

from dataclasses import replace
from fractions import Fraction
from ipaddress import ip_address
from itertools import permutations, product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from knockctl.automaton.reference import Automaton, Packet, Site, State, judge
from knockctl.lint import lint, odds
from knockctl.lint.odds import guess
from knockctl.lint.random_scans import lucky_orders
from knockctl.policy import wellformed
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span

SOURCE = ip_address("203.0.113.7")
LAST = 7
"""Ports above this one are public."""


def policy(*ports, **changes):
    knocks = tuple(Knock("tcp", port) for port in ports)
    base = ResolvedPolicy("p", (Generation(1, knocks),), 10, (Span("udp", 100, 100),), 60)
    return replace(base, **changes)


def trap(*ports, lockout=60, unless_granted=False):
    return ResolvedTrap(tuple(Span("tcp", p, p) for p in ports), lockout, unless_granted)


def evidence(gate, code):
    return [warned.evidence for warned in lint(gate) if warned.code == code]


def opened(gate, order):
    """Scan in this order, all at once; tell which generations let the source in, if any."""
    state = State.initial(gate)
    for port in order:
        after = judge(gate, state, Packet(SOURCE, "tcp", port), 0.0).state
        if after.granted:
            return {
                generation.number
                for generation, stage in zip(gate.generations, state.stages, strict=True)
                if stage.reached + 1 == len(generation.knocks)
                and generation.knocks[-1].port == port
            }
        state = after
    return set()


shuffled = st.builds(
    lambda generations, wrong, traps, services: policy(
        generations=tuple(
            Generation(number, tuple(Knock("tcp", port) for port in ports))
            for number, ports in enumerate(generations, start=1)
        ),
        wrong_knock=wrong,
        lockout=60,
        traps=(trap(*traps),) if traps else (),
        services=tuple(Span("tcp", port, port) for port in services),
        public=(Span("tcp", LAST, 65535),),
    ),
    st.lists(
        st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True), min_size=1, max_size=2
    ),
    st.sampled_from(["ignore", "reset", "lockout"]),
    st.sets(st.integers(1, LAST - 1), max_size=2),
    st.lists(st.integers(1, LAST - 1), min_size=1, max_size=2),
)


@pytest.mark.no_cover
@settings(max_examples=60)
@given(shuffled)
def test_the_odds_of_a_shuffled_scan_are_counted(gate):
    """Every order of the ports that are not public, and who is let in by it."""
    assume(not wellformed.check(gate))
    orders = [opened(gate, order) for order in permutations(range(1, LAST))]
    for generation in gate.generations:
        lucky = sum(generation.number in order for order in orders)
        scans = lucky_orders(gate, generation)
        assert scans == (Fraction(len(orders), lucky) if lucky else None)


def test_one_trap_among_all_ports_costs_little_where_wrong_knocks_are_ignored():
    gate = policy(1, 2, wrong_knock="ignore", traps=(trap(9),))
    assert evidence(gate, "shuffled-scan-opens") == ["1 scan in 6, sent before anything expires"]


def test_odds_that_are_no_whole_number_are_rounded():
    others = Generation(1, (Knock("tcp", 3), Knock("tcp", 4), Knock("tcp", 1)))
    knocks = Generation(2, (Knock("tcp", 1), Knock("tcp", 2)))
    gate = policy(generations=(others, knocks), public=(Span("tcp", 6, 65535),))
    lucky = sum(2 in opened(gate, order) for order in permutations(range(1, 6)))
    assert 120 % lucky
    said = f"1 scan in {120 / lucky:,.1f}, sent before anything expires"
    assert said in evidence(gate, "shuffled-scan-opens")


@pytest.mark.no_cover
@pytest.mark.parametrize("wrong", ["ignore", "reset", "lockout"])
def test_the_longest_sequences_are_counted_in_no_time(wrong):
    """Twenty knocks and seven that share some of their ports; time is what this would take."""
    old = Generation(1, tuple(Knock("tcp", port) for port in range(1, 21)))
    new = Generation(2, tuple(Knock("tcp", port) for port in (101, 102, 5, 103, 6, 104, 105)))
    gate = policy(generations=(old, new), wrong_knock=wrong, lockout=60)
    assert lucky_orders(gate, new) >= 5040


def test_a_passphrase_or_a_port_that_comes_twice_is_no_luck():
    word = Generation(1, (Knock("udp", 1), Knock("udp", 9, b"word")))
    assert lucky_orders(policy(wrong_knock="ignore", generations=(word,)), word) is None
    twice = policy(1, 2, 1, 3, wrong_knock="ignore")
    assert lucky_orders(twice, twice.generations[0]) is None


def test_five_knocks_and_the_time_they_take():
    told = odds(policy(1, 9, 3, 7, 5))
    assert told.guesses == 131072**5
    assert told.expected == 131072**5 // 2
    assert str(told).startswith("1 in 3.87e+25 blind guesses")
    assert told.seconds == 131072**5 / 2 * 5 / 1000
    assert told.seconds_locked is None


def test_traps_over_nearly_every_port_make_guessing_slower_but_not_rarer():
    spans = (Span("tcp", 10, 65535), Span("udp", 1, 65535))
    for unless_granted in (False, True):
        told = odds(policy(1, 9, 3, 7, 5, traps=(ResolvedTrap(spans, 3600, unless_granted),)))
        assert told.guesses == 131072**5
        assert told.seconds == 131072**5 / 2 * 5 / 1000
        # Nearly every guess ends with its first packet, and costs the hour.
        assert told.seconds_locked == pytest.approx(131072**5 / 2 * (3600 + 0.001), rel=1e-3)
        assert "with the lock-out" in str(told)


guessable = st.builds(
    lambda first, second, wrong, traps, public: policy(
        *first,
        generations=tuple(
            Generation(number, tuple(Knock("tcp", port) for port in ports))
            for number, ports in enumerate((first, second), start=1)
            if ports
        ),
        wrong_knock=wrong,
        lockout=100,
        traps=tuple(trap(p, lockout=time, unless_granted=spare) for p, time, spare in traps),
        public=(Span("tcp", public, 6),),
        services=(Span("tcp", 5, 5),),
    ),
    st.lists(st.integers(1, 4), min_size=2, max_size=3, unique=True),
    st.lists(st.integers(1, 4), min_size=2, max_size=3, unique=True) | st.just([]),
    st.sampled_from(["ignore", "reset", "lockout"]),
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 60), st.booleans()), max_size=2),
    st.just(6),
)


@pytest.mark.no_cover
@settings(max_examples=60)
@given(guessable)
def test_what_a_guess_costs_is_the_average_over_all_guesses(gate):
    """Of ports 0 to 7 every guess is played; the other ports are as port 0, or public."""
    assume(not wellformed.check(gate))
    knocks = min(len(generation.knocks) for generation in gate.generations)
    weights = dict.fromkeys(range(1, 7), 1) | {0: 131072 - 6}
    packets = pause = Fraction(0)
    for ports in product(weights, repeat=knocks):
        automaton, share, sent = Automaton(Site((gate,))), Fraction(1), 0
        for port in ports:
            share *= Fraction(weights[port], 131072)
        for port in ports:
            automaton.feed(Packet(SOURCE, "tcp", port), 0)
            sent += 1
            if automaton.sources[SOURCE][0].locked:
                pause += share * int(automaton.sources[SOURCE][0].locked_until)
                break
        packets += share * sent
    assert guess(gate, knocks) == (packets, pause)
