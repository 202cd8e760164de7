"""What a log leaves behind: match lists of a log-forwarding profile to tags.

Every entry of a match list whose filter matches acts, in the profile's order, its actions in
theirs (fact sheet 2.4). Only traffic logs are followed; those of other types come with what a
packet carries. Quarantine and cloud integrations register nothing for an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from knockctl.automaton.questions import Atom, ports, protocol
from knockctl_panos.config.syntax import Tree
from knockctl_panos.semantics.expressions import NotUnderstood, parsed, unquoted
from knockctl_panos.semantics.formula import Formula, Is, Side, all_of, any_of, guess, none_of

MINUTE = 60
EVERYTHING = "all logs"
PORTED = protocol("tcp", "udp")
_PROTOCOLS = {"tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp", "icmp": "icmp", "1": "icmp"}


@dataclass(frozen=True, slots=True)
class Change:
    """A tag that is registered for an address of the packet, or no longer."""

    tag: str
    side: Side
    seconds: int | None
    """How long it stays, 0 for ever; None: it is taken away."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one entry of a match list does to the logs its filter matches."""

    matches: Formula
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """What a rule's logs say whichever packet they are about."""

    rule: str
    place: str
    action: str
    subtype: str
    zone: Callable[[str], Atom]
    """Asks whether a packet came in by a zone."""
    to_zones: frozenset[str]
    """All zones the destination may be in; none: nobody knows."""
    family: int


def effects(profile: Tree, log: Log) -> Iterator[Effect]:
    """Yield what a profile does to the logs of a rule."""
    for entry in profile.entries("match-list"):
        changes = tuple(_changes(entry))
        if not changes:
            continue
        matches = _matches(entry, log)
        if any(_side(node) is None for node in entry.entries("actions")):
            matches = guess(log.place, f"what {entry.name!r} registers where")
        if matches is not False:
            yield Effect(matches, changes)


def _side(action: Tree) -> Side | None:
    """Return whose tags change; None where it is not an address of the packet, here."""
    tagging = action.find("type/tagging")
    if tagging is None:
        return "source"
    sides: dict[str, Side] = {"source-address": "source", "destination-address": "destination"}
    registration = tagging.child("registration")
    here = registration is None or registration.child("localhost") is not None
    return sides.get(tagging.word("target", "source-address")) if here else None


def _changes(entry: Tree) -> Iterator[Change]:
    for action in entry.entries("actions"):
        tagging = action.find("type/tagging")
        if tagging is None or tagging.word("target") == "user":
            continue
        side = _side(action) or "source"
        adds = tagging.word("action") == "add-tag"
        seconds = int(tagging.word("timeout", "0")) * MINUTE if adds else None
        yield from (Change(tag, side, seconds) for tag in tagging.members("tags"))


def _matches(entry: Tree, log: Log) -> Formula:
    if entry.word("log-type", "traffic") != "traffic":
        return guess(log.place, f"whether a log of another type matches {entry.name!r}")
    text = entry.word("filter")
    if text.strip().lower() == EVERYTHING:
        return True
    try:
        return parsed(text, lambda words: _term(words, log))
    except NotUnderstood:
        return guess(log.place, f"whether its logs match {text}")


def _term(words: list[str], log: Log) -> Formula:
    """Read ``attribute operator value``."""
    if len(words) < 3:
        raise NotUnderstood(" ".join(words))
    attribute, operator = words[:2]
    value = unquoted(" ".join(words[2:]))
    if operator in ("neq", "notin"):
        opposite = {"neq": "eq", "notin": "in"}[operator]
        return none_of(_term([attribute, opposite, *words[2:]], log))
    try:
        return _positive(attribute, operator, value, log)
    except ValueError as error:
        raise NotUnderstood(value) from error


def _positive(attribute: str, operator: str, value: str, log: Log) -> Formula:
    """Read a term without negation; what is not known about it is guessed."""
    said = {"rule": log.rule, "action": log.action, "subtype": log.subtype}
    found: Formula | None = None
    if attribute in ("port.dst", "port.src"):
        found = _port(attribute, operator, int(value))
    elif attribute in ("addr.src", "addr.dst") and operator in ("eq", "in"):
        found = _address(attribute, value, log.family)
    elif operator == "eq" and attribute in said:
        found = said[attribute] == value
    elif operator == "eq" and attribute == "proto" and value in _PROTOCOLS:
        found = Is(protocol(_PROTOCOLS[value]))
    elif operator == "eq" and attribute == "zone.src":
        found = Is(log.zone(value))
    elif operator == "eq" and attribute == "zone.dst" and log.to_zones:
        found = None if value in log.to_zones else False
        found = True if log.to_zones == {value} else found
    if found is None:
        return guess(log.place, f"whether its logs match {attribute} {operator} {value}")
    return found


def _port(attribute: str, operator: str, number: int) -> Formula | None:
    run = {"eq": (number, number), "leq": (0, number), "geq": (number, 65535)}.get(operator)
    if run is None:
        return None
    asked = ports(run) if attribute == "port.dst" else Atom("source_port", (run,))
    # What has no ports is logged with port 0.
    without = [none_of(Is(PORTED))] if run[0] == 0 else []
    return any_of([all_of([Is(PORTED), Is(asked)]), *without])


def _address(attribute: str, value: str, family: int) -> Formula:
    network = ip_network(value, strict=False)
    if network.version != family:
        return False
    ends = int(network.network_address), int(network.broadcast_address)
    return Is(Atom("source" if attribute == "addr.src" else "destination", (ends,)))
