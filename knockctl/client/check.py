"""Waiting for a service to open, in short slices.

Each slice is a fresh connect: a single one would wait for the kernel's retransmission, a
second or more, after the service has opened.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass

from knockctl.client.send import Family, Goal, resolve

SLICE = 0.1


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a TCP service opened, after how many seconds and attempts."""

    open: bool
    seconds: float
    attempts: int


def check(
    host: str | Goal,
    port: int,
    *,
    seconds: float = 5.0,
    family: Family | None = None,
    source: str | None = None,
) -> CheckResult:
    """Connect until a handshake completes or the time is up. Closes at once what opened."""
    goal = host if isinstance(host, Goal) else resolve(host, family, source)
    begun = time.monotonic()
    attempts = 0
    while True:
        attempts += 1
        left = seconds - (time.monotonic() - begun)
        if _opens(goal, port, min(SLICE, max(left, 0.01))):
            return CheckResult(open=True, seconds=time.monotonic() - begun, attempts=attempts)
        if time.monotonic() - begun >= seconds:
            return CheckResult(open=False, seconds=time.monotonic() - begun, attempts=attempts)


def _opens(goal: Goal, port: int, seconds: float) -> bool:
    begun = time.monotonic()
    with goal.socket("tcp") as sock:
        sock.connect_ex(goal.endpoint(port))
        _, writable, _ = select.select([], [sock], [], seconds)
        if writable and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return True
    # A refusal comes at once: don't spin.
    time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
    return False
