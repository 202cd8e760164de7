"""What packets for the router meet besides their interface's list and the control plane's classes.

Of a static translation it is known which packets it takes to another host, of the lists of terminal
lines whom they refuse. What else may decide about a packet is a guess, which names its line.
Sources: fact sheet 2; the order of things is that of packets which come in from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, ip_network
from typing import Literal, NamedTuple

from knockctl.automaton.questions import Atom, protocol
from knockctl.automaton.verdict import Verdict
from knockctl_ios.config.syntax import Line
from knockctl_ios.semantics.applets import harmless
from knockctl_ios.semantics.conditions import Condition, Either, Not, all_of, guess
from knockctl_ios.semantics.document import Document
from knockctl_ios.semantics.lists import Lists

Stage = Literal["before", "behind", "last"]
"""Before the interface's list, behind it, or behind the control plane."""
_MANAGED = {"tcp": (21, 22, 23, 80, 443), "udp": (69, 161)}
"""Ports of the protocols that ``management-interface`` is about."""
_TERMINAL = (22, 23)
_ENABLING = " autocommand access-enable"


class Way(NamedTuple):
    """A line that decides about packets: which, and what becomes of them."""

    place: str
    stage: Stage
    condition: Condition
    verdict: Verdict


def ways(document: Document, lists: Lists) -> Iterator[Way]:
    """Yield all there are, in the order in which packets meet them."""
    for name, line in document.interfaces.items():
        for child in line.below:
            yield from _attached(document, name, child.text)
    yield from _zones(document)
    yield from _translations(document)
    yield from _planes(document)
    yield from _terminals(document, lists)


def _guessed(
    place: str, stage: Stage, conditions: Iterable[Condition], why: str, verdict: Verdict
) -> Way:
    return Way(place, stage, all_of([*conditions, guess(place, why)]), verdict)


def _attached(document: Document, interface: str, text: str) -> Iterator[Way]:
    """Yield what a line of an interface does."""
    said = text.split()
    place, comes = f"interface {interface}: {text}", [Atom("interface", interface)]
    if said[:3] == ["ip", "access-group", "common"]:
        why = "what the common list decides"
        yield _guessed(place, "before", comes, why, Verdict.ACCEPT)
        yield _guessed(place, "behind", comes, why, Verdict.REFUSE)
    if said[:2] == ["ip", "inspect"] and document.inspects(said[2]):
        why = "what comes back to the router's own flows"
        yield _guessed(place, "before", comes, why, Verdict.ACCEPT)
    if said[:2] == ["service-policy", "input"] and _may_drop(document, said[-1]):
        yield _guessed(place, "behind", comes, "whether it drops the packet", Verdict.REFUSE)
    if said[:2] in (["ip", "ips"], ["ip", "audit"]) and said[-1] == "in":
        yield _guessed(place, "behind", comes, "whether it drops the packet", Verdict.REFUSE)
    if said == ["ip", "nat", "enable"] and document.says("ip nat source static"):
        yield _guessed(place, "behind", comes, "whether it is translated", Verdict.ACCEPT)


def _may_drop(document: Document, policy: str) -> bool:
    classes = document.policy_maps.get(policy, ())
    words = ("drop", "police", "service-policy")
    return any(action.text.startswith(words) for one in classes for action in one.below)


def _zones(document: Document) -> Iterator[Way]:
    """Yield zone pairs to the router itself; without one a zone's packets reach it."""
    for text in document.starting("zone-pair security "):
        said = text.split()
        if said[-2:] != ["destination", "self"] or "source" not in said:
            continue
        zone = said[said.index("source") + 1]
        for name, line in document.interfaces.items():
            if Line(f"zone-member security {zone}") in line.below:
                comes = [Atom("interface", name)]
                why = "whether its policy drops the packet"
                yield _guessed(text, "behind", comes, why, Verdict.REFUSE)


def doors(document: Document) -> Iterator[Atom]:
    """Yield what else may make temporary entries: people who log in, commands at set times."""
    places = [text for text in document.starting("username ") if _ENABLING in f" {text}"]
    for name, line in document.terminals.items():
        places += [f"{name}: {c.text}" for c in line.below if c.text.startswith(_ENABLING.strip())]
    for text, below in document.nightly.items():
        commands = (child.text for child in below if child.text.startswith("cli "))
        places += [f"{text}: {one}" for one in commands if not harmless(one.removeprefix("cli "))]
    yield from (guess(place, "whom it lets in") for place in places)


# --- translations -------------------------------------------------------------------------------


def _translations(document: Document) -> Iterator[Way]:
    """Yield static translations: from outside, what is for the global address goes elsewhere."""
    outside = [
        Atom("interface", name)
        for name, line in document.interfaces.items()
        if Line("ip nat outside") in line.below
    ]
    if outside:
        for text in document.starting("ip nat inside source static "):
            found = _translated(document, text.split()[5:])
            why = "which packets it takes away"
            condition = guess(text, why) if found is None else found
            asked = all_of([Either(tuple(outside)), condition])
            yield Way(text, "behind", asked, Verdict.ACCEPT)


def _translated(document: Document, said: list[str]) -> Condition | None:
    """Return which packets; None where that can't be told from the line."""
    if "vrf" in said or "route-map" in said:
        return None
    kind = said.pop(0) if said[0] in ("tcp", "udp", "network") else ""
    width = 2 if kind in ("tcp", "udp") else 1
    rest = said[width:]
    try:
        if rest[0] == "interface":
            address = document.address(rest[1])
            rest = rest[1:]
        else:
            address = IPv4Address(rest[0])
        if address is None:
            return None
        if kind == "network":
            network = ip_network(f"{address}/{rest[1].removeprefix('/')}", strict=False)
            return Atom("destination", ((int(network[0]), int(network[-1])),))
        goes = Atom("destination", ((int(address), int(address)),))
        if not kind:
            return goes
        port = int(rest[1])
        return all_of([protocol(kind), goes, Atom("port", ((port, port),))])
    except (ValueError, IndexError):
        return None


# --- the router's own services ------------------------------------------------------------------


def _planes(document: Document) -> Iterator[Way]:
    for name, line in document.planes.items():
        for child in line.below:
            said, place = child.text.split(), f"{name}: {child.text}"
            why = "whether it drops the packet"
            if said[:2] == ["service-policy", "type"] and said[2] != "logging":
                yield _guessed(place, "behind", (), why, Verdict.REFUSE)
            if said[:1] == ["management-interface"]:
                asked = (
                    all_of([protocol(kind), Atom("port", tuple((p, p) for p in ports))])
                    for kind, ports in _MANAGED.items()
                )
                here = Not(Atom("interface", said[1]))
                yield _guessed(place, "behind", [here, Either(tuple(asked))], why, Verdict.REFUSE)


def _terminals(document: Document, lists: Lists) -> Iterator[Way]:
    """Yield the lists of terminal lines: refused is who every group of lines refuses."""
    named = {name: _access_class(line) for name, line in document.terminals.items()}
    if not named:
        return
    permitted: list[Condition] = []
    for access_list in named.values():
        entries = lists.entries(access_list or "")
        if not entries:
            # Lines without a list, or with one that there is none of, refuse nobody.
            return
        denied: list[Condition] = []
        for entry in entries:
            if entry.permits and not entry.dynamic:
                permitted.append(all_of([entry.condition, *denied]))
            else:
                denied.append(Not(entry.condition))
    ports = tuple((port, port) for port in (*_TERMINAL, *document.shells))
    place = "; ".join(f"{name}: access-class {found} in" for name, found in named.items())
    refused = Not(Either(tuple(permitted)))
    asked = all_of([protocol("tcp"), Atom("port", ports), refused])
    yield Way(place, "last", asked, Verdict.REFUSE)


def _access_class(line: Line) -> str | None:
    said = (child.text.split() for child in line.below)
    return next((w[1] for w in said if w[:1] == ["access-class"] and w[2:3] == ["in"]), None)
