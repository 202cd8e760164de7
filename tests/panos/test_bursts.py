"""What a proof does not reach: sources that don't wait until a firewall shows what they did.

A packet's log becomes a tag after seconds. Whoever sends all ports at once sends the right one
among them, at a stage where it is right. What is let in then must still be what the policy says:
all knocks in their order, each judged when the one before it showed, and no wrong one judged
between. Two machines play the packets: the one that ``verify`` uses, and a naive one.
"""

import random
import re
from dataclasses import replace
from functools import cache
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl.automaton.machine import Machine, delayed
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.verdict import Verdict
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span, holds
from tests.fixtures.panos_naive import Naive
from tests.fixtures.panos_policies import MODELLER, corner

LAG, STEP, GRANT, LOCK = 5, 60, 120, 60
SOON = 1 / 1024
"""Seconds; sums of it are exact."""
ME = "203.0.113.7"
KNOCKS = (Knock("tcp", 101), Knock("udp", 102), Knock("tcp", 103))
SERVICE, OTHER = Span("tcp", 22, 22), Span("tcp", 999, 999)
P = ResolvedPolicy(
    name="p",
    generations=(Generation(1, KNOCKS),),
    step_timeout=STEP,
    services=(SERVICE,),
    grant_duration=GRANT,
    lockout=LOCK,
)
TWICE = (Generation(1, KNOCKS), Generation(2, (Knock("tcp", 201), KNOCKS[1], Knock("tcp", 203))))
POLICIES = {
    f"{wrong} {stray} {len(generations)}": replace(
        P, wrong_knock=wrong, stray=stray, generations=generations
    )
    for wrong in ("ignore", "reset", "lockout")
    for stray in ("ignore", "revoke", "lockout")
    for generations in ((P.generations[0],), TWICE)
}


@cache
def config_of(name):
    return corner(POLICIES[name], tag_delay=LAG).rendered.config


def packet(span):
    return WirePacket(
        ip_address(ME), ip_address("192.0.2.1"), span.protocol, span.first, interface="zone wan"
    )


def play(config, trace):
    """Yield what each packet came to; both machines must agree."""
    machine, naive = Machine(delayed(MODELLER.model(config), LAG)), Naive(config, LAG)
    for at, span in trace:
        got = machine.feed(packet(span), at).verdict
        assert naive.feed(ME, span.protocol, span.first, at)[0] is got
        yield got


# --- the sound reading --------------------------------------------------------------------------


def sound(policy, trace, at):
    """Tell whether some knocks of the trace are a reason to let the source in at a time."""
    return any(
        _reason(policy, g.knocks, trace, at, made)
        for g in policy.generations
        for made in _attempts(g.knocks, trace, ())
    )


def _attempts(knocks, trace, made):
    """Yield the times of all knocks, each made while the one before it showed."""
    if len(made) == len(knocks):
        yield made
        return
    for when, span in trace:
        shown = made[-1] + LAG if made else 0
        if span == knocks[len(made)].span and shown <= when and (not made or when < shown + STEP):
            yield from _attempts(knocks, trace, (*made, when))


def _reason(policy, knocks, trace, at, made):
    shown = [when + LAG for when in made]
    if not shown[-1] <= at < shown[-1] + GRANT:
        return False
    for when, span in trace:
        reached = sum(begun <= when for begun in shown)
        if not reached or when + LAG > at or holds(policy.services, span.protocol, span.first):
            continue
        if reached < len(knocks) and when >= shown[reached - 1] + STEP:
            continue  # one stage is over, the next doesn't show yet: nothing is under way
        theirs = [k.span for g in policy.generations if g.knocks != knocks for k in g.knocks]
        if span in theirs:
            continue
        if reached == len(knocks):
            wrong = policy.stray != "ignore" and span not in [k.span for k in knocks]
        else:
            wrong = policy.wrong_knock != "ignore" and span not in [
                k.span for k in knocks[: reached + 1]
            ]
        if wrong:
            return False
    return True


def burst(rng, policy, at):
    """Every port there is, at once, in any order, some of them again."""
    spans = [k.span for g in policy.generations for k in g.knocks]
    spans = [*spans, *rng.sample(spans, 2), SERVICE, OTHER, OTHER]
    rng.shuffle(spans)
    return [(at + n * SOON, span) for n, span in enumerate(spans[: rng.randrange(2, 12)])]


def random_trace(rng, policy):
    """Attempts that go well, go wrong, are hurried or sent twice, with bursts in between."""
    at, reached, trace = 0.0, 0, []
    knocks = [k.span for k in rng.choice(policy.generations).knocks]
    for _ in range(rng.randrange(4, 14)):
        at += rng.choice([SOON, 0.5, LAG - 0.5, LAG + 0.5, LAG + 0.5, LAG + 0.5, STEP + 1])
        kind = rng.random()
        if kind < 0.6:
            trace.append((at, knocks[reached % len(knocks)]))
            reached += 1
        elif kind < 0.75:
            trace += burst(rng, policy, at)
            at = trace[-1][0]
            reached = rng.choice([0, reached])
        elif kind < 0.9:
            trace.append((at, SERVICE))
        else:
            trace.append((at, rng.choice([OTHER, *knocks])))
            reached = rng.choice([0, reached])
    trace.append((at + LAG + 0.125, SERVICE))
    return trace


@given(st.sampled_from(sorted(POLICIES)), st.integers(0, 10**9))
@settings(max_examples=200)
def test_nobody_gets_in_but_by_the_sound_reading(name, seed):
    trace = random_trace(random.Random(seed), POLICIES[name])
    for (at, span), got in zip(trace, play(config_of(name), trace), strict=True):
        assert got is not Verdict.ACCEPT or sound(POLICIES[name], trace, at), (trace, at, span)


def test_the_reading_is_not_an_empty_one():
    """Among such traces there are many that get in, and many that a hurry keeps out."""
    rng, seen = random.Random(7), {True: 0, False: 0}
    for _ in range(200):
        name = rng.choice(sorted(POLICIES))
        trace = random_trace(rng, POLICIES[name])
        seen[Verdict.ACCEPT in play(config_of(name), trace)] += 1
    assert min(seen.values()) > 20, seen


# --- the honest client, and the seed's defect -----------------------------------------------------


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_client_that_pauses_gets_in_though_each_knock_is_sent_twice(name):
    """TCP sends a SYN that nobody answers again after a second."""
    trace = [(n * 7.0 + again, k.span) for n, k in enumerate(KNOCKS) for again in (0, 1)]
    trace.append((26.1, SERVICE))
    assert list(play(config_of(name), trace))[-1] is Verdict.ACCEPT


_REMOVES = (
    r"(<action>remove-tag</action>\s*<registration>\s*<localhost/>\s*</registration>\s*"
    r"<tags>\s*<member>)kc-p.0000-try<"
)


def without_soundness(config):
    """The seed's scheme: a stage is a tag alone, and a wrong packet takes that off."""
    text = re.sub(r" and 'kc-p.0000-try'", "", config.text())
    return MODELLER.parse(re.sub(_REMOVES, r"\1kc-p.0000-2<", text))


def test_the_seed_lets_in_who_sends_every_port_at_once():
    """Its last stage, then a burst: locked out for an hour, but in for the rest of the day."""
    policy = replace(P, wrong_knock="lockout", lockout=60, grant_duration=GRANT)
    config = corner(policy, tag_delay=LAG).rendered.config
    burst = [(14.0 + n * SOON, span) for n, span in enumerate([OTHER, KNOCKS[2].span])]
    trace = [(0.0, KNOCKS[0].span), (7.0, KNOCKS[1].span), *burst, (14.0 + LAG + LOCK + 1, SERVICE)]
    assert not sound(policy, trace, trace[-1][0])
    assert list(play(config, trace))[-1] is Verdict.REFUSE
    assert list(play(without_soundness(config), trace))[-1] is Verdict.ACCEPT
