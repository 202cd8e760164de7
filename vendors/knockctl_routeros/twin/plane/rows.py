"""The router's menus as a ruleset, and its lists as the state of a machine.

An address that is on a list for a time belongs to the state if rules put addresses on that list:
this is where rules look. On other lists, and where the row is a prefix or a range, it is a row
of the ruleset until its time is over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from knockctl.automaton.machine import ClockName
from knockctl_routeros.config.records import MENUS, Row
from knockctl_routeros.config.records import Menu as Name
from knockctl_routeros.semantics import Ruleset
from knockctl_routeros.twin.device import Router
from knockctl_routeros.twin.device.firewall import ADDING
from knockctl_routeros.twin.device.readback import dangling
from knockctl_routeros.twin.device.store import Item

Key = tuple[str, str]
"""A list's name and an address."""
LISTS = {4: "/ip/firewall/address-list", 6: "/ipv6/firewall/address-list"}


@dataclass(frozen=True, slots=True)
class Reading:
    """A router's firewall at one moment."""

    ruleset: Ruleset
    places: Mapping[str, tuple[str, Item]]
    """The menu and row of every rule, by the name the model has for it."""
    state: tuple[tuple[Key, int], ...]
    started: Mapping[ClockName, float]
    valid_until: float
    """When a row that counts for a while ceases to."""


def read(router: Router) -> Reading:
    """Read every menu that matters to packets."""
    rows: list[tuple[Row, str, Item]] = []
    state: dict[Key, int] = {}
    started: dict[ClockName, float] = {}
    valid_until = math.inf
    now = router.clock.now()
    for menu in MENUS:
        path = menu.replace(" ", "/")
        written = set(_written(router, path.rpartition("/")[0]))
        for item in router.table(path).items:
            if item.builtin:
                continue
            host = _host(item) if path in LISTS.values() and item.dynamic else None
            if host is None or item.get("list") not in written:
                valid_until = min(valid_until, item.expires or math.inf)
                rows.append((_row(router, menu, item), path, item))
            elif item.get("disabled") != "true":
                key = item.get("list"), host
                state[key] = seconds = 0 if item.expires is None else lasting(item.expires - now)
                if item.expires is not None:
                    started[key] = item.expires - seconds
    ruleset = Ruleset.of(
        (row for row, _, _ in rows), whole=True, interface_lists=interface_lists(router)
    )
    places = dict(_places(ruleset, {id(row): (path, item) for row, path, item in rows}))
    return Reading(ruleset, places, tuple(sorted(state.items())), started, valid_until)


def lasting(seconds: float) -> int:
    """Return whole seconds for a rest of time; the clock that goes with it makes up for it."""
    return max(1, math.ceil(seconds))


def _row(router: Router, menu: Name, item: Item) -> Row:
    words = dict(item.words)
    if dangling(router, item) and menu.endswith((" filter", " raw")):
        words["disabled"] = "true"
    return Row.of(menu, words)


def _written(router: Router, root: str) -> Iterator[str]:
    """Yield the lists that rules in force put addresses on."""
    for table in ("filter", "raw"):
        for item in router.table(f"{root}/{table}").items:
            on = item.get("disabled") != "true" and not dangling(router, item)
            if on and item.get("action") in ADDING:
                yield item.get("address-list")


def _host(item: Item) -> str | None:
    try:
        network = ip_network(item.get("address"))
    except ValueError:
        return None
    return str(network.network_address) if network.num_addresses == 1 else None


def _places(
    ruleset: Ruleset, items: Mapping[int, tuple[str, Item]]
) -> Iterator[tuple[str, tuple[str, Item]]]:
    for family in (4, 6):
        for table in ("raw", "filter"):
            for place, row in ruleset.numbered(family, table):
                yield place, items[id(row)]


def interface_lists(router: Router) -> dict[str, tuple[str, ...]]:
    """Return the members of every interface list, those it includes and excludes considered."""
    lists = {item.get("name"): item for item in router.table("/interface/list").items}
    every = router.names("/interface")
    direct = {name: set[str]() for name in lists} | {"all": set(every), "static": set(every)}
    for item in router.table("/interface/list/member").items:
        if item.get("disabled") != "true":
            direct.setdefault(item.get("list"), set()).add(item.get("interface"))

    def members(name: str, above: frozenset[str] = frozenset()) -> set[str]:
        if name in above or name not in lists:
            return set()
        found = set(direct[name])
        for word, apply in (("include", found.update), ("exclude", found.difference_update)):
            for other in filter(None, lists[name].get(word).split(",")):
                apply(members(other, above | {name}))
        return found

    return {name: tuple(sorted(members(name))) for name in lists}
