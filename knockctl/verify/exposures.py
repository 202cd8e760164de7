"""The quick question: what foreign rules do to packets that the policies are about.

One packet of each kind, from every posture of the policies, asked of everything that runs: which
foreign rule lets a stranger in, and which takes a knock, a reset or a lock-out away. No
exploration: what foreign rules remember of earlier packets stays open, and is said so; ``verify``
explores it. ``diff``, ``deploy``, ``verify --running`` and ``simulate`` all ask here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from knockctl.automaton.boxes import (
    EARLIER,
    HERE,
    Asked,
    Box,
    Masks,
    Matches,
    Overlay,
    TooTangled,
    apart,
)
from knockctl.automaton.cells import TooManyCells, union
from knockctl.automaton.chains import ChainRule, Program
from knockctl.automaton.passages import Passage, Swept
from knockctl.automaton.sweep import Sweep
from knockctl.automaton.verdict import Verdict
from knockctl.ports import Span, merged, without
from knockctl.verify.findings import Finding, Kind
from knockctl.verify.packets import Claim
from knockctl.verify.roles import Role, Segment
from knockctl.verify.stakes import Sources, Stakes


def find(claim: Claim, program: Program) -> list[Finding]:
    """Ask what foreign rules of a program do to the policies of a claim, for one family."""
    if not claim.site.policies:
        return []
    try:
        return list(_Question(claim, program).findings())
    except (TooManyCells, TooTangled) as error:
        who, why = "anyone", (str(error),)
        return [Finding(Kind.UNKNOWN, claim.family, (), who, everyone=True, why=why)]


@dataclass(frozen=True, slots=True)
class _Hit:
    """Packets of one role whose fate a rule decides."""

    passage: Passage
    group: Sources
    role: Role
    masks: Masks


@dataclass(slots=True)
class _Loss:
    """Rules that take the same away of one role."""

    groups: Sequence[Sources]
    """Whom it would have to be taken from to be taken from all, see ``Stakes.concerned``."""
    rules: dict[ChainRule, None] = field(default_factory=dict)
    sources: int = 0
    ports: int = 0
    certain: bool = False
    guesses: set[str] = field(default_factory=set)

    def take(self, passage: Passage, hit: Masks) -> None:
        """Add what one rule takes."""
        self.rules[passage.rule] = None
        self.sources |= hit["source"]
        self.ports |= hit["port"]
        # That the policies remember who is in, say, is nothing that is not known.
        opens = frozenset(one for one in passage.box.opens if one.kind != "ours")
        self.certain = self.certain or all(one.kind == "chance" for one in opens)
        self.guesses |= {one.name for one in opens}

    @property
    def counts(self) -> bool:
        """Whether it is surely taken from somebody who has need of it."""
        return self.certain and any(group.mask & self.sources for group in self.groups)

    @property
    def all_sources(self) -> bool:
        """Whether it is taken from everybody who has need of it."""
        return not any(group.mask & ~self.sources for group in self.groups)


class _Question:
    """One family of one device."""

    def __init__(self, claim: Claim, program: Program) -> None:
        self.program, self.family = program, claim.family
        self.stakes = Stakes(claim, program)
        self.space, self.groups = self.stakes.space, self.stakes.groups

    def findings(self) -> Iterator[Finding]:
        """Yield what there is, exposures first."""
        start = list(self.stakes.start())
        if not start:
            return
        swept = Sweep(self.program, self.space, ports=self.stakes.counting()).run(start)
        yield from self._exposed(swept)
        yield from self._lost(swept)

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
        """Yield each rule of a run with what it decides: what those before it have left."""
        if rule.parts is None:
            yield rule, some
            return
        matches = Matches(self.space)
        for part in rule.each():
            overlays = {one.passage.box.overlay for one in some}
            asked = {overlay: matches.boxes(part.condition, overlay) for overlay in overlays}
            mine, some = _divided(some, asked)
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
        sources = union(one.masks["source"] for one in some)
        groups = {one.group.mask for one in some}
        everyone = not any(mask & ~sources for mask in groups)
        opening = [one for one in some if one.role.segment is Segment.OPENING]
        via = {step for one in some for step in one.passage.via if step.place != rule.place}
        return Finding(
            kind,
            self.family,
            self._spans(opening or some),
            self.stakes.who(
                sources,
                union(one.masks["interface"] for one in some),
                everyone=everyone,
                partial=swept.partial,
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
        return merged(span for one in some for span in self._ports(one.role, one.masks["port"]))

    def _ports(self, role: Role, mask: int) -> tuple[Span, ...]:
        cells = self.space.fields["port"].values
        found = []
        for place, first in enumerate(cells):
            if mask >> place & 1:
                last = cells[place + 1] - 1 if place + 1 < len(cells) else 65535
                found.append(Span(role.protocol, first, last))
        return merged(found)

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
                    if hit is None:
                        continue
                    for kind in kinds:
                        key = kind, accepts, role
                        if key not in lost:
                            lost[key] = _Loss(self.stakes.concerned(kind, role))
                        lost[key].take(passage, hit)
        yield from self._told(lost, swept)

    def _told(
        self, lost: Mapping[tuple[Kind, bool, Role], _Loss], swept: Swept
    ) -> Iterator[Finding]:
        """Yield one finding for all roles of which the same rules take the same."""
        alike: dict[Hashable, tuple[_Loss, list[Span]]] = {}
        for (kind, accepts, role), loss in lost.items():
            nobody = self._nobody(kind, role, loss, swept) if loss.counts else ()
            some = self._ports(role, loss.ports) if kind is Kind.SERVICE_SHUT else role.spans
            for shut, spans in ((True, nobody), (False, without(some, nobody))):
                taken = tuple(loss.rules), loss.sources, loss.certain
                same = kind, accepts, shut, role.name, taken
                if spans:
                    alike.setdefault(same, (loss, []))[1].extend(spans)
        for (kind, accepts, shut, *_), (loss, parts) in alike.items():  # type: ignore[misc]
            yield Finding(
                kind,
                self.family,
                merged(parts),
                "anyone"
                if loss.all_sources
                else self.stakes.networks(loss.sources, partial=swept.partial),
                everyone=shut,
                rules=tuple(loss.rules),
                certain=loss.certain,
                why=() if loss.certain else tuple(sorted(loss.guesses)),
                accepts=accepts,
            )

    def _nobody(self, kind: Kind, role: Role, loss: _Loss, swept: Swept) -> tuple[Span, ...]:
        """Return the ports of a role at which nobody gets to the policies.

        Of services those where nobody gets in, either: whom another foreign rule accepts is in,
        unless it is only whom foreign rules remember.
        """
        reached = [box for box in swept.reached if _anyone(box)]
        asked = [masks for group in loss.groups for one, masks, _ in group.stakes if one is role]
        if kind is not Kind.SERVICE_SHUT:
            some = any(box.cut(masks) for masks in asked for box in reached)
            return () if some else role.spans
        reached += [
            passage.box
            for passage in swept.passages
            if passage.verdict is not Verdict.REFUSE and _anyone(passage.box, but=("theirs",))
        ]
        hit = union(
            found["port"] for masks in asked for box in reached if (found := box.cut(masks))
        )
        return self._ports(role, union(masks["port"] for masks in asked) & ~hit)


def _divided(
    some: Iterable[_Hit], asked: Mapping[Overlay, Sequence[Asked]]
) -> tuple[list[_Hit], list[_Hit]]:
    """Return what a rule of a run matches of hits, and what it leaves to those behind it."""
    mine: list[_Hit] = []
    left: list[_Hit] = []
    for one in some:
        rest = [one.masks]
        # Of what depends on a guess it may be another one that decides.
        known = all(o.kind in ("ours", "theirs") for o in one.passage.box.opens)
        for masks, opens in asked[one.passage.box.overlay]:
            # What it matches on grounds that these packets didn't need, it may not match.
            sure = known and {o for o in opens if not o.negated} <= one.passage.box.opens
            before, rest = rest, []
            for piece in before:
                box = Box(piece)
                hit = box.cut(masks)
                mine += [replace(one, masks=hit)] if hit else []
                rest += [other.masks for other in apart(box, hit)] if hit and sure else [piece]
        left += [replace(one, masks=masks) for masks in rest]
    return mine, left


def _anyone(box: Box, but: Sequence[str] = ("ours",)) -> bool:
    """Tell whether packets may be in a box whatever the policies remember of their source.

    ``but``: who remembers, ``ours`` or ``theirs``.
    """
    return not any(open_.kind in but and not open_.negated for open_ in box.opens)


def _besides(one: _Hit, sure: Sequence[_Hit]) -> _Hit | None:
    """Return what of a hit is not surely open anyway: other ports, or other sources."""
    told = union(
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
