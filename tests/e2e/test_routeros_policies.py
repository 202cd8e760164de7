"""Rendered routers against the reference automaton: the kernel judges in the router's place.

Rows are translated to iptables' rules; random traces walk through them, and traces from explored
paths reach every state and send every kind of packet there. `make test` plays a seeded, bounded
part; `make soak` the full counts.
"""

import random
from collections import Counter
from dataclasses import replace
from ipaddress import ip_network

import pytest

from knockctl.automaton.packet import Scope
from knockctl.verify.packets import Claim
from knockctl_routeros import VENDOR
from knockctl_routeros.placement import RouterPlacement
from tests.fixtures.duel import Tally, random_policies, sources
from tests.fixtures.paths import Chorus, answered, listen, paths, sing
from tests.fixtures.routeros_duel import RouterDuel
from tests.fixtures.routeros_policies import Corner, random_corner, small_corner
from tests.fixtures.seed import SEED
from tests.fixtures.world import nft_and_in_soak_legacy

pytestmark = [pytest.mark.lab, pytest.mark.no_cover]

FRIENDS = (ip_network("198.18.1.0/26"), ip_network("2001:db8:7::1000/122"))
MANAGERS = ["198.18.2.0/26", "2001:db8:7::2000/122"]


@pytest.fixture(scope="module", autouse=True)
def _ears(world):
    ears = listen(world)
    yield
    for ear in ears:
        ear.close()


def somewhere(rng, world):
    """A placement that the world's gate can be."""
    place = rng.choice(
        [
            {},
            {"interface": "w0"},
            {"addresses": [str(world.target4), str(world.target6)]},
            # Nobody listens there: a listener keeps silent to what is no SYN, though accepted.
            {"management": {"sources": MANAGERS, "port": 300}},
        ]
    )
    match = rng.choice(["content", "layer7"])
    return {**place, "raw": rng.random() < 0.4, "payload_match": match}


def at_home(corner):
    """The same policies, their friends among those who can send."""
    policies = tuple(replace(p, trusted=FRIENDS) if p.trusted else p for p in corner.policies)
    return Corner(policies, corner.place)


def crowd(rng, count, family):
    """So many who send; some are trusted, some manage."""
    few = range(1, min(63, 2 + count // 15))
    near = [f"198.18.{net}.{n}" for net in (1, 2) for n in few]
    if family == 6:
        near = [f"2001:db8:7::{net}0{n:02x}" for net in (1, 2) for n in few]
    found = [*near, *(one for one in sources(rng, count, family) if one not in near)][:count]
    rng.shuffle(found)
    return found


def duel_of(world, corner, family):
    rendered = corner.rendered
    site = corner.claim(family).site
    rows = rendered.config.rows
    duel = RouterDuel(world, rows, family, site=site, policies=rendered.effective)
    duel.prepare()
    return duel


def kinds(duel, policies=None):
    """The kinds of rows that some packet may meet.

    In the raw table the trusted are met by who was locked out before a change made them trusted.
    """
    mine = policies or duel.policies
    dead = {"raw trusted"}
    dead |= set() if any(map(knocks_again, mine)) else {"filter knock while granted"}
    dead |= set() if any(map(trap_stays_open, mine)) else {"filter hide traps"}
    return duel.kinds() - dead


def knocks_again(policy):
    """Whether a knock can meet a grant: no pause outlasts it, and there is one but the last."""
    longest = max(len(generation.knocks) for generation in policy.generations)
    return longest > 1 and policy.grant_duration > policy.step_timeout + 1


def trap_stays_open(policy):
    """Whether a packet to a trap can get past the trap, and past the lock-out it brings."""
    return policy.scope == "services" or any(trap.unless_granted for trap in policy.traps)


def walk(world, rng, rounds, size, length):
    """Random traces through up to three policies on an address."""
    total, rows = Tally(), Counter()
    for number in range(rounds):
        family = (4, 6)[number % 2]
        policies = [replace(p, refuse=rng.choice(["drop", "reject"])) for p in random_policies(rng)]
        if rng.random() < 0.5:
            policies = [replace(p, trusted=FRIENDS) for p in policies]
        place = RouterPlacement.model_validate(somewhere(rng, world))
        duel = duel_of(world, Corner(tuple(policies), place), family)
        total.add(duel.duel(rng, crowd(rng, size, family), length))
        rows.update(dict.fromkeys(kinds(duel), 0) | +duel.counters())
    return total, rows


def chorus(world, rng, rounds, most, fill=0, wanted=()):
    """Traces that reach every state of a policy; ``wanted``: kinds of rows, one of which it has."""
    total, rows = Chorus(), Counter()
    for number in range(rounds):
        family = (4, 6)[number % 2]
        while True:
            place = somewhere(rng, world)
            two = rng.random() < (0.5 if wanted else 0.1)
            one = small_corner(rng, 2, 2, place) if two else random_corner(rng, 1, place)
            one = at_home(one)
            duel = RouterDuel(world, one.rendered.config.rows, family)
            if not wanted or kinds(duel, one.policies) & set(wanted):
                break
        duel = duel_of(world, one, family)
        model = VENDOR.modeller.model(one.rendered.config)
        scope = Scope((world.target4, world.target6), VENDOR.modeller.scope(one.place).interfaces)
        traces = paths(Claim(duel.site, scope, model, family), rng, most, tail=2, begun=answered)
        traces *= max(1, fill // len(traces))
        total.add(sing(duel, traces, crowd(rng, len(traces), family)))
        rows.update(dict.fromkeys(kinds(duel), 0) | +duel.counters())
    return total, rows


def agree(tally):
    assert not tally.disagreements, "\n".join(
        [str(policy) for policy in tally.disagreements[0][0]]
        + [tally.disagreements[0][1], *(str(step) for step in tally.disagreements[0][2])]
    )
    assert tally.discarded <= 0.02 * (tally.verdicts + tally.discarded)


def test_random_walks_mean_the_same_to_a_router_s_rows(world):
    tally, _ = walk(world, random.Random(SEED), rounds=2, size=40, length=5)
    agree(tally)
    assert tally.granted >= 0.2 * tally.traces


@nft_and_in_soak_legacy
def test_every_state_of_random_policies_is_the_rows_too(world):
    tally, rows = chorus(world, random.Random(SEED), rounds=2, most=300)
    agree(tally)
    assert tally.granted >= 0.2 * tally.traces
    # The soak wants every kind, often; so few policies may leave out a rare one or two.
    assert len([kind for kind, count in rows.items() if not count]) <= 2


def rare(rows):
    return [kind for kind, count in rows.items() if count < 50]


@pytest.mark.soak("routeros-walks-{world}")
def test_a_hundred_thousand_verdicts(world, note):
    """What it saw is recorded in docs/evidence.md."""
    rng = random.Random(SEED)
    tally, rows = walk(world, rng, rounds=16, size=400, length=7)
    # On until every kind of row was hit often enough, too: policies that bring the rare ones.
    while tally.verdicts < 100_000 or (rare(rows) and tally.verdicts < 200_000):
        wanted = rng.sample(rare(rows), min(1, len(rare(rows)))) if tally.verdicts > 70_000 else ()
        more, hits = chorus(world, rng, rounds=2, most=1500, fill=1200, wanted=wanted)
        tally.add(more)
        rows.update(hits)
    note(
        f"{tally.verdicts} verdicts,"
        f" {tally.discarded} discarded, {len(tally.disagreements)} disagreements,"
        f" {tally.granted} of {tally.traces} traces granted; {dict(tally.rules)};"
        f" {len(rows)} kinds of rows; hit fewer than 50 times: {rare(rows)}"
    )
    agree(tally)
    assert tally.granted >= 0.2 * tally.traces
    assert all(tally.rules[rule] >= 50 for rule in "012345678")
    assert not rare(rows)
