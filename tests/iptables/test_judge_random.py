"""Random foreign rules: the quick answer against a naive reading, and against full exploration."""

import random
from collections import Counter
from ipaddress import ip_address, ip_network
from itertools import islice, product

import pytest

from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span
from knockctl.verify import prove
from knockctl.verify.exposures import Kind, find
from knockctl.verify.gaps import unknocked
from knockctl.verify.prove import Status
from knockctl_iptables import semantics
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.render.render import render
from tests.fixtures.iptables_foreign import (
    FLAGS,
    INTERFACES,
    ODD_FLAGS,
    OTHER,
    PAYLOADS,
    SOURCES,
    TARGET,
    Wire,
    World,
    fate,
    foreign,
    read,
)
from tests.fixtures.iptables_judged import claim_of
from tests.fixtures.seed import SEED

POLICY = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("tcp", 1001), Knock("udp", 1002))),),
    step_timeout=10,
    services=(Span.single("tcp", 22),),
    grant_duration=60,
    wrong_knock="ignore",
    traps=(ResolvedTrap((Span.single("tcp", 666),), 60, unless_granted=False),),
    scope="services",
)
ENOUGH = 200
"""Packets of each rule set whose fates are looked at."""
GOVERNED = {("tcp", 22), ("tcp", 1001), ("udp", 1002), ("tcp", 666)}
KNOCKS = (1001, 1002)


def asked(made, by=semantics, **more):
    """Return what a machine finds, and the claim it is asked with."""
    config = render([POLICY], LinuxPlacement()).config
    rules = by.saved({made.family: made.text()}, made.sets)
    placed = by.ruleset.standing(rules, config, {made.family: made.position})
    model = by.LinuxModel(placed, **more)
    claim = claim_of(model, POLICY, family=made.family)
    return find(claim, model.program(made.family)), claim


def packets(made, rng):
    """Every packet to a governed port that the rules can tell apart, in any order."""
    text, family = made.text(), made.family
    choices = (
        SOURCES[family],
        (TARGET[family], OTHER[family]) if " -d " in text else (TARGET[family],),
        sorted(GOVERNED),
        (40000, 500) if "--sport" in text else (40000,),
        (*FLAGS, *ODD_FLAGS) if "--tcp-flags" in text else FLAGS,
        ("NEW", "INVALID"),
        INTERFACES if " -i " in text else INTERFACES[:1],
        PAYLOADS if "--string" in text else PAYLOADS[:1],
    )
    every = list(product(*choices))
    for source, target, (protocol, port), start, flags, state, interface, payload in rng.sample(
        every, len(every)
    ):
        wire = Wire(source, target, protocol, port, start, flags, state, interface, payload)
        # A segment that opens nothing is of no flow: new to conntrack, or nothing it knows.
        sent = protocol == "tcp" or (flags, state) == ("SYN", "NEW")
        if sent and (state == "NEW" or stray(wire)):
            yield wire


def stray(wire):
    return wire.protocol == "tcp" and wire.flags != "SYN"


def outcomes(made, seed):
    """Yield what the naive reading makes of packets of somebody who did nothing yet."""
    rng = random.Random(seed)
    text = made.text(jump=True)
    tables = read(text)
    chance = any(word in text for word in ("limit", "u32", "NFQUEUE", "--match-set"))
    for wire in packets(made, rng):
        for _ in range(4 if chance else 1):
            world = World(lambda _: rng.random() < 0.5)
            yield wire, fate(tables, wire, world, made.family)


def names(finding, place):
    return any(_place(rule) == place for rule in finding.rules)


def _place(rule):
    return f"{rule.where} rule {rule.number}" if rule.number else rule.where


def covers(finding, wire):
    inside = finding.who.startswith(("anyone", "some sources")) or any(
        ip_address(wire.source) in ip_network(word.strip(","))
        for word in finding.who.split()
        if "/" in word
    )
    span = Span.single(wire.protocol, wire.port)
    return inside and any(span.overlaps(known) for known in finding.spans)


def missed(made, findings, enough=ENOUGH):
    """Yield packets that a foreign rule decides, and nothing is found about."""
    for wire, (verdict, place) in islice(outcomes(made, 1), enough):
        named = [one for one in findings if names(one, place)]
        for kind in taken(wire, verdict):
            if kind is Kind.EXPOSED:
                # Where a rule lets flows in, its segments elsewhere are not told besides.
                told = [one for one in named if one.kind is kind]
                right = [one for one in told if stray(wire) or covers(one, wire)]
            else:
                right = [one for one in named if one.kind is kind or not one.certain]
            if not right:
                yield wire, verdict, place, kind


def taken(wire, verdict):
    """Yield the kinds of what a foreign rule does that decides this packet."""
    lets = verdict in ("accept", "away")
    if lets:
        yield Kind.EXPOSED
    if (lets or verdict == "drop") and not stray(wire) and wire.port in KNOCKS:
        yield Kind.KNOCK_LOST
    if verdict == "drop" and not stray(wire) and wire.port == 22:
        yield Kind.SERVICE_SHUT


def invented(made, findings):
    """Yield certain exposures that no packet shows."""
    certain = [one for one in findings if one.kind is Kind.EXPOSED and one.certain]
    shown = set()
    for wire, (verdict, place) in outcomes(made, 2) if certain else ():
        if verdict == "accept":
            shown |= {n for n, one in enumerate(certain) if names(one, place) and covers(one, wire)}
        if len(shown) == len(certain):
            return
    yield from (str(one) for n, one in enumerate(certain) if n not in shown)


def sets(seed, count):
    rng = random.Random(seed)
    for number in range(count):
        yield foreign(rng, family=(4, 6)[number % 4 == 3])


def against_the_naive_reading(seed, count, enough=ENOUGH):
    seen = set()
    for made in sets(seed, count):
        findings, _ = asked(made)
        seen |= {(one.kind, one.certain) for one in findings}
        assert next(missed(made, findings, enough), None) is None, made.text(jump=True)
        assert next(invented(made, findings), None) is None, made.text(jump=True)
    return seen


def test_nothing_is_missed_and_nothing_invented():
    seen = against_the_naive_reading(20261130, 100)
    assert {(Kind.EXPOSED, True), (Kind.EXPOSED, False), (Kind.KNOCK_LOST, True)} <= seen


@pytest.mark.soak("judge-iptables-naive")
def test_nothing_is_missed_and_nothing_invented_in_ten_thousand():
    against_the_naive_reading(SEED, 10_000, 5 * ENOUGH)


# --- against full exploration -------------------------------------------------------------------

BUDGET = 60_000


def against_exploration(seed, count):
    """Explore every state for every kind of packet; ``prove`` stops at the first way in."""
    ends = Counter()
    for made in sets(seed, count):
        if "--notrack" in made.text():
            # What is exempt is of no flow; exploration sends it as of an accepted one, too.
            continue
        findings, claim = asked(made)
        exposed = [one for one in findings if one.kind in (Kind.EXPOSED, Kind.UNKNOWN)]
        certain = any(one.certain and one.kind is Kind.EXPOSED for one in exposed)
        result = prove.prove(claim, prove.opens, budget=BUDGET)
        ends[result.status] += 1
        if certain:
            guesses = any(word in made.text() for word in ("u32", "NFQUEUE", "--to-"))
            right = {Status.COUNTEREXAMPLE, *([Status.UNKNOWN] if guesses else [])}
            assert result.status in right, made.text(jump=True)
        elif result.status is Status.COUNTEREXAMPLE and not exposed:
            strangers = unknocked(claim, prove.opens, budget=BUDGET).result
            assert strangers.status is not Status.COUNTEREXAMPLE, made.text(jump=True)
    return ends


@pytest.mark.no_cover
def test_the_quick_answer_is_that_of_full_exploration():
    ends = against_exploration(20261201, 40)
    assert ends[Status.PROVED]
    assert ends[Status.COUNTEREXAMPLE]


@pytest.mark.soak("judge-iptables-explored-{part}")
@pytest.mark.parametrize("part", range(4))
def test_the_quick_answer_is_that_of_full_exploration_in_ten_thousand(part):
    against_exploration(SEED + part, 2_500)


# --- told together ------------------------------------------------------------------------------


def test_rules_told_together_are_no_less_than_rules_one_by_one():
    """What of a block decides is the same, whichever of its rules is named."""
    for made in sets(20261204, 100):
        one_by_one, _ = asked(made)
        together, _ = asked(made, few=0)
        for wire in islice(packets(made, random.Random(3)), ENOUGH):
            assert open_to(one_by_one, wire) == open_to(together, wire), made.text(jump=True)


def open_to(findings, wire):
    found = (one for one in findings if one.kind is Kind.EXPOSED and covers(one, wire))
    return max((one.certain for one in found), default=None)
