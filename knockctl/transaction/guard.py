"""What a deploy refuses up front, until the user names it with ``--accept``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from knockctl.errors import GuardError
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.vendor import Address, Endpoint, FidelityNote, Neighbour, Placement

MANAGEMENT = "management"
NO_WAY_BACK = "no-way-back"
SHADOWED = "shadowed"


def check_notes(notes: Iterable[FidelityNote], accepted: frozenset[str]) -> None:
    """Raise when a note says the device will be looser than the policy, or can't do it."""
    blocking = [note for note in notes if note.blocks and note.code not in accepted]
    if blocking:
        lines = "; ".join(f"{note.code}: {note.reason}" for note in blocking)
        codes = ",".join(sorted({n.code for n in blocking}))
        raise GuardError(
            f"the device can't do all the policy says: {lines}",
            hint=f"change the policy, or take that on with --accept {codes}",
        )


def check_shadows(shadows: Sequence[Neighbour], accepted: frozenset[str]) -> None:
    """Raise when somebody else's rule above ours lets packets past the policy."""
    if shadows and SHADOWED not in accepted:
        listed = "; ".join(f"{n.place}: {n.text}" for n in shadows)
        raise GuardError(
            f"foreign rules above ours may let anyone in without a knock: {listed}",
            hint="narrow them, set placement.position to first, or --accept shadowed",
        )


def check_management(
    endpoint: Endpoint | None,
    policies: Sequence[ResolvedPolicy],
    placement: Placement,
    options_accept: frozenset[str],
    *,
    will_knock: bool,
    only_listed: bool = False,
) -> None:
    """Raise when the change would govern the very endpoint this connection uses.

    Not when the source, as the device sees it, is listed under ``placement.management`` or
    trusted by every policy that governs the port, and not when ``--probe`` knocks anyway.
    ``only_listed``: a family with no address listed is not governed on this device.
    """
    if endpoint is None or will_knock or MANAGEMENT in options_accept:
        return
    if only_listed and endpoint.address not in placement.addresses:
        return
    if not protects(placement, endpoint.address) or manages(placement, endpoint):
        return
    governing = [
        policy.name
        for policy in policies
        if _governs(policy, endpoint.port)
        and not any(endpoint.source in network for network in policy.trusted)
    ]
    if governing:
        raise GuardError(
            f"the policy {', '.join(governing)} would govern tcp/{endpoint.port} on"
            f" {endpoint.address}, over which this device is managed from {endpoint.source}",
            hint=f"list {endpoint.source} under placement.management.sources or trusted,"
            " use --probe to knock after the change, or --accept management",
        )


def check_way_back(endpoint: Endpoint | None, placement: Placement, accept: frozenset[str]) -> None:
    """Raise when we manage a device through what we change, and nothing on it takes that back.

    Whoever locks himself out there stays out, whatever ``placement.management`` says.
    """
    if endpoint is None or NO_WAY_BACK in accept:
        return
    if endpoint.judged or endpoint.address in placement.addresses:
        raise GuardError(
            f"the device is managed on {endpoint.address}, where its rules judge packets, and has"
            " no revert timer: after a change that locks knockctl out nothing takes it back",
            hint="manage it over an interface of its own, or --accept no-way-back",
        )


def protects(placement: Placement, address: Address) -> bool:
    """Tell whether an address is protected; a family with none listed is protected whole."""
    listed = [a for a in placement.addresses if a.version == address.version]
    return not listed or address in listed


def manages(placement: Placement, endpoint: Endpoint) -> bool:
    """Tell whether the connection is one of those that are never tracked."""
    management = placement.management
    return (
        management is not None
        and endpoint.port == management.port
        and any(endpoint.source in network for network in management.sources)
    )


def _governs(policy: ResolvedPolicy, port: int) -> bool:
    if policy.is_public("tcp", port):
        return False
    named = (policy.is_knock, policy.is_service, policy.is_trap)
    return policy.otherwise == "refuse" or any(holds("tcp", port) for holds in named)
