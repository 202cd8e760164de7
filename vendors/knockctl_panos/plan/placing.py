"""Where among the foreign rules ours stand, and where a plan puts them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from knockctl.contract import Network
from knockctl.errors import GuardError
from knockctl_panos.config.document import Document
from knockctl_panos.config.records import Entry, PanosConfig
from knockctl_panos.semantics import FAMILIES, Destinations, Owned, foreign_rules


def foreign(order: Sequence[str], ours: PanosConfig) -> tuple[str, ...]:
    """Return the names of the rules that are not ours."""
    mine = {entry.name for entry in ours.rules}
    return tuple(name for name in order if name not in mine)


def rules_above(document: Document, base: str, before: PanosConfig, goal: PanosConfig) -> int:
    """Return how many foreign rules of a rulebase are to stand above ours.

    Raises ``GuardError`` where our rules are to go beside one that is not there.
    """
    order = document.order(base)
    others = foreign(order, before)
    where, other = goal.place
    if where in ("before", "after"):
        if other in others:
            return others.index(other) + (where == "after")
        if goal.revision is None:
            raise GuardError(
                f"our rules are to go {where} the rule {other!r}, which is not there",
                hint="name another in placement.position",
            )
        where = "top"  # a snapshot, and the rule it stood beside is gone
    there = _there(order, before)
    if there is None:
        return 0 if where == "top" else len(others)
    if where == "bottom" or not there:
        return there
    return there if _harmless(document.holding(goal, base, there)) else 0


def _there(order: Sequence[str], ours: PanosConfig) -> int | None:
    """Return how many foreign rules are above the first of ours that runs."""
    mine = {rule.name for rule in ours.rules}
    return next((i for i, name in enumerate(order) if name in mine), None)


def _harmless(document: Document) -> bool:
    """Tell whether the foreign rules above ours in their rulebase can't be about our packets."""
    config = document.config()
    mine = [one for one in document.rulebases if one.ours]
    to, owned = destinations_of(config.rules), owned_of(config)
    return not any(foreign_rules(document, mine, family, to, owned) for family in FAMILIES)


# --- what a config says of itself ---------------------------------------------------------------


def owned_of(config: PanosConfig) -> Owned:
    """Return the names of what is ours."""
    rules, tags = (frozenset(e.name for e in found) for found in (config.rules, config.kind("tag")))
    return Owned(rules, tags)


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
