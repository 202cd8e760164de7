"""Random foreign rules: the quick answer against a naive reading, and against full exploration."""

import random

import pytest

from knockctl.automaton.events import event_of
from knockctl.automaton.reference import initial, step
from knockctl.automaton.verdict import Verdict
from knockctl.verify import exposures
from knockctl.verify import prove as verify
from knockctl.verify.exposures import Kind
from knockctl.verify.gaps import unknocked
from knockctl.verify.prove import Status, prove
from tests.fixtures.routeros_foreign import around, packet
from tests.fixtures.seed import SEED

SETS, EXPLORED, SOAK = 300, 25, 10_000
PACKETS, MANY, BUDGET = 40, 20_000, 100_000


def answers(rng):
    """Answer what no packet tells: always the same for one thing of one rule."""
    told = {}

    def happens(what, place):
        choices = ("drop", "accept", None) if what == "acts" else (True, False)
        return told.setdefault((what, place), rng.choice(choices))

    return happens


def ours(words):
    return words is not None and words.get("comment", "").startswith("knockctl:")


def stray(one):
    return one.protocol == "tcp" and not one.opening


def covered(one, findings):
    """Tell whether a finding is about a packet's port."""
    return any(
        span.protocol == one.protocol and span.first <= one.port <= span.last
        for finding in findings
        for span in finding.spans
    )


def places(finding):
    """Return the places of the rules that a finding names, of a run all of them."""
    parts = (part for rule in finding.rules for part in rule.each())
    return {part.place.partition(": ")[0] for part in parts}


def named(words, findings):
    """Return the findings that name a rule; the end of a chain is named by none."""
    return [one for one in findings if words is None or words["place"] in places(one)]


def strangers(case, rng, count, ports=(), aim=None):
    """Yield packets that the policy refuses from somebody who has done nothing, with their fate."""
    site, scope = case.claim.site, case.scope
    for _ in range(count):
        one = packet(rng, ports, aim or case.aim)
        event = event_of(one, scope)
        if event and step(site, initial(site), event, 0.0).verdict is Verdict.REFUSE:
            yield one, *case.naive.anew(answers(rng)).judge(one)


def check(seed):
    """Nothing is missed, and nothing that is said to be sure is invented."""
    rng = random.Random(seed)
    case = around(rng)
    findings = exposures.find(case.claim, case.model.program(4))
    exposed = [one for one in findings if one.kind is Kind.EXPOSED]
    unsure = any(one.kind is Kind.UNKNOWN for one in findings)
    for one, verdict, rule in strangers(case, rng, PACKETS):
        if verdict == "accept" and not ours(rule):
            # Ports are told of what opens flows, not of stray segments that the rule lets in, too.
            by = named(rule, exposed)
            assert unsure or (by if stray(one) else covered(one, by)), (one, rule, case.text)
    for one in (one for one in exposed if one.certain):
        assert witnessed(case, one, rng), (str(one), case.text)
    if not unsure:
        lost(case, findings, rng)


TAKES = {Kind.KNOCK_LOST: {("tcp", 1001), ("udp", 1002)}, Kind.SERVICE_SHUT: {("tcp", 22)}}


def lost(case, findings, rng):
    """What foreign rules take from honest clients is found, and what is found is taken."""
    for kind, ports in TAKES.items():
        mine = [one for one in findings if one.kind is kind]
        for one, rule in losses(kind, openings(case, rng, PACKETS, case.aim), ports):
            if rule.get("action", "accept") in ("accept", "drop", "reject", "tarpit"):
                assert covered(one, named(rule, mine)), (one, rule, case.text)
        for finding in mine:
            # Whom a row puts on a list of ours, our own rule refuses.
            if finding.certain and any("list kc-" not in place for place in places(finding)):
                aimed = openings(case, rng, MANY, case.aimed(finding))
                assert any(
                    named(rule, [finding]) and covered(one, [finding])
                    for one, rule in losses(kind, aimed, ports)
                ), (str(finding), case.text)


def losses(kind, packets, ports):
    """Yield packets to these ports of which a foreign rule takes what they are meant for."""
    for one, verdict, rule in packets:
        takes = verdict == "refuse" or kind is Kind.KNOCK_LOST
        if (one.protocol, one.port) in ports and rule is not None and not ours(rule) and takes:
            yield one, rule


def openings(case, rng, count, aim):
    """Yield first packets of flows, with their fate."""
    for _ in range(count):
        one = packet(rng, (22, 1001, 1002), aim)
        if not stray(one) and case.scope.holds(one):
            yield one, *case.naive.anew(answers(rng)).judge(one)


def witnessed(case, finding, rng):
    """Look for a packet to a port of a finding that gets in by its rule."""
    ports = [port for span in finding.spans for port in (span.first, span.last)]
    by_row = any("address-list" in place for place in places(finding))
    return any(
        verdict == "accept" and covered(one, [finding]) and (by_row or named(rule, [finding]))
        for one, verdict, rule in strangers(case, rng, MANY, ports, case.aimed(finding))
    )


def knocked(case, trace):
    """Tell whether a trace has all knocks in it, in their order, whatever flow they belong to."""
    left = [f"{k.protocol}/{k.port}" for k in case.policy.generations[0].knocks]
    for row in trace:
        if left and row.packet.split()[0] == left[0]:
            del left[0]
    return not left


def leads(finding, rule):
    """Tell whether a finding names the rule that lets somebody in, or what leads to it."""
    if rule.startswith("the end of "):
        return any("action=return" in str(one.text) or one.place == rule for one in finding.rules)
    if "knockctl:" in rule:
        return any("list=kc-" in str(o.text) or "list kc-" in o.where for o in finding.rules)
    return rule.partition(": ")[0] in places(finding)


def told(way, exposed):
    """Tell whether a way in is found: with its rule, and with its port where it opens a flow."""
    last = way.trace[-1]
    by = [one for one in exposed if leads(one, last.rule)]
    return bool(by) if stray(last.letter.packet) else covered(last.letter.packet, by)


def explored(seed):
    """Hold the quick answer against everything that packets may lead to."""
    rng = random.Random(seed)
    case = around(rng, small=True)
    findings = exposures.find(case.claim, case.model.program(4))
    exposed = [one for one in findings if one.kind is Kind.EXPOSED]
    found = prove(case.claim, verify.opens, budget=BUDGET)
    if found.status is Status.PROVED:
        assert not any(one.certain for one in exposed), (list(map(str, exposed)), case.text)
        return
    for way in unknocked(case.claim, verify.opens, budget=BUDGET).result.findings:
        # A flow that was accepted once goes on: nobody gets in anew.
        goes_on = way.trace[-1].letter.packet.accepted_before
        known = goes_on or knocked(case, way.trace) or told(way, exposed)
        assert known, (way, list(map(str, exposed)), case.text)


@pytest.mark.parametrize("part", range(4))
def test_the_quick_answer_is_the_naive_one(part):
    for number in range(part, SETS, 4):
        check(f"{SEED} {number}")


@pytest.mark.no_cover
def test_the_quick_answer_is_that_of_full_exploration():
    for number in range(EXPLORED):
        explored(f"{SEED} explored {number}")


@pytest.mark.soak("routeros-foreign")
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_foreign_rule_sets(part):
    for number in range(part, SOAK, 10):
        check(f"{SEED} soak {number}")


@pytest.mark.soak("routeros-foreign-explored-{part}")
@pytest.mark.parametrize("part", range(10))
def test_foreign_rule_sets_explored(part):
    for number in range(part, SOAK, 10):
        explored(f"{SEED} soak explored {number}")
