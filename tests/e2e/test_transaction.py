"""The transaction on a real host: every way it can be interrupted ends in a known state."""

import json
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from knockctl.journal.journal import Journal
from knockctl.journal.record import new_change_id
from knockctl.policy.seal import Sealer
from knockctl.transaction.job import Result
from knockctl.transaction.steps import Step
from tests.fixtures.crew import DYING, SSH_BOX, Operator, write_inventory
from tests.fixtures.lab import ROOT

pytestmark = pytest.mark.lab

OTHER = """\
name: other-box
sequence: [tcp/7001, udp/7002]
step_timeout: 5s
grant: {services: [tcp/443], duration: 1m}
wrong_knock: lockout
lockout: {duration: 30s}
"""


@pytest.fixture
def operator(lab, tmp_path):
    del lab
    folder = write_inventory(tmp_path / "inventory")
    return Operator("ann", folder, tmp_path / "ann.db")


@pytest.fixture
def stranger(operator, tmp_path):
    """The same inventory on another machine, whose journal is empty."""
    return Operator("bob", operator.folder, tmp_path / "bob.db")


def test_there_and_back(lab, operator):
    before = lab.dumps()
    done = operator.run()
    assert done.result is Result.CONFIRMED
    assert done.round_trips <= 7
    assert operator.run().result is Result.UNCHANGED
    back = operator.run("rollback")
    assert back.result is Result.ROLLED_BACK
    assert back.exit_code == 0
    assert lab.dumps() == before
    assert lab.shell("linux1", "ls /run/knockctl").split() == ["lock"]
    assert lab.run("linux1", "ls", "/etc/knockctl").returncode != 0


def test_remove_leaves_nothing(lab, operator):
    before = lab.dumps()
    operator.run()
    assert operator.run("remove").result is Result.CONFIRMED
    assert lab.dumps() == before
    assert operator.run("remove").result is Result.UNCHANGED


def test_rolling_back_goes_to_the_revision_before_byte_for_byte(lab, operator):
    operator.run()
    first = lab.dumps()
    (operator.folder / "policies" / "ssh-box.yaml").write_text(
        (operator.folder / "policies" / "ssh-box.yaml").read_text().replace("3456", "4567")
    )
    second = operator.run()
    assert second.result is Result.CONFIRMED
    assert lab.dumps() != first
    operator.run("rollback")
    assert lab.dumps() == first
    again = operator.run("rollback", to_revision=second.change_id)
    assert again.result is Result.ROLLED_BACK
    assert "4567" in "\n".join(lab.dumps())
    unknown = operator.run("rollback", to_revision="nosuch0000")
    assert unknown.result is Result.FAILED
    assert "no revision nosuch0000" in unknown.message


def test_a_rule_deleted_by_hand_is_the_only_difference_and_deploy_puts_it_back(lab, operator):
    operator.run()
    whole = lab.dumps()
    lab.shell("linux1", "iptables -D KC_GATE -m conntrack --ctstate INVALID -g KC_NOISE")
    done = operator.run()
    assert done.changes == ("+ iptables KC_GATE: -m conntrack --ctstate INVALID -g KC_NOISE",)
    mended = [line for line in lab.dumps() if "knockctl:" not in line]
    assert mended == [line for line in whole if "knockctl:" not in line]


def test_what_boots_is_what_ran(lab, operator):
    operator.run()
    running = lab.dumps()
    assert running
    lab.shell(
        "linux1",
        "for t in iptables ip6tables; do $t -F; $t -X; done; ipset destroy; sh /etc/knockctl/load",
    )
    assert lab.dumps() == running


def test_a_boot_that_cannot_load_everything_closes(lab, operator):
    operator.run()
    lab.shell(
        "linux1",
        "for t in iptables ip6tables; do $t -F; $t -X; done; ipset destroy;"
        " sed -i s/hash:ip/hash:none/ /etc/knockctl/sets; sh /etc/knockctl/load || true",
    )
    knock = "knock --host 198.51.100.11 tcp/1234 tcp/2345 tcp/3456 --check tcp/22 --timeout 0.5"
    assert lab.knockctl(*knock.split(), where="wan").returncode == 4
    assert operator.run().result is Result.CONFIRMED
    assert lab.knockctl(*knock.split(), where="wan").returncode == 0


# --- pending ------------------------------------------------------------------------------------


def test_a_pending_change_is_confirmed_from_another_machine(lab, operator, stranger):
    pending = operator.run(options={"confirm_within": 30})
    assert (pending.result, pending.exit_code) == (Result.PENDING, 8)
    refused = stranger.run()
    assert refused.result is Result.FAILED
    assert pending.change_id in refused.message
    confirmed = stranger.run("confirm", to_change=pending.change_id)
    assert confirmed.result is Result.CONFIRMED
    assert operator.run().result is Result.UNCHANGED
    assert "knockctl:" + pending.change_id in "\n".join(lab.dumps())


def test_a_pending_change_is_rolled_back_from_another_machine(lab, operator, stranger):
    before = lab.dumps()
    pending = operator.run(options={"confirm_within": 30})
    back = stranger.run("rollback", to_change=pending.change_id)
    assert (back.result, back.exit_code) == (Result.ROLLED_BACK, 0)
    assert lab.dumps() == before


def test_a_pending_change_nobody_confirms_is_taken_back_by_the_device(lab, operator):
    before = lab.dumps()
    pending = operator.run(options={"confirm_within": 7})
    assert pending.deadline is not None
    wait_until(lambda: lab.dumps() == before, 12)
    late = operator.run("confirm", to_change=pending.change_id)
    assert late.result is Result.ROLLED_BACK
    assert late.exit_code == 5


def test_what_the_device_took_back_is_closed_by_the_next_change(lab, operator):
    pending = operator.run(options={"confirm_within": 7})
    wait_until(lambda: "KC_INPUT" not in "\n".join(lab.dumps()), 12)
    assert operator.run().result is Result.CONFIRMED
    with Journal(f"sqlite:///{operator.journal_path}", Sealer(operator.key)) as journal:
        assert journal.get(pending.change_id).state == "rolled_back"
    assert lab.shell("linux1", "ls /run/knockctl").split() == ["lock"]


def test_a_window_too_short_for_the_work_is_refused(lab, operator):
    before = lab.dumps()
    done = operator.run(options={"confirm_within": 6})
    assert done.result is Result.FAILED
    assert "at least 7 s" in done.hint
    assert lab.dumps() == before


def wait_until(condition, seconds):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.2)


# --- killed at every step -----------------------------------------------------------------------

STEPS = [step for step in Step if step is not Step.WAIT]  # a host holds its timer itself
POINTS = [(step.name, phase) for step in STEPS for phase in ("before", "after")]
BEFORE_ARMING = {"LEASE", "CONNECT", "READ", "PLAN", "JOURNAL_INTENT"}


def kill(operator, step, phase, **options):
    change = new_change_id()
    argv = [
        sys.executable,
        "-c",
        DYING,
        str(ROOT),
        str(operator.folder),
        str(operator.journal_path),
        change,
        step,
        phase,
        json.dumps(options),
    ]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == -9, done.stderr
    return change


@pytest.mark.parametrize(("step", "phase"), POINTS)
def test_killed_at_any_point_the_same_machine_rolls_back(lab, operator, step, phase):
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
    lab, operator, stranger, step, phase
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


def test_killed_and_left_alone_the_device_takes_it_back(lab, operator):
    before = lab.dumps()
    kill(operator, "PROBE", "before")
    assert lab.dumps() != before
    wait_until(lambda: lab.dumps() == before, 15)


def test_the_connection_cut_while_rules_are_written(lab, operator):
    """The device's lock is held, the session killed while it waits; then the lock is let go."""
    before = lab.dumps()
    lab.shell("linux1", "mkdir -p /run/knockctl")
    holder = lab.popen("linux1", "flock", "/run/knockctl/lock", "sleep", "3")
    killer = threading.Timer(
        1.5, lambda: lab.run("linux1", "pkill", "-9", "-f", "sshd: root@notty")
    )
    killer.start()
    done = operator.run()
    holder.wait()
    killer.join()
    assert done.result in (Result.PENDING, Result.ROLLED_BACK, Result.UNREACHABLE)
    wait_until(lambda: lab.dumps() == before, 15)


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
    return Operator("carl", folder, tmp_path / "carl.db")


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


def test_forced_and_the_operator_gone_the_device_takes_it_back(lab, careless):
    before = lab.dumps()
    kill(careless, "APPLY", "after", accept=["management"])
    assert lab.dumps() != before
    wait_until(lambda: lab.dumps() == before, 15)


def test_with_a_real_knock_it_may_govern_the_management_endpoint(lab, careless):
    """--probe knocks from the operator's own address, and the knock lets the operator in."""
    done = careless.run(options={"probe_knock": True})
    assert done.result is Result.CONFIRMED, done
    assert "ssh-box" in "\n".join(lab.dumps())


# --- two operators --------------------------------------------------------------------------------


def test_two_operators_at_once_one_wins_and_the_other_is_told(lab, operator, tmp_path):
    before = lab.dumps()
    folder = write_inventory(tmp_path / "other", policies={"other-box": OTHER})
    rival = Operator("bob", folder, tmp_path / "rival.db")
    lost = 0
    for number in range(100):
        for who, name, text in ((operator, "ssh-box", SSH_BOX), (rival, "other-box", OTHER)):
            file = who.folder / "policies" / f"{name}.yaml"
            file.write_text(
                text.replace("1234", str(2000 + number)).replace("7001", str(8000 + number))
            )
        outcomes = {}
        gate = threading.Barrier(2)

        def work(who, options, gate=gate, outcomes=outcomes):
            gate.wait()
            outcomes[who.name] = who.run(options=options)

        options = {"confirm_within": 7} if number % 10 == 9 else {}
        threads = [threading.Thread(target=work, args=(who, options)) for who in (operator, rival)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        results = {name: outcome.result for name, outcome in outcomes.items()}
        won = [n for n, r in results.items() if r in (Result.CONFIRMED, Result.PENDING)]
        assert won, outcomes
        allowed = (Result.CONFIRMED, Result.PENDING, Result.FAILED)
        assert all(result in allowed for result in results.values()), [
            (name, one.result, one.message) for name, one in outcomes.items()
        ]
        lost += 2 - len(won)
        runs = "\n".join(lab.dumps())
        assert ("KC_ssh-box" in runs) != ("KC_other-box" in runs), outcomes
        marks = {line for line in lab.dumps() if "knockctl:" in line}
        assert len(marks) == 1, marks
        for name, outcome in outcomes.items():
            if outcome.result is Result.PENDING:
                who = operator if name == operator.name else rival
                who.run("rollback", to_change=outcome.change_id)
    assert lost > 0
    operator.run("remove")
    assert lab.dumps() == before
