"""What a native nftables rule asks of packets, as the same conditions iptables' rules have.

Sources: ``man nft``, PAYLOAD EXPRESSIONS, META EXPRESSIONS, CONNTRACK EXPRESSIONS; a question to
a protocol's header asks for the protocol, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from knockctl.automaton.packet import FLAGS
from knockctl.automaton.questions import UNINTERPRETED, Atom, flow
from knockctl_iptables.config.records import Family
from knockctl_iptables.semantics.conditions import FRESH, Condition, Marked, Stateless
from knockctl_iptables.semantics.words import PROTOCOLS, STATES

_ADDRESSES = {"saddr": "source", "daddr": "destination"}
_PORTS = {"dport": "port", "sport": "source_port"}
_TYPES = {"local": "LOCAL", "unicast": "UNICAST", "broadcast": "BROADCAST"} | {
    "multicast": "MULTICAST"
}
_OWNERS = {"ip": 4, "ip6": 6}
_ALL_FLAGS = 63


class _Unknown(Exception):
    """A question that is not understood."""


@dataclass
class Matches:
    """The conditions of one rule, gathered from left to right."""

    family: Family
    sets: Mapping[str, Mapping[str, Any]]
    written: frozenset[str]
    terse: bool = False
    place: str = ""
    conditions: list[Condition] = field(default_factory=list)

    def copy(self) -> Matches:
        """Return the same, to be gone on with another way."""
        some = list(self.conditions)
        return Matches(self.family, self.sets, self.written, self.terse, self.place, some)

    def first_packets(self) -> None:
        """Ask for a flow's first packet, as chains of type nat see no other."""
        self.conditions.append(Stateless((FRESH,)))

    def chance(self, name: str) -> None:
        """Ask what the packet alone doesn't decide."""
        condition = Stateless((Atom("chance", name),))
        if condition not in self.conditions:
            self.conditions.append(condition)

    def add(self, match: Mapping[str, Any]) -> bool:
        """Add a ``match`` statement; False where no packet of this IP version passes."""
        left, right, op = match["left"], match["right"], match["op"]
        try:
            return self._add(left, right, op)
        except (_Unknown, ValueError, KeyError, TypeError):
            self.chance(UNINTERPRETED + self.place)
            return True

    def _add(self, left: Mapping[str, Any], right: Any, op: str) -> bool:
        mask: int | None = None
        if "&" in left:
            left, mask = left["&"][0], left["&"][1]
        ((kind, key),) = left.items()
        if kind == "payload":
            return self._payload(key, mask, right, op)
        if kind == "meta":
            return self._meta(key["key"], mask, right, op)
        if mask is not None or op not in ("==", "!=", "in"):
            raise _Unknown
        if kind == "ct" and key == {"key": "state"}:
            states = {one.upper() for one in self._values(right)}
            self._ask(flow(*(name for one in states for name in STATES[one])), op)
            return True
        if kind == "fib" and key == {"result": "type", "flags": ["daddr"]}:
            kinds = frozenset(_TYPES[one] for one in self._values(right))
            self._ask(Atom("destination_type", kinds), op)
            return True
        raise _Unknown

    # --- headers ---

    def _payload(self, key: Mapping[str, Any], mask: Any, right: Any, op: str) -> bool:
        owner, name = key["protocol"], key["field"]
        if owner in _OWNERS:
            if _OWNERS[owner] != self.family:
                return False
            return self._network(name, mask, right, op)
        protocol = PROTOCOLS.get(owner, owner)
        if protocol in ("tcp", "udp"):
            self._protocols(frozenset((protocol,)), "==")
        elif owner != "th":
            # Of another protocol than any knock or service: what it asks there is nobody's concern.
            if owner in ("icmp", "icmpv6"):
                self._protocols(frozenset((protocol,)), "==")
            raise _Unknown
        if name in _PORTS and mask is None and op in ("==", "!="):
            self._ask(Atom(_PORTS[name], tuple(sorted(self._spans(right)))), op)
        elif name == "flags" and protocol == "tcp":
            self._flags(mask, right, op)
        else:
            raise _Unknown
        return True

    def _network(self, name: str, mask: Any, right: Any, op: str) -> bool:
        if name in ("protocol", "nexthdr") and mask is None:
            return self._l4(right, op)
        if name not in _ADDRESSES or mask is not None or op not in ("==", "!="):
            raise _Unknown
        spans = tuple(sorted(self._networks(right)))
        self._ask(Atom(_ADDRESSES[name], spans), op)
        return True

    def _l4(self, right: Any, op: str) -> bool:
        names = (str(one) for one in self._values(right))
        self._protocols(frozenset(PROTOCOLS.get(one, one) for one in names), op)
        return True

    def _protocols(self, names: frozenset[str], op: str) -> None:
        self._ask(Atom("protocol", names), op)

    def _flags(self, mask: Any, right: Any, op: str) -> None:
        if mask is None and op == "in":
            self.conditions.append(Stateless((Atom("flags", (_flags(right), 0)),), negated=True))
            return
        if op not in ("==", "!="):
            raise _Unknown
        some = _ALL_FLAGS if mask is None else _flags(mask)
        self._ask(Atom("flags", (some, _flags(right))), op)

    # --- what the host knows of a packet ---

    def _meta(self, key: str, mask: Any, right: Any, op: str) -> bool:
        if key == "mark" and op in ("==", "!=") and isinstance(right, int):
            self.conditions.append(
                Marked(right, 0xFFFFFFFF if mask is None else int(mask), op == "!=")
            )
            return True
        if mask is not None or op not in ("==", "!="):
            raise _Unknown
        if key == "l4proto":
            return self._l4(right, op)
        if key in ("nfproto", "protocol"):
            names = {"ipv4": 4, "ipv6": 6, "ip": 4, "ip6": 6}
            fits = self.family in {names.get(one) for one in self._values(right)}
            return fits == (op == "==")
        if key in ("iifname", "iif"):
            atoms = tuple(Atom("interface", _interface(one)) for one in self._values(right))
            self.conditions.append(Stateless(atoms, op == "!="))
            return True
        raise _Unknown

    def _ask(self, atom: Atom, op: str) -> None:
        condition = Stateless((atom,), op == "!=")
        if condition not in self.conditions:
            self.conditions.append(condition)

    # --- values ---

    def _values(self, right: Any) -> Iterator[Any]:
        """Yield the values that pass, members of a named set among them."""
        if isinstance(right, str) and right.startswith("@"):
            yield from self._members(right[1:])
        elif isinstance(right, Mapping) and "set" in right:
            for one in right["set"]:
                yield from self._values(one)
        elif isinstance(right, Mapping) and "elem" in right:
            # It has a timeout, or counts: entries come and go.
            raise _Unknown
        elif isinstance(right, list):
            yield from right
        else:
            yield right

    def _members(self, name: str) -> Iterable[Any]:
        known = self.sets[name]
        passing = {"timeout", "dynamic"} & set(known.get("flags", ()))
        if self.terse or name in self.written or passing or "timeout" in known:
            raise _Unknown
        return [one for some in known.get("elem", ()) for one in self._values(some)]

    def _networks(self, right: Any) -> Iterator[tuple[int, int]]:
        for one in self._values(right):
            if isinstance(one, Mapping) and "prefix" in one:
                network = ip_network(f"{one['prefix']['addr']}/{one['prefix']['len']}")
                yield int(network.network_address), int(network.broadcast_address)
            elif isinstance(one, Mapping):
                first, last = one["range"]
                yield int(ip_address(first)), int(ip_address(last))
            else:
                yield (int(ip_address(one)),) * 2

    def _spans(self, right: Any) -> Iterator[tuple[int, int]]:
        for one in self._values(right):
            first, last = one["range"] if isinstance(one, Mapping) else (one, one)
            yield int(first), int(last)


def _interface(name: Any) -> str:
    """Return a name as iptables writes it: ``eth+`` for ``eth*``."""
    if not isinstance(name, str) or "*" in name[:-1]:
        raise _Unknown
    return f"{name[:-1]}+" if name.endswith("*") else name


def _flags(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(_flags(one) for one in value["|"])
    if isinstance(value, list):
        return sum(_flags(one) for one in value)
    if isinstance(value, int):
        if value > _ALL_FLAGS:
            raise _Unknown
        return value
    return FLAGS[value]
