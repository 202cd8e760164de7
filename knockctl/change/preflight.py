"""What a deploy refuses up front, until the user names it with ``--accept``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from knockctl.automaton.events import event_of
from knockctl.automaton.machine import DeviceModel, Machine, Reaction, scoped
from knockctl.automaton.packet import Scope, WirePacket
from knockctl.automaton.reference import step
from knockctl.automaton.verdict import Verdict
from knockctl.change.case import Case
from knockctl.change.foreign import Foreign, open_questions
from knockctl.contract import Endpoint, FidelityNote, Placement
from knockctl.errors import GuardError
from knockctl.verify.roles import postures

MANAGEMENT = "management"
NO_WAY_BACK = "no-way-back"


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


def check_foreign(found: Iterable[Foreign], accepted: frozenset[str], remedy: str) -> None:
    """Raise when foreign rules do something to the policies that nobody has accepted."""
    stopping = open_questions(found, accepted)
    if stopping:
        raise GuardError(
            "; ".join(one.text for one in stopping),
            hint=f"{remedy}, or --accept {','.join(one.code for one in stopping)}",
        )


@dataclass(frozen=True, slots=True)
class Machines:
    """Everything on a device that judges packets, before a change and after it."""

    before: DeviceModel[Any]
    after: DeviceModel[Any]
    ours: DeviceModel[Any]
    """What is intended alone."""


def check_management(
    endpoint: Endpoint | None, case: Case, machines: Machines, accepted: frozenset[str]
) -> str | None:
    """Raise when the change would refuse a new connection such as the one we manage over.

    The machine of all that runs after the change is asked, with the source as the device sees it
    and nothing known of it. Returns a warning where it is in for now only: a lock-out would cut
    it off, or foreign rules refuse it already.
    """
    if endpoint is None or MANAGEMENT in accepted:
        return None
    scope = scoped(machines.after, case.scope)
    packet = _connecting(endpoint, scope)
    if scope.only_listed and not scope.holds(packet):
        return None
    fate = Machine(machines.after).feed(packet, 0.0)
    where = f"tcp/{endpoint.port} on {endpoint.address}"
    if fate.verdict is Verdict.REFUSE:
        intended = _connecting(endpoint, case.scope)
        ours = Machine(machines.ours).feed(intended, 0.0).verdict is Verdict.REFUSE
        if ours or Machine(machines.before).feed(packet, 0.0).verdict is not Verdict.REFUSE:
            raise GuardError(
                f"the change would refuse {where}, over which this device is managed from"
                f" {endpoint.source}: {_rule(fate)}",
                hint=f"list {endpoint.source} under placement.management.sources or trusted,"
                " use --probe to knock after the change, or --accept management",
            )
        return f"foreign rules refuse {where} from {endpoint.source} already: {_rule(fate)}"
    site = case.site(packet.family)
    event = event_of(packet, scope)
    if event and any(
        step(site, posture, event, 0.0).verdict is Verdict.REFUSE
        for posture in postures(site)
        if any(state.locked for state in posture)
    ):
        return (
            f"a lock-out of {endpoint.source} would cut off {where}, over which this device is"
            f" managed: list it under placement.management.sources"
        )
    return None


def _connecting(endpoint: Endpoint, scope: Scope) -> WirePacket:
    """Return the first packet of a new connection, by a protected interface where some are."""
    interface = scope.interfaces[0] if scope.interfaces else "eth0"
    return WirePacket(
        endpoint.source,
        endpoint.address,
        "tcp",
        endpoint.port,
        interface=f"{interface[:-1]}0" if interface.endswith("+") else interface,
    )


def _rule(fate: Reaction[Any]) -> str:
    return fate.rules[-1] if fate.rules else "the end of the rules"


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
