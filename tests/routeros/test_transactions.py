"""The transaction on a router: every way it can be interrupted ends in a known state."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from knockctl.change.job import Result
from tests.fixtures.routeros_crew import (
    JOBS,
    OTHER,
    QUICK,
    SSH,
    TINY,
    each_version,
    finished,
    later,
    left_behind,
    policy,
)


@each_version
def test_there_and_back(site, version):
    here = site(version=version)
    ann = here.operator()
    before = here.export()
    first = ann.deploy(SSH)
    assert first.result is Result.CONFIRMED, first
    deployed = here.export()
    assert deployed != before
    assert ann.diff(SSH).changes == ()
    assert ann.deploy(SSH).result is Result.UNCHANGED
    second = ann.deploy(OTHER)
    assert second.result is Result.CONFIRMED, second
    assert here.export() != deployed
    back = ann.run("rollback", to_revision=first.change_id)
    assert back.result is Result.ROLLED_BACK, back
    assert ann.diff(SSH).changes == ()
    gone = ann.run("remove")
    assert gone.result is Result.CONFIRMED, gone
    assert here.export() == before


# --- cut, or refused, at every command ----------------------------------------------------------

each_job = pytest.mark.parametrize("kind", list(JOBS))


def every_command(here, operator, kind, fault):
    """Run the job with the fault at its first command, its second, … until it is never met.

    The router is as before when each begins. Yields each outcome.
    """
    if kind != "deploy":
        assert operator.deploy(TINY).result is Result.CONFIRMED
    for number in itertools.count(1):
        setattr(here.router.faults, fault, number)
        outcome = operator.run(*JOBS[kind])
        met = getattr(here.router.faults, fault) is None
        setattr(here.router.faults, fault, None)
        if not met:
            assert outcome.result is Result.CONFIRMED
            assert number > 30
            return
        yield outcome
        begin = operator.run("remove") if kind == "deploy" else operator.deploy(TINY)
        assert begin.result in (Result.CONFIRMED, Result.UNCHANGED), (outcome, begin)
        assert begin.result is Result.UNCHANGED or left_behind(here) == []


HOWS = [("7.16", True), ("7.20", False), ("7.20", True)]
TRACED = ("deploy", *HOWS[0])
"""The others meet the same lines."""
CUTS = [
    pytest.param(
        kind,
        *how,
        marks=[
            *([] if kind == "deploy" or how == HOWS[-1] else [pytest.mark.soak]),
            *([] if (kind, *how) == TRACED else [pytest.mark.no_cover]),
        ],
    )
    for kind in JOBS
    for how in HOWS
]


@pytest.mark.parametrize(("kind", "version", "executes"), CUTS)
def test_cut_at_any_command_it_ends_as_it_said_it_would(site, version, executes, kind):
    """Before, or after, the command is carried out; without safe mode, and in it.

    Whether the router undoes what was done in safe mode at once, or only after we have looked.
    """
    here = site(version=version, undo_delay=2 if executes else 0)
    ann = replace(here.operator(), timeouts=replace(QUICK, probe=0))
    here.router.faults.cut_executes = executes
    seen = set()
    before = None
    for said in every_command(here, ann, kind, "cut_at"):
        seen.add(said.result)
        later(here)
        outcome = finished(ann, said)
        if outcome.result is not Result.CONFIRMED:
            assert left_behind(here) == [], outcome
            assert ann.diff(*JOBS[kind][1:]).changes, outcome
            before = before or here.text()
            assert here.text() == before, outcome
        else:
            assert here.text() != before, outcome
    assert {Result.UNREACHABLE, Result.ROLLED_BACK, Result.CONFIRMED} <= seen


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=() if k == "deploy" else pytest.mark.soak) for k in JOBS]
)
def test_refused_at_any_command(site, kind):
    """A refusal before the change is probed leaves nothing; one that comes later is told."""
    here = site()
    ann = here.operator()
    before, refused = None, 0
    for said in every_command(here, ann, kind, "trap_at"):
        if said.result is Result.FAILED:
            refused += 1
            assert "out of memory" in said.message
            assert "nothing was changed" in said.message
        outcome = finished(ann, said)
        if outcome.result in (Result.FAILED, Result.ROLLED_BACK):
            before = before or here.text()
            assert here.text() == before, outcome
            assert left_behind(here) == [], outcome
    assert refused > 20


def test_a_connection_lost_in_safe_mode_that_the_router_has_not_found_out_yet(site):
    """What is done meanwhile would be undone with it, the way back, too: it is left alone."""
    here = site()
    before = here.export()
    ann, bob = (
        replace(here.operator(name), timeouts=replace(QUICK, probe=0)) for name in ("ann", "bob")
    )

    def observer(device, step, phase):
        del device
        if (step.name, phase) == ("APPLY", "before"):
            here.router.faults.cut_at = 20

    said = ann.deploy(TINY, observer=observer)
    assert said.result is Result.PENDING, said
    assert "the device takes the change back by itself" in said.message
    late = bob.run("rollback", to_change=said.change_id)
    assert late.result is Result.FAILED
    assert "safe mode can't be taken" in late.message
    assert "nothing was changed" in late.message
    late = bob.run("confirm", to_change=said.change_id)
    assert late.result is not Result.CONFIRMED, late
    here.idle()
    here.device.advance(3)
    back = bob.run("rollback", to_change=said.change_id)
    assert back.result is Result.ROLLED_BACK, back
    assert here.export() == before


# --- two operators ------------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize("version", ["7.16", "7.20"])
def test_two_operators_at_once_one_wins_and_the_other_is_told(site, version):
    here = site(version=version)
    crew = [here.operator("ann"), here.operator("bob")]
    lost = 0
    for number in range(20):
        wanted = [
            policy(f"tcp/{base + number}", "udp/9", name=who.name)
            for base, who in zip((1000, 2000), crew, strict=True)
        ]
        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(who.deploy, p) for who, p in zip(crew, wanted, strict=True)]
        outcomes = [each.result() for each in done]
        results = [outcome.result for outcome in outcomes]
        assert Result.CONFIRMED in results, outcomes
        for outcome in outcomes:
            if outcome.result is not Result.CONFIRMED:
                lost += 1
                assert outcome.result is Result.FAILED, outcome
                assert "nothing was changed" in outcome.message
        runs = [p for who, p in zip(crew, wanted, strict=True) if not who.diff(p).changes]
        assert len(runs) == 1, outcomes
        assert left_behind(here) == []
    assert lost > 0
