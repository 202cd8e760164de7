"""The journal: what is begun is found again, by the next process and after any crash."""

import sqlite3
import subprocess
import sys
import threading

import pytest

from knockctl.errors import JournalError, JournalLocked, SealError
from knockctl.journal.journal import Journal
from knockctl.journal.record import ChangeRecord, new_change_id, now, operator
from knockctl.policy import redaction
from knockctl.policy.seal import Sealer

SEALER = Sealer(b"s" * 32)


def url(tmp_path, name="j.db"):
    return f"sqlite:///{tmp_path / name}"


def record(device="host1", **more):
    values = {
        "id": new_change_id(),
        "device": device,
        "kind": "deploy",
        "state": "planned",
        "operator": operator(),
        "started": now(),
        "tool_version": "1",
        "before": "{old}",
        "after": "{new 41001}",
        "summary": ("+ dport 41001",),
        "policies": ("p",),
        **more,
    }
    return ChangeRecord(**values)


def test_a_change_is_found_again(tmp_path):
    one = record()
    with Journal(url(tmp_path), SEALER) as journal:
        journal.begin(one)
        journal.begin(one)
        journal.update(one.id, "armed", deadline=now())
        journal.update(one.id, "confirmed", detail="fine", finished=True)
        journal.update("unknown000", "failed")
    with Journal(url(tmp_path), SEALER) as journal:
        found = journal.get(one.id)
        assert (found.before, found.after) == ("{old}", "{new 41001}")
        assert (found.state, found.reason) == ("confirmed", "fine")
        assert found.finished >= found.started
        assert [event.step for event in journal.events(one.id)] == ["planned", "armed", "confirmed"]
        assert journal.history()[0].before is None
        assert journal.history(["other"]) == []
        assert journal.latest("host1", ("confirmed",)).id == one.id
        assert journal.open_changes("host1") == []
        assert journal.get("none") is None
        assert journal.latest("none", ("confirmed",)) is None


def test_snapshots_are_sealed_and_words_redacted(tmp_path):
    redaction.register("41001")
    with Journal(url(tmp_path), SEALER) as journal:
        one = record(reason="because of 41001")
        journal.begin(one)
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"41001" not in raw
    with Journal(url(tmp_path), Sealer(b"x" * 32)) as journal:
        assert journal.history()[0].summary == ("+ dport ***",)
        with pytest.raises(SealError, match="another key"):
            journal.get(one.id)


def test_the_file_is_the_users_alone(tmp_path):
    with Journal(url(tmp_path, "deep/er/j.db"), SEALER):
        pass
    path = tmp_path / "deep" / "er" / "j.db"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_many_threads_and_processes_write_at_once(tmp_path):
    with Journal(url(tmp_path), SEALER) as journal:

        def work():
            for _ in range(5):
                one = record()
                journal.begin(one)
                journal.update(one.id, "confirmed", finished=True)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(journal.history(limit=100)) == 40


FIRST = """
import sys
from knockctl.journal.journal import Journal
from knockctl.policy.seal import Sealer
with Journal(sys.argv[1], Sealer(b"s" * 32)) as journal:
    journal.history()
"""


def test_two_first_users_make_one_journal(tmp_path):
    argv = [sys.executable, "-c", FIRST, url(tmp_path)]
    several = [subprocess.Popen(argv, stderr=subprocess.PIPE) for _ in range(4)]
    for process in several:
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()


def test_a_lease_names_its_holder_and_runs_out(tmp_path):
    with Journal(url(tmp_path), SEALER) as journal:
        with journal.lease("host1", "ann", 60):
            told = pytest.raises(JournalLocked, match="host1 is being changed by ann")
            with told, journal.lease("host1", "bob", 60):
                pass
            with journal.lease("host2", "bob", 60):
                pass
        with journal.lease("host1", "bob", -1), journal.lease("host1", "ann", 60):
            pass


def test_a_lease_of_a_dead_process_is_taken_over(tmp_path):
    with Journal(url(tmp_path), SEALER) as journal, journal.lease("host1", "ann", 600):
        with sqlite3.connect(tmp_path / "j.db") as raw:
            raw.execute("update knockctl_leases set pid = 4194305")
        raw.close()
        with journal.lease("host1", "bob", 60):
            pass


def test_a_locked_journal_says_so(tmp_path):
    with Journal(url(tmp_path), SEALER, busy_seconds=0.1) as journal:
        raw = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
        raw.execute("begin exclusive")
        with pytest.raises(JournalLocked, match="locked by another process"):
            journal.begin(record())
        raw.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "URL can't be used"),
        ("oracle+none://x", "URL can't be used"),
        ("sqlite:////proc/none/j.db", "can't be opened"),
    ],
)
def test_a_journal_that_cannot_be_says_so(address, said):
    with pytest.raises(JournalError, match=said):
        Journal(address, SEALER)


def test_what_is_no_journal_says_so(tmp_path):
    (tmp_path / "j.db").write_bytes(b"this is a text, and long enough to be looked at" * 50)
    with pytest.raises(JournalError, match="damaged or is none"):
        Journal(url(tmp_path), SEALER)


def test_a_newer_journal_is_refused(tmp_path):
    with Journal(url(tmp_path), SEALER):
        pass
    with sqlite3.connect(tmp_path / "j.db") as raw:
        raw.execute("update knockctl_meta set value = '99'")
    raw.close()
    with pytest.raises(JournalError, match="newer knockctl"):
        Journal(url(tmp_path), SEALER)


def test_change_ids_are_short_sortable_and_fit_on_devices():
    several = [new_change_id() for _ in range(50)]
    assert all(len(one) == 10 and one.isalnum() and one == one.lower() for one in several)
    assert len(set(several)) == 50
    assert max(one[:6] for one in several) >= min(one[:6] for one in several)
