"""The quick question: what foreign rules do to packets that the policies are about.

One packet of each kind, from every posture of the policies, asked of everything that runs: which
foreign rule lets a stranger in, and which takes a knock, a reset or a lock-out away. No
exploration: what foreign rules remember of earlier packets stays open, and is said so; ``verify``
explores it. ``diff``, ``deploy``, ``verify --running`` and ``simulate`` all ask here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address, summarize_address_range
from typing import Any

from knockctl.automaton.alphabet import Atom, flow, ports, protocol, within
from knockctl.automaton.cells import DESTINATION_TYPES, TooManyCells
from knockctl.automaton.chains import ChainRule, Program
from knockctl.automaton.conditions import atoms
from knockctl.automaton.letters import Claim
from knockctl.automaton.regions import Region, Space
from knockctl.automaton.roles import Role, Segment, Stake, postures, roles, stake
from knockctl.automaton.sweep import (
    EARLIER,
    HERE,
    Box,
    Masks,
    Passage,
    Sweep,
    Swept,
    TooTangled,
    cells_within,
)
from knockctl.automaton.verdict import Verdict
from knockctl.automaton.wire import FLAGS, LOOPBACK, OPENING_MASK, WirePacket
from knockctl.ports import Span, merged

_OPENING = Atom("flags", (OPENING_MASK, FLAGS["syn"]))
_ANSWERS = tuple(Atom("flags", (FLAGS[one], FLAGS[one])) for one in ("ack", "rst"))
_FIRST, _STRAY, _EXEMPT = flow("fresh"), flow("fresh", "invalid"), flow("untracked")
_SOMEBODY = {4: "203.0.113.7", 6: "2001:db8:113::7"}
_SOMEWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}
_MOST_NAMED = 3
"""Networks, or rules, that one sentence lists."""


class Kind(StrEnum):
    """What a foreign rule does to the policies."""

    EXPOSED = "exposed"
    KNOCK_LOST = "knock-lost"
    SERVICE_SHUT = "service-shut"
    LOCKOUT_LOST = "lockout-lost"
    RESET_LOST = "reset-lost"
    STRAY_LOST = "stray-lost"
    UNKNOWN = "unknown"


_LOSSES = (
    (Kind.KNOCK_LOST, "knock"),
    (Kind.LOCKOUT_LOST, "lockout"),
    (Kind.RESET_LOST, "reset"),
    (Kind.STRAY_LOST, "stray"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that foreign rules do to the policies."""

    kind: Kind
    family: int
    spans: tuple[Span, ...]
    """The ports it is about, in full for what is exposed."""
    who: str
    """Whose packets: ``anyone``, or networks."""
    everyone: bool
    rules: tuple[ChainRule, ...] = ()
    """For what is exposed the one rule that decides."""
    via: tuple[ChainRule, ...] = ()
    """The rules that lead to it."""
    certain: bool = True
    """False: whether it happens hangs on something that the rules alone don't tell."""
    why: tuple[str, ...] = ()
    """What that is."""
    accepts: bool = True
    """Whether the rules accept the packets, or refuse them."""
    segments: bool = False
    """It is about TCP segments that open nothing, and nothing else."""

    @property
    def blocks(self) -> bool:
        """Tell whether a deploy stops here until it is accepted."""
        shut = self.kind in (Kind.KNOCK_LOST, Kind.SERVICE_SHUT) and self.everyone
        return shut or self.kind in (Kind.EXPOSED, Kind.UNKNOWN)

    @property
    def code(self) -> str:
        """What ``--accept`` names: it is bound to the rules, wherever they stand."""
        words = sorted(f"{rule.where}: {rule.text}" for rule in (*self.rules, *self.via))
        words += self.why if not words else ()
        said = "\n".join((self.kind, *words)).encode()
        return f"{self.kind}:{hashlib.sha256(said).hexdigest()[:8]}"

    def __str__(self) -> str:
        """Say it in one sentence."""
        return f"{_sentence(self)}{_rests(self)}"


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


@dataclass(slots=True)
class _Loss:
    """Rules that take the same away, and from what."""

    accepts: bool = True
    rules: dict[ChainRule, None] = field(default_factory=dict)
    roles: dict[Role, None] = field(default_factory=dict)
    groups: dict[int, _Sources] = field(default_factory=dict)
    sources: int = 0
    certain: bool = False
    guesses: set[str] = field(default_factory=set)

    def take(self, passage: Passage, group: _Sources, role: Role, sources: int) -> None:
        """Add what one rule takes of one role."""
        self.rules[passage.rule] = None
        self.roles[role] = None
        self.groups[group.mask] = group
        self.sources |= sources
        self.certain = self.certain or _certain(passage)
        self.guesses |= {one.name for one in passage.box.opens}


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
        groups = list(self._groups())
        start = [masks for group in groups for masks in self._start(group)]
        if not start:
            return
        swept = Sweep(self.program, self.space).run(start)
        yield from self._exposed(groups, swept)
        yield from self._lost(groups, swept)

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

    # --- what is exposed ---

    def _exposed(self, groups: Sequence[_Sources], swept: Swept) -> Iterator[Finding]:
        found: dict[ChainRule, list[tuple[Passage, _Sources, Role, Masks]]] = {}
        for passage in swept.passages:
            if passage.verdict is Verdict.REFUSE or passage.rule.ours:
                continue
            for group in groups:
                for role, masks in group.refusals[passage.box.met == EARLIER]:
                    hit = passage.box.cut(masks)
                    if hit:
                        found.setdefault(passage.rule, []).append((passage, group, role, hit))
        for rule, some in found.items():
            for one in self._one_by_one(rule, some):
                yield from self._of_rule(*one)

    def _one_by_one(
        self, rule: ChainRule, some: list[tuple[Passage, _Sources, Role, Masks]]
    ) -> Iterator[tuple[ChainRule, list[tuple[Passage, _Sources, Role, Masks]]]]:
        """Yield each rule of a run with what it does of it all."""
        if rule.parts is None:
            yield rule, some
            return
        sweep = Sweep(self.program, self.space)
        for part in rule.parts():
            mine = []
            for passage, group, role, hit in some:
                box = Box(hit)
                for masks in cells_within(sweep, part.condition):
                    inside = box.cut(masks)
                    if inside:
                        mine.append((passage, group, role, inside))
            if mine:
                yield part, mine

    def _of_rule(
        self, rule: ChainRule, some: list[tuple[Passage, _Sources, Role, Masks]]
    ) -> Iterator[Finding]:
        for kind, flag in ((Kind.EXPOSED, True), (Kind.LOCKOUT_LOST, False)):
            mine = [
                one
                for one in some
                if next(s for r, _, s in one[1].stakes if r is one[2]).refused is flag
            ]
            if not mine:
                continue
            sure = [one for one in mine if _certain(one[0])]
            chosen = sure or mine
            opens = {} if sure else {o.name: None for one in chosen for o in one[0].box.opens}
            if not sure and chosen[0][0].verdict is None:
                opens = {rule.place: None}
            sources = _union(hit["source"] for *_, hit in chosen)
            everyone = not any(g.mask & ~sources for g in {id(o[1]): o[1] for o in chosen}.values())
            opening = [role for _, _, role, _ in chosen if role.segment is Segment.OPENING]
            yield Finding(
                kind,
                self.family,
                self._spans(chosen if not opening else [o for o in chosen if o[2] in opening]),
                self._who(sources, chosen[0][3], everyone=everyone),
                everyone=everyone,
                rules=(rule,),
                via=tuple(
                    sorted(
                        {s for one in chosen for s in one[0].via if s.place != rule.place},
                        key=lambda step: step.place,
                    )
                ),
                certain=bool(sure),
                why=tuple(opens),
                segments=not opening,
            )

    def _spans(self, some: Iterable[tuple[Passage, _Sources, Role, Masks]]) -> tuple[Span, ...]:
        """Return the ports that are hit, as numbers."""
        cells = self.space.fields["port"].values
        found = []
        for _, _, role, hit in some:
            for place, first in enumerate(cells):
                if hit["port"] >> place & 1:
                    last = cells[place + 1] - 1 if place + 1 < len(cells) else 65535
                    found.append(Span(role.protocol, first, last))
        return merged(found)

    def _who(self, sources: int, hit: Masks, *, everyone: bool) -> str:
        by = self.space.fields["interface"]
        names = [n for place, n in enumerate(by.values) if hit["interface"] >> place & 1]
        named = {atom.test for atom in self.space.places if atom.field == "interface"}
        scope = self.claim.scope.interfaces
        told = bool(names) and set(names) <= named and not scope
        where = f" by {', '.join(map(str, names))}" if told else ""
        return f"{'anyone' if everyone else self._networks(sources)}{where}"

    def _networks(self, sources: int) -> str:
        cells = self.space.fields["source"].values
        highest = 2 ** (32 if self.family == 4 else 128) - 1
        kind = IPv4Address if self.family == 4 else IPv6Address
        runs: list[tuple[int, int]] = []
        place = 0
        while sources >> place:
            if sources >> place & 1:
                last = cells[place + 1] - 1 if place + 1 < len(cells) else highest
                if runs and runs[-1][1] + 1 == cells[place]:
                    runs[-1] = runs[-1][0], last
                else:
                    runs.append((cells[place], last))
            place += 1
            if len(runs) > _MOST_NAMED:
                return "some sources"
        found = [
            str(network)
            for first, last in runs
            for network in summarize_address_range(kind(first), kind(last))
        ]
        return ", ".join(found) if len(found) <= _MOST_NAMED else "some sources"

    # --- what is lost ---

    def _lost(self, groups: Sequence[_Sources], swept: Swept) -> Iterator[Finding]:
        lost: dict[tuple[Kind, str, bool], _Loss] = {}
        for passage in swept.passages:
            box = passage.box
            # Whom a foreign list remembers, it refuses for a reason of its own.
            remembered = any(o.kind == "theirs" for o in box.opens)
            if passage.rule.ours or box.met == HERE or remembered or passage.verdict is None:
                continue
            accepts = passage.verdict is Verdict.ACCEPT
            for group in groups:
                for role, masks, kinds in group.losses[accepts]:
                    hit = box.cut(masks)
                    for kind in kinds if hit else ():
                        loss = lost.setdefault((kind, role.name, accepts), _Loss(accepts=accepts))
                        loss.take(passage, group, role, hit["source"] if hit else 0)
        for (kind, _, _), loss in lost.items():
            yield self._loss(kind, loss, swept)

    def _loss(self, kind: Kind, loss: _Loss, swept: Swept) -> Finding:
        groups = list(loss.groups.values())
        shut = [role for role in loss.roles if self._never(role, groups, swept)]
        named = shut or list(loss.roles)
        every = not any(group.mask & ~loss.sources for group in groups)
        guesses = () if loss.certain else tuple(sorted(loss.guesses))
        return Finding(
            kind,
            self.family,
            merged(span for role in named for span in role.spans),
            "anyone" if every else self._networks(loss.sources),
            everyone=bool(shut) and loss.certain,
            rules=tuple(loss.rules),
            certain=loss.certain,
            why=guesses,
            accepts=loss.accepts,
        )

    def _never(self, role: Role, groups: Sequence[_Sources], swept: Swept) -> bool:
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


def _certain(passage: Passage) -> bool:
    """Tell whether a packet may well meet a rule: what happens either way, happens."""
    return passage.verdict is not None and all(o.kind == "chance" for o in passage.box.opens)


def _taken(at_stake: Stake, *, accepts: bool) -> Iterator[Kind]:
    for kind, name in _LOSSES:
        if getattr(at_stake, name) and not (accepts and kind is Kind.LOCKOUT_LOST):
            yield kind
    if at_stake.accepted and not accepts:
        yield Kind.SERVICE_SHUT


# --- sentences --------------------------------------------------------------------------------


def _sentence(one: Finding) -> str:
    spans = _listed([str(span) for span in one.spans])
    if one.segments:
        spans = f"{spans}, for segments that open nothing,"
    does = "accepts" if one.accepts else "refuses"
    whom = "" if one.who == "anyone" else f" from {one.who}"
    by = _listed([rule.place for rule in one.rules])
    if one.via:
        by += f", which is reached by {_listed([rule.place for rule in one.via])}"
    what = {
        Kind.EXPOSED: f"{spans} {'is' if one.certain else 'may be'} open to {one.who} without a"
        f" knock: {by}",
        Kind.LOCKOUT_LOST: f"who is locked out still reaches {spans}: {by}"
        if one.accepts
        else f"packets to {spans}{whom} no longer lock out: refused before by {by}",
        Kind.KNOCK_LOST: f"knocks on {spans}{whom} never get to the policy: {by} {does} them"
        if not one.everyone
        else f"nobody can knock: {spans} never gets to the policy, {by} {does} it before",
        Kind.SERVICE_SHUT: f"{spans} stays shut for who is in{whom}: {by}"
        if not one.everyone
        else f"nobody who is in reaches {spans}: {by} refuses it before",
        Kind.RESET_LOST: f"packets to {spans}{whom} no longer count as wrong knocks: {by} {does}"
        " them before",
        Kind.STRAY_LOST: f"packets to {spans}{whom} no longer count as strays: {by} {does} them"
        " before",
        Kind.UNKNOWN: "what foreign rules do to the policies' packets can't be told",
    }
    told = what[one.kind]
    sure = one.certain or one.kind in (Kind.EXPOSED, Kind.UNKNOWN)
    return told if sure else f"it may be that {told}"


def _rests(one: Finding) -> str:
    return f" ({'; '.join(one.why)})" if one.why else ""


def _listed(words: Sequence[str]) -> str:
    some = ", ".join(words[:_MOST_NAMED])
    return some if len(words) <= _MOST_NAMED else f"{some} and {len(words) - _MOST_NAMED} more"
