"""Entries as PAN-OS holds them, built in normal form.

Equal pieces are made once: what a rule says about addresses, zones and ports repeats from rule to
rule, from policy to policy and from device to device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from knockctl.policy.resolved import Refuse
from knockctl.ports import HIGHEST_PORT, Protocol, Span, without
from knockctl_panos.config.records import OWN, PROFILES, RULES, SECRET, Entry
from knockctl_panos.config.syntax import Node

PORT_LIST = 1023
"""Characters a service's list of ports may have: PAN-OS schema, fact sheet 2."""
EVERYTHING = (Span("tcp", 0, HIGHEST_PORT), Span("udp", 0, HIGHEST_PORT))
"""Every port, 0 among them: what no service names must be told from what one does."""
_ANY = ("any",)


# --- pieces -----------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def leaf(tag: str, text: str) -> Node:
    """Return an element that holds a text."""
    return Node(tag, text=text)


@lru_cache(maxsize=4096)
def members(tag: str, names: tuple[str, ...]) -> Node:
    """Return an element that lists members; their order means nothing."""
    return Node(tag, children=tuple(leaf("member", name) for name in sorted(set(names))))


OWNED = members("tag", (OWN,))


def secret(*, hidden: bool) -> tuple[Node, ...]:
    """Return what an object says of itself where its ports came from a secret reference."""
    return (leaf("description", OWN + SECRET),) if hidden else ()


# --- objects ----------------------------------------------------------------------------------


def tag(name: str, said: str = "") -> Entry:
    """Return a tag object; ``said`` tells people what it stands for."""
    return Entry("tag", name, (leaf("comments", f"{OWN} {said}" if said else OWN),))


def group(name: str, which: str) -> Entry:
    """Return a dynamic address group: who carries the tags that ``which`` combines."""
    return Entry("address-group", name, (Node("dynamic", children=(leaf("filter", which),)), OWNED))


def all_of(*tags: str) -> str:
    """Return the filter for who carries every one of these tags."""
    return " and ".join(f"'{name}'" for name in tags)


@lru_cache(maxsize=4096)
def service(name: str, protocol: Protocol, ports: str, *, hidden: bool = False) -> Entry:
    """Return a service object."""
    listed = Node("protocol", children=(Node(protocol, children=(leaf("port", ports),)),))
    return Entry("service", name, (*secret(hidden=hidden), listed, OWNED))


@lru_cache(maxsize=4096)
def services(name: str, spans: tuple[Span, ...], *, hidden: bool = False) -> tuple[Entry, ...]:
    """Return the objects that together stand for all these ports; mostly one per protocol."""
    made = []
    for protocol in ("tcp", "udp"):
        lists = list(_lists([s for s in spans if s.protocol == protocol]))
        for number, ports in enumerate(lists, start=1):
            part = f"{name}-{protocol}{number if number > 1 else ''}"
            made.append(service(part, protocol, ports, hidden=hidden))
    return tuple(made)


def _lists(spans: Sequence[Span]) -> Iterator[str]:
    found = ""
    for span in spans:
        run = str(span).partition("/")[2]
        if found and len(found) + 1 + len(run) > PORT_LIST:
            yield found
            found = ""
        found += f",{run}" if found else run
    if found:
        yield found


@lru_cache(maxsize=1024)
def all_but(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return every other TCP and UDP port."""
    return without(EVERYTHING, spans)


# --- what a packet's log does -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Act:
    """One built-in action: a tag is put on the packet's source, or taken off."""

    tag: str
    minutes: int = 0
    """How long the tag stays; 0: it is taken off."""


@lru_cache(maxsize=4096)
def _action(number: int, act: Act) -> Node:
    what: Literal["add-tag", "remove-tag"] = "add-tag" if act.minutes else "remove-tag"
    timed = (leaf("timeout", str(act.minutes)),) if act.minutes else ()
    said = (
        leaf("action", what),
        Node("registration", children=(Node("localhost"),)),
        members("tags", (act.tag,)),
        leaf("target", "source-address"),
        *timed,
    )
    tagging = Node("type", children=(Node("tagging", children=said),))
    return Node("entry", f"{number}", children=(tagging,))


def match(rule: str, acts: Iterable[Act]) -> Node:
    """Return the entry of a match list that acts on what a rule logs."""
    listed = tuple(_action(number, act) for number, act in enumerate(acts, start=1))
    said = (
        Node("actions", children=listed),
        leaf("filter", f"(rule eq '{rule}')"),
        leaf("log-type", "traffic"),
    )
    return Node("entry", rule, children=said)


def profile(name: str, matches: Sequence[Node]) -> Entry:
    """Return a log-forwarding profile."""
    return Entry(
        PROFILES, name, (leaf("description", OWN), Node("match-list", children=(*matches,)))
    )


# --- rules ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Site:
    """What all our rules have in common: where packets go, and between which zones."""

    destination: Node
    zones: tuple[Node, Node]

    @classmethod
    @lru_cache(maxsize=1024)
    def of(
        cls, addresses: tuple[str, ...], come_from: tuple[str, ...], go_to: tuple[str, ...]
    ) -> Site:
        """Return it in the words of a rule; no zones are all zones."""
        zones = members("from", come_from or _ANY), members("to", go_to or _ANY)
        return cls(members("destination", addresses), zones)


Log = Literal["", "end", "start"]
"""Whether a rule logs: not at all, with the end of a session or at once where there is none, or
with its start alone."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One security rule: which sources, which ports, and what becomes of the packet."""

    name: str
    action: str
    ports: tuple[Entry, ...]
    """Services."""
    sources: tuple[str, ...] = _ANY
    but: bool = False
    """All sources but those."""
    log: Log = ""
    profile: str = ""
    """The log-forwarding profile that notices the packet."""
    applications: tuple[str, ...] = _ANY

    def entry(self, site: Site) -> Entry:
        """Return the rule where it stands."""
        body = [leaf("action", self.action), members("application", self.applications)]
        body += [site.destination, site.zones[0]]
        if self.action == REJECT:
            body.append(leaf("icmp-unreachable", "yes"))
        if self.log != "end":
            body.append(leaf("log-end", "no"))
        if self.profile:
            body.append(leaf("log-setting", self.profile))
        if self.log == "start":
            body.append(leaf("log-start", "yes"))
        if self.but:
            body.append(leaf("negate-source", "yes"))
        body += [
            members("service", tuple(port.name for port in self.ports)),
            members("source", self.sources),
        ]
        return Entry(RULES, self.name, (*body, OWNED, site.zones[1]))


ALLOW, DROP, REJECT = "allow", "drop", "reset-client"


def refusal(refuse: Refuse) -> str:
    """Return the action that refuses as a policy wishes."""
    return DROP if refuse == "drop" else REJECT
