"""What foreign rules do to the policies: the same in diff and deploy, accepted rule by rule."""

from dataclasses import replace

import pytest

from knockctl.automaton.chains import ChainRule, Stop
from knockctl.automaton.conditions import Every, Is
from knockctl.automaton.questions import ports, protocol
from knockctl.automaton.verdict import Verdict
from knockctl.change.job import Result
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from tests.fixtures.held import DEAF, HeldOperator, Memory

SSH = ResolvedPolicy(
    name="ssh",
    generations=(Generation(1, (Knock("tcp", 1), Knock("tcp", 2))),),
    step_timeout=1,
    services=(Span.parse("tcp/22"),),
    grant_duration=1,
)


def foreign(text, port, verdict=Verdict.ACCEPT):
    asked = Every((Is(protocol("tcp")), Is(ports((port, port)))))
    return ChainRule(Stop(verdict), asked, "INPUT", 1, text)


OPEN = foreign("--dport 22 -j ACCEPT", 22)
HARMLESS = foreign("--dport 53 -j ACCEPT", 53)


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def ann(memory, tmp_path):
    return HeldOperator(memory, tmp_path / "ann.db")


def accepted(*codes):
    return {"options": {"accept": frozenset(codes)}}


def test_an_exposure_is_a_difference_and_stops_a_deploy(ann, memory):
    memory.foreign = [OPEN]
    told = ann.diff(SSH)
    assert told.exit_code == 3
    (one,) = told.stopping
    outcome = ann.run("deploy", SSH)
    assert outcome.result is Result.FAILED
    assert "nothing was changed" in outcome.message
    assert one.text in outcome.message
    assert outcome.hint == f"take the rule away, or --accept {one.code}"
    assert memory.runs.empty


def test_where_nothing_of_ours_changes_it_is_told_all_the_same(ann, memory):
    assert ann.run("deploy", SSH).result is Result.CONFIRMED
    assert ann.run("deploy", SSH).result is Result.UNCHANGED
    memory.foreign = [OPEN]
    told = ann.diff(SSH)
    assert (told.changes, told.exit_code) == ((), 3)
    assert ann.run("deploy", SSH).result is Result.FAILED


def test_acceptance_names_the_rule_and_another_asks_again(ann, memory):
    memory.foreign = [OPEN]
    (one,) = ann.diff(SSH).stopping
    done = ann.run("deploy", SSH, **accepted(one.code))
    assert done.result is Result.CONFIRMED
    assert f"accepted: {one.text}" in done.warnings
    memory.foreign = [replace(OPEN, number=4)]
    assert ann.run("deploy", SSH, **accepted(one.code)).result is Result.UNCHANGED
    memory.foreign = [foreign("--dport 22 -s 10.0.0.0/8 -j ACCEPT", 22)]
    assert ann.run("deploy", SSH, **accepted(one.code)).result is Result.FAILED


def test_what_is_lost_is_told_by_its_name_and_stops_nothing(ann, memory):
    memory.foreign = [HARMLESS]
    told = ann.diff(SSH)
    assert told.stopping == ()
    assert {one.kind for one in told.findings} == {"reset-lost"}
    done = ann.run("deploy", SSH)
    assert done.result is Result.CONFIRMED
    (warning,) = done.warnings
    assert warning == f"reset-lost: {told.findings[0].text}"


def test_where_nobody_could_ever_knock_a_deploy_stops(ann, memory):
    memory.foreign = [ChainRule(Stop(Verdict.REFUSE), Every(), "INPUT", 1, "deny any any")]
    outcome = ann.run("deploy", SSH)
    assert outcome.result is Result.FAILED
    assert "nobody can knock" in outcome.message


def test_going_back_asks_nobody(ann, memory):
    assert ann.run("deploy", SSH).result is Result.CONFIRMED
    memory.foreign = [OPEN]
    assert ann.run("rollback").result is Result.ROLLED_BACK


def test_a_change_that_was_cut_off_is_finished_whatever_is_exposed_since(ann, memory):
    job = ann.job("deploy", SSH)
    with ann.journal() as journal:
        services = ann.services(journal)
        memory.fail_at["cancel"] = KeyboardInterrupt()
        from knockctl.change.run import run

        with pytest.raises(KeyboardInterrupt):
            run(job, services)
        memory.foreign = [OPEN]
        assert run(job, services).result is Result.CONFIRMED


def test_a_probe_knocks_also_where_nothing_changed(ann, memory):
    assert ann.run("deploy", SSH).result is Result.CONFIRMED
    outcome = ann.run("deploy", SSH, options={"probe_knock": True})
    assert outcome.result is Result.FAILED
    assert "there is no protected address to knock on" in outcome.message
    memory.fail_at["probe"] = DEAF
    assert ann.run("deploy", SSH).result is Result.UNCHANGED


def test_what_a_deploy_mends_is_told_while_it_is_there(ann, memory):
    """A change of ours that takes us past the foreign rule, as moving our jump does."""
    assert ann.run("deploy", SSH).result is Result.CONFIRMED
    memory.foreign = [OPEN]
    memory.passed_by = True
    told = ann.diff(replace(SSH, name="other"))
    assert told.exit_code == 3
    assert [one.kind for one in told.mended] == ["exposed"]
    assert told.findings == ()
