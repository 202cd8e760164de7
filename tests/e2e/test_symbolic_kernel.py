"""The kernel against the automaton on traces chosen by exploration, and on mutated rule sets.

Where `test_kernel.py` walks at random, every state that the exploration knows is reached here,
and every kind of packet sent in it. `make test` plays a seeded, bounded part; `make soak` the
full counts.
"""

import random
from collections import Counter
from dataclasses import replace

import pytest

from knockctl_iptables.config.records import LinuxConfig, Rule
from tests.fixtures.duel import Duel, random_policies, random_policy, sources
from tests.fixtures.paths import (
    Chorus,
    beside,
    claim_of,
    counters,
    kinds,
    listen,
    paths,
    sing,
    verdict_trace,
)
from tests.fixtures.seed import SEED
from tests.fixtures.world import nft_and_in_soak_legacy

pytestmark = [pytest.mark.lab, pytest.mark.no_cover]


@pytest.fixture(scope="module", autouse=True)
def _ears(world):
    ears = listen(world)
    yield
    for ear in ears:
        ear.close()


def chorus(world, rng, rounds, most, fill=0, wanted=()):
    """Play random policies; ``fill``: the least number of traces for each, repeated if need be.

    ``wanted``: kinds of rules, one of which each policy must bring.
    """
    total, rules = Chorus(), Counter()
    for number in range(rounds):
        family = (4, 6)[number % 2]
        duel = Duel(world, random_policies(rng))
        for _ in range(1000):
            if not wanted or kinds(duel.config, family) & set(wanted):
                break
            duel = Duel(world, random_policies(rng))
        duel.prepare()
        traces = paths(claim_of(duel, family), rng, most, tail=2)
        traces *= max(1, fill // len(traces))
        total.add(sing(duel, traces, sources(rng, len(traces), family)))
        beside(world, family)
        rules.update(counters(world, family))
    return total, rules


def agree(tally):
    assert not tally.disagreements, "\n".join(
        [str(policy) for policy in tally.disagreements[0][0]]
        + [tally.disagreements[0][1], *(str(step) for step in tally.disagreements[0][2])]
    )
    assert tally.discarded <= 0.02 * (tally.verdicts + tally.discarded)
    assert tally.granted >= 0.2 * tally.traces


def test_every_state_of_random_policies_is_the_kernels_too(world):
    tally, rules = chorus(world, random.Random(SEED), rounds=4, most=150)
    agree(tally)
    assert not [rule for rule, count in rules.items() if not count]


def test_kinds_of_rules_are_told_from_the_configuration_as_from_the_kernel(world):
    duel = Duel(world, random_policies(random.Random(SEED)))
    duel.prepare()
    for family in (4, 6):
        assert kinds(duel.config, family) == set(counters(world, family))


def mutants(rng, config, family):
    """One rule left out, doubled away to another verdict, moved up, or with another time."""
    table = config.table(family)
    chains = [c for c in table.chains if table.chains[c] and c != "KC_INPUT"]
    while True:
        chain = rng.choice(chains)
        rules = list(table.chains[chain])
        place = rng.randrange(len(rules))
        rules = rng.choice([_without, _moved, _opened, _later, _unconditional])(rules, place)
        if rules is not None and rules != list(table.chains[chain]):
            chains_now = {**table.chains, chain: tuple(rules)}
            yield LinuxConfig({family: replace(table, chains=chains_now)}, config.sets)


def _without(rules, place):
    return rules[:place] + rules[place + 1 :]


def _moved(rules, place):
    return (
        None
        if not place
        else [*rules[: place - 1], rules[place], rules[place - 1], *rules[place + 1 :]]
    )


def _opened(rules, place):
    words = rules[place].words
    if words[-2:] != ("-j", "DROP"):
        return None
    return [*rules[:place], Rule((*words[:-1], "ACCEPT")), *rules[place + 1 :]]


def _later(rules, place):
    words = list(rules[place].words)
    if "--timeout" not in words:
        return None
    spot = words.index("--timeout") + 1
    words[spot] = str(int(words[spot]) + 2)
    return [*rules[:place], Rule(tuple(words)), *rules[place + 1 :]]


def _unconditional(rules, place):
    words = rules[place].words
    if "--match-set" not in words or "!" in words:
        return None
    spot = words.index("--match-set") - 2
    return [*rules[:place], Rule(words[:spot] + words[spot + 5 :]), *rules[place + 1 :]]


def _played(world, policies, mutant, trace, rng):
    """The kernel's verdicts, from a run in which no packet came too close to a deadline.

    Some traces pass between deadlines a twentieth of a second apart: what a busy machine delays
    is played again.
    """
    for _ in range(8):
        loaded = Duel(world, policies, config=mutant)
        loaded.prepare()
        tally = sing(loaded, [trace], sources(rng, 1, 4))
        if tally.disagreements:
            ((_, _, history),) = tally.disagreements
            return [step[3] for step in history]
    return None


def confirm(world, rng, wanted):
    """Mutate rendered rules; the kernel must do what the counterexample says it does."""
    confirmed = equivalent = 0
    while confirmed + equivalent < wanted:
        duel = Duel(world, [random_policy(rng)])
        made = mutants(rng, duel.config, 4)
        for mutant in (next(made) for _ in range(2)):
            finding = verdict_trace(claim_of(duel, 4, mutant))
            if finding is None:
                equivalent += 1
                continue
            trace = [(row.at, row.letter) for row in finding.trace]
            predicted = [row.got for row in finding.trace]
            history = _played(world, duel.policies, mutant, trace, rng)
            assert history == predicted, "\n".join(
                [str(duel.policies), mutant.text(), f"got {history}", *map(str, finding.trace)]
            )
            confirmed += 1
    return confirmed, equivalent


@nft_and_in_soak_legacy
def test_what_a_mutated_rule_does_the_kernel_does(world):
    confirmed, equivalent = confirm(world, random.Random(SEED), 20)
    assert confirmed > equivalent


@pytest.mark.parametrize("world", ["nft"], indirect=True)
def test_the_harness_catches_mutated_live_rules(world):
    """Traces chosen for the right rules tell wrong ones, without knowing what is wrong.

    Twelve rule sets that exploration knows to be wrong; the wrong ones that need the very
    sequence that exploration would find may slip through: two at most.
    """
    rng, caught, tried = random.Random(SEED + 1), 0, 0
    while tried < 12:
        duel = Duel(world, [random_policy(rng)])
        claim, mutant = claim_of(duel, 4), next(mutants(rng, duel.config, 4))
        if verdict_trace(claim_of(duel, 4, mutant)) is None:
            continue
        right = paths(claim, rng, 150, tail=6, rounds=6)
        loaded = Duel(world, duel.policies, config=mutant)
        loaded.prepare()
        tried += 1
        caught += bool(sing(loaded, right, sources(rng, len(right), 4), enough=1).disagreements)
    assert caught >= 10


def rare(rules):
    """Kinds of rules hit fewer than 50 times; a rate limit lets its rule be hit so often only."""
    return [rule for rule, count in rules.items() if count < 50 and "-m limit" not in rule]


@pytest.mark.soak("linux-paths-{world}")
def test_a_hundred_thousand_symbolic_verdicts(world, note):
    """What it saw is recorded in docs/evidence.md."""
    rng = random.Random(SEED)
    tally, rules = Chorus(), Counter()
    # On until every kind of rule was hit often enough, too: policies that bring the rare ones.
    while tally.verdicts < 100_000 or (rare(rules) and tally.verdicts < 300_000):
        wanted = rare(rules) if tally.verdicts > 80_000 else ()
        more, hits = chorus(world, rng, rounds=2, most=1500, fill=1200, wanted=wanted)
        tally.add(more)
        rules.update(hits)
    note(f"{len(rules)} kinds of rendered rules; hit fewer than 50 times: {rare(rules)}")
    confirmed, equivalent = confirm(world, rng, 200)
    note(
        f"{tally.verdicts} verdicts,"
        f" {tally.discarded} discarded, {len(tally.disagreements)} disagreements,"
        f" {tally.granted} of {tally.traces} traces granted; {dict(tally.rules)};"
        f" {confirmed} mutants confirmed, {equivalent} shown equivalent"
    )
    agree(tally)
    assert all(tally.rules[rule] >= 50 for rule in "012345678")
    assert not rare(rules)
