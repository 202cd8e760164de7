"""The probe that knocks: after a change, one real sequence and one real connection."""

from __future__ import annotations

from knockctl.client.check import check
from knockctl.client.send import Goal, send
from knockctl.errors import KnockctlError, ProbeFailed
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.vendor import Placement


def knock_and_check(policy: ResolvedPolicy, placement: Placement, seconds: int) -> None:
    """Knock on the first protected address and see the first TCP service open."""
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
    goal = knock(policy, placement)
    if not check(goal, service.first, seconds=seconds).open:
        raise ProbeFailed(f"{policy.name}: after the knock {service} did not open")


def knock(policy: ResolvedPolicy, placement: Placement) -> Goal:
    """Knock on the first protected address; return where the knocks went."""
    try:
        return send(str(placement.addresses[0]), policy.generations[-1].knocks)
    except KnockctlError as error:
        raise ProbeFailed(f"knocking for {policy.name} failed: {error.message}") from None
