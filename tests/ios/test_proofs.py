"""What is rendered is what the effective policy says: proved on the router's machine."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from knockctl.policy.loader import load_all, resolve
from knockctl.policy.resolved import Generation, Knock
from knockctl.ports import Span
from knockctl.verify.prove import Status, prove
from tests.fixtures.ios_policies import (
    INSIDE,
    METHODS,
    SETTLED,
    P,
    claim,
    corner,
    mutant,
    small_corner,
)
from tests.fixtures.lab import INVENTORY


def dice(number):
    return random.Random(f"ios proofs {number}")


def proved(one, **more):
    result = prove(claim(one, **more))
    assert result.status is Status.PROVED, (one, result.findings, result.reasons)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", range(1, 7))
def test_one_to_six_knocks(method, count):
    knocks = tuple(Knock("udp", 1000 + n) for n in range(count))
    proved(corner(replace(P, generations=(Generation(1, knocks),)), method=method))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_so_it_is_where_applets_act_late(method, count):
    knocks = tuple(Knock("udp", 1000 + n) for n in range(count))
    one = corner(replace(P, generations=(Generation(1, knocks),)), method=method)
    proved(one, late=True)
    if count == 2:
        (bounds,) = one.rendered.relaxed
        for less in ({"lag": 4}, {"looked_up": False}):
            tighter = claim(one, relaxed=(replace(bounds, **less),), late=True)
            assert prove(tighter).status is Status.COUNTEREXAMPLE


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("field", ["step_timeout", "grant_duration"])
@pytest.mark.parametrize("more", [-1, 1])
def test_a_late_machine_keeps_time_to_the_second(method, field, more):
    said = claim(corner(P, method=method), late=True)
    (policy,) = said.site.policies
    other = replace(policy, **{field: getattr(policy, field) + more})
    result = prove(replace(said, site=replace(said.site, policies=(other,))))
    assert result.status is Status.COUNTEREXAMPLE


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("inventory", "name"), [("lab", "branch-support"), ("example", "branch-admin")]
)
def test_the_policies_of_the_inventories(inventory, name, method, late):
    """Five knocks; TCP and UDP in turn, with trusted sources. So few states that all are seen."""
    policy = resolve(load_all(INVENTORY.parent / inventory / "policies")[name], None)
    result = prove(claim(corner(policy, method=method), late=late))
    assert result.status is Status.PROVED, (result.findings, result.reasons)
    assert result.states < 200


@pytest.mark.parametrize("number", range(10))
def test_what_is_rendered_is_what_the_effective_policy_says(number):
    """A port that recurs, two generations that share ports, closed ports, who is trusted…"""
    proved(small_corner(dice(number)))


def test_two_addresses_are_one_door():
    addresses = ["198.51.100.14", "198.51.100.15"]
    knocks = (Knock("udp", 101), Knock("tcp", 102))
    for method in METHODS:
        one = corner(replace(P, generations=(Generation(1, knocks),)), method=method)
        proved(replace(one, place=one.place.model_copy(update={"addresses": one.place.addresses})))
        proved(corner(one.policy, method=method, addresses=addresses))


@pytest.mark.parametrize("method", METHODS)
def test_a_list_of_our_own_leaves_the_rest_to_others(method):
    policy = replace(P, trusted=INSIDE)
    proved(corner(policy, method=method, access_list=None))


@pytest.mark.parametrize(
    "uncertain",
    [
        {"style": "tight"},
        {"style": "with-ttl"},
        {"bracketed": False},
        {"renewed": True},
        {"destination": "both"},
        {"numeric": False},
        {"one_dynamic": False},
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_what_nobody_knows_for_sure_makes_no_difference(method, uncertain):
    policy = replace(P, generations=(Generation(1, P.generations[0].knocks[1:]),))
    proved(corner(policy, method=method), switches=replace(SETTLED, **uncertain))


def test_an_idle_timeout_ends_with_the_cap_of_its_list():
    """A grant that is used lasts a minute longer, where the timeout is one of idle time."""
    one = corner(replace(P, generations=(Generation(1, (Knock("udp", 101),)),)))
    result = prove(claim(one, switches=replace(SETTLED, template="idle")))
    assert result.status is Status.COUNTEREXAMPLE
    rows = result.findings[0].trace
    granted = one.rendered.effective[0].grant_duration
    assert granted <= rows[-1].at - rows[0].at < granted + 60
    assert rows[-1].got == "accept"


# --- relaxations are tight, and so are the notes ---


@pytest.mark.parametrize("name", ["stateless", "partial"])
def test_each_relaxation_is_needed(name):
    one = corner(replace(P, trusted=INSIDE))
    (bounds,) = one.rendered.relaxed
    proved(one)
    result = prove(claim(one, relaxed=(replace(bounds, **{name: False}),)))
    assert result.status is Status.COUNTEREXAMPLE


STATED = {
    "step-timeout": {"step_timeout": 10},
    "grant-duration": {"grant_duration": 61},
    "wrong-knock": {"wrong_knock": "reset"},
    "stray": {"stray": "revoke"},
    "single-use": {"uses": "single"},
}


@pytest.mark.parametrize("code", STATED)
def test_the_stated_policy_is_not_what_runs(code):
    stated = replace(P, **STATED[code])
    one = corner(stated)
    said = claim(one)
    proved(one)
    exactly = replace(said, site=replace(said.site, policies=(stated,)))
    assert prove(exactly).status is Status.COUNTEREXAMPLE


# --- mutants ---


@pytest.mark.parametrize(("late", "count", "kinds"), [(False, 60, 7), (True, 30, 5)])
def test_wrong_configurations_are_told_from_right_ones(late, count, kinds):
    """One thing wrong: a trace tells, or it made no difference to anybody."""
    caught, rng = Counter(), dice("mutants")
    policy = replace(P, services=(Span("tcp", 22, 22),))
    for _ in range(count):
        one = corner(policy, method=rng.choice(METHODS))
        what, config = mutant(rng, one.config)
        result = prove(claim(one, config, late=late))
        caught[what.partition(":")[0], result.status.value] += 1
    found = sum(count for (_, status), count in caught.items() if status == "counterexample")
    print(caught)
    assert found >= count // 2, caught
    assert len({kind for kind, status in caught if status == "counterexample"}) >= kinds, caught
