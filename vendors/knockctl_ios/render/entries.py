"""Entries of access lists, in the words of IOS (fact sheet 2)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

from knockctl.contract import Network
from knockctl.ports import HIGHEST_PORT, Protocol, Span

TCP: Protocol = "tcp"
UDP: Protocol = "udp"


def host(address: object) -> str:
    """Return one address."""
    return f"host {address}"


def sources(networks: Iterable[Network]) -> list[str]:
    """Return networks with wildcard masks; those of IPv6 meet no access list of IPv4."""
    return [_network(one) for one in networks if isinstance(one, IPv4Network)]


def _network(network: IPv4Network) -> str:
    if network.prefixlen == network.max_prefixlen:
        return host(network.network_address)
    if network.prefixlen == 0:
        return "any"
    return f"{network.network_address} {network.hostmask}"


def chosen(span: Span) -> str:
    """Return ports with their operator; nothing where all are meant."""
    if span.first == span.last:
        return f" eq {span.first}"
    if (span.first, span.last) == (0, HIGHEST_PORT):
        return ""
    return f" range {span.first} {span.last}"


def entry(
    action: str, span: Span, destination: str, *, source: str = "any", options: str = ""
) -> str:
    """Return an entry for some ports of one protocol."""
    text = f"{action} {span.protocol} {source} {destination}{chosen(span)}"
    return f"{text} {options}" if options else text


def knock(action: str, span: Span, destination: str, options: str = "") -> list[str]:
    """Return entries for packets that may be this knock, and for those that only look like it.

    Of TCP, a knock is a SYN without ACK, RST or FIN.
    """
    taken = f"syn {options}".strip() if span.protocol == TCP else options
    found = [entry(action, span, destination, options=taken)]
    if span.protocol == TCP:
        others = [entry("deny", span, destination, options=o) for o in ("established", "fin")]
        found = [*others, *found, entry("deny", span, destination)]
    return found


def but(protocol: Protocol, spans: Iterable[Span]) -> list[Span]:
    """Return all ports of a protocol but these."""
    left = [Span(protocol, 0, HIGHEST_PORT)]
    for span in spans:
        left = [part for one in left for part in one.minus(span)]
    return left
