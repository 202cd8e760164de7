"""The transaction on a firewall: every way it can be interrupted ends in a known state."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from knockctl.transaction.job import Result
from knockctl.transaction.steps import Step
from knockctl.vendor import Timeouts
from knockctl_panos import jobs
from tests.fixtures.panos_crew import OTHER, QUICK, SSH, WEB, policy
from tests.fixtures.panos_site import Site, meaning


@pytest.fixture
def site(device, certificate_files, tmp_path, monkeypatch):
    """Make firewalls on TLS, each with operators: ``site(version="10.2.9").operator("ann")``."""
    monkeypatch.setattr(jobs, "FIRST", 0.01)

    def make(**switches):
        switches = {"commit_time": 1.0, **switches}
        return Site(device(**switches), certificate_files[1], tmp_path)

    return make


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


def every_request(here, operator, kind, fault, executes=lambda number: True):
    """Run the job with the fault at its first request, its second, … until it is never met.

    The firewall is as before when each begins. Yields each outcome.
    """
    if kind != "deploy":
        assert operator.deploy(TINY).result is Result.CONFIRMED
    begin = here.running()
    for number in itertools.count(1):
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
    for number, said in every_request(here, ann, "deploy", "refuse_at"):
        place = (number, said)
        if said.result is Result.FAILED:
            refused += 1
            assert "timed out" in said.message, place
            assert "nothing was changed" in said.message, place
        if said.result in (Result.FAILED, Result.ROLLED_BACK):
            assert here.tree() == before, place
            assert here.clean(), place
    assert refused > 10


def test_refused_at_any_change_of_the_candidate(site):
    here = site(multi_config=False)
    ann = here.operator(placement={"multi_config": False})
    before = here.tree()
    for number in (1, 5, 12):
        here.faults.refuse_change_at = number
        said = ann.deploy(SSH)
        assert said.result is Result.FAILED, said
        assert here.tree() == before
        assert here.clean()
    assert ann.deploy(SSH).result is Result.CONFIRMED
