"""A device that can't take a change back by itself: this process does, or it stays and says so."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.change import waiting
from knockctl.change.job import Result
from knockctl.change.steps import Step
from knockctl.change.waiting import Ended, wait
from knockctl.contract import Endpoint
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from tests.fixtures.held import CUT, DEAF, REFUSED, HeldOperator, Memory, Words

SSH = ResolvedPolicy(
    name="ssh",
    generations=(Generation(1, (Knock("tcp", 1), Knock("tcp", 2))),),
    step_timeout=1,
    services=(Span.parse("tcp/22"),),
    grant_duration=1,
)
WEB = replace(SSH, name="web")
BEFORE = Words(frozenset(("old",)), "old0000000")


@pytest.fixture
def memory(monkeypatch):
    monkeypatch.setattr(waiting.wait, "__kwdefaults__", {"pause": 0.01})
    return Memory(runs=BEFORE)


@pytest.fixture
def ann(memory, tmp_path):
    return HeldOperator(memory, tmp_path / "ann.db")


@pytest.fixture
def bob(memory, tmp_path):
    return HeldOperator(memory, tmp_path / "bob.db")


def runs(memory, *words):
    """Hold the device to run this, with nobody holding it."""
    return memory.runs.words == frozenset(words) and memory.hold is None


def test_there_and_back(ann, memory):
    done = ann.run("deploy", SSH)
    assert done.result is Result.CONFIRMED, done
    assert runs(memory, "ssh")
    assert ann.run("deploy", SSH).result is Result.UNCHANGED
    back = ann.run("rollback")
    assert (back.result, back.exit_code) == (Result.ROLLED_BACK, 0)
    assert memory.runs == BEFORE
    assert memory.runs.revision == "old0000000"
    assert ann.run("remove").result is Result.CONFIRMED
    assert runs(memory)


# --- one process, one failure -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "error", "result", "said"),
    [
        ("arm", REFUSED, Result.FAILED, "take hold of the device: no"),
        ("before apply", REFUSED, Result.FAILED, "nothing was changed"),
        ("before apply", CUT, Result.UNREACHABLE, "nothing was changed"),
        ("after apply", CUT, Result.ROLLED_BACK, "taken back"),
        ("probe", DEAF, Result.ROLLED_BACK, "probe: a new connection does not work; taken back"),
        ("cancel", CUT, Result.CONFIRMED, "confirmed"),
    ],
)
def test_a_failure_ends_known(ann, memory, where, error, result, said):
    memory.fail_at[where] = type(error)(error.message)
    outcome = ann.run("deploy", SSH)
    assert outcome.result is result, outcome
    assert said in outcome.message
    assert runs(memory, "ssh" if result is Result.CONFIRMED else "old")
    assert outcome.change_id in ann.states()


def test_refused_after_it_took_effect_it_is_taken_back(ann, memory):
    memory.fail_at["after apply"] = type(REFUSED)("job failed")
    outcome = ann.run("deploy", SSH)
    assert (outcome.result, outcome.exit_code) == (Result.ROLLED_BACK, 5)
    assert runs(memory, "old")


def test_a_device_out_of_reach_keeps_the_change_and_the_words_say_so(ann, bob, memory):
    memory.fail_at.update({"after apply": CUT, "connect": None})

    def cut():
        memory.fail_at["connect"] = CUT
        raise CUT

    memory.fail_at = {"after apply": cut}
    outcome = ann.run("deploy", SSH)
    assert (outcome.result, outcome.exit_code) == (Result.PENDING, 8), outcome
    assert "nothing on the device takes the change back" in outcome.message
    assert f"rollback --change {outcome.change_id}" in outcome.hint
    assert outcome.deadline is None
    assert memory.hold == outcome.change_id
    refused = bob.run("deploy", WEB)
    assert refused.result is Result.FAILED
    assert "made by ann, is pending on the device, and nothing" in refused.message
    assert "stays until it is confirmed" in bob.diff(WEB).pending[0]
    back = ann.run("rollback", to_change=outcome.change_id)
    assert back.result is Result.ROLLED_BACK, back
    assert runs(memory, "old")


def test_a_hold_that_could_not_be_given_back_is_told(ann, memory):
    memory.fail_at.update({"before apply": REFUSED, "fire": CUT})
    outcome = ann.run("deploy", SSH)
    assert outcome.result is Result.FAILED
    assert f"rollback --change {outcome.change_id}" in outcome.warnings[0]
    assert ann.run("rollback", to_change=outcome.change_id).result is Result.ROLLED_BACK
    assert runs(memory, "old")


def test_a_journal_that_fails_midway_takes_it_back_or_says_that_it_stays(ann, bob, memory):
    def failing(operator):
        def observer(device, step, phase):
            del device
            if (step, phase) == (Step.READ_BACK, "after"):
                with closing(sqlite3.connect(operator.journal_path)) as connection:
                    connection.execute("drop table knockctl_changes")

        return operator.run("deploy", SSH, observer=observer)

    outcome = failing(ann)
    assert outcome.result is Result.ROLLED_BACK, outcome
    assert runs(memory, "old")
    memory.fail_at["fire"] = CUT
    stays = failing(bob)
    assert stays.result is Result.PENDING
    assert "nothing on the device takes the change back" in stays.message
    assert stays.change_id in stays.hint
    assert memory.hold == stays.change_id


# --- waiting ------------------------------------------------------------------------------------

WITHIN = {"options": {"confirm_within": 1}}
LONG = {"options": {"confirm_within": 60}}


def test_not_confirmed_in_time_this_process_takes_it_back(ann, memory):
    outcome = ann.run("deploy", SSH, **WITHIN)
    assert (outcome.result, outcome.exit_code) == (Result.ROLLED_BACK, 5), outcome
    assert "not confirmed within 1 s; taken back" in outcome.message
    assert runs(memory, "old")
    assert f"confirm --change {outcome.change_id}" in ann.said[1]
    assert "Nothing on the device takes it back" in ann.said[1]
    assert "half way" in ann.said[0]
    assert any("waits to be confirmed: 1 s" in words for words in ann.said)


def test_confirmed_from_another_terminal(ann, bob, memory):
    memory.on_pending += [lambda: None, lambda: bob.run("confirm")]
    outcome = ann.run("deploy", SSH, **LONG)
    assert outcome.result is Result.CONFIRMED, outcome
    assert runs(memory, "ssh")
    assert set(ann.states().values()) == {"confirmed"}
    assert set(bob.states().values()) == {"confirmed"}


def test_taken_back_from_another_terminal(ann, memory):
    memory.on_pending += [lambda: None, lambda: ann.run("rollback")]
    outcome = ann.run("deploy", SSH, **LONG)
    assert outcome.result is Result.ROLLED_BACK, outcome
    assert "from elsewhere" in outcome.message
    assert runs(memory, "old")


def test_interrupted_it_is_taken_back_at_once(ann, memory):
    def interrupt():
        raise KeyboardInterrupt

    memory.on_pending.append(interrupt)
    outcome = ann.run("deploy", SSH, **LONG)
    assert (outcome.result, outcome.exit_code) == (Result.ROLLED_BACK, 5)
    assert "interrupted; taken back" in outcome.message
    assert runs(memory, "old")


def test_a_silent_device_is_asked_again():
    answers = iter([CUT, CUT, True, False])

    def pending():
        answer = next(answers)
        if answer is CUT:
            raise CUT
        return answer

    stop, heard = threading.Event(), []
    assert wait(pending, 60, stop, heard.append, pause=0.01) is Ended.SETTLED
    assert len(heard) == 4
    stop.set()
    assert wait(lambda: True, 60, stop, heard.append) is Ended.STOPPED


# --- a process that died --------------------------------------------------------------------------


class Death(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def die_at(ann, step, phase, kind="deploy", **more):
    def observer(device, at, when):
        del device
        if (at, when) == (step, phase):
            raise Death

    change = "dying00000"
    with pytest.raises(Death):
        ann.run(kind, *more.pop("policies", (SSH,)), observer=observer, change_id=change, **more)
    return change


APPLIED = [(Step.APPLY, "after"), (Step.PROBE, "after"), (Step.JOURNAL_CONFIRMING, "after")]
HELD = [(Step.ARM, "after"), (Step.VERIFY_ARMED, "after"), *APPLIED]


@pytest.mark.parametrize(("step", "phase"), HELD)
def test_after_a_death_a_rollback_finishes_it(ann, bob, memory, step, phase):
    change = die_at(ann, step, phase)
    assert memory.hold == change
    refused = bob.run("deploy", WEB)
    assert (refused.result, change in refused.hint) == (Result.FAILED, True)
    applied = (step, phase) in APPLIED
    back = bob.run("rollback", to_change=change)
    if applied:
        assert back.result is Result.FAILED, back
        assert f"the change {change} stays pending: nothing on the device takes it back" in (
            back.message
        )
        assert "--journal" in back.hint
    assert ann.run("rollback", to_change=change).exit_code == (0 if memory.hold is None else 4)
    assert runs(memory, "old")


@pytest.mark.parametrize(("step", "phase"), APPLIED)
@pytest.mark.parametrize("who", ["same", "another"])
def test_after_a_death_a_confirm_finishes_it(ann, bob, memory, step, phase, who):
    change = die_at(ann, step, phase)
    done = (ann if who == "same" else bob).run("confirm", to_change=change)
    assert done.result is Result.CONFIRMED, done
    assert runs(memory, "ssh")
    assert ann.run("deploy", SSH).result is Result.UNCHANGED
    assert set(ann.states().values()) == {"confirmed"}


@pytest.mark.parametrize(("step", "phase"), HELD)
def test_a_rerun_of_the_same_job_goes_on(ann, memory, step, phase):
    change = die_at(ann, step, phase)
    again = ann.run("deploy", SSH, change_id=change)
    assert again.exit_code == 0, again
    assert runs(memory, "ssh")


@pytest.mark.parametrize("kind", ["remove", "rollback"])
def test_a_rerun_of_a_removal_or_a_rollback_gives_the_device_back(ann, memory, kind):
    assert ann.run("deploy", SSH).result is Result.CONFIRMED
    change = die_at(ann, Step.APPLY, "after", kind=kind, policies=())
    again = ann.run(kind, change_id=change, to_revision=None)
    assert again.exit_code == 0, again
    assert memory.hold is None
    assert ann.states()[change] in ("confirmed", "rolled_back")


def test_after_the_hold_was_lost_the_mark_tells(ann, memory):
    change = die_at(ann, Step.PROBE, "after")
    memory.hold = None
    done = ann.run("confirm", to_change=change)
    assert done.result is Result.CONFIRMED, done
    memory.hold, memory.runs = None, BEFORE
    change = die_at(ann, Step.PROBE, "after", kind="remove", policies=())
    assert ann.run("confirm").result is Result.CONFIRMED
    assert runs(memory)


def test_a_lost_hold_does_not_keep_from_going_back(ann, memory):
    change = die_at(ann, Step.PROBE, "after")
    memory.hold = None
    back = ann.run("rollback", to_change=change)
    assert back.result is Result.ROLLED_BACK, back
    assert runs(memory, "old")


def test_a_snapshot_sealed_with_another_key_is_told(ann, memory):
    change = die_at(ann, Step.APPLY, "after")
    back = replace(ann, key=b"x" * 32).run("rollback", to_change=change)
    assert back.result is Result.FAILED
    assert "stays pending" in back.message
    assert memory.hold == change


# --- guards ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("judged", [True, False], ids=["its interface", "its address"])
def test_management_across_what_is_changed_needs_to_be_accepted(ann, memory, judged):
    here = ip_address("198.51.100.13" if judged else "198.51.100.14")
    memory.endpoint = Endpoint(ip_address("192.0.2.1"), here, 443, judged=judged)
    sources = {"sources": ["192.0.2.0/24"], "port": 443}
    ann.placement = {"addresses": ["198.51.100.14"], "management": sources}
    refused = ann.run("deploy", SSH)
    assert refused.result is Result.FAILED
    assert "--accept no-way-back" in refused.hint
    taken = ann.run("deploy", SSH, options={"accept": frozenset({"no-way-back"})})
    assert taken.result is Result.CONFIRMED, taken
