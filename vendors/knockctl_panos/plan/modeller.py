"""The modeller: device text as machines, as the contract names it."""

from __future__ import annotations

from knockctl.automaton.packet import Scope
from knockctl.contract import Running
from knockctl_panos.config.document import Document
from knockctl_panos.config.parse import parse_text
from knockctl_panos.config.records import PanosConfig
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.plan.placing import destinations_of, owned_of, rules_above
from knockctl_panos.semantics import PanosModel, Switches, zone_interface


class PanosModeller:
    """Satisfies ``knockctl.contract.Modeller``; its machines are made with the same switches."""

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

    remedy = "narrow or remove the rule, or set placement.position to top"

    def __init__(self, switches: Switches | None = None) -> None:
        """Make machines on which logs act at once, unless told otherwise."""
        self.switches = switches or Switches()

    def placed(self, placement: PanosPlacement) -> PanosModeller:
        """Return a modeller whose machines take a placement's time from a log to its tags."""
        return PanosModeller(Switches(delay=placement.tag_delay, together=True))

    def scope(self, placement: PanosPlacement) -> Scope:
        """Return which packets are the policies' at all: those to listed addresses alone."""
        interfaces = tuple(zone_interface(zone) for zone in placement.from_zones)
        return Scope(placement.addresses, interfaces, destination_type=None, only_listed=True)

    def parse(self, text: str) -> PanosConfig:
        """Read back what a config prints."""
        return parse_text(text)

    def model(self, config: PanosConfig) -> PanosModel:
        """Return the machine that our rules alone make."""
        return PanosModel(
            Document(config.node()),
            evidence=self.evidence,
            destinations=destinations_of(config.rules),
            switches=self.switches,
            ours=owned_of(config),
        )

    def running(self, text: str, intended: PanosConfig | None = None) -> Running[PanosConfig]:
        """Read a device's whole configuration, or what ``Driver.read`` returned of it.

        A ``<config>`` that holds at least the vsys or device group, what is above it, and
        ``shared``; without zones, networks and the like, which nothing here asks for. Raises
        ``GuardError`` where what is intended is to go beside a rule that is not there.
        """
        document = Document.read(text)
        config = document.config()
        if intended is not None:
            base = intended.base or document.base
            before = document.config(base)
            above = rules_above(document, base, before, intended)
            document = document.holding(intended, base, above)
        ours = document.config()
        model = PanosModel(
            document,
            whole=True,
            evidence=self.evidence,
            destinations=destinations_of(ours.rules),
            switches=self.switches,
            ours=owned_of(ours),
        )
        return Running(config, model)
