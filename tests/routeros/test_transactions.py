"""The transaction on a router: every way it can be interrupted ends in a known state."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from knockctl.ports import Span
from knockctl.transaction.job import Result
from tests.fixtures.routeros_crew import OTHER, QUICK, SSH, policy
from tests.routeros.conftest import FILTER

VERSIONS = ["6.49", "7.16", "7.20"]
each_version = pytest.mark.parametrize("version", VERSIONS)


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

TINY = policy("tcp/1234", wrong_knock="ignore", services=(Span.parse("tcp/22"),))
TINY_TOO = policy("tcp/2345", wrong_knock="ignore", services=(Span.parse("tcp/22"),))
JOBS = {
    "deploy": ("deploy", TINY),
    "change": ("deploy", TINY_TOO),
    "remove": ("remove",),
}
each_job = pytest.mark.parametrize("kind", list(JOBS))


def left_behind(here):
    """What is on the router besides its configuration: scripts and jobs."""
    return [*here.device.rows("/system/script"), *here.device.rows("/system/scheduler")]


def later(here):
    """Let a session that held safe mode be noticed, and every timer run out."""
    here.idle()
    here.device.advance(3600)


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


def finished(operator, outcome):
    """Confirm what waits without a timer, as its hint says; return what came of it."""
    if outcome.result is not Result.PENDING or outcome.deadline is not None:
        return outcome
    assert outcome.change_id in outcome.hint
    done = operator.run("confirm", to_change=outcome.change_id)
    assert done.result is Result.CONFIRMED, (outcome, done)
    return done


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


# --- pending ------------------------------------------------------------------------------------


@each_version
def test_a_pending_change_is_confirmed_from_another_machine(site, version):
    here = site(version=version)
    ann, bob = here.operator("ann"), here.operator("bob")
    pending = ann.deploy(SSH, options={"confirm_within": 120})
    assert (pending.result, pending.exit_code) == (Result.PENDING, 8)
    assert ann.diff(SSH).changes == ()
    refused = bob.deploy(OTHER)
    assert refused.result is Result.FAILED
    assert f"rollback --change {pending.change_id}" in refused.hint
    confirmed = bob.run("confirm", to_change=pending.change_id)
    assert confirmed.result is Result.CONFIRMED, confirmed
    later(here)
    assert ann.deploy(SSH).result is Result.UNCHANGED
    assert left_behind(here) == []


@each_version
@pytest.mark.parametrize("kind", ["deploy", "change", "remove"])
def test_a_pending_change_is_rolled_back_from_another_machine(site, version, kind):
    here, before, pending = waiting(site, version, kind)
    back = here.operator("bob").run("rollback", to_change=pending.change_id)
    assert (back.result, back.exit_code) == (Result.ROLLED_BACK, 0), back
    assert here.export() == before


@each_version
@pytest.mark.parametrize("kind", ["deploy", "change", "remove"])
def test_a_pending_change_nobody_confirms_is_taken_back_by_the_router(site, version, kind):
    here, before, pending = waiting(site, version, kind)
    here.device.advance(119)
    assert here.export() != before
    here.device.advance(2)
    assert here.export() == before
    late = here.operator().run("confirm", to_change=pending.change_id)
    assert (late.result, late.exit_code) == (Result.ROLLED_BACK, 5), late


@each_version
@pytest.mark.parametrize("kind", ["deploy", "change", "remove"])
@pytest.mark.parametrize("down", [10, 600], ids=["in time", "too late for the timer"])
def test_a_reboot_inside_the_window_takes_it_back(site, version, kind, down):
    here, before, _ = waiting(site, version, kind)
    here.device.do(here.router.reboot, down=down)
    here.device.advance(down + 5)
    assert here.export() == before
    here.device.advance(600)
    assert here.export() == before


def test_a_power_cut_inside_the_window_takes_it_back(site):
    here, before, _ = waiting(site, "7.20", "change")
    here.device.do(here.router.power_off)
    here.device.do(here.router.power_on)
    here.device.advance(5)
    assert here.export() == before


EVERY = [pytest.param(kind, 1, marks=pytest.mark.soak) for kind in JOBS]


@pytest.mark.parametrize(("kind", "step"), [*((kind, 4) for kind in JOBS), *EVERY])
def test_power_lost_anywhere_on_the_way_back(site, kind, step):
    """The script is run once more after the boot, from its beginning, and ends as it would have."""
    here = site()
    ann = here.operator()
    if kind != "deploy":
        assert ann.deploy(TINY).result is Result.CONFIRMED
    before = here.export()
    pending = ann.run(*JOBS[kind], options={"confirm_within": 120})
    assert pending.result is Result.PENDING, pending
    saved = here.tables()
    for number in itertools.count(1, step):
        here.restore(saved)
        here.router.faults.power_in_script = number
        here.run_job("knockctl-revert")
        if here.router.powered:
            here.router.faults.power_in_script = None
            break
        here.device.do(here.router.power_on)
        here.device.advance(5)
        assert here.export() == before or [r["name"] for r in left_behind(here)] == [
            "knockctl-revert"
        ], number
    assert number > 30
    assert here.export() == before
    assert left_behind(here) == []


def test_a_way_back_that_was_interrupted_can_not_be_confirmed_any_more(site):
    here, before, pending = waiting(site, "7.20", "change")
    here.router.faults.power_in_script = 12
    here.device.advance(121)
    here.device.do(here.router.power_on)
    here.device.host.settle()
    assert here.export() != before
    late = here.operator().run("confirm", to_change=pending.change_id)
    assert (late.result, late.exit_code) == (Result.ROLLED_BACK, 5), late
    here.device.advance(5)
    assert here.export() == before


def test_a_way_back_that_was_interrupted_is_finished_on_request(site):
    here, before, pending = waiting(site, "7.20", "change")
    here.router.faults.power_in_script = 12
    here.device.advance(121)
    here.device.do(here.router.power_on)
    here.device.host.settle()
    back = here.operator("bob").run("rollback", to_change=pending.change_id)
    assert back.result is Result.ROLLED_BACK, back
    assert here.export() == before
    assert left_behind(here) == []


def test_confirmed_between_two_lines_of_the_script_the_change_stays(site):
    here, _, pending = waiting(site, "7.20", "change")
    (script,) = here.device.rows("/system/script")
    timer = "[find where name=knockctl-revert]"
    begun = "name=knockctl-revert-begun\n  :do"
    assert script["source"].count(begun) == 1
    late = begun.replace(":do", f"/system scheduler remove {timer}\n  :do")
    source = script["source"].replace(begun, late)
    api = here.device.connect()
    api.path("system", "script").update(**{".id": script[".id"], "source": source})
    deployed = here.device.rows(FILTER)
    here.device.advance(121)
    assert here.device.rows(FILTER) == deployed
    names = [row["name"] for row in left_behind(here)]
    assert names == ["knockctl-revert", "knockctl-revert-boot"]
    here.device.do(here.router.reboot)
    here.device.advance(60)
    here.device.host.settle()
    assert here.device.rows(FILTER) == deployed
    done = here.operator().run("confirm", to_change=pending.change_id)
    assert done.result is Result.CONFIRMED, done
    assert left_behind(here) == []


def test_a_reboot_after_the_window_changes_nothing(site):
    here = site()
    here.operator().deploy(SSH)
    deployed = here.export()
    here.device.do(here.router.reboot)
    here.device.advance(600)
    assert here.export() == deployed


def test_what_was_left_while_arming_is_cleared_away_from_another_machine(site):
    """The script is there, its timer is not, and the router is out of reach."""
    here = site()
    before = here.export()

    def observer(device, step, phase):
        del device
        if (step.name, phase) == ("ARM", "before"):
            here.router.faults.cut_at = 4
            here.device.do(here.router.faults.refuse)
            here.device.host.settle()

    gone = here.operator().deploy(SSH, observer=observer)
    assert gone.result is Result.UNREACHABLE
    here.device.do(here.router.faults.refuse, refusing=False)
    here.device.host.settle()
    assert [row["name"] for row in left_behind(here)] == ["knockctl-revert"]
    bob = here.operator("bob")
    assert f"rollback --change {gone.change_id}" in bob.deploy(OTHER).hint
    assert bob.run("rollback", to_change=gone.change_id).result is Result.ROLLED_BACK
    assert here.export() == before
    assert bob.deploy(OTHER).result is Result.CONFIRMED


def waiting(site, version, kind):
    """Leave a change pending for two minutes; return the site, what was before, the outcome."""
    here = site(version=version)
    ann = here.operator()
    if kind != "deploy":
        assert ann.deploy(SSH).result is Result.CONFIRMED
    before = here.export()
    job = {"deploy": ("deploy", SSH), "change": ("deploy", OTHER), "remove": ("remove",)}[kind]
    pending = ann.run(*job, options={"confirm_within": 120})
    assert pending.result is Result.PENDING, pending
    assert here.export() != before
    return here, before, pending


@pytest.mark.parametrize("version", ["6.49", "7.9", "7.20", "7.24.1"])
@pytest.mark.parametrize("gmt_offset", [0, 12 * 3600], ids=["UTC", "the next day"])
def test_the_timer_has_a_date_and_a_time_of_its_own(site, version, gmt_offset):
    """In the form of the router's own clock; 7.24.0 to 7.24.4 never run jobs without."""
    here = site(version=version, gmt_offset=gmt_offset)
    before = here.export()
    assert here.operator().deploy(SSH, options={"confirm_within": 120}).result is Result.PENDING
    (job,) = (r for r in here.device.rows("/system/scheduler") if r["name"] == "knockctl-revert")
    day = {False: "2026-05-28", True: "may/28/2026"}[version in ("6.49", "7.9")]
    if gmt_offset:
        day = day.replace("28", "29")
    assert job["start-date"] == day
    assert job["next-run"].startswith(day)
    here.device.advance(121)
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
