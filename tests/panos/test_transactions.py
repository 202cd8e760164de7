"""The transaction on a firewall: every way it can be interrupted ends in a known state."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from knockctl.change.job import Result
from knockctl.change.steps import Step
from tests.fixtures.panos_crew import OTHER, QUICK, SSH, WEB, policy
from tests.fixtures.panos_site import FOREIGN, deployed, meaning


@pytest.mark.parametrize("version", ["9.1.16", "10.1.9", "11.2.4"])
def test_there_and_back(site, version):
    here = site(version=version)
    here.rule("somebody", destination="203.0.113.1")
    ann = here.operator()
    before = here.tree()
    first = ann.deploy(SSH)
    assert first.result is Result.CONFIRMED, first
    assert here.commits == [f"knockctl change {first.change_id}"]
    deployed = here.tree()
    assert deployed != before
    assert ann.diff(SSH).changes == ()
    assert ann.deploy(SSH).result is Result.UNCHANGED
    second = ann.deploy(OTHER, WEB)
    assert second.result is Result.CONFIRMED, second
    assert here.tree() != deployed
    back = ann.run("rollback", to_revision=first.change_id)
    assert back.result is Result.ROLLED_BACK, back
    assert here.tree() == deployed
    assert ann.diff(SSH).changes == ()
    gone = ann.run("remove")
    assert gone.result is Result.CONFIRMED, gone
    assert here.tree() == before
    assert len(here.commits) == 4
    assert here.clean()


# --- cut, or refused, at every request ----------------------------------------------------------

TINY, TINY_TOO = (policy(port, wrong_knock="ignore") for port in ("tcp/1234", "tcp/2345"))
JOBS = {"deploy": ("deploy", TINY), "change": ("deploy", TINY_TOO), "remove": ("remove",)}


def every_request(here, operator, kind, fault, executes=lambda _: True, step=1):
    """Run the job with the fault at its first request, its second, … until it is never met.

    The firewall is as before when each begins. Yields each outcome.
    """
    if kind != "deploy":
        assert operator.deploy(TINY).result is Result.CONFIRMED
    begin = here.running()
    for number in itertools.count(1, step):
        here.faults.cut_executes = executes(number)
        setattr(here.faults, fault, number)
        outcome = operator.run(*JOBS[kind])
        met = getattr(here.faults, fault) is None
        setattr(here.faults, fault, None)
        if not met:
            assert outcome.result is Result.CONFIRMED, outcome
            assert number > 20
            return
        yield number, outcome
        if outcome.result is Result.PENDING:
            back = operator.run("rollback", to_change=outcome.change_id)
            assert back.result is Result.ROLLED_BACK, (number, outcome, back)
            assert here.tree() == meaning(begin), (number, outcome)
            assert here.clean(), (number, outcome)
        here.back_to(begin)


WAYS = {
    "carried out": lambda _: True,
    "not carried out": lambda _: False,
    "by turns": lambda number: number % 2 == 0,
}
CUTS = [
    pytest.param(kind, way, marks=() if (kind, way) == ("deploy", "by turns") else pytest.mark.soak)
    for kind in JOBS
    for way in WAYS
]


@pytest.mark.parametrize(("kind", "way"), CUTS)
def test_cut_at_any_request_it_ends_as_it_said_it_would(site, kind, way):
    here = site()
    ann = here.operator()
    before, seen = None, set()
    for number, said in every_request(here, ann, kind, "cut_at", WAYS[way]):
        seen.add(said.result)
        before = before or here.tree()
        place = (number, said)
        if said.result is Result.CONFIRMED:
            assert ann.diff(*JOBS[kind][1:]).changes == (), place
            assert here.clean(), place
        elif said.result is not Result.PENDING:
            assert here.tree() == before, place
            assert here.clean(), place
    assert {Result.UNREACHABLE, Result.ROLLED_BACK, Result.CONFIRMED} <= seen


def test_refused_at_any_request(site):
    """A refusal before the change runs leaves nothing; one that comes later is told."""
    here = site()
    ann = here.operator()
    before, refused = here.tree(), 0
    for number, said in every_request(here, ann, "deploy", "refuse_at", step=3):
        place = (number, said)
        if said.result is Result.FAILED:
            refused += 1
            assert "timed out" in said.message, place
            assert "nothing was changed" in said.message, place
        if said.result in (Result.FAILED, Result.ROLLED_BACK):
            assert here.tree() == before, place
            assert here.clean(), place
    assert refused > 4


@pytest.mark.parametrize("at_once", [True, False], ids=["one request", "single requests"])
def test_refused_at_any_change_of_the_candidate(site, at_once):
    here = site()
    ann = here.operator(placement={"multi_config": at_once})
    before = here.tree()
    for number in (1, 5, 12):
        here.faults.refuse_change_at = number
        said = ann.deploy(SSH)
        assert said.result is Result.FAILED, said
        assert "timed out; nothing was changed" in said.message
        assert here.tree() == before
        assert here.clean()
    assert ann.deploy(SSH).result is Result.CONFIRMED


# --- jobs that fail, hang and vanish ------------------------------------------------------------


@pytest.mark.parametrize("fault", ["commit_fails", "validation_fails"])
def test_a_job_that_fails_changes_nothing_and_its_lines_are_told(site, fault):
    here, ann, before = deployed(site)
    setattr(here.faults, fault, ("vsys1: rule kc-x is not good",))
    said = ann.deploy(OTHER)
    assert (said.result, said.exit_code) == (Result.FAILED, 4), said
    assert "rule kc-x is not good" in said.message
    assert "nothing was changed" in said.message
    assert here.tree() == before
    assert here.clean()


def test_a_commit_that_hangs_stays_pending_and_is_taken_back_later(site):
    here, ann, before = deployed(site)
    ann.timeouts = replace(QUICK, job=1)

    def hang(device, step, phase):
        del device
        if (step, phase) == (Step.APPLY, "before"):
            here.faults.job_hangs = True

    said = ann.deploy(OTHER, observer=hang)
    assert (said.result, said.exit_code) == (Result.PENDING, 8), said
    assert "did not end within 1 s" in said.message
    assert "nothing on the device takes the change back" in said.message
    assert here.operator("bob").deploy(WEB).result is Result.FAILED
    here.faults.job_hangs = False
    here.device.do(here.twin.jobs.clear)
    back = ann.run("rollback", to_change=said.change_id)
    assert back.result is Result.ROLLED_BACK, back
    assert here.tree() == before
    assert here.clean()


def test_a_job_the_firewall_forgets_is_judged_by_what_runs(site):
    here, ann, _ = deployed(site)
    here.faults.job_vanishes = True
    assert ann.deploy(OTHER).result is Result.CONFIRMED
    assert ann.diff(OTHER).changes == ()
    assert here.clean()


@pytest.mark.parametrize("keeps", ["old", "new"])
@pytest.mark.parametrize("locks", [True, False], ids=["locks stay", "locks lost"])
def test_a_reboot_in_the_middle_of_the_commit(site, keeps, locks):
    """It is waited for, and what runs then tells how it ended."""
    here, ann, before = deployed(site, locks_survive_reboot=locks, boot_time=30.0)
    here.faults.reboot_keeps = keeps
    here.faults.reboot_mid_commit = True
    said = ann.deploy(OTHER)
    if keeps == "new":
        assert said.result is Result.CONFIRMED, said
        assert ann.diff(OTHER).changes == ()
    else:
        assert said.result is Result.FAILED, said
        assert "nothing was changed" in said.message
        assert here.tree() == before
    assert here.clean()


def test_a_commit_may_release_the_lock(site):
    here, ann, before = deployed(site, commit_releases_config_locks=True)
    outcome = ann.deploy(OTHER, options={"confirm_within": 1})
    assert (outcome.result, outcome.exit_code) == (Result.ROLLED_BACK, 5), outcome
    assert here.tree() == before
    assert here.clean()


# --- others -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["vsys1", "shared"])
def test_somebody_elses_lock_is_respected_and_named(site, scope):
    here, ann, before = deployed(site)
    here.lock("eve", "working on NAT", scope)
    said = ann.deploy(OTHER)
    assert said.result is Result.FAILED, said
    assert "locked by eve" in said.message
    assert here.tree() == before
    assert list(here.twin.locks.config) == [scope]


def test_somebody_elses_commit_lock_is_respected_and_named(site):
    here, ann, before = deployed(site)
    here.lock("eve", kind="commit")
    said = ann.deploy(OTHER)
    assert said.result is Result.FAILED, said
    assert "eve holds back commits" in said.message
    assert here.tree() == before
    assert here.clean()


def test_somebody_elses_changes_of_ours_are_reported_and_left_alone(site):
    here, ann, before = deployed(site)
    (rule, *_) = here.order()
    path = f"rulebase/security/rules/entry[@name='{rule}']"
    here.edit("eve", f"{path}/disabled", "<disabled>yes</disabled>", "edit")
    said = ann.deploy(OTHER)
    assert said.result is Result.FAILED, said
    assert "eve has changed what is ours" in said.message
    assert rule in said.message
    assert here.tree() == before
    assert len(here.twin.trees.changes) == 1
    assert not here.twin.locks.config


def test_somebody_elses_other_changes_are_neither_committed_nor_reverted(site):
    here, ann, _ = deployed(site)
    here.edit("eve", "address/entry[@name='web']", "<ip-netmask>203.0.113.9</ip-netmask>")
    assert ann.deploy(OTHER).result is Result.CONFIRMED
    assert here.device.running("address") == []
    assert here.device.candidate("address") == ["web"]
    assert ann.deploy(SSH, options={"confirm_within": 1}).result is Result.ROLLED_BACK
    assert here.device.candidate("address") == ["web"]
    assert here.device.running("address") == []


def test_our_own_accounts_other_changes_are_in_the_way(site):
    here, ann, before = deployed(site)
    here.edit("admin", "address/entry[@name='web']", "<ip-netmask>203.0.113.9</ip-netmask>")
    said = ann.deploy(OTHER)
    assert said.result is Result.FAILED, said
    assert "which would be committed with ours" in said.message
    assert here.tree() == before
    assert here.device.candidate("address") == ["web"]


def test_two_operators_at_once_one_wins_and_the_other_is_told(site):
    here = site()
    crew = [here.operator("ann"), here.operator("bob")]
    lost = 0
    for number in range(6):
        wanted = [
            policy(f"tcp/{base + number}", name=who.name, wrong_knock="ignore")
            for base, who in zip((1000, 2000), crew, strict=True)
        ]
        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(who.deploy, p) for who, p in zip(crew, wanted, strict=True)]
        outcomes = [each.result() for each in done]
        assert Result.CONFIRMED in [outcome.result for outcome in outcomes], outcomes
        for outcome in outcomes:
            if outcome.result is not Result.CONFIRMED:
                lost += 1
                assert outcome.result is Result.FAILED, outcome
        runs = [p for who, p in zip(crew, wanted, strict=True) if not who.diff(p).changes]
        assert len(runs) == 1, outcomes
        assert here.clean()
    assert lost > 0


# --- thousands of foreign rules -----------------------------------------------------------------


def test_foreign_rules_are_not_moved_and_cost_no_requests(site):
    asked = []
    for count in (0, 1000):
        here = site()
        names = [f"rule {number}" for number in range(count)]
        rules = "".join(
            f'<entry name="{name}">{FOREIGN}</entry>'.format(
                destination="203.0.113.1", service="any", action="deny"
            )
            for name in names
        )
        if rules:
            here.load("rulebase/security/rules", rules)
        ann = here.operator(placement={"position": "bottom"})
        done = ann.deploy(SSH)
        assert done.result is Result.CONFIRMED, done
        order = here.order()
        assert order[:count] == names
        assert len(order) > count
        there = here.operator()
        assert there.diff(SSH).changes == ()
        asked.append(done.round_trips - sum("%" in words for words in ann.said))
    assert abs(asked[0] - asked[1]) <= 1
