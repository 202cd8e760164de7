"""From the packet a device sees to the event a policy judges."""

from __future__ import annotations

from knockctl.automaton.packet import FLAGS, LOOPBACK, Scope, WirePacket
from knockctl.automaton.reference import Packet


def event_of(packet: WirePacket, scope: Scope) -> Packet | None:
    """Return what the reference automaton sees; None for what is not the policies' at all."""
    if packet.interface != LOOPBACK and not scope.holds(packet):
        return None
    return Packet(
        source=packet.source,
        protocol=packet.protocol,
        port=packet.port,
        opening=packet.opening,
        established=bool(packet.flags & (FLAGS["ack"] | FLAGS["rst"])),
        known=packet.accepted_before,
        answered=packet.flow == "known",
        payload=packet.payload,
        loopback=packet.interface == LOOPBACK,
        tracked=packet.flow != "untracked",
    )
