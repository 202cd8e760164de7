"""Object groups, compiled: each once, however many entries and other groups name it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, ip_address, ip_network

from knockctl.automaton.questions import Atom, Ranges, protocol
from knockctl_ios.semantics.conditions import (
    ALWAYS,
    NEVER,
    Condition,
    Either,
    Not,
    all_of,
    guess,
)
from knockctl_ios.semantics.document import Document

HIGHEST = 65535


@dataclass
class Groups:
    """The groups of a document, as one entry asks them."""

    document: Document
    place: str = ""
    """The entry, named where something of a group isn't understood."""
    guessed: bool = False
    """Whether anything wasn't."""
    _known: dict[tuple[str, str], Condition] = field(default_factory=dict)
    _unsure: set[tuple[str, str]] = field(default_factory=set)
    _within: set[tuple[str, str]] = field(default_factory=set)

    @cached_property
    def _networks(self) -> Mapping[str, tuple[str, ...]]:
        return self.document.groups("network")

    @cached_property
    def _services(self) -> Mapping[str, tuple[str, ...]]:
        return self.document.groups("service")

    def guess(self, why: str) -> Condition:
        """Return what stands for something of the entry that isn't understood."""
        self.guessed = True
        return guess(self.place, why)

    def _once(
        self,
        key: tuple[str, str],
        side: str,
        members: Iterable[str],
        read: Callable[[list[str]], Condition],
    ) -> Condition:
        """Return what one of the members asks; what was compiled before is not compiled again."""
        if key in self._within:
            # A group that names itself holds nothing more by that.
            return NEVER
        before, self.guessed = self.guessed, key in self._unsure
        if key not in self._known:
            self._within.add(key)
            self._known[key] = joined(side, [read(member.split()) for member in members])
            self._within.discard(key)
            self._unsure |= {key} if self.guessed else set()
        self.guessed = self.guessed or before
        return self._known[key]

    # --- addresses ---

    def network(self, name: str, side: str) -> Condition:
        """Ask whether a packet's ``source`` or ``destination`` is in a group."""
        members = self._networks.get(name)
        if members is None:
            return self.guess(f"whether the {side} is in {name}")
        return self._once((side, name), side, members, lambda said: self._host(said, side))

    def _host(self, said: list[str], side: str) -> Condition:
        if said[0] == "group-object":
            return self.network(said[1], side)
        if said[0] == "any":
            return ALWAYS
        try:
            if said[0] == "range":
                return Atom(side, ((number(said[1]), number(said[2])),))
            if said[0] == "host":
                return Atom(side, span(said[1]))
            mask = str(ip_network(f"{said[0]}/{said[1]}", strict=False).hostmask)
            return Atom(side, wildcard(said[0], mask))
        except (ValueError, IndexError):
            return self.guess(f"whether the {side} is {' '.join(said)}")

    # --- services ---

    def service(self, name: str) -> Condition:
        """Ask whether a packet is for a service of a group."""
        members = self._services.get(name)
        if members is None:
            return self.guess(f"what {name} holds")
        return self._once(("service", name), "", members, self._one)

    def _one(self, said: list[str]) -> Condition:
        if said[0] == "group-object":
            return self.service(said[1])
        names = ("tcp", "udp") if said[0] == "tcp-udp" else (said[0],)
        parts: list[Condition] = [] if said[0] in ("ip", "ipv6") else [protocol(*names)]
        rest, port = said[1:], "port"
        if rest[:1] == ["source"]:
            rest, port = rest[1:], "source_port"
        numbers = [int(one) for one in rest[1:] if one.isdigit()]
        if rest and rest[0] in PORTED and len(numbers) >= PORTED[rest[0]]:
            parts.append(ported(rest[0], numbers, port))
        elif rest:
            parts.append(self.guess(f"what {' '.join(said)} matches"))
        return all_of(parts)


def joined(side: str, parts: Iterable[Condition]) -> Condition:
    """Join by or: ranges of one side as one question, and nothing twice."""
    ranges: list[tuple[int, int]] = []
    others: dict[Condition, None] = {}
    for part in parts:
        for one in part.parts if isinstance(part, Either) else (part,):
            if isinstance(one, Atom) and one.field == side:
                ranges += one.test
            else:
                others[one] = None
    asked = [Atom(side, _merged(ranges))] if ranges else []
    found = (*asked, *others)
    return found[0] if len(found) == 1 else Either(found)


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found)


# --- numbers ------------------------------------------------------------------------------------

PORTED = {"eq": 1, "neq": 1, "lt": 1, "gt": 1, "range": 2}
"""How ports are asked for, and how many numbers that takes at least."""


def ported(operator: str, numbers: list[int], name: str) -> Condition:
    """Return what asks for ports."""
    if operator == "neq":
        return Not(ported("eq", numbers, name))
    runs: Ranges
    if operator == "eq":
        runs = tuple((one, one) for one in numbers)
    elif operator == "range":
        runs = ((min(numbers), max(numbers)),)
    else:
        first = numbers[0]
        runs = ((0, first - 1),) if operator == "lt" else ((first + 1, HIGHEST),)
    return Atom(name, tuple(run for run in runs if run[0] <= run[1]))


def wildcard(address: str, mask: str) -> Ranges:
    """Return the addresses that a wildcard leaves; raises ``ValueError`` where it has holes."""
    base, free = int(IPv4Address(address)), int(IPv4Address(mask))
    if free & (free + 1):
        raise ValueError(mask)
    return ((base & ~free, base | free),)


def number(text: str) -> int:
    """Return an address as a number."""
    return int(ip_address(text))


def span(text: str) -> Ranges:
    """Return one address as ranges."""
    return ((number(text), number(text)),)
