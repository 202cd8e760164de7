"""Whose packets are asked about, and what is at stake of each, in one family of one device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address, summarize_address_range
from itertools import islice
from typing import Any

from knockctl.automaton.boxes import Masks
from knockctl.automaton.cells import DESTINATION_TYPES, union
from knockctl.automaton.chains import Alter, Program
from knockctl.automaton.conditions import atoms
from knockctl.automaton.packet import FLAGS, LOOPBACK, OPENING_MASK, WirePacket
from knockctl.automaton.questions import UNINTERPRETED, Atom, flow, ports, protocol, within
from knockctl.automaton.reference.state import Address
from knockctl.automaton.regions import Region, Space
from knockctl.verify.findings import MOST_NAMED, Kind
from knockctl.verify.packets import Claim
from knockctl.verify.roles import Role, Segment, Stake, postures, roles, stake

_OPENING = Atom("flags", (OPENING_MASK, FLAGS["syn"]))
_ANSWERS = tuple(Atom("flags", (FLAGS[one], FLAGS[one])) for one in ("ack", "rst"))
_FIRST, _STRAY, _EXEMPT = flow("fresh"), flow("fresh", "invalid"), flow("untracked")
_SOMEBODY = {4: "203.0.113.7", 6: "2001:db8:113::7"}
_SOMEWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}


_LOSSES = (
    (Kind.KNOCK_LOST, "knock"),
    (Kind.LOCKOUT_LOST, "lockout"),
    (Kind.RESET_LOST, "reset"),
    (Kind.STRAY_LOST, "stray"),
)


@dataclass(frozen=True)
class Sources:
    """Sources that the policies treat alike."""

    mask: int
    example: IPv4Address | IPv6Address
    stakes: list[tuple[Role, Masks, Stake]]
    """For each role the packets, theirs alone."""

    def stake(self, role: Role) -> Stake:
        """Return what is at stake of one role."""
        return next(at for one, _, at in self.stakes if one is role)

    @cached_property
    def knocks(self) -> bool:
        """Whether there is a service that they get to by knocking alone."""
        return any(at.refused for role, _, at in self.stakes if role.name == "service")

    @cached_property
    def refusals(self) -> Mapping[bool, list[tuple[Role, Masks]]]:
        """The roles of packets that the policies refuse from some, by whether ours saw them before.

        Then who is locked out has been refused already.
        """
        return {
            seen: [
                (role, masks)
                for role, masks, at_stake in self.stakes
                if at_stake.refused or (at_stake.held_off and not seen)
            ]
            for seen in (True, False)
        }

    @cached_property
    def losses(self) -> Mapping[bool, list[tuple[Role, Masks, list[Kind]]]]:
        """What is lost of each role, by whether the packet is accepted or refused instead."""
        return {
            accepts: [
                (role, masks, kinds)
                for role, masks, at_stake in self.stakes
                if (kinds := list(taken(at_stake, accepts=accepts)))
            ]
            for accepts in (True, False)
        }


_MOST_AGAIN = 8
"""Chances that are told apart packet by packet; others may turn out so and so for each rule."""
_MANY_RULES = 1_000
"""From so many on, ports that nobody governs are looked at roughly."""


class Stakes:
    """Packets to every port that matters, from every kind of source, and what they would mean."""

    def __init__(self, claim: Claim, program: Program) -> None:
        """Cut the space of packets by all that rules and policies ask."""
        self.claim, self.program = claim, program
        self.family = claim.family
        self.roles = tuple(roles(claim.site))
        listed = [rule for chain in program.chains.values() for rule in chain]
        asked = [atom for rule in listed for atom in atoms(rule.condition)]
        plain = (atom for atom in asked if atom.field not in ("chance", "mark"))
        again = islice(_asked_again(asked), _MOST_AGAIN)
        self.space = Space.of(self.family, [*self._own_atoms(), *plain, *again], self._samples())

    def _own_atoms(self) -> Iterator[Atom]:
        claim = self.claim
        yield from (_OPENING, *_ANSWERS, _FIRST, _STRAY, _EXEMPT)
        yield from (protocol("tcp"), protocol("udp"), Atom("interface", LOOPBACK))
        yield self._kinds()
        yield from (Atom("interface", name) for name in claim.scope.interfaces)
        yield self._destination()
        for role in self.roles:
            yield self._ports(role)
        for networks in (claim.site.managers, *(p.trusted for p in claim.site.policies)):
            yield self._inside(networks)

    def _kinds(self) -> Atom:
        kind = self.claim.scope.destination_type
        return Atom("destination_type", frozenset(DESTINATION_TYPES if kind is None else (kind,)))

    def _destination(self) -> Atom:
        listed = self.claim.scope.listed(self.family)
        return Atom("destination", tuple((int(a), int(a)) for a in listed))

    def _inside(self, networks: Iterable[Any]) -> Atom:
        return within("source", *(n for n in networks if n.version == self.family))

    @staticmethod
    def _ports(role: Role) -> Atom:
        return ports(*((span.first, span.last) for span in role.spans))

    def _samples(self) -> dict[str, Sequence[Any]]:
        names = self.claim.scope.interfaces
        return {
            "protocol": ("tcp", "udp"),
            "interface": tuple(n[:-1] + "0" if n.endswith("+") else n for n in names) or ("eth0",),
            "flags": (),
            "flow": (),
            "destination_type": (),
            "source": (),
            "destination": (),
            "port": (),
        }

    def _mask(self, atom: Atom) -> int:
        return self.space.places[atom][1]

    @cached_property
    def groups(self) -> tuple[Sources, ...]:
        """Sources by who trusts them, and whether they manage the device."""
        return tuple(self._groups())

    def _groups(self) -> Iterator[Sources]:
        """Yield sources by who trusts them, and whether they manage the device."""
        site = self.claim.site
        parts = [self.space.fields["source"].all]
        for networks in (site.managers, *(policy.trusted for policy in site.policies)):
            mask = self._mask(self._inside(networks))
            parts = [piece for one in parts for piece in (one & ~mask, one & mask) if piece]
        states = list(postures(site))
        for part in parts:
            example = Region(self.space, {"source": part}).packet(self._likes()).source
            yield Sources(
                part,
                example,
                [
                    (role, {**self._role(role), "source": part}, stake(site, role, example, states))
                    for role in self.roles
                    if role.segment is Segment.OPENING or not self._spared(role, example)
                ],
            )

    def _spared(self, role: Role, source: Address) -> bool:
        """Tell whether it is no matter what opens nothing, as its source is trusted there."""
        site = self.claim.site
        return any(
            role.name == "service" or not relaxed.partial
            for policy, relaxed in zip(site.policies, site.relaxations, strict=True)
            if any(source in network for network in policy.trusted)
        )

    def _role(self, role: Role) -> Masks:
        kinds = {
            Segment.OPENING: (self._mask(_OPENING), self._mask(_FIRST)),
            Segment.ESTABLISHED: (
                (self._mask(_ANSWERS[0]) | self._mask(_ANSWERS[1])) & ~self._mask(_OPENING),
                self._mask(_STRAY),
            ),
            Segment.BARE: (
                self.space.fields["flags"].all
                & ~(self._mask(_ANSWERS[0]) | self._mask(_ANSWERS[1]) | self._mask(_OPENING)),
                self._mask(_STRAY),
            ),
        }
        flags, flows = kinds[role.segment]
        if self.program.untracks:
            flows |= self._mask(_EXEMPT)
        return {
            "port": self._mask(self._ports(role)),
            "protocol": self._mask(protocol(role.protocol)),
            "flags": flags,
            "flow": flows,
        }

    def start(self) -> Iterator[Masks]:
        """Yield boxes with all packets of all roles, as few as can be."""
        for group in self.groups:
            yield from self._start(group)

    def _start(self, group: Sources) -> Iterator[Masks]:
        scope = self.claim.scope
        if scope.only_listed and not scope.listed(self.family):
            return
        base = {name: cells.all for name, cells in self.space.fields.items()}
        base["source"] = group.mask
        base["destination_type"] &= self._mask(self._kinds())
        if scope.listed(self.family):
            base["destination"] &= self._mask(self._destination())
        base["interface"] &= ~self._mask(Atom("interface", LOOPBACK))
        if scope.interfaces:
            by = [self._mask(Atom("interface", name)) for name in scope.interfaces]
            base["interface"] &= union(by)
        # One box a protocol: what can't be, such as the first packet of a flow that fits no flow,
        # is in it, too, and of no role.
        together: dict[int, dict[str, int]] = {}
        for _, masks, _ in group.stakes:
            box = together.setdefault(masks["protocol"], dict.fromkeys(masks, 0))
            for name, mask in masks.items():
                box[name] |= mask
        for box in together.values():
            yield {**base, **box}

    def _likes(self) -> WirePacket:
        listed = self.claim.scope.listed(self.family)
        return WirePacket(
            source=ip_address(_SOMEBODY[self.family]),
            destination=listed[0] if listed else ip_address(_SOMEWHERE[self.family]),
            protocol="tcp",
        )

    def counting(self) -> int | None:
        """Return the ports at which somebody could get in; None where it is to be exact of all.

        It is where rules are few, or where some lead from one port to another.
        """
        rules = [rule for chain in self.program.chains.values() for rule in chain]
        if len(rules) <= _MANY_RULES or any(isinstance(r.action, Alter) for r in rules):
            return None
        return union(
            masks["port"]
            for group in self.groups
            for role, masks, at_stake in group.stakes
            if at_stake.refused or at_stake.accepted or at_stake.knock or role.name != "other"
        )

    def concerned(self, kind: Kind, role: Role) -> Sequence[Sources]:
        """Return from whom something must be taken for nobody to be left who has it.

        Whom the policies let in without a knock, trusted networks say, counts only where there is
        nobody else: that they can't knock stops no other, and that they can helps no other.
        """
        mine = [
            (group, at_stake)
            for group in self.groups
            for one, _, at_stake in group.stakes
            if one is role and kind in taken(at_stake, accepts=False)
        ]
        shut = kind is Kind.SERVICE_SHUT
        found = [group for group, at in mine if (at.refused if shut else group.knocks)]
        return found or [group for group, _ in mine]

    # --- names ---

    def who(self, sources: int, by: int, *, everyone: bool, partial: bool) -> str:
        """Name sources, and the interfaces that their packets come in by."""
        cells = self.space.fields["interface"].values
        names = [name for place, name in enumerate(cells) if by >> place & 1]
        named = {atom.test for atom in self.space.places if atom.field == "interface"}
        scope = self.claim.scope.interfaces
        told = bool(names) and set(names) <= named and not scope
        where = f" by {', '.join(map(str, names))}" if told else ""
        return f"{'anyone' if everyone else self.networks(sources, partial=partial)}{where}"

    def networks(self, sources: int, *, partial: bool) -> str:
        """Name sources; ``partial``: where some were left out, none is named."""
        if partial:
            return "some sources"
        found = self._named(sources)
        if found:
            return ", ".join(found)
        others = self._named(self.space.fields["source"].all & ~sources)
        return f"anyone but {', '.join(others)}" if others else "some sources"

    def _named(self, sources: int) -> list[str]:
        """Return the networks that make up these sources; none where they are many."""
        cells = self.space.fields["source"].values
        highest = 2 ** (32 if self.family == 4 else 128) - 1
        kind = IPv4Address if self.family == 4 else IPv6Address
        ends = *cells[1:], highest + 1
        found = [
            str(network)
            for first, last in islice(_runs(sources), MOST_NAMED + 1)
            for network in summarize_address_range(kind(cells[first]), kind(ends[last] - 1))
        ]
        return found if len(found) <= MOST_NAMED else []


def _runs(mask: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last cell of each run of a set."""
    first = 0
    while mask:
        others = (mask & -mask).bit_length() - 1
        mask >>= others
        length = (~mask & mask + 1).bit_length() - 1
        mask >>= length
        yield first + others, first + others + length - 1
        first += others + length


def _asked_again(asked: Iterable[Atom]) -> Iterator[Atom]:
    """Yield the chances that are asked for more than once: all who ask get the same answer."""
    seen = Counter(atom for atom in asked if atom.field == "chance")
    for atom, times in seen.items():
        if times > 1 and not str(atom.test).startswith(UNINTERPRETED):
            yield atom


def taken(at_stake: Stake, *, accepts: bool) -> Iterator[Kind]:
    """Yield what is lost where a foreign rule accepts, or refuses, such a packet."""
    for kind, name in _LOSSES:
        if getattr(at_stake, name) and not (accepts and kind is Kind.LOCKOUT_LOST):
            yield kind
    if at_stake.accepted and not accepts:
        yield Kind.SERVICE_SHUT
