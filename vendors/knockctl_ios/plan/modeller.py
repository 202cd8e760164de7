"""The modeller: device text as machines, as the contract names it."""

from __future__ import annotations

from dataclasses import replace

from knockctl.automaton.packet import Scope
from knockctl.contract import Running
from knockctl_ios.config import syntax
from knockctl_ios.config.files import read as read_files
from knockctl_ios.config.parse import parse_text
from knockctl_ios.config.records import IosConfig, own
from knockctl_ios.placement import IosPlacement
from knockctl_ios.plan.reading import reading
from knockctl_ios.plan.standing import standing
from knockctl_ios.semantics import Document, IosModel, Switches
from knockctl_ios.semantics.warnings import remarks


class IosModeller:
    """Satisfies ``knockctl.contract.Modeller``; its machines are made with the same switches."""

    evidence = "fact sheet"
    remedy = "narrow or remove the line, or set placement.position to first"
    assumptions: tuple[str, ...] = (
        "a log line has reached the applets within the placement's log_delay, and none is lost",
        "the control plane writes its lines in the placement's log_style",
        "digits of a line's number and time are no part of what a pattern looks for",
        "runs of applets don't hinder each other: there are threads and lines enough",
        "with acl-log, every knock comes from a port of its own",
        "packets are whole: fragments of them are judged like the first",
        "answers to flows that the router or hosts behind it began are no packets of clients",
        "nobody adds or clears temporary entries of ours but applets, or knockctl by hand",
    )

    def __init__(self, switches: Switches | None = None) -> None:
        """Make machines on which applets act at once, unless told otherwise."""
        self.switches = switches or Switches(summarised=False)

    def placed(self, placement: IosPlacement) -> IosModeller:
        """Return a modeller whose machines log as a placement says, and act as late."""
        return IosModeller(
            replace(
                self.switches, style=placement.log_style, delay=placement.log_delay, together=True
            )
        )

    def scope(self, placement: IosPlacement) -> Scope:
        """Return which packets are the policies' at all."""
        return Scope(placement.addresses, (placement.interface,), only_listed=True)

    def parse(self, text: str) -> IosConfig:
        """Read back what a config prints."""
        return parse_text(text)

    def model(self, config: IosConfig) -> IosModel:
        """Return the machine that our lines alone make, on the interfaces they are bound to."""
        files = {one.name: one.text for one in config.files}
        document = Document(config.lines(), told=config.bound, files=files)
        return IosModel(document, self.evidence, self.switches)

    def running(self, text: str, intended: IosConfig | None = None) -> Running[IosConfig]:
        """Read a whole running configuration; with ``intended``, as it will be."""
        lines, scripts = syntax.read(text), read_files(text)
        config = replace(own(lines), files=scripts)
        if intended is not None:
            found = standing(lines, replace(reading(lines), config=config), intended)
            lines, config = found.lines, found.config
        files = {one.name: one.text for one in config.files}
        document = Document(lines, whole=True, files=files)
        places = tuple(interface for interface, _ in intended.bound) if intended else ()
        model = IosModel(document, self.evidence, self.switches, interfaces=places)
        return Running(config, model, warnings=tuple(remarks(document, config)))
