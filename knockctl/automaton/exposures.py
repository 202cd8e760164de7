"""The quick question: what foreign rules do to packets that the policies are about.

One packet of each kind, from every posture of the policies, asked of everything that runs: which
foreign rule lets a stranger in, and which takes a knock, a reset or a lock-out away. No
exploration: what foreign rules remember of earlier packets stays open, and is said so; ``verify``
explores it. ``diff``, ``deploy``, ``verify --running`` and ``simulate`` all ask here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address, summarize_address_range
from typing import Any

from knockctl.automaton.alphabet import Atom, flow, ports, protocol, within
from knockctl.automaton.boxes import EARLIER, HERE, Box, Masks, Matches, TooTangled
from knockctl.automaton.cells import DESTINATION_TYPES, TooManyCells
from knockctl.automaton.chains import Alter, ChainRule, Program
from knockctl.automaton.conditions import atoms
from knockctl.automaton.findings import MOST_NAMED, Finding, Kind
from knockctl.automaton.letters import Claim
from knockctl.automaton.passages import Passage, Swept
from knockctl.automaton.regions import Region, Space
from knockctl.automaton.roles import Role, Segment, Stake, postures, roles, stake
from knockctl.automaton.sweep import Sweep
from knockctl.automaton.verdict import Verdict
from knockctl.automaton.wire import FLAGS, LOOPBACK, OPENING_MASK, WirePacket
from knockctl.ports import Span, merged

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


def find(claim: Claim, program: Program) -> list[Finding]:
    """Ask what foreign rules of a program do to the policies of a claim, for one family."""
    if not claim.site.policies:
        return []
    try:
        return list(_Question(claim, program).findings())
    except (TooManyCells, TooTangled) as error:
        who, why = "anyone", (str(error),)
        return [Finding(Kind.UNKNOWN, claim.family, (), who, everyone=True, why=why)]


@dataclass(frozen=True)
class _Sources:
    """Sources that the policies treat alike."""

    mask: int
    example: IPv4Address | IPv6Address
    stakes: list[tuple[Role, Masks, Stake]]
    """For each role the packets, theirs alone."""

    def stake(self, role: Role) -> Stake:
        """Return what is at stake of one role."""
        return next(at for one, _, at in self.stakes if one is role)

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
                if (kinds := list(_taken(at_stake, accepts=accepts)))
            ]
            for accepts in (True, False)
        }


@dataclass(frozen=True, slots=True)
class _Hit:
    """Packets of one role whose fate a rule decides."""

    passage: Passage
    group: _Sources
    role: Role
    masks: Masks


@dataclass(slots=True)
class _Loss:
    """Rules that take the same away of one role."""

    rules: dict[ChainRule, None] = field(default_factory=dict)
    groups: dict[int, _Sources] = field(default_factory=dict)
    sources: int = 0
    certain: bool = False
    guesses: set[str] = field(default_factory=set)

    def take(self, passage: Passage, group: _Sources, sources: int) -> None:
        """Add what one rule takes."""
        self.rules[passage.rule] = None
        self.groups[group.mask] = group
        self.sources |= sources
        # That the policies remember who is in, say, is nothing that is not known.
        opens = frozenset(one for one in passage.box.opens if one.kind != "ours")
        self.certain = self.certain or all(one.kind == "chance" for one in opens)
        self.guesses |= {one.name for one in opens}

    @property
    def all_sources(self) -> bool:
        """Whether it is taken from everybody who has it."""
        return not any(mask & ~self.sources for mask in self.groups)


_MANY_RULES = 1_000
"""From so many on, ports that nobody governs are looked at roughly."""


class _Question:
    """One family of one device."""

    def __init__(self, claim: Claim, program: Program) -> None:
        self.claim, self.program = claim, program
        self.family = claim.family
        self.roles = tuple(roles(claim.site))
        listed = [rule for chain in program.chains.values() for rule in chain]
        asked = [atom for rule in listed for atom in atoms(rule.condition)]
        plain = (atom for atom in asked if atom.field not in ("chance", "mark"))
        self.space = Space.of(self.family, [*self._own_atoms(), *plain], self._samples())

    def findings(self) -> Iterator[Finding]:
        """Yield what there is, exposures first."""
        start = [masks for group in self.groups for masks in self._start(group)]
        if not start:
            return
        swept = Sweep(self.program, self.space, ports=self._counting()).run(start)
        yield from self._exposed(swept)
        yield from self._lost(swept)

    # --- the packets that are sent ---

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
    def groups(self) -> tuple[_Sources, ...]:
        """Sources by who trusts them, and whether they manage the device."""
        return tuple(self._groups())

    def _groups(self) -> Iterator[_Sources]:
        """Yield sources by who trusts them, and whether they manage the device."""
        site = self.claim.site
        parts = [self.space.fields["source"].all]
        for networks in (site.managers, *(policy.trusted for policy in site.policies)):
            mask = self._mask(self._inside(networks))
            parts = [piece for one in parts for piece in (one & ~mask, one & mask) if piece]
        states = list(postures(site))
        for part in parts:
            example = Region(self.space, {"source": part}).packet(self._likes()).source
            trusted = any(example in n for policy in site.policies for n in policy.trusted)
            yield _Sources(
                part,
                example,
                [
                    (role, {**self._role(role), "source": part}, stake(site, role, example, states))
                    for role in self.roles
                    if role.segment is Segment.OPENING or not trusted
                ],
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

    def _start(self, group: _Sources) -> Iterator[Masks]:
        """Yield boxes with all packets of all roles, as few as can be."""
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
            base["interface"] &= _union(by)
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

    def _counting(self) -> int | None:
        """Return the ports at which somebody could get in; None where it is to be exact of all.

        It is where rules are few, or where some lead from one port to another.
        """
        rules = [rule for chain in self.program.chains.values() for rule in chain]
        if len(rules) <= _MANY_RULES or any(isinstance(r.action, Alter) for r in rules):
            return None
        return _union(
            masks["port"]
            for group in self.groups
            for role, masks, at_stake in group.stakes
            if at_stake.refused or at_stake.accepted or at_stake.knock or role.name != "other"
        )

    # --- what is exposed ---

    def _exposed(self, swept: Swept) -> Iterator[Finding]:
        found: dict[ChainRule, list[_Hit]] = {}
        for passage in swept.passages:
            if passage.verdict is Verdict.REFUSE or passage.rule.ours:
                continue
            for group in self.groups:
                for role, masks in group.refusals[passage.box.met == EARLIER]:
                    hit = passage.box.cut(masks)
                    if hit:
                        found.setdefault(passage.rule, []).append(_Hit(passage, group, role, hit))
        for rule, some in found.items():
            for part, mine in self._one_by_one(rule, some):
                yield from self._of_rule(part, mine, swept)

    def _one_by_one(
        self, rule: ChainRule, some: list[_Hit]
    ) -> Iterator[tuple[ChainRule, list[_Hit]]]:
        """Yield each rule of a run with what it does of it all."""
        if rule.parts is None:
            yield rule, some
            return
        matches = Matches(self.space)
        for part in rule.each():
            mine = [
                replace(one, masks=inside)
                for one in some
                for masks, _ in matches.boxes(part.condition, ())
                if (inside := Box(one.masks).cut(masks))
            ]
            if mine:
                yield part, mine

    def _of_rule(self, rule: ChainRule, some: list[_Hit], swept: Swept) -> Iterator[Finding]:
        """Yield what a rule opens: what it surely does, and apart what it may do besides."""
        for kind, flag in ((Kind.EXPOSED, True), (Kind.LOCKOUT_LOST, False)):
            mine = [one for one in some if one.group.stake(one.role).refused is flag]
            sure = [one for one in mine if _certain(one.passage)]
            unsure = [one for one in mine if not _certain(one.passage)]
            more = [rest for one in unsure if (rest := _besides(one, sure)) is not None]
            if sure:
                yield self._exposure(kind, rule, sure, swept, certain=True)
            if more:
                yield self._exposure(kind, rule, more, swept, certain=False)

    def _exposure(
        self, kind: Kind, rule: ChainRule, some: list[_Hit], swept: Swept, *, certain: bool
    ) -> Finding:
        why: dict[str, None] = {}
        for one in some if not certain else ():
            why.update((o.name, None) for o in one.passage.box.opens if o.kind != "chance")
        sources = _union(one.masks["source"] for one in some)
        groups = {one.group.mask for one in some}
        everyone = not any(mask & ~sources for mask in groups)
        opening = [one for one in some if one.role.segment is Segment.OPENING]
        via = {step for one in some for step in one.passage.via if step.place != rule.place}
        return Finding(
            kind,
            self.family,
            self._spans(opening or some),
            self._who(
                sources, _union(one.masks["interface"] for one in some), swept, everyone=everyone
            ),
            everyone=everyone,
            rules=(rule,),
            via=tuple(sorted(via, key=lambda step: step.place)),
            certain=certain,
            why=tuple(why),
            segments=not opening,
        )

    def _spans(self, some: Iterable[_Hit]) -> tuple[Span, ...]:
        """Return the ports that are hit, as numbers."""
        cells = self.space.fields["port"].values
        found = []
        for one in some:
            for place, first in enumerate(cells):
                if one.masks["port"] >> place & 1:
                    last = cells[place + 1] - 1 if place + 1 < len(cells) else 65535
                    found.append(Span(one.role.protocol, first, last))
        return merged(found)

    def _who(self, sources: int, by: int, swept: Swept, *, everyone: bool) -> str:
        cells = self.space.fields["interface"].values
        names = [name for place, name in enumerate(cells) if by >> place & 1]
        named = {atom.test for atom in self.space.places if atom.field == "interface"}
        scope = self.claim.scope.interfaces
        told = bool(names) and set(names) <= named and not scope
        where = f" by {', '.join(map(str, names))}" if told else ""
        return f"{'anyone' if everyone else self._networks(sources, swept)}{where}"

    def _networks(self, sources: int, swept: Swept) -> str:
        if swept.partial:
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
        runs: list[tuple[int, int]] = []
        place = 0
        while sources >> place and len(runs) <= MOST_NAMED:
            if sources >> place & 1:
                last = cells[place + 1] - 1 if place + 1 < len(cells) else highest
                if runs and runs[-1][1] + 1 == cells[place]:
                    runs[-1] = runs[-1][0], last
                else:
                    runs.append((cells[place], last))
            place += 1
        found = [
            str(network)
            for first, last in runs
            for network in summarize_address_range(kind(first), kind(last))
        ]
        return found if len(found) <= MOST_NAMED else []

    # --- what is lost ---

    def _lost(self, swept: Swept) -> Iterator[Finding]:
        lost: dict[tuple[Kind, bool, Role], _Loss] = {}
        for passage in swept.passages:
            box = passage.box
            # Whom a foreign list remembers, it refuses for a reason of its own.
            remembered = any(o.kind == "theirs" for o in box.opens)
            if passage.rule.ours or box.met == HERE or remembered or passage.verdict is None:
                continue
            accepts = passage.verdict is Verdict.ACCEPT
            for group in self.groups:
                for role, masks, kinds in group.losses[accepts]:
                    hit = box.cut(masks)
                    for kind in kinds if hit else ():
                        loss = lost.setdefault((kind, accepts, role), _Loss())
                        loss.take(passage, group, hit["source"] if hit else 0)
        yield from self._told(lost, swept)

    def _told(
        self, lost: Mapping[tuple[Kind, bool, Role], _Loss], swept: Swept
    ) -> Iterator[Finding]:
        """Yield one finding for all roles of which the same rules take the same."""
        alike: dict[Hashable, list[tuple[Kind, bool, Role]]] = {}
        for key, loss in lost.items():
            kind, accepts, role = key
            shut = loss.certain and self._never(role, loss.groups.values(), swept)
            if kind is Kind.SERVICE_SHUT:
                # Whom another foreign rule accepts, it lets in.
                shut = shut and loss.all_sources
            same = kind, accepts, role.name, shut, tuple(loss.rules), loss.sources, loss.certain
            alike.setdefault(same, []).append(key)
        for (_, _, _, shut, *_), keys in alike.items():  # type: ignore[misc]
            kind, accepts, _ = keys[0]
            loss = lost[keys[0]]
            yield Finding(
                kind,
                self.family,
                merged(span for *_, role in keys for span in role.spans),
                "anyone" if loss.all_sources else self._networks(loss.sources, swept),
                everyone=bool(shut),
                rules=tuple(loss.rules),
                certain=loss.certain,
                why=() if loss.certain else tuple(sorted(loss.guesses)),
                accepts=accepts,
            )

    @staticmethod
    def _never(role: Role, groups: Iterable[_Sources], swept: Swept) -> bool:
        """Tell whether no packet of a role ever gets to the policies."""
        for group in groups:
            masks = next((found for one, found, _ in group.stakes if one is role), None)
            if masks is None:
                continue
            if any(box.cut(masks) for box in swept.reached if _anyone(box)):
                return False
        return True


def _anyone(box: Box) -> bool:
    """Tell whether packets may be in a box whatever the policies remember of their source."""
    return not any(open_.kind == "ours" and not open_.negated for open_ in box.opens)


def _union(masks: Iterable[int]) -> int:
    result = 0
    for mask in masks:
        result |= mask
    return result


def _besides(one: _Hit, sure: Sequence[_Hit]) -> _Hit | None:
    """Return what of a hit is not surely open anyway: other ports, or other sources."""
    told = _union(
        s.masks["source"]
        for s in sure
        if (s.role, s.group.mask) == (one.role, one.group.mask)
        and not one.masks["port"] & ~s.masks["port"]
    )
    left = one.masks["source"] & ~told
    return replace(one, masks={**one.masks, "source": left}) if left else None


def _certain(passage: Passage) -> bool:
    """Tell whether a packet may well meet a rule: what happens either way, happens."""
    return passage.verdict is not None and all(o.kind == "chance" for o in passage.box.opens)


def _taken(at_stake: Stake, *, accepts: bool) -> Iterator[Kind]:
    for kind, name in _LOSSES:
        if getattr(at_stake, name) and not (accepts and kind is Kind.LOCKOUT_LOST):
            yield kind
    if at_stake.accepted and not accepts:
        yield Kind.SERVICE_SHUT
