"""Sending knocks.

A TCP knock is one non-blocking connect, closed well before the kernel would send its SYN
again (after one second on Linux); a UDP knock is one datagram from an unconnected socket.
Everything leaves from one source address, since that is what the device remembers.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from knockctl.errors import KnockctlError
from knockctl.policy.resolved import Knock

DELAY = 0.05
"""Seconds between knocks: enough that no network reorders them, short against any timeout."""
HOLD = 0.02
"""Seconds a TCP knock's socket stays open; below one second it sends exactly one SYN."""

Family = Literal[4, 6]


class KnockError(KnockctlError):
    """A knock could not be sent."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Where knocks go: one address, resolved once, and the source they leave from."""

    family: socket.AddressFamily
    address: str
    source: str | None = None

    def endpoint(self, port: int) -> tuple[str, int]:
        """Return what ``connect`` takes."""
        return (self.address, port)

    def socket(self, protocol: str) -> socket.socket:
        """Return a fresh non-blocking socket, bound to the source if there is one."""
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        made = socket.socket(self.family, kind)
        made.settimeout(0)
        try:
            if self.source:
                made.bind((self.source, 0))
        except OSError as error:
            made.close()
            raise KnockError(
                f"can't send from {self.source}: {error.strerror}",
                hint="name an address of this machine, of the target's family",
            ) from None
        return made


def resolve(host: str, family: Family | None = None, source: str | None = None) -> Goal:
    """Resolve a host once, so that all knocks and the check go to one address."""
    wanted = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}[family]
    try:
        found = socket.getaddrinfo(host, None, wanted, socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        kind = f" over IPv{family}" if family else ""
        reason = getattr(error, "strerror", None) or "not a host name"
        raise KnockError(f"{host} can't be resolved{kind}: {reason}") from None
    return Goal(found[0][0], str(found[0][4][0]), source)


def send(
    host: str,
    knocks: Sequence[Knock],
    *,
    delay: float = DELAY,
    family: Family | None = None,
    source: str | None = None,
) -> Goal:
    """Send one packet per knock, ``delay`` seconds apart; return where they went.

    The wait after the last knock is the caller's.
    """
    goal = resolve(host, family, source)
    for number, knock in enumerate(knocks, start=1):
        begun = time.monotonic()
        try:
            _knock(goal, knock)
        except OSError as error:
            raise KnockError(
                f"knock {number} to {goal.address} could not be sent: {error.strerror}",
                hint="check the route to the target and, for IPv6, that this host has an address",
            ) from None
        if number < len(knocks):
            time.sleep(max(0.0, delay - (time.monotonic() - begun)))
    return goal


def _knock(goal: Goal, knock: Knock) -> None:
    with goal.socket(knock.protocol) as sock:
        if knock.protocol == "udp":
            sock.sendto(knock.payload or b"", goal.endpoint(knock.port))
            return
        status = sock.connect_ex(goal.endpoint(knock.port))
        # Refused at once means that the packet went out and a closed port answered.
        if status not in (0, errno.EINPROGRESS, errno.ECONNREFUSED):
            raise OSError(status, errno.errorcode.get(status, "failed"))
        time.sleep(HOLD)
