"""The ports of a site by what they are for, and what a policy would make of a packet to each.

A single packet to each, sent in every posture a source can be in: that is all the quick question
about foreign rules has to know of the policies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from knockctl.automaton.reference import Packet, Site, State, Step, initial, step
from knockctl.automaton.reference.state import Address, Stage
from knockctl.automaton.verdict import Verdict
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.ports import Protocol, Span, common, merged, without

Spans = tuple[Span, ...]
_EVERY = (Span("tcp", 0, 65535), Span("udp", 0, 65535))
_FAR = 1_000_000_000.0
"""Seconds until what a posture holds would end."""


class Segment(StrEnum):
    """What kind of packet is sent."""

    OPENING = "opening"
    """The first packet of a flow."""
    ESTABLISHED = "established"
    """A TCP segment with ACK or RST that belongs to no flow."""
    BARE = "bare"
    """A TCP segment without SYN, ACK and RST that belongs to no flow."""


@dataclass(frozen=True, slots=True)
class Role:
    """Ports that the policies treat alike, for one kind of packet."""

    name: str
    """``knock``, ``service``, ``trap``, or ``other``."""
    spans: tuple[Span, ...]
    """Of one protocol."""
    segment: Segment = Segment.OPENING
    payload: bytes = b""

    @property
    def protocol(self) -> Protocol:
        """The protocol of its ports."""
        return self.spans[0].protocol

    def packet(self, source: Address) -> Packet:
        """Return one packet of its kind."""
        return Packet(
            source,
            self.protocol,
            self.spans[0].first,
            opening=self.segment is Segment.OPENING,
            established=self.segment is Segment.ESTABLISHED,
            payload=self.payload,
        )


@dataclass(frozen=True, slots=True)
class Stake:
    """What a foreign rule takes away, or gives away, that decides such packets before ours."""

    refused: bool = False
    """From somebody who has done nothing: let in, it is exposed."""
    held_off: bool = False
    """From somebody who is locked out, or would be by it: let in, the lock-out is lost."""
    accepted: bool = False
    """From somebody who is in: refused, the service is shut."""
    knock: bool = False
    reset: bool = False
    stray: bool = False
    lockout: bool = False
    """What it does to its source that would not happen, either way."""

    @property
    def counts(self) -> bool:
        """Tell whether it counts for anything when such a packet arrives."""
        return self.knock or self.reset or self.stray or self.lockout


def roles(site: Site) -> Iterator[Role]:
    """Yield every role of a site, those first that people ask for first."""
    taken: tuple[Span, ...] = site.policies[0].public
    for policy in site.policies[1:]:
        # What one makes public another may still refuse.
        taken = common(taken, policy.public)
    services = without((s for p in site.policies for s in p.services), taken)
    yield from _alone(site, "service", services)
    taken += services
    for knock in _knocks(site):
        yield Role("knock", (knock[0],), payload=knock[1])
    knocks = without((s for p in site.policies for s in p.knock_ports), taken)
    yield from _segments(site, "knock", knocks)
    taken += knocks
    traps = without((s for p in site.policies for s in p.trap_ports), taken)
    yield from _alone(site, "trap", traps)
    taken += traps
    if any(_minds_others(policy) for policy in site.policies):
        yield from _together(site, "other", without(_EVERY, taken))


def _minds_others(policy: ResolvedPolicy) -> bool:
    """Tell whether packets to ports it doesn't name can matter to a policy."""
    locks = policy.lockout is not None or bool(policy.traps)
    return (
        policy.otherwise == "refuse"
        or (len(policy.generations[0].knocks) > 1 and policy.wrong_knock != "ignore")
        or policy.stray != "ignore"
        or (locks and policy.scope == "all")
    )


def _knocks(site: Site) -> Iterator[tuple[Span, bytes]]:
    seen: set[tuple[Span, bytes]] = set()
    for policy in site.policies:
        for generation in policy.generations:
            for knock in generation.knocks:
                one = knock.span, knock.payload or b""
                if one not in seen:
                    seen.add(one)
                    yield one


def _alone(site: Site, name: str, spans: tuple[Span, ...]) -> Iterator[Role]:
    runs = _apart([(span,) for span in merged(spans)], _named(site))
    for span in sorted(span for run in runs for span in run):
        yield Role(name, (span,))
    yield from _segments(site, name, spans)


def _together(site: Site, name: str, spans: tuple[Span, ...]) -> Iterator[Role]:
    for some in _apart([spans], _excepted(site)):
        for protocol in ("tcp", "udp"):
            mine = tuple(span for span in some if span.protocol == protocol)
            if mine:
                yield Role(name, mine)
    yield from _segments(site, name, spans)


def _segments(site: Site, name: str, spans: tuple[Span, ...]) -> Iterator[Role]:
    """Yield the TCP ports among them for packets that open nothing."""
    tcp = common(spans, (Span("tcp", 0, 65535),))
    for some in _apart([tcp], _excepted(site)):
        for segment in (Segment.ESTABLISHED, Segment.BARE):
            yield Role(name, some, segment)


def _apart(sets: Iterable[Spans], named: Iterable[Spans]) -> list[Spans]:
    """Cut sets of ports until each is wholly inside or wholly outside of all that are named.

    Of a role one packet is asked: policies, and management, must treat all its ports alike.
    """
    found = list(sets)
    for some in named:
        parts = ((without(one, some), common(one, some)) for one in found)
        found = [part for both in parts for part in both if part]
    return [one for one in found if one]


def _named(site: Site) -> Iterator[Spans]:
    yield from _excepted(site)
    for policy in site.policies:
        yield from (policy.services, policy.knock_ports)
        yield from (trap.services for trap in policy.traps)


def _excepted(site: Site) -> Iterator[Spans]:
    """Yield the port of management, and what is public, each policy's apart."""
    if site.management_port is not None:
        yield (Span("tcp", site.management_port, site.management_port),)
    yield from (policy.public for policy in site.policies)


# --- postures ---------------------------------------------------------------------------------


def postures(site: Site) -> Iterator[tuple[State, ...]]:
    """Yield the states a source may be in: at the start, so many knocks on, in, locked out."""
    start = initial(site)
    yield start
    for number, policy in enumerate(site.policies):
        for state in _postures(policy, start[number]):
            yield (*start[:number], state, *start[number + 1 :])


def _postures(policy: ResolvedPolicy, start: State) -> Iterator[State]:
    for place, generation in enumerate(policy.generations):
        for reached in range(1, len(generation.knocks)):
            stages = list(start.stages)
            stages[place] = Stage(reached, _FAR)
            yield replace(start, stages=tuple(stages))
    yield replace(start, granted_until=_FAR)
    if policy.lockout is not None or policy.traps:
        yield replace(start, locked_until=_FAR)


def stake(site: Site, role: Role, source: Address, states: list[tuple[State, ...]]) -> Stake:
    """Ask the reference automaton what such a packet means, in every posture."""
    result = Stake()
    packet = role.packet(source)
    site = replace(site, relaxed=tuple(replace(r, lag=0) for r in site.relaxed))
    for number, posture in enumerate(states):
        after = step(site, posture, packet, 0.0)
        result = _with(result, posture, after, start=number == 0)
    # Where flows aren't known, what answers them is let in to other ports, too, whoever sends it.
    return result if role.name == "service" else replace(result, accepted=False)


def _with(known: Stake, before: tuple[State, ...], after: Step, *, start: bool) -> Stake:
    refused = after.verdict is Verdict.REFUSE
    locked = any(state.locked for state in before)
    locks = any(then.locked and then != now for now, then in zip(before, after.states, strict=True))
    changed = after.states != before
    ends = any(
        now.granted and not then.granted for now, then in zip(before, after.states, strict=True)
    )
    return replace(
        known,
        refused=known.refused or (refused and start),
        held_off=known.held_off or (refused and (locked or locks)),
        accepted=known.accepted or (after.verdict is Verdict.ACCEPT and not start),
        knock=known.knock or (changed and "4" in after.rules),
        reset=known.reset or (changed and not locks and "7" in after.rules),
        stray=known.stray or (not locks and after.verdict is not Verdict.ACCEPT and ends),
        lockout=known.lockout or locks,
    )
