"""On a terminal: the difference is shown, a question asked, and progress lives."""

import os
import pty
import select
import subprocess
import time

import pytest

from knockctl.lab import lab as the_lab
from tests.fixtures.crew import write_inventory
from tests.fixtures.lab import KNOCKCTL

pytestmark = pytest.mark.lab


def talk(argv, answer, environment):
    """Run a command on a terminal of its own, answer its question, return code and screen."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        the_lab.command("ops", [str(word) for word in argv]),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
    )
    os.close(slave)
    screen, answered, until = b"", False, time.monotonic() + 90
    while time.monotonic() < until:
        if not select.select([master], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            chunk = os.read(master, 4096)
        except OSError:
            break
        if not chunk:
            break
        screen += chunk
        if b"?" in screen and not answered and b"[y/N]" in screen:
            os.write(master, answer)
            answered = True
    code = process.wait(timeout=60)
    os.close(master)
    return code, screen.decode(errors="replace")


def test_it_asks_before_it_changes(lab, tmp_path):
    folder = write_inventory(tmp_path / "i")
    environment = {**os.environ, "TERM": "xterm", "XDG_STATE_HOME": str(tmp_path / "s")}
    argv = [KNOCKCTL, "-i", folder]
    before = lab.dumps()
    code, screen = talk([*argv, "deploy", "linux1"], b"n\n", environment)
    assert (code, "71 differences" in screen, "nothing was changed" in screen) == (0, True, True)
    assert lab.dumps() == before
    code, screen = talk([*argv, "deploy", "linux1"], b"y\n", environment)
    assert (code, "confirmed: deployed" in screen) == (0, True), screen
    code, screen = talk([*argv, "deploy", "linux1"], b"", environment)
    assert (code, "nothing to do" in screen) == (0, True)
    code, screen = talk([*argv, "rollback", "linux1"], b"y\n", environment)
    assert code == 0, screen
    code, screen = talk([*argv, "remove", "linux1"], b"n\n", environment)
    assert "nothing was changed" in screen
    assert lab.dumps() == before
