"""Rules about the tree that no linter knows."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Written in pieces, so that this file keeps the rules it checks.
HOSTS = "|".join(("py" + r"pi\.org", "python" + r"hosted\.org", "registry" + r"\.npmjs"))
HOMES = "|".join(("/" + "root/", "/" + "work/", "/" + r"home/\w+/", "/" + "tmp/v/"))


def tracked():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("only a git checkout knows which files are the project's")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def mentions(pattern):
    found = re.compile(pattern)
    for path in tracked():
        if path.is_file() and path.name != "LICENSE":
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if found.search(line):
                    yield f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


@pytest.mark.parametrize("pattern", [HOSTS, HOMES], ids=["registry", "machine path"])
def test_no_tracked_file_names_a(pattern):
    assert list(mentions(pattern)) == []


def test_only_one_profile_says_how_long_a_property_test_may_take():
    said = mentions(r"settings\(.*dead" + "line|suppress_" + "health_check")
    assert {line.split(":")[0] for line in said} == {"tests/conftest.py"}
