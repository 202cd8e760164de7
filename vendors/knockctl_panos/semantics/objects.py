"""Names in rules to addresses and ports: objects, groups, literals.

Sources: fact sheet 2, 2.2. What a name stands for and no configuration tells (a host name, an
external list, a region) is guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address, ip_network
from socket import AF_INET, inet_pton

from knockctl.automaton.questions import Atom, Ranges, ports, protocol
from knockctl_panos.config.document import Document
from knockctl_panos.config.syntax import Tree
from knockctl_panos.semantics.expressions import NotUnderstood, parsed, unquoted
from knockctl_panos.semantics.formula import (
    Formula,
    Is,
    Side,
    Tagged,
    all_of,
    any_of,
    guess,
)

# What every firewall has without its being configured.
_PREDEFINED = {"service-http": ((80, 80), (8080, 8080)), "service-https": ((443, 443),)}
_ANY_PORT = ((0, 65535),)
_V4 = 4
_HOSTS = {str(bits): (1 << 32 - bits) - 1 for bits in range(33)}
"""By the lengths of prefixes, the bits behind them."""


@dataclass
class Objects:
    """Everything of a document that rules refer to, for one IP version."""

    document: Document
    family: int
    writing: Callable[[], Iterable[str]] = tuple
    """Returns the tags that logs register."""

    @cached_property
    def written(self) -> frozenset[str]:
        """Tags that logs register."""
        return frozenset(self.writing())

    @cached_property
    def _tagged(self) -> Mapping[str, list[tuple[int, int]]]:
        """By tags, what the objects that carry them stand for."""
        found: dict[str, list[tuple[int, int]]] = {}
        for node in self._addresses.values():
            for tag in node.members("tag"):
                found.setdefault(tag, []).extend(self._literal(_value(node)) or ())
        return found

    @cached_property
    def _addresses(self) -> Mapping[str, Tree]:
        return self.document.found("address")

    @cached_property
    def _groups(self) -> Mapping[str, Tree]:
        return self.document.found("address-group")

    @cached_property
    def _named(self) -> Mapping[str, Tree]:
        """Groups and addresses; of one name the group."""
        return {**self._addresses, **self._groups}

    @cached_property
    def _services(self) -> Mapping[str, Tree]:
        return self.document.found("service")

    @cached_property
    def _service_groups(self) -> Mapping[str, Tree]:
        return self.document.found("service-group")

    # --- addresses ---

    def addresses(self, names: Iterable[str], side: Side, place: str) -> Formula:
        """Return whether an address of the packet is in any of these."""
        ranges: list[tuple[int, int]] = []
        others: list[Formula] = []
        for one in self._flat(names, frozenset()):
            if one == "any":
                return True
            literal = self.spans(one)
            if literal is not None:
                ranges += literal
                continue
            group = self._groups.get(one)
            if group is not None and group.child("dynamic") is not None:
                others.append(self._dynamic(group, side, place))
            else:
                others.append(guess(place, f"whether the {side} is in {one!r}"))
        return any_of([*_within(side, ranges), *others])

    def ranges(self, names: Sequence[str]) -> Ranges | None:
        """Return the addresses these stand for; None where no configuration tells them all."""
        found = [self.spans(one) for one in self._flat(names, frozenset())]
        if None in found:
            return None
        return tuple(span for some in found for span in some or ())

    def spans(self, name: str) -> Ranges | None:
        """Return the addresses of a literal, or of an object, that is no group."""
        known = self._known
        if name in known:
            return known[name]
        node = self._named.get(name)
        known[name] = found = self._literal(_value(node) if node else name)
        return found

    @cached_property
    def _known(self) -> dict[str, Ranges | None]:
        return {"any": None}

    def _flat(self, names: Iterable[str], above: frozenset[str]) -> Iterator[str]:
        """Yield what is in static groups in their place."""
        for name in names:
            group = self._groups.get(name)
            if group is None or group.child("static") is None:
                yield name
            elif name not in above:
                yield from self._flat(group.members("static"), above | {name})

    def _literal(self, text: str) -> Ranges | None:
        """Return the addresses a text stands for, of this family; None where it is none."""
        quick = _plain_v4(text)
        if quick is not None:
            return (quick,) if self.family == _V4 else ()
        first, dash, last = text.partition("-")
        try:
            if dash:
                found = (ip_address(first.strip()), ip_address(last.strip()))
                mine = found[0].version == self.family
                return ((int(found[0]), int(found[1])),) if mine else ()
            network = ip_network(text, strict=False)
        except ValueError:
            return None
        if network.version != self.family:
            return ()
        return ((int(network.network_address), int(network.broadcast_address)),)

    def _dynamic(self, group: Tree, side: Side, place: str) -> Formula:
        """Return whether an address has the tags a group asks for."""

        def term(words: list[str]) -> Formula:
            if len(words) != 1 and any(word.startswith("'") for word in words):
                raise NotUnderstood(" ".join(words))
            return self._tag(" ".join(unquoted(word) for word in words), side, place)

        try:
            return parsed(group.word("dynamic/filter"), term)
        except NotUnderstood:
            return guess(place, f"whether the {side} is in {group.name!r}")

    def _tag(self, tag: str, side: Side, place: str) -> Formula:
        """Return whether an address has a tag: as an object's, or registered.

        A tag that no log registers may still be registered by somebody else (fact sheet 2.3).
        """
        runtime: Formula = Tagged(tag, side)
        if tag not in self.written:
            runtime = guess(place, f"whether somebody registers {tag!r} for the {side}")
        return any_of([*_within(side, self._tagged.get(tag, ())), runtime])

    # --- services ---

    def services(self, names: Iterable[str], place: str) -> Formula:
        """Return whether the packet is for any of these."""
        found: list[Formula] = []
        for one in self._flat_services(names, frozenset()):
            if one == "any":
                return True
            node = self._services.get(one)
            if node is not None:
                found.append(_service(node, place))
            elif one in _PREDEFINED:
                found.append(all_of([Is(protocol("tcp")), Is(ports(*_PREDEFINED[one]))]))
            else:
                found.append(guess(place, f"whether the packet is for {one!r}"))
        return any_of(found)

    def _flat_services(self, names: Iterable[str], above: frozenset[str]) -> Iterator[str]:
        for name in names:
            group = self._service_groups.get(name)
            if group is None:
                yield name
            elif name not in above:
                yield from self._flat_services(group.members("members"), above | {name})


def _value(node: Tree) -> str:
    """Return the address of an object that has one; an empty text otherwise."""
    return node.word("ip-netmask") or node.word("ip-range")


def _plain_v4(text: str) -> tuple[int, int] | None:
    """Return the addresses of most texts there are, quickly; None for all others."""
    address, slash, length = text.partition("/")
    try:
        first = int.from_bytes(inet_pton(AF_INET, address))
    except (OSError, ValueError):
        return None
    if not slash:
        return first, first
    hosts = _HOSTS.get(length)
    return None if hosts is None else (first & ~hosts, first | hosts)


def _within(side: Side, ranges: Iterable[tuple[int, int]]) -> tuple[Is, ...]:
    found = tuple(sorted(set(ranges)))
    return (Is(Atom(side, found)),) if found else ()


def _service(node: Tree, place: str) -> Formula:
    found: list[Formula] = []
    protocols = node.child("protocol")
    for one in protocols.children if protocols else ():
        try:
            ranges, sources = _runs(one.word("port")), _runs(one.word("source-port"))
        except ValueError:
            found.append(guess(place, f"whether the packet is for {node.name!r}"))
            continue
        name = {"tcp": "tcp", "udp": "udp", "sctp": "132"}.get(one.tag)
        if name is None or (one.tag == "sctp" and (ranges, sources) != (_ANY_PORT, _ANY_PORT)):
            unknown = guess(place, f"whether the packet is for {node.name!r}")
            found.append(all_of([Is(protocol(name)), unknown]) if name else unknown)
            continue
        parts = [Is(protocol(name))]
        parts += [Is(ports(*ranges))] if ranges != _ANY_PORT else []
        parts += [Is(Atom("source_port", sources))] if sources != _ANY_PORT else []
        found.append(all_of(parts))
    return any_of(found)


def _runs(text: str) -> Ranges:
    if not text:
        return _ANY_PORT
    runs = (run.partition("-") for run in text.split(","))
    return tuple((int(first), int(last or first)) for first, _, last in runs)
