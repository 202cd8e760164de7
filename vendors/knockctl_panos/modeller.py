"""The modeller: device text as machines, as the contract names it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from ipaddress import ip_network

from knockctl.automaton.wire import Scope
from knockctl.vendor import Network, Placement, Running
from knockctl_panos.config import Entry, PanosConfig, own
from knockctl_panos.document import Document
from knockctl_panos.parse import parse_text
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.semantics import Destinations, PanosModel, Switches, zone_interface


class PanosModeller:
    """Satisfies ``knockctl.vendor.Modeller``; its machines are made with the same switches."""

    evidence = "fact sheet"
    assumptions: tuple[str, ...] = (
        "a packet's log has become a tag within the placement's tag_delay, and no log is lost",
        "a tag that is registered again gets its full time anew",
        "nobody registers or removes tags of ours but by hand, through knockctl",
        "the protected addresses are in the zones the placement names",
        "a connection to a service is of an application that the placement lists for it",
        "a TCP segment of no session is dropped before any rule: tcp-reject-non-syn is on",
        "no zone or DoS protection profile takes packets away before the rules see them",
    )

    def __init__(self, switches: Switches | None = None) -> None:
        """Make machines on which logs act at once, unless told otherwise."""
        self.switches = switches or Switches()

    def placed(self, placement: Placement) -> PanosModeller:
        """Return a modeller whose machines take a placement's time from a log to its tags."""
        place = PanosPlacement.model_validate(placement.model_dump())
        return PanosModeller(Switches(delay=place.tag_delay, together=True))

    def scope(self, placement: Placement) -> Scope:
        """Return which packets are the policies' at all: those to listed addresses alone."""
        place = PanosPlacement.model_validate(placement.model_dump())
        interfaces = tuple(zone_interface(zone) for zone in place.from_zones)
        return Scope(place.addresses, interfaces, destination_type=None, only_listed=True)

    def parse(self, text: str) -> PanosConfig:
        """Read back what a config prints."""
        return parse_text(text)

    def model(self, config: PanosConfig) -> PanosModel:
        """Return the machine that our rules alone make."""
        document = Document(config.node())
        destinations = destinations_of(config.rules)
        return PanosModel(
            document, evidence=self.evidence, destinations=destinations, switches=self.switches
        )

    def running(self, text: str) -> Running[PanosConfig]:
        """Read a device's whole configuration, or what ``everything`` returned of it.

        A ``<config>`` that holds at least the vsys or device group, what is above it, and
        ``shared``; without zones, networks and the like, which nothing here asks for.
        """
        document = Document.read(text)
        config = own(document.entries())
        model = PanosModel(
            document,
            whole=True,
            evidence=self.evidence,
            destinations=destinations_of(config.rules),
            switches=self.switches,
        )
        return Running(config, model)


def destinations_of(rules: Iterable[Entry]) -> Destinations:
    """Return the protected addresses and their zones, as our own rules name them."""
    found: dict[frozenset[str], set[Network]] = {}
    for rule in rules:
        zones = frozenset(rule.members("to"))
        if "any" in zones or rule.word("negate-destination") == "yes":
            continue
        for text in rule.members("destination"):
            with contextlib.suppress(ValueError):
                network = ip_network(text)
                found.setdefault(zones, set()).add(network)
    return tuple((tuple(sorted(some, key=str)), zones) for zones, some in found.items())
