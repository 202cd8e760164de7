"""A change whose process has died, waits or is overtaken: who ends it, and how."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from knockctl.change import waiting
from knockctl.change.job import Result
from knockctl.change.steps import Step
from knockctl_panos.twin.device import Switches
from tests.fixtures.panos_crew import OTHER, SSH, WEB
from tests.fixtures.panos_site import deployed


class Death(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def die_at(operator, step, *job):
    """Run a job that is killed after a step; return its id."""

    def observer(device, at, phase):
        del device
        if (at, phase) == (step, "after"):
            raise Death

    with pytest.raises(Death):
        operator.run(*job, observer=observer, change_id="dying00000")
    return "dying00000"


def until(ask, good):
    """Ask until the answer is good; the last one after 20 s."""
    deadline = time.monotonic() + 20
    while not good(answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


KILLED = [Step.ARM, Step.APPLY, Step.PROBE, Step.JOURNAL_CONFIRMING]
each_death = pytest.mark.parametrize("step", KILLED, ids=lambda step: step.name.lower())


@each_death
def test_killed_it_is_taken_back_with_the_same_journal(site, step):
    here, ann, before = deployed(site)
    change = die_at(ann, step, "deploy", OTHER)
    assert "nothing on the device takes it back" in here.operator("bob").deploy(WEB).message
    assert f"{change} (stays until" in ann.diff(SSH).pending[0]
    back = ann.run("rollback", to_change=change)
    assert (back.result, back.exit_code) == (Result.ROLLED_BACK, 0), back
    assert here.tree() == before
    assert here.clean()
    assert ann.diff(SSH).changes == ()


@each_death
def test_killed_it_is_finished_from_another_machine(site, step):
    """What never ran is cleared away, what runs can be kept; going back needs the snapshot."""
    here, ann, before = deployed(site)
    change = die_at(ann, step, "deploy", OTHER)
    bob = here.operator("bob")
    back = bob.run("rollback", to_change=change)
    if step is Step.ARM:
        assert back.result is Result.ROLLED_BACK, back
        assert here.tree() == before
        assert here.clean()
        return
    assert back.result is Result.FAILED, back
    assert "stays pending: nothing on the device takes it back" in back.message
    assert "--journal" in back.hint
    done = bob.run("confirm", to_change=change)
    assert done.result is Result.CONFIRMED, done
    assert here.clean()
    assert ann.deploy(OTHER).result is Result.UNCHANGED


def test_killed_before_anything_ran_it_can_not_be_confirmed(site):
    here, ann, before = deployed(site)
    change = die_at(ann, Step.ARM, "deploy", OTHER)
    done = ann.run("confirm", to_change=change)
    assert done.result is Result.PENDING, done
    assert f"rollback --change {change}" in done.message
    assert ann.run("rollback", to_change=change).result is Result.ROLLED_BACK
    assert here.tree() == before
    assert here.clean()


@pytest.mark.parametrize("job", [("remove",), ("rollback",)], ids=lambda job: job[0])
@pytest.mark.parametrize("step", [Step.APPLY, Step.CANCEL], ids=lambda step: step.name.lower())
def test_killed_removals_and_rollbacks_are_finished_too(site, job, step):
    """Once the hold is off, only the mark tells what runs: after a removal there is none."""
    here, ann, _ = deployed(site)
    assert ann.deploy(OTHER).result is Result.CONFIRMED
    before = here.tree()
    change = die_at(ann, step, *job)
    assert here.tree() != before
    back = ann.run("rollback", to_change=change)
    assert back.result is Result.ROLLED_BACK, back
    assert here.tree() == before
    elsewhere = replace(ann, journal_path=here.folder / "new.db")
    change = die_at(elsewhere, step, "remove")
    bob = elsewhere if step is Step.CANCEL else ann
    assert bob.run("confirm", to_change=change).result is Result.CONFIRMED
    assert here.clean()


def test_waiting_it_is_confirmed_from_another_machine(site, monkeypatch):
    here, ann, _ = deployed(site)
    monkeypatch.setitem(waiting.wait.__kwdefaults__, "pause", 0.05)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ann.deploy, OTHER, options={"confirm_within": 60})
        bob = here.operator("bob")
        done = until(lambda: bob.run("confirm"), lambda o: o.result is Result.CONFIRMED)
        outcome = running.result()
    assert (outcome.result, done.change_id) == (Result.CONFIRMED, outcome.change_id), outcome
    assert here.clean()
    assert any(f"confirm --change {outcome.change_id}" in words for words in ann.said)


def test_ended_from_elsewhere_while_it_is_made_it_does_not_run(site):
    here, ann, before = deployed(site)
    bob = here.operator("bob")

    def end(device, step, phase):
        del device
        if (step, phase) == (Step.APPLY, "before"):
            assert bob.run("rollback").result is Result.ROLLED_BACK

    said = ann.deploy(OTHER, observer=end)
    assert said.result is Result.FAILED, said
    assert "ended from elsewhere" in said.message
    assert here.tree() == before
    assert here.clean()


def test_not_confirmed_in_time_this_process_takes_it_back(site):
    here, ann, before = deployed(site)
    outcome = ann.deploy(OTHER, options={"confirm_within": 1})
    assert (outcome.result, outcome.exit_code) == (Result.ROLLED_BACK, 5), outcome
    assert here.tree() == before
    assert here.clean()
    assert here.commits[-1] == f"knockctl takes the change {outcome.change_id} back"


def test_another_account_may_finish_it_where_it_may(site):
    here, ann, before = deployed(site, admins=(*Switches().admins, ("bob", "b", "superuser")))
    change = die_at(ann, Step.APPLY, "deploy", OTHER)
    bob = here.operator("ann", login={"username": "bob", "password": "b"})
    back = bob.run("rollback", to_change=change)
    assert back.result is Result.ROLLED_BACK, back
    assert here.tree() == before
    assert here.clean()
