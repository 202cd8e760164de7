"""``test security-policy-match``: which rules a described flow would meet, without any packet."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import groups, markup
from knockctl_panos.twin.device.appliance import Appliance

_PROTOCOLS = {"6": "tcp", "17": "udp", "132": "sctp"}
_WEB = {"service-http": ("80", "8080"), "service-https": ("443",)}


@dataclass(frozen=True)
class Flow:
    """What is asked about; empty where it does not matter."""

    source: str
    destination: str
    protocol: str
    port: str = ""
    zone: str = ""
    to_zone: str = ""
    application: str = ""


@dataclass(frozen=True)
class Matcher:
    """The running rules of one vsys, as they judge a flow."""

    device: Appliance
    vsys: str

    def matching(self, flow: Flow) -> list[tuple[int, Element]]:
        """Return the rules a flow matches, the first first, each with its number from 1."""
        scope = self.device.vsys(self.vsys)
        rules = scope.findall("rulebase/security/rules/entry") if scope is not None else []
        return [(n, rule) for n, rule in enumerate(rules, 1) if self._matches(rule, flow)]

    def _matches(self, rule: Element, flow: Flow) -> bool:
        if rule.findtext("disabled") == "yes":
            return False
        named = (("from", flow.zone), ("to", flow.to_zone), ("application", flow.application))
        if not all(not said or {"any", said} & {*markup.words(rule, tag)} for tag, said in named):
            return False
        for tag, address in (("source", flow.source), ("destination", flow.destination)):
            inside = any(self._holds(name, address) for name in markup.words(rule, tag))
            if inside == (rule.findtext(f"negate-{tag}") == "yes"):
                return False
        return any(self._serves(name, flow) for name in markup.words(rule, "service"))

    def _object(self, kind: str, name: str) -> Element | None:
        scopes = [self.device.vsys(self.vsys), self.device.trees.running.find("shared")]
        found = (markup.entry(scope.find(kind), name) for scope in scopes if scope is not None)
        return next((node for node in found if node is not None), None)

    def _holds(self, name: str, address: str) -> bool:
        group, single = self._object("address-group", name), self._object("address", name)
        if group is not None and (wanted := group.findtext("dynamic/filter")) is not None:
            return address in groups.members(self.device.tags, self.vsys, wanted)
        if group is not None:
            return any(self._holds(member, address) for member in markup.words(group, "static"))
        if single is not None:
            texts = (single.findtext(tag, "") for tag in ("ip-netmask", "ip-range"))
            return any(_within(text, address) for text in texts)
        return name == "any" or _within(name, address)

    def _serves(self, name: str, flow: Flow) -> bool:
        group, single = self._object("service-group", name), self._object("service", name)
        protocol = _PROTOCOLS.get(flow.protocol, "")
        if group is not None:
            return any(self._serves(member, flow) for member in markup.words(group, "members"))
        if single is not None:
            ports = single.findtext(f"protocol/{protocol}/port", "") if protocol else ""
            return any(_spans(part, flow.port) for part in ports.split(",") if part)
        if name in _WEB:
            return protocol == "tcp" and flow.port in _WEB[name]
        return name in ("any", "application-default")


def _within(text: str, address: str) -> bool:
    try:
        low, _, high = text.partition("-")
        if not high:
            return ip_address(address) in ip_network(low, strict=False)
        ends, one = (ip_address(low), ip_address(high)), ip_address(address)
        return ends[0].version == one.version and int(ends[0]) <= int(one) <= int(ends[1])
    except ValueError:
        return False


def _spans(part: str, port: str) -> bool:
    low, _, high = part.partition("-")
    return port.isdecimal() and int(low) <= int(port) <= int(high or low)
