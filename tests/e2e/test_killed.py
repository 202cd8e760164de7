"""An operator who is killed, cut off, or cuts himself off: the device has the way back."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import asdict

import pytest

from knockctl.change.job import Result
from knockctl.change.steps import Step
from knockctl.journal.record import new_change_id
from tests.fixtures.crew import DYING, QUICK, Operator, wait_until, write_inventory
from tests.fixtures.lab import ROOT

pytestmark = pytest.mark.lab

# Where the journal is told something between two steps; everywhere else the beginning of a step
# is the end of the one before, and is left to the soak.
BEGINNINGS = {"LEASE", "APPLY", "PROBE"}
POINTS = [
    pytest.param(
        step.name,
        phase,
        marks=() if phase == "after" or step.name in BEGINNINGS else pytest.mark.soak,
    )
    for step in Step
    if step is not Step.WAIT  # a host holds its timer itself
    for phase in ("before", "after")
]
BEFORE_ARMING = {"LEASE", "CONNECT", "READ", "PLAN", "JOURNAL_INTENT"}


@pytest.fixture(scope="module")
def kill(lab_up):
    """Make an operator die: ``kill(operator, "APPLY", "after")``; returns the change's id."""
    del lab_up
    argv = [sys.executable, "-c", DYING, str(ROOT)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    # Untraced: who is killed tells nothing.
    bare = {key: word for key, word in os.environ.items() if key != "COVERAGE_PROCESS_CONFIG"}
    with subprocess.Popen(argv, env=bare, **pipes) as process:

        def die(operator, step, phase, **options):
            change = new_change_id()
            where = str(operator.folder), str(operator.journal_path)
            life = [*where, change, step, phase, asdict(operator.timeouts), options]
            process.stdin.write(json.dumps(life) + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "-9\n"
            return change

        yield die
        process.stdin.close()


@pytest.mark.parametrize(("step", "phase"), POINTS)
def test_killed_at_any_point_the_same_machine_rolls_back(lab, operator, kill, step, phase):
    before = lab.dumps()
    change = kill(operator, step, phase)
    back = operator.run("rollback", to_change=change)
    if back.result is Result.FAILED:
        # Not pending: it never got that far, or it was confirmed to the end.
        assert "not pending" in back.message
        if "knockctl:" in "\n".join(lab.dumps()):
            assert (step, phase) == ("FORGET", "after") or step == "RELEASE"
            assert operator.run("rollback").result is Result.ROLLED_BACK
        else:
            assert step in BEFORE_ARMING or (step, phase) == ("ARM", "before")
    else:
        assert back.result is Result.ROLLED_BACK
    assert lab.dumps() == before


@pytest.mark.parametrize(("step", "phase"), POINTS)
def test_killed_at_any_point_another_machine_deploys_or_confirms(
    lab, operator, stranger, kill, step, phase
):
    before = lab.dumps()
    change = kill(operator, step, phase)
    half = lab.dumps()
    found = stranger.run("confirm", to_change=change)
    applied = half != before
    if found.result is Result.CONFIRMED:
        assert step not in BEFORE_ARMING
        assert lab.dumps() == half
    else:
        assert "not pending" in found.message
        assert lab.dumps() == half
    done = stranger.run()
    assert done.result is (Result.UNCHANGED if applied else Result.CONFIRMED)
    assert "ssh-box" in "\n".join(lab.dumps())
    assert stranger.run("remove").result is Result.CONFIRMED
    assert lab.dumps() == before


def test_killed_and_left_alone_the_device_takes_it_back(lab, hurried, kill):
    before = lab.dumps()
    kill(hurried, "PROBE", "before")
    assert lab.dumps() != before
    wait_until(lambda: lab.dumps() == before, 40)


# Run under the device's lock: once somebody waits for it, ends the session that does. Since
# OpenSSH 9.8 the process is called sshd-session.
CUT = """
lock=$(stat -c %i /run/knockctl/lock)
until grep -q -- "-> FLOCK .*:$lock " /proc/locks; do sleep 0.05; done
pkill -9 -f '[s]shd.*: root@notty'
sleep 1
"""


def test_the_connection_cut_while_rules_are_written(lab, hurried):
    """The device's lock is held, the session killed while it waits; then the lock is let go."""
    before = lab.dumps()
    lab.shell("linux1", "mkdir -p /run/knockctl")
    locked = ("flock", "/run/knockctl/lock", "timeout", "60", "sh", "-c", CUT)
    with lab.popen("linux1", *locked) as holder:
        lab.shell("linux1", "while flock -n /run/knockctl/lock true; do sleep 0.05; done")
        done = hurried.run()
    assert holder.returncode == 0
    assert done.result in (Result.PENDING, Result.ROLLED_BACK, Result.UNREACHABLE)
    wait_until(lambda: lab.dumps() == before, 40)


@pytest.mark.parametrize(
    ("step", "result"),
    [
        ("ARM", Result.ROLLED_BACK),
        ("READ_BACK", Result.ROLLED_BACK),
        ("PROBE", Result.ROLLED_BACK),
        ("PERSIST", Result.PENDING),
    ],
)
def test_a_journal_that_fails_midway(lab, operator, stranger, step, result):
    """Locked by another process from one step on: taken back, or said to be pending."""
    before = lab.dumps()
    holds = []

    def observer(device, at, when):
        del device
        if (at.name, when) == (step, "after") and not holds:
            raw = sqlite3.connect(operator.journal_path, isolation_level=None)
            raw.execute("begin exclusive")
            holds.append(raw)

    done = operator.run(observer=observer, busy_seconds=0.1)
    holds[0].close()
    assert done.result is result
    assert "locked by another process" in done.message
    if result is Result.PENDING:
        assert stranger.run("confirm", to_change=done.change_id).result is Result.CONFIRMED
    else:
        assert lab.dumps() == before


def test_a_timer_whose_traces_somebody_cleared_is_not_assumed_fired(lab, operator):
    """The device's own rules decide: they are this change's, and were probed just now."""

    def observer(device, at, when):
        del device
        if (at.name, when) == ("JOURNAL_CONFIRMING", "after"):
            lab.shell("linux1", "rm -rf /run/knockctl/t*")

    done = operator.run(observer=observer)
    assert done.result is Result.CONFIRMED
    assert lab.run("linux1", "test", "-s", "/etc/knockctl/iptables").returncode == 0


# --- management -----------------------------------------------------------------------------------


@pytest.fixture
def careless(lab, tmp_path):
    """An operator who manages the host over the very address the policy protects."""
    del lab
    folder = write_inventory(
        tmp_path / "careless", host={"hostname": "198.51.100.11"}, management=None
    )
    return Operator("carl", folder, tmp_path / "carl.db", timeouts=QUICK)


def test_a_policy_that_would_cut_management_is_refused_up_front(lab, careless):
    before = lab.dumps()
    done = careless.run()
    assert done.result is Result.FAILED
    assert "tcp/22 on 198.51.100.11" in done.message
    assert "192.0.2.1" in done.hint
    assert lab.dumps() == before


def test_forced_it_is_taken_back_because_a_new_connection_fails(lab, careless):
    before = lab.dumps()
    done = careless.run(options={"accept": frozenset({"management"})})
    assert (done.result, done.exit_code) == (Result.ROLLED_BACK, 5)
    assert lab.dumps() == before


def test_forced_and_the_operator_gone_the_device_takes_it_back(lab, careless, kill):
    before = lab.dumps()
    kill(careless, "APPLY", "after", accept=["management"])
    assert lab.dumps() != before
    wait_until(lambda: lab.dumps() == before, 40)


def test_with_a_real_knock_it_may_govern_the_management_endpoint(lab, careless):
    """--probe knocks from the operator's own address, and the knock lets the operator in."""
    done = careless.run(options={"probe_knock": True})
    assert done.result is Result.CONFIRMED, done
    assert "ssh-box" in "\n".join(lab.dumps())
