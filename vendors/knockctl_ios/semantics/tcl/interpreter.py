"""A Tcl interpreter as a child process: it runs scripts, one after the other.

A script sees no file, no process and no clock but what it is given. A run that takes too long is
ended with its process; the next one has a new process. When nobody needs it any more, or when we
end, it ends.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from knockctl.errors import ConfigurationError

TCLSH = "tclsh"
_HOST = Path(__file__).with_name("host.tcl")
_LONGEST = 30.0
"""Seconds that a run may take here, at most, whatever its script may take."""
_BLOCK = 65536
Variables = tuple[tuple[str, str], ...]


class Router(Protocol):
    """What a run can reach."""

    def command(self, text: str) -> str:
        """Carry out a command of a privileged session; return what it prints."""

    def emit(self, applet: str, text: str) -> None:
        """Log a line of the script's own."""

    def save(self, key: str, variables: Variables) -> None:
        """Keep variables for later runs."""

    def retrieve(self, key: str) -> Variables:
        """Return what was kept, and forget it."""


class Moment(NamedTuple):
    """What started a run, and when."""

    line: str
    """The log line."""
    seconds: int
    """Since 1970, as the router counts them."""


class Failed(Exception):
    """A run came to no good end; the text says why."""


class Interpreter:
    """Runs scripts. The process begins with the first of them."""

    def __init__(self) -> None:
        """Begin without a process."""
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._end: Callable[[], object] = lambda: None

    def run(self, script: str, moment: Moment, router: Router, *, name: str, maxrun: float) -> None:
        """Run a script once.

        Raises ``Failed`` where it ends with an error or takes too long, and
        ``ConfigurationError`` where no Tcl is installed here.
        """
        seconds = min(maxrun, _LONGEST)
        deadline = time.monotonic() + seconds
        words = (script, moment.line, str(moment.seconds), str(max(1, int(seconds))))
        try:
            self._say(" ".join(map(_packed, words)))
            self._serve(deadline, router, name)
        except Failed:
            raise
        except BaseException:
            # The child waits for an answer that won't come.
            self.close()
            raise

    def _serve(self, deadline: float, router: Router, name: str) -> None:
        """Answer what a run asks, until it ends."""
        privileged = False
        for what, said in self._asked(deadline, name):
            if what == "done" and said[0] == "1":
                raise Failed(f"{name}: {said[1]}")
            if what == "done":
                return
            answer: tuple[str, ...] = ()
            if what == "command":
                privileged = privileged or said[0].strip() == "enable"
                answer = (_carried_out(router, said[0], privileged=privileged),)
            elif what == "log":
                router.emit(name, said[0])
            elif what == "save":
                router.save(said[0], tuple(zip(said[1::2], said[2::2], strict=True)))
            elif what == "retrieve":
                answer = tuple(word for pair in router.retrieve(said[0]) for word in pair)
            self._say(" ".join(map(_packed, answer)))

    def close(self) -> None:
        """End the process."""
        self._end()
        self._process, self._rest = None, b""

    # --- the child ---

    def _child(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            tclsh = shutil.which(TCLSH)
            if tclsh is None:
                raise ConfigurationError(
                    "a Tcl policy can only be played by a Tcl interpreter, and there is none here",
                    hint="install the system package tcl",
                )
            self._process = subprocess.Popen(  # noqa: S603 - our own script, no shell
                [tclsh, str(_HOST)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
            self._rest = b""
            self._end = weakref.finalize(self, _ended, self._process)
        return self._process

    def _say(self, line: str) -> None:
        child = self._child()
        assert child.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        data = memoryview(f"{line}\n".encode())
        with suppress(BrokenPipeError):
            while data:
                data = data[os.write(child.stdin.fileno(), data) :]

    def _asked(self, deadline: float, name: str) -> Iterator[tuple[str, list[str]]]:
        """Yield what the child says, line by line, as a word and texts."""
        while True:
            line = self._line(deadline)
            if line is None:
                self.close()
                raise Failed(f"{name}: it took too long, and was ended")
            what, *said = line.split()
            if what == "done":
                yield what, [said[0], _unpacked(said[1])]
            else:
                yield what, [_unpacked(word) for word in said]

    def _line(self, deadline: float) -> str | None:
        child = self._child()
        assert child.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                return None
            more = os.read(child.stdout.fileno(), _BLOCK)
            if not more:
                return None
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()


def _carried_out(router: Router, text: str, *, privileged: bool) -> str:
    command = " ".join(text.split())
    if command == "enable":
        return ""
    if privileged or command.startswith("show "):
        return router.command(command)
    return "% Invalid input detected at '^' marker."


def _ended(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    process.kill()
    process.wait()


def _packed(text: str) -> str:
    return "x" + text.encode().hex()


def _unpacked(word: str) -> str:
    return bytes.fromhex(word[1:]).decode(errors="replace")
