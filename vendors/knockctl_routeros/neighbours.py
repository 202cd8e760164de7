"""Somebody else's rules, as far as they are judged before ours.

A foreign rule above a rule of ours, which usually is the one jump to our chain, matters when
the first packet of a flow to one of our knocks, services or traps may match it. Where it
accepts, the packet gets past the policy; where it refuses, a knock may never arrive. Foreign
rules inside our own chains are judged the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from typing import Literal

from knockctl.ports import HIGHEST_PORT, Span, without
from knockctl.vendor import Neighbour
from knockctl_routeros.config import OWN_NAME, Menu, Row
from knockctl_routeros.table import Table

Effect = Literal["accepts", "refuses", "unknown"]

_EFFECTS: Mapping[str, Effect | None] = {
    "accept": "accepts",
    "drop": "refuses",
    "fasttrack-connection": "accepts",
    "log": None,
    "passthrough": None,
    "reject": "refuses",
    "tarpit": "refuses",
}
_STATES = frozenset(("established", "invalid", "new", "related", "untracked"))
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

# Of two positive values only interfaces exclude each other: an address may be on many lists.
_SINGLE = ("in-interface", "in-bridge-port")
_OPPOSED = (*_SINGLE, "in-interface-list", "src-address", "src-address-list", "dst-address")
_RUN = re.compile(r"([0-9]+)(?:-([0-9]+))?")


@dataclass(frozen=True)
class Surroundings:
    """A menu, ours and foreign, among all tables of its family."""

    table: Table
    kin: Sequence[Table]

    @classmethod
    def of(cls, menu: Menu, tables: Mapping[Menu, Table]) -> Surroundings:
        """Look at a menu among everything that was read."""
        family = menu.split(" ", 1)[0]
        kin = [table for other, table in tables.items() if other.startswith(f"{family} ")]
        return cls(tables[menu], kin)

    @cached_property
    def governed(self) -> tuple[Span, ...]:
        """What our rules govern."""
        return tuple(s for kin in self.kin for place in kin.ours for s in _spans(kin.row(place)))

    @cached_property
    def untracked(self) -> bool:
        """Whether a packet may be exempt from connection tracking: a raw rule says so."""
        raw = (table for table in self.kin if table.menu.endswith(" raw"))
        exempt = (row for table in raw for row in table.written("action", "notrack"))
        return any(row.get("disabled") != "yes" for row in exempt)

    def chain(self, name: str) -> Iterator[Row]:
        """Yield a chain's rules in order."""
        return (self.table.row(place) for place in self.table.chain(name))

    def above(self) -> Iterator[tuple[Row, Sequence[int]]]:
        """Yield every rule of ours in somebody else's chain, and the places of all rules above it.

        Of rules that match the same packets the first is enough.
        """
        for name in self.table.chains:
            if name.startswith(OWN_NAME):
                continue
            places, seen = self.table.chain(name), set()
            for number in self.table.standing(name):
                row = self.table.row(places[number])
                tested = tuple(word for word in row.words if word[0] != "comment")
                if tested not in seen:
                    seen.add(tested)
                    yield row, places[:number]


def neighbours(around: Surroundings) -> tuple[Neighbour, ...]:
    """Return the foreign rules judged before, or among, ours, that packets of ours may match."""
    found: list[Neighbour] = []
    for ours, above in around.above():
        found.extend(_judged(around, above, ours))
    for name in around.table.chains:
        if name.startswith(OWN_NAME):
            found.extend(_judged(around, around.table.chain(name), None))
    return tuple(dict.fromkeys(found))


def _judged(around: Surroundings, places: Sequence[int], below: Row | None) -> Iterator[Neighbour]:
    for number, place in enumerate(places, start=1):
        row = around.table.row(place)
        effect = None if row.ours else _effect(around, row, below, ())
        if effect:
            where = f"{row.menu} {row.get('chain')} rule {number}"
            yield Neighbour(where, " ".join(row.parts()), effect)


def _effect(
    around: Surroundings, row: Row, below: Row | None, seen: tuple[str, ...]
) -> Effect | None:
    """Tell what a rule may do to packets of ours; None when nothing."""
    if not may_match(around, row, below):
        return None
    action = row.get("action")
    if action == "jump":
        return _inside(around, row.get("jump-target"), below, seen)
    if action == "return":
        # Returning from where nobody jumped is not documented; it may end in the default: accept.
        return None if seen else "unknown"
    if action.startswith("add-"):
        return "unknown" if row.get("address-list").startswith(OWN_NAME) else None
    return _EFFECTS.get(action, "unknown")


def _inside(
    around: Surroundings, target: str, below: Row | None, seen: tuple[str, ...]
) -> Effect | None:
    """Tell what a chain may do, the worst first; a chain without rules does nothing."""
    if target in seen or target.startswith(OWN_NAME):
        return None
    found = [_effect(around, row, below, (*seen, target)) for row in around.chain(target)]
    worst: tuple[Effect, ...] = ("accepts", "unknown", "refuses")
    return next((effect for effect in worst if effect in found), None)


def may_match(around: Surroundings, row: Row, below: Row | None) -> bool:
    """Tell whether the first packet of a flow can match a rule, and one of ours below it."""
    return not (
        row.get("disabled") == "yes"
        or _only_known_flows(row, untracked=around.untracked)
        or row.get("in-interface") == "lo"
        or _within_loopback(row.get("dst-address"))
        or (below is not None and _excluded(row, below))
    ) and _may_match_ports(row, around.governed)


def _only_known_flows(row: Row, *, untracked: bool) -> bool:
    """Tell whether connection tracking keeps every first packet of a flow from matching.

    Strays fit no flow: refusing them keeps nobody out, accepting them may let a segment past.
    """
    text = row.get("connection-state")
    if not text:
        return False
    listed = frozenset(text.removeprefix("!").split(","))
    states = _STATES - listed if text.startswith("!") else listed
    first = {"new"} | ({"untracked"} if untracked else set())
    return not states & (
        first if _EFFECTS.get(row.get("action")) == "refuses" else first | {"invalid"}
    )


def _within_loopback(address: str) -> bool:
    try:
        network = ip_network(address)
    except ValueError:
        return False
    return any(network.version == n.version and network.subnet_of(n) for n in _LOOPBACK)  # type: ignore[arg-type]


def _excluded(row: Row, below: Row) -> bool:
    """Tell whether no packet matches both rules, as one asks for the opposite of the other."""
    for key in _OPPOSED:
        one, other = row.get(key), below.get(key)
        if one and other and (one == f"!{other}" or other == f"!{one}"):
            return True
        if key in _SINGLE and one and other and "!" not in one + other and one != other:
            return True
    return False


def _may_match_ports(row: Row, governed: tuple[Span, ...]) -> bool:
    """Tell whether a rule's protocol and destination ports take in any of ours."""
    protocol = row.get("protocol")
    if not protocol:
        return True
    if protocol.startswith("!"):
        return any(f"!{span.protocol}" != protocol for span in governed)
    ports = row.get("dst-port")
    if not ports:
        return any(span.protocol == protocol for span in governed)
    return any(a.overlaps(b) for a in _spans(row) for b in governed)


def _spans(row: Row) -> Iterator[Span]:
    """Yield the ports a rule tests for, of TCP or UDP; of a negated test, the others.

    What can't be read as ports may be any.
    """
    protocol, ports = row.get("protocol"), row.get("dst-port")
    if protocol not in ("tcp", "udp") or not ports:
        return
    name: Literal["tcp", "udp"] = "tcp" if protocol == "tcp" else "udp"
    every = Span(name, 0, HIGHEST_PORT)
    runs = [_RUN.fullmatch(run) for run in ports.removeprefix("!").split(",")]
    listed = [Span(name, int(run[1]), int(run[2] or run[1])) for run in runs if run]
    if len(listed) < len(runs):
        yield every
    elif ports.startswith("!"):
        yield from without([every], listed)
    else:
        yield from listed
