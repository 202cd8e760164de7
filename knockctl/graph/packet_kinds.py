"""One packet of every kind that a policy tells apart, from somebody it does not trust.

Whoever is trusted is never tracked, so that there is nothing to tell apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from knockctl.automaton.reference import Address, Packet
from knockctl.policy.resolved import Knock, ResolvedPolicy
from knockctl.ports import Span, common, without

Role = Literal["knock", "trap", "service", "public", "other"]

_SOMEBODY: tuple[Address, ...] = (IPv4Address("203.0.113.7"), IPv6Address("2001:db8::7"))
_PORTS = (Span("tcp", 1, 65535), Span("udp", 1, 65535))


@dataclass(frozen=True, slots=True)
class Kind:
    """One packet that stands for all of its kind."""

    packet: Packet
    role: Role
    name: str = ""
    """What to call a knock; the others are called by their ports."""
    spans: tuple[Span, ...] = ()
    """The ports as the policy lists them. Knocks among them are not left out: where the knocks
    are secret, the gap would tell."""


def kinds(policy: ResolvedPolicy, track: int, *, reveal: bool) -> Iterator[Kind]:
    """Yield a packet of each kind, the knocks of one generation first, named by their place."""
    source = stranger(policy)
    seen: list[tuple[Span, bytes | None]] = []
    for index in sorted(range(len(policy.generations)), key=lambda index: index != track):
        names = named(policy, index, reveal=reveal, apart=index != track)
        for knock, name in zip(policy.generations[index].knocks, names, strict=True):
            if (knock.span, knock.payload) not in seen:
                seen.append((knock.span, knock.payload))
                yield Kind(_packet(source, knock.span, knock.payload), "knock", name)
    # Without its passphrase, a knock's port is as good as any other.
    knocks = [span for span, payload in seen if payload is None]
    for role, spans in _alike(policy):
        free = without(spans, knocks)
        if free:
            yield Kind(_packet(source, free[0]), role, spans=spans)


def stranger(policy: ResolvedPolicy) -> Address:
    """Return an address that the policy does not trust, of IPv4 if there is one.

    Where it trusts everybody, so is this one, and what happens to it is what happens to all.
    """
    for usual in _SOMEBODY:
        networks = [n for n in policy.trusted if n.version == usual.version]
        # The lowest address outside of all networks is 0 or comes right after one of them.
        last = 2**usual.max_prefixlen - 1
        after = sorted(int(n.broadcast_address) + 1 for n in networks)
        others = [type(usual)(number) for number in (*after, 0) if number <= last]
        for address in (usual, *others):
            if not any(address in network for network in networks):
                return address
    return _SOMEBODY[0]


def named(
    policy: ResolvedPolicy, track: int, *, reveal: bool, apart: bool = False
) -> Iterator[str]:
    """Yield what each knock of a generation is called: by its place where it is secret."""
    generation = policy.generations[track]
    of = f" of sequence {generation.number}" if apart else ""
    for place, knock in enumerate(generation.knocks, start=1):
        masked = knock.secret and not reveal
        yield f"knock {place}{of}" if masked else _called(policy, knock)


def _called(policy: ResolvedPolicy, knock: Knock) -> str:
    """Name a knock by its port, and by its passphrase's number where the port has several."""
    if not knock.payload:
        return str(knock.span)
    words = list(
        dict.fromkeys(
            k.payload
            for generation in policy.generations
            for k in generation.knocks
            if k.payload and k.span == knock.span
        )
    )
    which = "a passphrase" if len(words) == 1 else f"passphrase {words.index(knock.payload) + 1}"
    return f"{knock.span} with {which}"


def _alike(policy: ResolvedPolicy) -> Iterator[tuple[Role, tuple[Span, ...]]]:
    """Yield the ports that are listed in the same places, with what they are called after."""
    listed: list[tuple[Role, tuple[Span, ...]]] = [("public", policy.public)]
    listed += [("trap", trap.services) for trap in policy.traps]
    listed.append(("service", policy.services))
    parts: list[tuple[Role, tuple[Span, ...]]] = [("other", _PORTS)]
    for role, spans in listed:
        inside = [(role if r == "other" else r, common(part, spans)) for r, part in parts]
        parts = inside + [(r, without(part, spans)) for r, part in parts]
    yield from (part for part in parts if part[1])


def _packet(source: Address, span: Span, payload: bytes | None = None) -> Packet:
    return Packet(source, span.protocol, span.first, payload=payload or b"")
