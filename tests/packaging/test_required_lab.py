"""With KNOCKCTL_REQUIRE_LAB=1 nothing is skipped in silence, however it is skipped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SKIPS = {
    "by_mark": "@pytest.mark.skip(reason='r')\ndef test(): pass",
    "in_the_test": "def test(): pytest.skip('r')",
    "in_a_fixture": "@pytest.fixture\ndef f(): pytest.skip('r')\ndef test(f): pass",
    "as_a_module": "pytest.skip('r', allow_module_level=True)",
    "for_an_import": "pytest.importorskip('no_such_module')",
}
OTHERS = {
    "passes": "def test(): pass",
    "fails_as_expected": "@pytest.mark.xfail(strict=True)\ndef test(): assert False",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What a run of its own says over one module per case, by the value of the variable."""
    home = tmp_path_factory.mktemp("cases")
    for name, body in (SKIPS | OTHERS).items():
        (home / f"test_{name}.py").write_text(f"import pytest\n{body}\n")
    argv = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    argv += ["-rA", "--continue-on-collection-errors", home]

    def run(required):
        env = {**os.environ, "KNOCKCTL_REQUIRE_LAB": required, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            argv, cwd=home, env=env, capture_output=True, text=True, check=False, timeout=120
        )
        return done.returncode, done.stdout

    return {required: run(required) for required in ("1", "")}


@pytest.mark.parametrize("case", SKIPS)
def test_a_skip_fails_the_run_where_the_lab_is_required(said, case):
    code, text = said["1"]
    assert code == 1
    summary = text.partition("short test summary")[2]
    assert any(
        line.startswith(("FAILED", "ERROR")) and case in line for line in summary.splitlines()
    )


def test_what_is_no_skip_stays_as_it_is(said):
    closing = said["1"][1].splitlines()[-1]
    assert "1 passed" in closing
    assert "1 xfailed" in closing
    assert "skipped" not in closing


def test_a_skip_is_a_skip_elsewhere(said):
    code, text = said[""]
    assert code == 0
    assert f"{len(SKIPS)} skipped" in text.splitlines()[-1]
