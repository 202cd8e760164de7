"""Start-up: ``knockctl --help`` against an empty typer application on the same interpreter."""

import subprocess
import sys

import pytest

from tests.bench.conftest import interleaved
from tests.fixtures.lab import KNOCKCTL

pytestmark = pytest.mark.bench

EMPTY = """
import typer
app = typer.Typer()
@app.command()
def nothing() -> None:
    "Do nothing."
app()
"""


def test_start_up(figure, tmp_path):
    script = tmp_path / "empty.py"
    script.write_text(EMPTY)

    def run(*argv):
        return lambda: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)

    found = interleaved(
        15, ours=run(KNOCKCTL, "--help"), empty=run(sys.executable, script, "--help")
    )
    ratio = found["ours"] / found["empty"]
    figure(
        f"knockctl --help {found['ours'] * 1000:.0f} ms, empty typer app"
        f" {found['empty'] * 1000:.0f} ms: {ratio:.2f} x (bar 1.3)"
    )
