"""Somebody else's rules above ours: may they judge packets that our policies govern?

What can't be resolved from the configuration, such as names looked up in the DNS, may be anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from typing import Literal
from xml.etree import ElementTree as ET

from knockctl.ports import Span
from knockctl.vendor import Neighbour
from knockctl_panos.config import PanosConfig

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
PREDEFINED = {"service-http": "80,8080", "service-https": "443"}
"""Services every device knows (PAN-OS predefined objects): TCP ports."""
_DEPTH = 8
_REFUSING = ("deny", "drop", "reset-client", "reset-server", "reset-both")


@dataclass(frozen=True, slots=True)
class Objects:
    """Where names are looked up: the vsys or device group, then what is shared."""

    places: tuple[ET.Element, ...] = ()
    _named: dict[str, dict[str, ET.Element]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """By kind and name, of the kinds that were looked for: thousands of rules ask."""

    def find(self, kind: str, name: str) -> ET.Element | None:
        """Return an object by its name; the nearest of a name counts."""
        if kind not in self._named:
            named = self._named.setdefault(kind, {})
            for place in self.places:
                for entry in place.iterfind(f"{kind}/entry"):
                    named.setdefault(entry.get("name", ""), entry)
        return self._named[kind].get(name)


@dataclass(frozen=True, slots=True)
class Governed:
    """Which packets our rules judge."""

    zones: Mapping[str, frozenset[str]]
    """By ``from`` and ``to``."""
    addresses: frozenset[Address]
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, config: PanosConfig) -> Governed:
        """Put together what a config's rules test for."""
        members = [member for rule in config.rules for member in rule.members("destination")]
        return cls(
            {
                end: frozenset(zone for rule in config.rules for zone in rule.members(end))
                for end in ("from", "to")
            },
            frozenset(_addresses(members)),
            tuple(_spans(config)),
        )


def neighbour(where: str, rule: ET.Element, ours: Governed, objects: Objects) -> Neighbour | None:
    """Return what a foreign rule may do to packets of ours; None where it meets none of them."""
    if rule.findtext("disabled") == "yes" or not _meets(rule, ours, objects):
        return None
    action = rule.findtext("action") or "allow"
    effect: Literal["accepts", "refuses", "unknown"]
    effect = "refuses" if action in _REFUSING else "accepts" if action == "allow" else "unknown"
    return Neighbour(f"{where} {rule.get('name')}", _said(rule, action), effect)


def _meets(rule: ET.Element, ours: Governed, objects: Objects) -> bool:
    return (
        all(_zones(rule, end, ours) for end in ("from", "to"))
        and _destination(rule, ours, objects)
        and _service(rule, ours, objects)
    )


def _members(rule: ET.Element, path: str) -> list[str]:
    return [e.text or "" for e in rule.iterfind(f"{path}/member")] or ["any"]


def _zones(rule: ET.Element, end: str, ours: Governed) -> bool:
    theirs = set(_members(rule, end))
    mine = ours.zones[end] or {"any"}
    return "any" in theirs or "any" in mine or bool(theirs & mine)


def _destination(rule: ET.Element, ours: Governed, objects: Objects) -> bool:
    theirs = _members(rule, "destination")
    if "any" in theirs:
        return rule.findtext("negate-destination") != "yes"
    found = [network for name in theirs for network in networks(name, objects)]
    if None in found:
        return True
    known = [network for network in found if network is not None]
    inside = [a for a in ours.addresses if any(a in network for network in known)]
    if rule.findtext("negate-destination") == "yes":
        return len(inside) < len(ours.addresses)
    return bool(inside)


def _addresses(members: Iterable[str]) -> Iterator[Address]:
    for word in members:
        try:
            yield ip_address(word.partition("/")[0])
        except ValueError:
            continue


def networks(name: str, objects: Objects, depth: int = _DEPTH) -> Iterator[Network | None]:
    """Yield what an address, or the name of an object or a group, stands for; None: anything."""
    literal = list(_literal(name))
    if literal:
        yield from literal
        return
    found = objects.find("address", name)
    if found is not None:
        text = found.findtext("ip-netmask") or found.findtext("ip-range") or ""
        yield from _literal(text) or (None,)
        return
    group = objects.find("address-group", name)
    members = group.findall("static/member") if group is not None else []
    if not members or depth == 0:
        yield None
    for member in members if depth else ():
        yield from networks(member.text or "", objects, depth - 1)


def _literal(text: str) -> list[Network]:
    try:
        if "-" in text:
            first, last = (ip_address(part) for part in text.split("-"))
            return list(summarize_address_range(first, last))
        return [ip_network(text, strict=False)]
    except (ValueError, TypeError):
        return []


def _service(rule: ET.Element, ours: Governed, objects: Objects) -> bool:
    found = [span for name in _members(rule, "service") for span in _services(name, objects)]
    return None in found or any(
        span.overlaps(other) for span in found if span is not None for other in ours.spans
    )


def _spans(config: PanosConfig) -> Iterator[Span]:
    """Yield the ports that our rules accept, or refuse to whoever has not knocked.

    What refuses only those who have begun to knock watches for wrong ports: most there are.
    """
    names = {
        name
        for rule in config.rules
        if rule.word("action") == "allow"
        or rule.word("negate-source") == "yes"
        or rule.members("source") == ("any",)
        for name in rule.members("service")
    }
    for entry in config.kind("service"):
        if entry.name in names:
            for protocol in ("tcp", "udp"):
                yield from _runs(protocol, entry.word(f"protocol/{protocol}/port"))


def _services(name: str, objects: Objects, depth: int = _DEPTH) -> Iterator[Span | None]:
    """Yield the ports a service, or a group of them, stands for; None: any."""
    if name in PREDEFINED:
        yield from _runs("tcp", PREDEFINED[name])
        return
    found = objects.find("service", name)
    if found is not None:
        for protocol in ("tcp", "udp"):
            yield from _runs(protocol, found.findtext(f"protocol/{protocol}/port") or "")
        return
    group = objects.find("service-group", name)
    members = group.findall("members/member") if group is not None else []
    if not members or depth == 0:
        yield None
    for member in members if depth else ():
        yield from _services(member.text or "", objects, depth - 1)


def _runs(protocol: str, text: str) -> Iterator[Span]:
    for run in text.split(","):
        try:
            yield Span.parse(f"{protocol}/{run.strip()}")
        except ValueError:
            continue


def _said(rule: ET.Element, action: str) -> str:
    """Return a rule in one line."""
    words = [action]
    for path in ("from", "to", "source", "destination", "application", "service"):
        members = _members(rule, path)
        if members != ["any"]:
            negated = "not " if rule.findtext(f"negate-{path}") == "yes" else ""
            words.append(f"{path} {negated}{', '.join(members)}")
    return " ".join(words)
