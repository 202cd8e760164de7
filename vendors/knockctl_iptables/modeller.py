"""The modeller: device text as machines, as the contract names it."""

from __future__ import annotations

from knockctl.automaton.wire import Scope
from knockctl.vendor import Placement, Running
from knockctl_iptables.config import Family, LinuxConfig
from knockctl_iptables.parse import parse_text, sections
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.semantics import LinuxModel, ours, saved


class LinuxModeller:
    """Satisfies ``knockctl.vendor.Modeller``."""

    evidence = "kernel"
    assumptions = (
        "no set is full and no recent list forgets an address for want of room",
        "packets are whole: what connection tracking calls invalid is a stray TCP segment",
        "a text that rules search for stands in a packet's data, not by chance in its headers",
        "nothing outside these tables judges packets: no other nftables base chain, no eBPF",
    )

    def scope(self, placement: Placement) -> Scope:
        """Return which packets are the policies' at all."""
        place = LinuxPlacement.model_validate(placement.model_dump())
        return Scope(place.addresses, place.interfaces)

    def parse(self, text: str) -> LinuxConfig:
        """Read back what a config prints."""
        return parse_text(text)

    def model(self, config: LinuxConfig) -> LinuxModel:
        """Return the machine that our chains alone make."""
        return LinuxModel(ours(config), self.evidence)

    def running(self, text: str) -> Running[LinuxConfig]:
        """Read ``iptables-save``, ``ip6tables-save`` and the headers of all sets."""
        found = sections(text)
        texts: dict[Family, str] = {4: found.get(IPV4, "")}
        if IPV6 in found:
            texts[6] = found[IPV6]
        model = LinuxModel(saved(texts, found.get(SETS, "")), self.evidence)
        return Running(parse_text(text), model, tuple(texts))


SETS, IPV6, IPV4 = "ipset restore", "ip6tables-restore", "iptables-restore"
