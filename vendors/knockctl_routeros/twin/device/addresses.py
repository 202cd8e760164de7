"""Addresses, prefixes and ranges of either family, in the forms the router prints."""

from __future__ import annotations

import re
from ipaddress import (
    IPv4Address,
    IPv6Address,
    ip_address,
    ip_interface,
    ip_network,
    summarize_address_range,
)

from knockctl_routeros.twin.device.kinds import Kind, Known, not_valid
from knockctl_routeros.twin.device.traps import ARGUMENT, Trap

NAME = re.compile(r"(?=.*[A-Za-z])[\w-]+(\.[\w-]+)+\.?")


def normal(value: str, family: int) -> str | None:
    """Return a prefix, address or range in normal form; None when it is none of the family.

    An IPv4 address has no mask, an IPv6 address ``/128``; a range that is a prefix becomes one.
    """
    try:
        if "-" in value:
            first, last = value.split("-", 1)
            return _range(ip_address(first), ip_address(last), family)
        network = ip_network(value, strict=False)
    except (ValueError, TypeError):
        return None
    if network.version != family:
        return None
    plain = family == 4 and network.prefixlen == 32
    return str(network.network_address) if plain else str(network)


def _range(
    first: IPv4Address | IPv6Address, last: IPv4Address | IPv6Address, family: int
) -> str | None:
    if first.version != family:
        return None
    parts = list(summarize_address_range(first, last))
    return normal(str(parts[0]), family) if len(parts) == 1 else f"{first}-{last}"


def matcher(family: int) -> Kind:
    """Take what a rule compares an address with: prefix, address or range."""

    def kind(_: Known, __: str, value: str) -> str:
        sign = "!" if value.startswith("!") else ""
        found = normal(value.removeprefix("!"), family)
        if found is None:
            raise Trap("value of range expects range of ip addresses", ARGUMENT)
        return sign + found

    return kind


def listed(family: int) -> Kind:
    """Take what an address list holds: as a rule does, or a DNS name."""

    def kind(_: Known, name: str, value: str) -> str:
        found = normal(value, family)
        if found is None and not NAME.fullmatch(value):
            raise not_valid(name)
        return found or value

    return kind


def owned(family: int) -> Kind:
    """Take an address with a prefix length, as an interface has it."""

    def kind(_: Known, name: str, value: str) -> str:
        try:
            found = ip_interface(value)
        except ValueError:
            raise not_valid(name) from None
        if found.version != family:
            raise not_valid(name)
        return str(found)

    return kind


def allowed_from(_: Known, name: str, value: str) -> str:
    """Take prefixes of both families by comma; nothing means everywhere."""
    parts = [part for part in value.split(",") if part]
    try:
        return ",".join(str(ip_network(part, strict=False)) for part in parts)
    except ValueError:
        raise not_valid(name) from None


def permits(allowed: str, peer: str) -> bool:
    """Tell whether a peer is within prefixes by comma; none at all permits everyone."""
    address = ip_address(peer.split("%", 1)[0])
    return not allowed or any(address in ip_network(part) for part in allowed.split(","))
