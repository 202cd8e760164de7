"""The lock leaves nothing open that a later release of anything could break."""

import re
import subprocess
import tomllib
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.fixtures.lock import Check, on, pins

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
ASKED = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *PROJECT["dependency-groups"]["dev"],
]
# The first and, for any marker that names one, a late release of each Python.
ENVIRONMENTS = [
    (f"{python}.{patch}", machine)
    for python, patch, machine in product(("3.11", "3.12", "3.13"), (0, 99), ("x86_64", "aarch64"))
]


@pytest.mark.parametrize(("python", "machine"), ENVIRONMENTS)
def test_all_that_is_asked_for_is_pinned_and_all_that_follows_from_it(python, machine):
    check = Check(pins(LOCK), on(python, machine))
    assert check.walk(map(Requirement, ASKED)) == []


def test_every_locked_version_has_a_hash_and_nothing_names_a_host():
    blocks = re.split(r"\n(?=\S)", LOCK.strip())
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)
    assert "://" not in LOCK


def test_pip_is_never_left_to_choose_a_release():
    """Neither what is installed nor what builds it, where a distribution comes as source."""
    argv = ("make", "--dry-run", "--always-make", "env")
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    commands = [line for line in done.stdout.splitlines() if "pip install" in line]
    assert len(commands) >= 2
    for command in commands:
        assert "--no-build-isolation" in command
        assert "--require-hashes" in command or "--no-deps" in command


# A registry of three, where the first asks for the second with an extra, and that for the third.
REQUIRES = {
    "cov-plugin": ['meter[toml]>=7.2; python_version < "3.13"', 'sphinx; extra == "docs"'],
    "meter": ['toml-reader>=2; extra == "toml"'],
    "toml-reader": [],
}
PINNED = "cov-plugin==1 \\\n    --hash=sha256:0a\nmeter[toml]==7.3 \\\n    --hash=sha256:0b\n"
PINNED += "toml-reader==2.0 ; python_full_version < '3.13' \\\n    --hash=sha256:0c\n"


def left_open(lock, *asked, python="3.11.0"):
    """What a lock leaves open of that registry, in words; asked for is the plug-in by default."""

    def requires(name, _pin):
        return map(Requirement, REQUIRES[name])

    check = Check(pins(lock), on(python, "x86_64"), requires)
    return check.walk(map(Requirement, asked or ["cov-plugin"]))


def test_a_lock_with_all_of_it_leaves_nothing_open():
    assert left_open(PINNED) == []


def test_a_pin_without_the_extra_that_is_asked_for_is_none():
    (said,) = left_open(PINNED.replace("meter[toml]", "meter"))
    assert "cov-plugin asks for meter[toml]>=7.2" in said
    assert said.endswith("meter==7.3 is without [toml]")


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("toml-reader==2.0", "other==2.0", "meter asks for toml-reader"),
        ("toml-reader==2.0", "toml-reader==1.9", "is another version"),
        ("toml-reader==2.0", "toml-reader==2.*", "is no single version"),
        ("toml-reader==2.0", "toml-reader>=2.0", "is no single version"),
        ("toml-reader==2.0", "toml-reader", "is no single version"),
        ("toml-reader==2.0", "toml-reader==2.0,!=2.1", "is no single version"),
        ("< '3.13'", "< '3.11'", "away"),
    ],
)
def test_what_else_is_left_open_is_named(line, instead, said):
    (sentence,) = left_open(PINNED.replace(line, instead))
    assert said in sentence


def test_what_no_marker_and_no_extra_asks_for_need_not_be_pinned():
    assert left_open("cov-plugin==1\n", python="3.13.0") == []
    assert left_open("meter==7.3\n", "meter") == []


def test_what_is_asked_for_by_markers_is_looked_at_where_they_hold():
    (said,) = left_open(PINNED, "meter[toml]", python="3.13.0")
    assert "toml-reader" in said
