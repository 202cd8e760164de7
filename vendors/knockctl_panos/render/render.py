"""Policies to tags, groups, services, profiles and rules: the reference automaton in PAN-OS' words.

All policies of an address are one block of rules, judged from the top, the first match decides::

    management            accepted before everything else
    trusted, locked       rule 0 and 1; the trusted first, where all policies trust the same
    granted               rule 2
    traps                 rule 3, the longest lock-out first
    knocks                rule 4: the next ones by the stage a source is at, then the first ones
    repeats               rule 5: quiet
    wrong, stray          rule 6 and 7
    hidden                knocks, services and traps, of whoever else
    rest                  rule 8, where nothing else is to pass

A rule that only refuses writes no log. What a policy has to notice is logged, and its profile
finds the rule by name and puts tags on the source, or takes them off (``policy.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from knockctl.contract import Facts, Management, Rendered
from knockctl.errors import PolicyError
from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import ResolvedPolicy
from knockctl_panos.config.location import Location
from knockctl_panos.config.records import OWN, Entry, PanosConfig, Place
from knockctl_panos.placement import After, Before, PanosPlacement
from knockctl_panos.render.fidelity import notes, relaxed
from knockctl_panos.render.knocks import knocked
from knockctl_panos.render.names import PolicyRules, hidden, own_knocks
from knockctl_panos.render.rules import ALLOW, Act, Rule, Site, match, profile, service, tag
from knockctl_panos.render.times import fit

SHARED = "kc-_"
"""Begins the names of what is no policy's own: no policy's name begins so."""

Noticed = tuple[Rule, PolicyRules | None, list[Act]]
"""A rule, whose it is, and what is done to the source of a packet it matches; often nothing."""


def render(
    policies: Sequence[ResolvedPolicy], placement: PanosPlacement, facts: Facts | None = None
) -> Rendered[PanosConfig]:
    """Compile policies; every PAN-OS since 9.0 takes the same."""
    del facts
    base = Location.of(placement).rulebase
    effective = tuple(fit(policy) for policy in policies)
    if not effective:
        return Rendered(PanosConfig(place=_place(placement), base=base), ())
    for stated, policy in zip(policies, effective, strict=True):
        _in_time(stated, policy, placement)
    applications = tuple(placement.applications.get(p.name) or ("any",) for p in effective)
    block = _block(effective, applications, placement.management)
    chains = block.chains
    site = Site.of(
        tuple(str(a) for a in placement.addresses), placement.from_zones, placement.to_zones
    )
    return Rendered(
        PanosConfig(
            (*block.objects, *(r.entry(site) for r in block.rules)),
            place=_place(placement),
            base=base,
        ),
        effective,
        tuple(
            n for s, c in zip(policies, chains, strict=True) for n in notes(s, c, chains, placement)
        ),
        tuple(relaxed(c, chains, placement) for c in chains),
    )


def _place(place: PanosPlacement) -> Place:
    match place.position:
        case Before(before=name):
            return "before", name
        case After(after=name):
            return "after", name
        case where:
            return where, ""


def _in_time(stated: ResolvedPolicy, policy: ResolvedPolicy, place: PanosPlacement) -> None:
    """Refuse a policy whose next knock would be late before the last one shows."""
    if policy.step_timeout <= place.tag_delay and len(policy.generations[0].knocks) > 1:
        raise PolicyError(
            f"{stated.name}: step_timeout is {format_duration(policy.step_timeout)} on PAN-OS, but "
            f"a knock may take {place.tag_delay} s to show: nobody could knock in time",
            hint="give step_timeout another minute, or measure the firewall and lower tag_delay",
        )


@lru_cache(maxsize=64)
def _block(
    policies: tuple[ResolvedPolicy, ...],
    applications: tuple[tuple[str, ...], ...],
    management: Management | None,
) -> _Block:
    """Build what is the same on every firewall that has these policies."""
    chains = [
        PolicyRules(policy, (*policies[:number], *policies[number + 1 :]), applications[number])
        for number, policy in enumerate(policies)
    ]
    return _Block(chains, management)


@dataclass(frozen=True)
class _Block:
    """All rules, in their order, and what is done to a source that one of them notices."""

    chains: Sequence[PolicyRules]
    management: Management | None

    @cached_property
    def _built(self) -> list[Noticed]:
        # A rule without ports would be one for every port.
        return [one for one in self._all() if one[0].ports]

    @cached_property
    def rules(self) -> list[Rule]:
        """The rules, in their order."""
        return [rule for rule, _, _ in self._built]

    @cached_property
    def objects(self) -> tuple[Entry, ...]:
        """Everything that rules refer to."""
        return tuple(self._objects())

    def _objects(self) -> Iterator[Entry]:
        yield tag(OWN)
        sources = {name for rule in self.rules for name in rule.sources}
        yield from (port for rule in self.rules for port in rule.ports)
        for c in self.chains:
            yield from c.tags()
            yield from c.groups(sources)
            # All of a sequence, in use or not: it tells which generation this is.
            yield from (port for ports in c.sequences for port in ports)
            acting = [(rule, acts) for rule, owner, acts in self._built if owner is c and acts]
            yield profile(c.name, [match(rule.name, acts) for rule, acts in acting])

    def _all(self) -> Iterator[Noticed]:
        for rule in self._management():
            yield rule, None, []
        # Where all trust the same, those are in even if somebody locked them out by hand.
        alike = len({frozenset(c.trusted) for c in self.chains}) == 1
        if alike:
            yield from (one for c in self.chains for one in _trusted(c))
        for c in self.chains:
            yield from _locked(c)
        for c in self.chains:
            yield from () if alike else _trusted(c)
            yield _granted(c)
        yield from self._traps()
        for c in self.chains:
            yield from ((rule, c, acts) for rule, acts in knocked(c))
            yield from ((rule, c, []) for rule in _repeats(c))
        yield from self._noticing()
        for c in self.chains:
            if c.policy.otherwise == "refuse":
                yield c.refuse(c.part("rest"), c.most, c.trusted, but=True), c, []

    # --- shared by all policies ---

    def _management(self) -> Iterator[Rule]:
        if self.management and self.management.sources:
            entry = service(f"{SHARED}management", "tcp", str(self.management.port))
            sources = tuple(str(source) for source in self.management.sources)
            yield Rule(entry.name, ALLOW, (entry,), sources, log="end")

    def _traps(self) -> Iterator[Noticed]:
        """Rule 3: of traps that hold one port the longest closes, whosever it is."""
        found = [
            (trap, number, c, entries)
            for c in self.chains
            for number, (trap, entries) in enumerate(c.traps, start=1)
        ]
        found.sort(key=lambda one: -one[0].lockout)
        for trap, number, c, entries in found:
            excused = (*c.excused, c.granted) if trap.unless_granted else c.excused
            rule = c.refuse(c.part(f"trap{number}"), entries, excused, but=True, noticed=True)
            yield rule, c, c.lock(trap.lockout)

    def _noticing(self) -> Iterator[Noticed]:
        """Rules 6 and 7, and what must be hidden from whoever they don't notice.

        Another policy's knock is neither wrong nor stray: where there are several, all knocks are
        refused before anybody else's rules see them.
        """
        several = len(self.chains) > 1
        if several:
            for c in self.chains:
                yield from _wrong(c, "wrong-knock", own_knocks(c))
            for c in self.chains:
                yield (
                    c.refuse(c.part("hidden-knocks"), own_knocks(c), c.trusted, but=True),
                    c,
                    [],
                )
        for c in self.chains:
            yield from _wrong(c, "wrong", c.outside)
            yield from _stray(c)
        for c in self.chains:
            if c.policy.otherwise == "pass":
                ports = hidden(c, knocks=not several)
                yield c.refuse(c.part("hidden"), ports, c.trusted, but=True), c, []


# --- one policy's rules -----------------------------------------------------------------------


def _trusted(c: PolicyRules) -> Iterator[Noticed]:
    if c.trusted:
        yield c.let_in("trusted", c.trusted, log="end" if c.policy.log else ""), c, []


def _locked(c: PolicyRules) -> Iterator[Noticed]:
    """Rule 1. A lock-out of scope ``services`` needs none: all it refuses is hidden anyway."""
    if c.locks and c.policy.scope == "all":
        yield c.refuse(c.part("locked"), c.most, [c.locked]), c, []


def _granted(c: PolicyRules) -> Noticed:
    """Rule 2. A grant for one flow ends with the flow's first packet, so that its start is logged.

    Not its end: by then there may be a new grant.
    """
    if c.policy.uses == "single":
        return c.let_in("granted", [c.granted], log="start", noticed=True), c, c.end()
    return c.let_in("granted", [c.granted], log="end" if c.policy.log else ""), c, []


def _repeats(c: PolicyRules) -> Iterator[Rule]:
    """Rule 5: retransmissions and eager clients, where anything else would be noticed."""
    for g, reached in c.stages if c.punishes else ():
        made = {k.span: c.knocks[k.span] for k in c.policy.generations[g].knocks[:reached]}
        yield c.refuse(c.of(g, f"again{reached}"), made.values(), [c.stage((g, reached))])
    if c.policy.stray != "ignore":
        yield c.refuse(c.part("again"), own_knocks(c), [c.granted])


def _wrong(c: PolicyRules, what: str, ports: Sequence[Entry]) -> Iterator[Noticed]:
    """Rule 7."""
    if c.punishes:
        lock = c.policy.lockout if c.policy.wrong_knock == "lockout" else None
        source = [c.stage(one) for one in c.stages]
        rule = c.refuse(c.part(what), ports, source, noticed=True)
        yield rule, c, c.lock(lock) if lock else c.void()


def _stray(c: PolicyRules) -> Iterator[Noticed]:
    """Rule 6."""
    if c.policy.stray != "ignore":
        lock = c.policy.lockout if c.policy.stray == "lockout" else None
        rule = c.refuse(c.part("stray"), c.outside, [c.granted], noticed=True)
        yield rule, c, c.lock(lock) if lock else c.end()
