"""The modeller: device text as machines, as the contract names it."""

from __future__ import annotations

from knockctl.automaton.packet import Scope
from knockctl.contract import Running
from knockctl_routeros.config.export import parse_export
from knockctl_routeros.config.parse import (
    by_menu,
    config_of,
    parse_text,
)
from knockctl_routeros.config.records import RouterConfig
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.plan.members import InterfaceLists
from knockctl_routeros.plan.placing import like
from knockctl_routeros.plan.reading import (
    read,
)
from knockctl_routeros.plan.standing import carried_out
from knockctl_routeros.semantics import RouterModel, Ruleset
from knockctl_routeros.semantics.ruleset import LIKE


class RouterModeller:
    """Satisfies ``knockctl.contract.Modeller``."""

    evidence = "fact sheet"
    remedy = "narrow or remove the rule, or set placement.position to first"
    assumptions: tuple[str, ...] = (
        "an address that is added to a list again gets the rule's full time anew",
        "an address on a list is seen by the rules behind the one that added it",
        "no list forgets an address for want of room",
        "packets are whole: what connection tracking calls invalid is a stray TCP segment",
        "neither NAT, mangle nor fasttrack decides anything before the firewall does",
    )

    def scope(self, placement: RouterPlacement) -> Scope:
        """Return which packets are the policies' at all."""
        interfaces: tuple[str, ...] = ()
        if placement.interface:
            interfaces = (placement.interface,)
        elif placement.interface_list:
            interfaces = (LIKE.format(placement.interface_list),)
        kind = "LOCAL" if placement.chain == "input" else "UNICAST"
        return Scope(placement.addresses, interfaces, kind)

    def parse(self, text: str) -> RouterConfig:
        """Read back what a config prints."""
        return parse_text(text)

    def model(self, config: RouterConfig) -> RouterModel:
        """Return the machine that our rules alone make.

        An interface list stands for one interface, called after it.
        """
        lists = like(config.rows)
        return RouterModel(Ruleset.of(config.rows, interface_lists=lists), self.evidence)

    def running(self, text: str, intended: RouterConfig | None = None) -> Running[RouterConfig]:
        """Read what ``Reading.text`` holds, or an ``/export``."""
        rows = parse_export(text)
        config = config_of(text, rows)
        if intended is not None:
            rows = carried_out(read(by_menu(rows)), intended)
        first = text.partition("\n")[0]
        listed = first.removeprefix("# families ").split() if "# families" in first else ["4", "6"]
        lists = InterfaceLists.of(text).like(rows)
        model = RouterModel(Ruleset.of(rows, whole=True, interface_lists=lists), self.evidence)
        return Running(config, model, tuple(int(family) for family in listed))
