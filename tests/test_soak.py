"""The soak runs by named part, resumes, and says of each part what became of it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.soak import Record, passed
from tests.soak import commit as commit_of_here

ROOT = Path(__file__).parents[1]

TESTS = {
    "test_walks.py": """
        import pytest

        @pytest.mark.soak("walks-{kernel}")
        @pytest.mark.parametrize("kernel", ["old", "new"])
        def test_walk(kernel, record_property):
            record_property("noted", f"{kernel}: 7 verdicts")

        @pytest.mark.soak
        def test_of_the_module(): pass

        def test_that_is_no_soak(): raise SystemExit("run all the same")
    """,
    "test_ways.py": """
        import os, pathlib, pytest, time

        @pytest.mark.soak("fails")
        def test_fails(): assert pathlib.Path("mended").exists()

        @pytest.mark.soak("skips")
        def test_skips(): pytest.skip("no lab")

        @pytest.fixture
        def lab():
            pathlib.Path("made").touch()
            yield
            pathlib.Path("taken-down").touch()

        @pytest.mark.soak("hangs")
        def test_hangs(lab): time.sleep(600)
    """,
}


@pytest.fixture
def tree(tmp_path):
    """A project with a soak of six parts, committed."""
    home = tmp_path / "project"
    (home / "area").mkdir(parents=True)
    for name, text in TESTS.items():
        (home / "area" / name).write_text("\n".join(line[8:] for line in text.splitlines()))
    (home / ".gitignore").write_text(".soak/\n__pycache__/\n.pytest_cache/\n.hypothesis/\n")
    git(home, "init", "--quiet")
    git(home, "add", "--all")
    git(home, "commit", "--quiet", "--message", "as it is")
    return home


def git(home, *argv):
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(("git", *author, *argv), cwd=home, check=True, capture_output=True)


def soak(home, *argv):
    """Run it; return the exit code, what it said, and the rows of the table by part."""
    env = {**os.environ, "KNOCKCTL_SEED": "1", "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-m", "tests.soak", *argv)
    done = subprocess.run(
        command, cwd=home, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if "|" in line]
    return done.returncode, done.stdout + done.stderr, {row[0]: row[1:] for row in rows[2:]}


def test_parts_are_named_by_mark_by_parameter_or_by_module(tree):
    code, said, _ = soak(tree, "walk", "walks-new")
    assert code != 0
    assert "no such part: walk; there are: area-walks, fails, hangs, skips, walks-" in said
    code, said, _ = soak(tree, "list")
    assert code == 0
    names = [line.split("\t")[0] for line in said.splitlines()]
    assert names == ["area-walks", "fails", "hangs", "skips", "walks-new", "walks-old"]


def test_every_part_is_run_and_recorded_and_only_what_has_not_passed_again(tree):
    code, said, rows = soak(tree, "fails", "skips", "walks-new")
    assert code == 1
    assert rows["fails"][2] == "1"
    assert rows["fails"][4:] == ["1 failed", "failed"]
    assert "assert pathlib.Path" in said
    assert rows["skips"][4:] == ["1 skipped", "skipped some"]
    assert rows["walks-new"][4:] == ["1 passed", "passed", "new: 7 verdicts"]
    (tree / ".git" / "info" / "exclude").write_text("mended\n")
    (tree / "mended").touch()
    code, said, again = soak(tree, "fails", "walks-new")
    assert code == 0
    assert "walks-new: passed before" in said
    assert again["walks-new"] == rows["walks-new"]
    assert again["fails"][4:] == ["1 passed", "passed"]
    recorded = map(json.loads, (tree / ".soak" / "records.jsonl").read_text().splitlines())
    assert [(one["part"], one["outcome"]) for one in recorded] == [
        ("fails", "failed"),
        ("skips", "skipped some"),
        ("walks-new", "passed"),
        ("fails", "passed"),
    ]
    assert "passed before" not in soak(tree, "walks-new", "--fresh")[1]


RUN = Record("walks", commit="0a1b2c", seed=1, date="2026-11-21", outcome="passed")


@pytest.mark.parametrize(
    "another",
    [
        {"part": "ways"},
        {"commit": "3d4e5f"},
        {"seed": 2},
        {"outcome": "failed"},
        {"outcome": "skipped some"},
        {"outcome": "not finished"},
    ],
)
def test_only_the_same_part_commit_and_seed_makes_a_run_unnecessary(another):
    assert passed([RUN], "walks", "0a1b2c", 1) == RUN
    assert passed([replace(RUN, **another)], "walks", "0a1b2c", 1) is None


def test_what_a_changed_tree_shows_counts_for_nothing_later():
    here = "0a1b2c+changes"
    assert passed([replace(RUN, commit=here)], "walks", here, 1) is None


def test_a_change_that_is_not_committed_is_told(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert re.fullmatch("[0-9a-f]{12}", commit_of_here())
    (tree / "more").touch()
    assert re.fullmatch(r"[0-9a-f]{12}\+changes", commit_of_here())


def test_a_part_that_takes_too_long_is_stopped_and_what_it_made_taken_down(tree):
    (tree / ".git" / "info" / "exclude").write_text("made\ntaken-down\n")
    for limit in ("5", "20", "80"):
        code, _, rows = soak(tree, "hangs", "--limit", limit)
        assert code == 1
        assert rows["hangs"][5] == "not finished"
        if (tree / "made").exists():
            break
    assert (tree / "taken-down").exists()
