"""The probe that knocks: after a change, one real sequence and one real connection."""

from __future__ import annotations

import time

from knockctl.client.check import check
from knockctl.client.send import DELAY, Goal, send
from knockctl.contract import Placement
from knockctl.errors import KnockctlError, ProbeFailed
from knockctl.policy.resolved import ResolvedPolicy


def knock_and_check(
    policy: ResolvedPolicy, placement: Placement, seconds: int, lag: int = 0
) -> None:
    """Knock on the first protected address and see the first TCP service open.

    ``lag``: seconds a packet may take to show; nothing is sent, and nothing returned, before.
    """
    service = next((span for span in policy.services if span.protocol == "tcp"), None)
    if not placement.addresses:
        raise ProbeFailed(
            "there is no protected address to knock on",
            hint="list placement.addresses, or deploy without --probe",
        )
    if service is None:
        raise ProbeFailed(
            f"{policy.name} opens no TCP service that could be seen to open",
            hint="deploy without --probe",
        )
    goal = knock(policy, placement, lag)
    if not check(goal, service.first, seconds=seconds).open:
        raise ProbeFailed(f"{policy.name}: after the knock {service} did not open")
    time.sleep(lag)


def knock(policy: ResolvedPolicy, placement: Placement, lag: int = 0) -> Goal:
    """Knock on the first protected address; return where the knocks went, once they show."""
    address, knocks = str(placement.addresses[0]), policy.generations[-1].knocks
    try:
        goal = send(address, knocks, delay=DELAY + lag)
    except KnockctlError as error:
        raise ProbeFailed(f"knocking for {policy.name} failed: {error.message}") from None
    time.sleep(lag)
    return goal
