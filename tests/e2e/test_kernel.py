"""The kernel against the reference automaton, on random policies and random traces.

``make test`` plays a seeded, bounded part; ``make soak`` the full counts.
"""

import random

import pytest

from knockctl.policy.loader import load_all, resolve
from knockctl.ports import Span
from knockctl_iptables.placement import LinuxPlacement
from tests.fixtures.duel import Duel, Tally, random_policies, sources
from tests.fixtures.lab import INVENTORY
from tests.fixtures.seed import SEED
from tests.fixtures.world import nft_and_in_soak_legacy

pytestmark = pytest.mark.lab


def agree(tally):
    assert not tally.disagreements, "\n".join(
        [str(policy) for policy in tally.disagreements[0][0]]
        + [tally.disagreements[0][1], *(str(step) for step in tally.disagreements[0][2])]
    )
    assert tally.discarded <= 0.02 * (tally.verdicts + tally.discarded)


def play(world, rng, rounds, crowd, length):
    total = Tally()
    for _ in range(rounds):
        duel = Duel(world, random_policies(rng))
        duel.prepare()
        total.add(duel.duel(rng, sources(rng, crowd, 4) + sources(rng, crowd, 6), length))
    return total


def test_random_policies_mean_the_same_to_the_kernel(world):
    tally = play(world, random.Random(SEED), rounds=2, crowd=60, length=8)
    agree(tally)
    assert tally.granted >= 0.2 * tally.traces


@nft_and_in_soak_legacy
@pytest.mark.parametrize("name", sorted(load_all(INVENTORY / "policies")))
def test_the_seeds_mean_the_same_to_the_kernel(world, name):
    """With their own ports; times are the policy's, so no deadline but the shortest passes."""
    policy = resolve(load_all(INVENTORY / "policies")[name], None)
    duel = Duel(world, [policy])
    duel.prepare()
    rng = random.Random(SEED)
    tally = duel.duel(rng, sources(rng, 40, 4) + sources(rng, 40, 6), 8, (0.0, 0.02, 0.2))
    agree(tally)


@nft_and_in_soak_legacy
def test_trusted_public_and_management_mean_the_same_to_the_kernel(world):
    from dataclasses import replace
    from ipaddress import ip_network

    rng = random.Random(SEED)
    inside = [ip_network("198.18.1.0/25"), ip_network("2001:db8:7::1000/116")]
    place = LinuxPlacement.model_validate(
        {"management": {"sources": ["198.18.2.0/24", "2001:db8:7::3000/116"], "port": 101}}
    )
    for scope in ("all", "services"):
        policies = [
            replace(p, trusted=tuple(inside), public=(Span("udp", 300, 300),), scope=scope)
            for p in random_policies(rng)
        ]
        duel = Duel(world, policies, place)
        duel.prepare()
        crowd = sources(rng, 20, 4) + sources(rng, 20, 6)
        crowd += [f"198.18.1.{n}" for n in range(1, 20)] + [f"198.18.2.{n}" for n in range(1, 20)]
        crowd += [f"2001:db8:7::{n:x}" for n in (*range(0x1001, 0x1010), *range(0x3001, 0x3010))]
        agree(duel.duel(rng, list(dict.fromkeys(crowd)), 8, (0.0, 0.02, 0.2, 1.2)))


@pytest.mark.soak("linux-walks-{world}")
def test_a_hundred_thousand_verdicts(world, note):
    """What it saw is recorded in docs/evidence.md."""
    tally = play(world, random.Random(SEED), rounds=50, crowd=100, length=10)
    note(
        f"{tally.verdicts} verdicts,"
        f" {tally.discarded} discarded, {len(tally.disagreements)} disagreements,"
        f" {tally.granted} of {tally.traces} traces granted; {dict(tally.rules)}"
    )
    agree(tally)
    assert tally.granted >= 0.2 * tally.traces
    assert all(tally.rules[rule] >= 50 for rule in "012345678")
