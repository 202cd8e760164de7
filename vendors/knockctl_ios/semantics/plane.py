"""The control plane: which class a packet is in, whether it is dropped, whether that is logged.

Sources: fact sheet 2. The first class that matches decides; what none matches is permitted. A
class asks access lists, whose permit is a match; a list of which nobody knows is a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from knockctl.automaton.questions import Atom
from knockctl_ios.config.syntax import Line
from knockctl_ios.semantics.conditions import ALWAYS, NEVER, Condition, Not, guess
from knockctl_ios.semantics.document import Document

_PACKETS = {"dropped": True, "permitted": False}


@dataclass(frozen=True, slots=True)
class Match:
    """One line of a class map: an access list, or something else that is asked."""

    access_list: str = ""
    condition: Condition = ALWAYS
    negated: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Class:
    """A class of a policy, and what is done to its packets."""

    name: str
    every: bool
    """Whether all lines must match, or any."""
    matches: tuple[Match, ...]
    drops: bool
    unsure: Atom | None = None
    """Asks for what nobody here knows about its actions: whether they drop."""


@dataclass(frozen=True, slots=True)
class LogClass:
    """A class of a logging policy."""

    every: bool
    dropped: tuple[bool, ...]
    """For each line that asks so: whether it asks for dropped packets, or for permitted ones."""
    others: tuple[Condition, ...]
    logs: bool
    """Whether its action is ``log``."""


def classes(document: Document) -> tuple[tuple[Class, ...], ...]:
    """Return the classes of each policy on the control plane."""
    found = document.policies(logging=False)
    return tuple(
        tuple(class_of(document, line, f"policy-map {policy}") for line in lines)
        for policy, lines in found
    )


def class_of(document: Document, line: Line, policy: str) -> Class:
    """Return what a line ``class …`` of a policy map makes."""
    name = line.text.split()[1]
    place = f"{policy}, class {name}"
    actions = tuple(action.text for action in line.below)
    drops = any(_drops(action) for action in actions)
    known = drops or not any(action.startswith("police") for action in actions)
    unsure = None if known else guess(place, "whether its policing drops the packet")
    if name == "class-default":
        return Class(place, every=True, matches=(), drops=drops, unsure=unsure)
    if name not in document.class_maps:
        every: tuple[str, tuple[str, ...]] = ("match-any", (f"class-map {name}",))
    else:
        every = document.class_maps[name]
    matches = tuple(_match(text, place) for text in every[1])
    return Class(place, every[0] == "match-all", matches, drops, unsure)


def _drops(action: str) -> bool:
    """Tell whether an action surely drops: a policing that drops what conforms does, too."""
    said = action.split()
    if said[:1] == ["police"] and "conform-action" in said:
        return said[said.index("conform-action") + 1] == "drop"
    return said[:1] == ["drop"]


def _match(text: str, place: str) -> Match:
    said = text.split()
    negated = said[:1] == ["not"]
    said = said[1:] if negated else said
    if said[:1] == ["access-group"]:
        return Match(access_list=said[-1], negated=negated, text=text)
    if said == ["any"]:
        return Match(negated=negated, text=text)
    if said == ["protocol", "arp"]:
        # That is no packet of IP.
        return Match(condition=NEVER, negated=negated, text=text)
    return Match(condition=guess(place, f"what match {text!r} asks"), negated=negated, text=text)


def log_classes(document: Document, *, by_interface: bool = True) -> tuple[LogClass, ...]:
    """Return the classes of the logging policies on the control plane.

    ``by_interface``: whether they can ask for the interface that a packet came in by.
    """
    found = []
    for policy, lines in document.policies(logging=True):
        for line in lines:
            name = line.text.split()[1]
            how, matches = document.class_maps.get(name, ("match-any", ()))
            if not by_interface:
                matches = tuple(one for one in matches if "input-interface" not in one)
            place = f"policy-map type logging {policy}, class {name}"
            dropped, others = _asked(matches, place)
            logs = any(action.text.split()[:1] == ["log"] for action in line.below)
            found.append(LogClass(how == "match-all", dropped, others, logs))
    return tuple(found)


def _asked(matches: tuple[str, ...], place: str) -> tuple[tuple[bool, ...], tuple[Condition, ...]]:
    dropped: list[bool] = []
    others: list[Condition] = []
    for text in matches:
        said = text.split()
        negated = "not" in said
        said = [word for word in said if word != "not"]
        if said[0] == "packets" and said[1] in _PACKETS:
            dropped.append(_PACKETS[said[1]] is not negated)
            continue
        condition = _logged(said, place, text)
        others.append(Not(condition) if negated else condition)
    return tuple(dropped), tuple(others)


def _logged(said: list[str], place: str, text: str) -> Condition:
    if said[0] == "input-interface":
        return Atom("interface", said[1])
    if said[:2] in (["ipv4", "source-address"], ["ipv4", "destination-address"]):
        number = int(ip_address(said[2]))
        return Atom(said[1].removesuffix("-address"), ((number, number),))
    return guess(place, f"what match {text!r} asks")


def questions(
    policies: tuple[tuple[Class, ...], ...], logs: tuple[LogClass, ...]
) -> Iterator[Condition]:
    """Yield all that classes ask besides their access lists."""
    for policy in policies:
        for one in policy:
            yield from (match.condition for match in one.matches)
            yield from [one.unsure] if one.unsure else []
    for log in logs:
        yield from log.others
