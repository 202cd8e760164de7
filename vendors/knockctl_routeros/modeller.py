"""The modeller: device text as machines, as the contract names it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from knockctl.automaton.wire import Scope
from knockctl.vendor import Placement, Running
from knockctl_routeros.carrying import carried_out
from knockctl_routeros.config import RouterConfig, Row
from knockctl_routeros.export import parse_export
from knockctl_routeros.parse import by_menu, config_of, parse_text, read
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.placing import like
from knockctl_routeros.semantics import RouterModel, Ruleset
from knockctl_routeros.semantics.ruleset import LIKE

_MEMBER = re.compile(r"^add .*?interface=(\S+) .*?list=(\S+)", re.MULTILINE)


class RouterModeller:
    """Satisfies ``knockctl.vendor.Modeller``."""

    evidence = "fact sheet"
    remedy = "narrow or remove the rule, or set placement.position to first"
    assumptions = (
        "an address that is added to a list again gets the rule's full time anew",
        "an address on a list is seen by the rules behind the one that added it",
        "no list forgets an address for want of room",
        "packets are whole: what connection tracking calls invalid is a stray TCP segment",
        "neither NAT, mangle nor fasttrack decides anything before the firewall does",
    )

    def scope(self, placement: Placement) -> Scope:
        """Return which packets are the policies' at all."""
        place = RouterPlacement.model_validate(placement.model_dump())
        interfaces: tuple[str, ...] = ()
        if place.interface:
            interfaces = (place.interface,)
        elif place.interface_list:
            interfaces = (LIKE.format(place.interface_list),)
        kind = "LOCAL" if place.chain == "input" else "UNICAST"
        return Scope(place.addresses, interfaces, kind)

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
        lists: dict[str, tuple[str, ...]] = {}
        for interface, name in _MEMBER.findall(text.partition("/interface list member\n")[2]):
            lists[name] = (*lists.get(name, ()), interface)
        first = text.partition("\n")[0]
        listed = first.removeprefix("# families ").split() if "# families" in first else ["4", "6"]
        model = RouterModel(
            Ruleset.of(rows, whole=True, interface_lists=_like(lists, rows)), self.evidence
        )
        return Running(config, model, tuple(int(family) for family in listed))


def _like(lists: Mapping[str, tuple[str, ...]], rows: Iterable[Row]) -> dict[str, tuple[str, ...]]:
    """Let one interface, called after the list, stand for a list's members.

    The scope of a placement knows only the list's name. Where a rule names a member, or another
    list tells some apart, each stands for itself; in the list that ours name, beside that one.
    """
    if not lists:
        return {}
    rows = tuple(rows)
    named = {row.get("in-interface").removeprefix("!") for row in rows}
    ours = {row.get("in-interface-list").removeprefix("!") for row in rows if row.ours}
    found = {name: set(members) for name, members in lists.items()}
    for name, members in lists.items():
        mine = set(members)
        apart = any(mine & set(other) and not mine <= set(other) for other in lists.values())
        kept = mine if apart or named & mine else set()
        for other in (other for other in found.values() if mine <= other):
            other.difference_update(mine - kept)
            if not kept or name in ours:
                other.add(LIKE.format(name))
    return {name: tuple(sorted(members)) for name, members in found.items()}
