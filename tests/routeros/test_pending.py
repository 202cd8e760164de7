"""A change that waits on a router: confirmed, rolled back or taken back, whatever happens."""

import itertools

import pytest

from knockctl.change.job import Result
from tests.fixtures.routeros_crew import (
    JOBS,
    OTHER,
    SSH,
    TINY,
    each_version,
    later,
    left_behind,
)
from tests.routeros.conftest import FILTER


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
