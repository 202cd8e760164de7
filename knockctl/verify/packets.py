"""The packets an exploration plays: one of each kind that policy or configuration tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from knockctl.automaton.cells import DESTINATION_TYPES
from knockctl.automaton.events import event_of
from knockctl.automaton.machine import DeviceModel, untracks
from knockctl.automaton.packet import (
    FLAGS,
    LOOPBACK,
    OPENING_MASK,
    Address,
    Scope,
    WirePacket,
)
from knockctl.automaton.questions import (
    UNINTERPRETED,
    Ask,
    Atom,
    Text,
    flow,
    ports,
    protocol,
    within,
)
from knockctl.automaton.reference import Site
from knockctl.automaton.regions import Region, Space, divide
from knockctl.ports import Span
from knockctl.verify.states import Letter

_OPENING = Atom("flags", (OPENING_MASK, FLAGS["syn"]))
_ACCEPTED = flow("known", "unanswered")
_ANSWERED = flow("known")
_ESTABLISHED = tuple(Atom("flags", (FLAGS[one], FLAGS[one])) for one in ("ack", "rst"))
_UNTRACKED = flow("untracked")
# What no packet can answer with yes.
_NOTHING = Atom("interface", "")
# Addresses and ports that stand for "any other" wherever nothing says which.
_SOMEBODY = {4: "203.0.113.7", 6: "2001:db8:113::7"}
_SOMEWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}
_SOME_PORT = 9999


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be shown: that this device treats packets as these policies say."""

    site: Site
    scope: Scope
    model: DeviceModel[Any]
    family: int
    whole: bool = False
    """Whether the model holds everything the device runs, somebody else's rules included.

    Then packets over the loopback are left out, which nobody outside can send, and those of
    flows that conntrack calls related: what an accepted flow announced is taken as known.
    """


@dataclass(frozen=True, slots=True)
class Sender:
    """Sources that nothing tells apart, one of them, and the packets it may send."""

    address: Address
    neighbour: Address | None
    """Another source of the same kind; None where there is only one."""
    letters: tuple[Letter, ...]


def senders(claim: Claim) -> list[Sender]:
    """Return one sender for each kind of source, with one packet of each kind."""
    space = Space.of(claim.family, _atoms(claim), _samples(claim))
    kinds: dict[Any, list[Region]] = {}
    guessing = any(name.startswith(UNINTERPRETED) for name in space.chances)
    for start in _feasible(space, claim):
        for region, seen in divide(start, lambda ask: _look(claim, ask)):
            # What surely happens to some is shown by one of them, not by whom it may happen to.
            unsure = guessing and bool(_guesses(region))
            kinds.setdefault((unsure, seen), []).append(region)
    return [_sender(claim, space, kinds, mask) for mask in _source_kinds(space, kinds)]


def _look(claim: Claim, ask: Ask) -> Any:
    seen = tuple(perceive(claim.site, claim.scope, claim.family, ask))
    verdict = not (claim.whole and _passes_always(claim.site, seen, ask))
    return seen, claim.model.signature(claim.family, ask, verdict=verdict)


def _passes_always(site: Site, seen: tuple[Any, ...], ask: Ask) -> bool:
    """Tell whether the policies pass such packets on in every state: then others may decide."""
    kind = seen[0]
    if kind not in ("tcp", "udp"):
        return True
    spans = [span for span in _spans(site) if span.protocol == kind]
    public = [span for policy in site.policies for span in policy.public]
    late = any(relaxed.unanswered for relaxed in site.relaxations)
    if any(ask(ports((span.first, span.last))) for span in spans if span not in public):
        return False
    stateless = any(relaxed.stateless for relaxed in site.relaxations)
    opens = kind == "udp" or ask(_OPENING)
    if not stateless and (not opens or ask(_ANSWERED if late else _ACCEPTED)):
        return not any(relaxed.cut for relaxed in site.relaxations)
    return not any(
        policy.otherwise == "refuse" or policy.lockout or policy.traps for policy in site.policies
    )


# --- what the policies see --------------------------------------------------------------------


def perceive(site: Site, scope: Scope, family: int, ask: Ask) -> Iterator[Any]:
    """Yield everything the reference automaton would notice about a packet."""
    if ask(Atom("interface", LOOPBACK)):
        yield "loopback"
        return
    if not all(ask(atom) for atom in _scope_atoms(scope, family, ask)):
        yield "elsewhere"
        return
    kind = next((p for p in ("tcp", "udp") if ask(protocol(p))), None)
    yield kind
    if kind is None:
        return
    stateless = any(relaxed.stateless for relaxed in site.relaxations)
    if not stateless:
        yield ask(_ACCEPTED)
    if any(relaxed.unanswered for relaxed in site.relaxations):
        yield ask(_ANSWERED)
    if kind == "tcp":
        yield ask(_OPENING)
    if kind == "tcp" and stateless:
        yield any(ask(atom) for atom in _ESTABLISHED)
    spans = [span for span in _spans(site) if span.protocol == kind]
    yield from (ask(ports((span.first, span.last))) for span in spans)
    yield from (ask(atom) for atom in _source_atoms(site, family))
    if kind == "udp" and any(relaxed.tracked for relaxed in site.relaxations):
        yield ask(_UNTRACKED)
    if kind == "udp":
        yield from (ask(Atom("payload", text)) for text in _payloads(site))


def _scope_atoms(scope: Scope, family: int, ask: Ask) -> Iterator[Atom]:
    yield _kind_of(scope)
    listed = scope.listed(family)
    if listed:
        yield Atom("destination", tuple((int(a), int(a)) for a in listed))
    elif scope.only_listed:
        yield _NOTHING
    if scope.interfaces and not any(ask(Atom("interface", name)) for name in scope.interfaces):
        # Asked one by one above; none of them.
        yield _NOTHING


def _kind_of(scope: Scope) -> Atom:
    kind = scope.destination_type
    return Atom("destination_type", frozenset(DESTINATION_TYPES if kind is None else (kind,)))


def _source_atoms(site: Site, family: int) -> Iterator[Atom]:
    for networks in (site.managers, *(policy.trusted for policy in site.policies)):
        mine = [network for network in networks if network.version == family]
        if mine:
            yield within("source", *mine)


def _spans(site: Site) -> tuple[Span, ...]:
    spans = [s for p in site.policies for s in (*p.knock_ports, *p.services, *p.public)]
    spans += [
        Span.single(k.protocol, k.port)
        for p in site.policies
        for g in p.generations
        for k in g.knocks
    ]
    spans += [s for p in site.policies for trap in p.traps for s in trap.services]
    if site.management_port is not None:
        spans.append(Span.single("tcp", site.management_port))
    return tuple(dict.fromkeys(spans))


def _payloads(site: Site) -> tuple[Text, ...]:
    knocks = (k for p in site.policies for g in p.generations for k in g.knocks)
    return tuple(dict.fromkeys(Text(k.payload, folded=k.folded) for k in knocks if k.payload))


# --- the space of packets ---------------------------------------------------------------------


def _atoms(claim: Claim) -> Iterator[Atom]:
    site, scope, family = claim.site, claim.scope, claim.family
    yield from (
        _OPENING,
        _kind_of(scope),
        _ACCEPTED,
        _ANSWERED,
        _UNTRACKED,
        Atom("interface", LOOPBACK),
        _NOTHING,
    )
    yield from (protocol("tcp"), protocol("udp"))
    if any(relaxed.stateless for relaxed in site.relaxations):
        yield from _ESTABLISHED
    listed = scope.listed(family)
    if listed:
        yield Atom("destination", tuple((int(a), int(a)) for a in listed))
    yield from (Atom("interface", name) for name in scope.interfaces)
    yield from (ports((span.first, span.last)) for span in _spans(site))
    yield from _source_atoms(site, family)
    yield from (Atom("payload", text) for text in _payloads(site))
    yield from claim.model.predicates(claim.family)


def _samples(claim: Claim) -> dict[str, Sequence[Any]]:
    icmp = "icmp" if claim.family == 4 else "icmpv6"
    return {
        "protocol": ("tcp", "udp", icmp),
        "interface": tuple(_example(name) for name in claim.scope.interfaces) or ("eth0",),
        "flags": (),
        "flow": (),
        "destination_type": (),
    }


def _example(pattern: str) -> str:
    return pattern[:-1] + "0" if pattern.endswith("+") else pattern


def _feasible(space: Space, claim: Claim) -> Iterator[Region]:
    """Yield the parts of the space that packets can come from.

    What conntrack calls invalid is a stray TCP segment: packets with a wrong checksum are
    nobody's event, and a SYN to no flow is never invalid. Where no rule exempts packets from
    tracking, none is.
    """
    tracked = ["fresh", "unanswered", "known"]
    if not claim.whole:
        tracked.append("related")
    if not claim.whole or untracks(claim.model, claim.family):
        tracked.append("untracked")
    everything = space.everything()
    if claim.whole:
        outside = [i for i in space.fields["interface"].values if i != LOOPBACK]
        everything = everything.narrowed(interface=outside) or everything
    opening = everything.within(_OPENING)
    stray = everything.within(_OPENING, answer=False)
    others = [p for p in space.fields["protocol"].values if p not in ("tcp", "udp")]
    for region, wanted, flows in (
        (opening, ["tcp"], tracked),
        (stray, ["tcp"], [*tracked, "invalid"]),
        # Flags mean nothing here: one value stands for all.
        (everything.narrowed(flags=[FLAGS["syn"]]), ["udp"], tracked),
        (everything.narrowed(flags=[FLAGS["syn"]]), others, tracked),
    ):
        part = region.narrowed(protocol=wanted, flow=flows) if region else None
        if part:
            yield part


# --- sources ----------------------------------------------------------------------------------


def _source_kinds(space: Space, kinds: dict[Any, list[Region]]) -> list[int]:
    """Return sets of source cells: sources of one set may send just the same kinds of packets."""
    if "source" not in space.fields:
        return [0]
    sets = [space.fields["source"].all]
    for mask in {_sources(regions) for regions in kinds.values()}:
        sets = [part for one in sets for part in (one & mask, one & ~mask) if part]
    return sets


def _sources(regions: Sequence[Region]) -> int:
    result = 0
    for region in regions:
        result |= region.masks["source"]
    return result


def _sender(claim: Claim, space: Space, kinds: dict[Any, list[Region]], mask: int) -> Sender:
    likes = _likes(claim)
    letters = []
    address = likes.source
    for regions in kinds.values():
        region = regions[0]
        if mask:
            lowest = mask & -mask
            preferred = mask & _cell(space, int(likes.source)) or lowest
            inside = [r for r in regions if r.masks["source"] & preferred]
            if not inside:
                continue
            region = Region(space, {**inside[0].masks, "source": preferred})
        packet = region.packet(likes)
        address = packet.source
        letters.append(Letter(packet, event_of(packet, claim.scope), guesses=_guesses(region)))
    letters.sort(key=lambda letter: _plainness(claim.site, letter))
    return Sender(address, _neighbour(space, address), tuple(letters))


def _plainness(site: Site, letter: Letter) -> tuple[bool, ...]:
    """Order letters so that of two traces of one length the plainer is found."""
    packet = letter.packet
    return (
        packet.interface == LOOPBACK,
        letter.event is None,
        packet.flow != "fresh",
        packet.protocol not in ("tcp", "udp"),
        packet.protocol == "tcp" and not packet.opening,
        not any(p.is_service(packet.protocol, packet.port) for p in site.policies),
        any(p.is_knock(packet.protocol, packet.port) for p in site.policies),
    )


def _cell(space: Space, number: int) -> int:
    starts = space.fields["source"].values
    return 1 << max(n for n, start in enumerate(starts) if start <= number)


def _guesses(region: Region) -> frozenset[str]:
    prefix = f"chance {UNINTERPRETED}"
    return frozenset(
        name.removeprefix(prefix)
        for name, mask in region.masks.items()
        if name.startswith(prefix) and mask != 3
    )


def _neighbour(space: Space, address: Address) -> Address | None:
    """Return another source of the same cell, next to this one."""
    for other in (int(address) ^ 1, int(address) + 1, int(address) - 1):
        if "source" not in space.fields or _cell(space, other) == _cell(space, int(address)):
            return type(address)(other)
    return None


def _likes(claim: Claim) -> WirePacket:
    listed = claim.scope.listed(claim.family)
    interface = claim.scope.interfaces[0] if claim.scope.interfaces else "eth0"
    return WirePacket(
        source=ip_address(_SOMEBODY[claim.family]),
        destination=listed[0] if listed else ip_address(_SOMEWHERE[claim.family]),
        protocol="tcp",
        port=_SOME_PORT,
        interface=_example(interface),
    )


def sent_by(letters: Sequence[Letter], scope: Scope, address: Address, number: int) -> list[Letter]:
    """Return the same packets from another source of the same kind."""
    packets = (replace(letter.packet, source=address) for letter in letters)
    return [
        replace(letter, packet=packet, event=event_of(packet, scope), source=number)
        for letter, packet in zip(letters, packets, strict=True)
    ]
