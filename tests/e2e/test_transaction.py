"""The transaction on a real host: every way it can be interrupted ends in a known state."""

import threading

import pytest

from knockctl.change.job import Result
from knockctl.journal.journal import Journal
from knockctl.policy.seal import Sealer
from tests.fixtures.crew import SSH_BOX, Operator, wait_until, write_inventory

pytestmark = pytest.mark.lab

OTHER = """\
name: other-box
sequence: [tcp/7001, udp/7002]
step_timeout: 5s
grant: {services: [tcp/443], duration: 1m}
wrong_knock: lockout
lockout: {duration: 30s}
"""


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
    pending = operator.run(options={"confirm_within": 60})
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
    pending = operator.run(options={"confirm_within": 60})
    back = stranger.run("rollback", to_change=pending.change_id)
    assert (back.result, back.exit_code) == (Result.ROLLED_BACK, 0)
    assert lab.dumps() == before


def test_a_pending_change_nobody_confirms_is_taken_back_by_the_device(lab, hurried):
    before = lab.dumps()
    pending = hurried.run(options={"confirm_within": 7})
    assert pending.deadline is not None
    wait_until(lambda: lab.dumps() == before, 40)
    late = hurried.run("confirm", to_change=pending.change_id)
    assert late.result is Result.ROLLED_BACK
    assert late.exit_code == 5


def test_what_the_device_took_back_is_closed_by_the_next_change(lab, hurried):
    pending = hurried.run(options={"confirm_within": 7})
    wait_until(lambda: "KC_INPUT" not in "\n".join(lab.dumps()), 40)
    assert hurried.run().result is Result.CONFIRMED
    with Journal(f"sqlite:///{hurried.journal_path}", Sealer(hurried.key)) as journal:
        assert journal.get(pending.change_id).state == "rolled_back"
    assert lab.shell("linux1", "ls /run/knockctl").split() == ["lock"]


def test_a_window_too_short_for_the_work_is_refused(lab, hurried):
    before = lab.dumps()
    done = hurried.run(options={"confirm_within": 6})
    assert done.result is Result.FAILED
    assert "at least 7 s" in done.hint
    assert lab.dumps() == before


# --- two operators --------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [20, pytest.param(100, marks=pytest.mark.soak)])
def test_two_operators_at_once_one_wins_and_the_other_is_told(lab, operator, tmp_path, rounds):
    before = lab.dumps()
    folder = write_inventory(tmp_path / "other", policies={"other-box": OTHER})
    rival = Operator("bob", folder, tmp_path / "rival.db")
    lost = 0
    for number in range(rounds):
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

        options = {"confirm_within": 60} if number % 10 == 9 else {}
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
