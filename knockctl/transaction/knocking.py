"""The probe that knocks: after a change, one real sequence and one real connection."""

from __future__ import annotations

from knockctl.client.check import check
from knockctl.client.send import send
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
    host = str(placement.addresses[0])
    try:
        send(host, policy.generations[-1].knocks)
        result = check(host, service.first, seconds=seconds)
    except KnockctlError as error:
        raise ProbeFailed(f"knocking for {policy.name} failed: {error.message}") from None
    if not result.open:
        raise ProbeFailed(f"{policy.name}: after the knock {service} on {host} did not open")
