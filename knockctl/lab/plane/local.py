"""What an address is to the device."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from knockctl.automaton.packet import Address
from knockctl.lab.plane.frames import Seen

_EVERYONE = IPv4Address("255.255.255.255")


class Local:
    """A device's own addresses, and the IPv4 networks they are in."""

    def __init__(self, addresses: Collection[Address], networks: Collection[str]) -> None:
        """Know them."""
        self.addresses = frozenset(addresses)
        self._broadcasts = {_EVERYONE} | {IPv4Network(net).broadcast_address for net in networks}

    def kind(self, address: Address) -> str:
        """Tell what an address is: as ``WirePacket.destination_type``."""
        if address in self.addresses or (address.version == 6 and address.is_link_local):
            return "LOCAL"
        if address in self._broadcasts:
            return "BROADCAST"
        return "MULTICAST" if address.is_multicast else "UNICAST"

    def addressed(self, seen: Seen) -> Seen:
        """Return a packet with what its destination is to the device."""
        kind = self.kind(seen.packet.destination)
        return replace(seen, packet=replace(seen.packet, destination_type=kind))
