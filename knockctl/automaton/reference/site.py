"""Several policies on one address: what is no event, who judges a packet, what comes of it.

Two points the design leaves open are settled here:

* A service that several policies own is offered to them in the order they are listed; the
  first that accepts ends the question, so that one packet uses up one single-use grant.
* A packet that a scope-``all`` lock refuses changes no state, in any policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from knockctl.automaton.reference.rules import (
    Judgement,
    is_governed,
    is_owned,
    judge,
    judge_foreign,
    rule_0,
    trapped_for,
)
from knockctl.automaton.reference.state import Address, Packet, State
from knockctl.automaton.relaxations import EXACT, Relaxations
from knockctl.automaton.verdict import Verdict
from knockctl.policy.resolved import Network, ResolvedPolicy


@dataclass(frozen=True, slots=True)
class Site:
    """The policies on one address, in order, and who manages the device on which port."""

    policies: tuple[ResolvedPolicy, ...]
    managers: tuple[Network, ...] = ()
    management_port: int | None = None
    relaxed: tuple[Relaxations, ...] = ()
    """How the device relaxes each policy; empty where it relaxes none."""

    @property
    def relaxations(self) -> tuple[Relaxations, ...]:
        """One for each policy."""
        return self.relaxed or (EXACT,) * len(self.policies)


@dataclass(frozen=True, slots=True)
class Step:
    """What one packet did: the verdict, every policy's state after it, and the rules."""

    verdict: Verdict
    states: tuple[State, ...]
    rules: tuple[str, ...]
    """One per policy, or a single word where no policy was asked."""
    claimed: bool = True
    """False: the device may do otherwise, see ``Relaxations.lag``."""


def initial(site: Site) -> tuple[State, ...]:
    """Return the states of a source never seen before."""
    return tuple(State.initial(policy) for policy in site.policies)


def step(site: Site, states: tuple[State, ...], packet: Packet, now: float) -> Step:
    """Judge one packet by all policies of an address."""
    states = tuple(state.at(now) for state in states)
    if not packet.tracked and any(relaxed.tracked for relaxed in site.relaxations):
        packet = replace(packet, payload=b"")
    trapped = _trapped_early(site, states, packet, now)
    if trapped:
        return Step(Verdict.REFUSE, (trapped,), ("3",))
    settled = _before_the_rules(site, states, packet)
    if settled:
        return Step(settled[0], states, (settled[1],))
    if any(state.unsettled for state in states):
        return Step(Verdict.REFUSE, _unsettled(site, states, now), ("unsettled",), claimed=False)
    if packet.protocol == "tcp" and not packet.opening:
        return Step(_by_grant(site, states, packet), states, ("no event",))
    owners = [policy.name for policy in site.policies if is_owned(policy, packet)]
    judgements = []
    accepted = False
    for policy, state, relaxed in zip(site.policies, states, site.relaxations, strict=True):
        mine = not owners or (policy.name in owners and not accepted)
        ask = judge if mine else judge_foreign
        judgements.append(ask(policy, state, packet, now, relaxed))
        accepted = accepted or judgements[-1].verdict is Verdict.ACCEPT
    if _locked_everywhere(site, states, judgements):
        return Step(Verdict.REFUSE, states, ("1",))
    if not owners and any(relaxed.shielded for relaxed in site.relaxations):
        judgements = _shielded(site, states, packet, judgements)
    refused = any(j.verdict is Verdict.REFUSE for j in judgements)
    verdict = Verdict.ACCEPT if accepted else Verdict.REFUSE if refused else Verdict.PASS
    after = tuple(j.state for j in judgements)
    if after != states or _noticed(site, packet):
        after = _unsettled(site, after, now)
    return Step(verdict, after, tuple(j.rule for j in judgements))


def _noticed(site: Site, packet: Packet) -> bool:
    """Tell whether a packet is on its way to be looked up."""
    return any(
        relaxed.looked_up and policy.is_knock(packet.protocol, packet.port)
        for policy, relaxed in zip(site.policies, site.relaxations, strict=True)
    )


def _unsettled(site: Site, states: tuple[State, ...], now: float) -> tuple[State, ...]:
    """Return the states of a source that sent something whose effects need not show at once."""
    if not any(relaxed.lag for relaxed in site.relaxations):
        return states
    return tuple(
        replace(state, unsettled_until=now + relaxed.lag)
        for state, relaxed in zip(states, site.relaxations, strict=True)
    )


def _shielded(
    site: Site, states: Sequence[State], packet: Packet, judgements: Sequence[Judgement]
) -> list[Judgement]:
    """Let only the first policy that a packet would lock out, reset or revoke in do so."""

    def place(number: int) -> tuple[bool, int, int]:
        trap = judgements[number].rule == "3"
        return not trap, -trapped_for(site.policies[number], states[number], packet) * trap, number

    acting = [n for n, judgement in enumerate(judgements) if judgement.state != states[n]]
    first = min(acting, key=place, default=None)
    return [
        replace(j, state=states[n], rule="shielded") if n in acting and n != first else j
        for n, j in enumerate(judgements)
    ]


def _before_the_rules(  # noqa: PLR0911 - one return for each kind of packet, in their order
    site: Site, states: Sequence[State], packet: Packet
) -> tuple[Verdict, str] | None:
    """Settle what is no event: other protocols, management, known flows, stray segments."""
    if packet.protocol not in ("tcp", "udp") or packet.loopback:
        return Verdict.PASS, "no event"
    stray = packet.protocol == "tcp" and not packet.opening and not packet.known
    if stray and any(relaxed.segments for relaxed in site.relaxations):
        return Verdict.REFUSE, "no event"
    if _managed(site, packet):
        return Verdict.ACCEPT, "management"
    if _cut(site, states, packet):
        return Verdict.REFUSE, "1"
    if any(relaxed.stateless for relaxed in site.relaxations):
        return _segment(site, packet) if packet.protocol == "tcp" and not packet.opening else None
    late = any(relaxed.unanswered for relaxed in site.relaxations)
    if packet.known and (packet.answered or not late):
        service = any(p.is_service(packet.protocol, packet.port) for p in site.policies)
        return Verdict.ACCEPT if service else Verdict.PASS, "known flow"
    if packet.protocol == "tcp" and not packet.opening:
        governed = any(is_governed(p, packet) for p in site.policies)
        return Verdict.REFUSE if governed else Verdict.PASS, "no event"
    return None


def _segment(site: Site, packet: Packet) -> tuple[Verdict, str] | None:
    """Settle a segment that opens nothing, where no flow is known; None: a grant decides."""
    if any(p.is_service(packet.protocol, packet.port) for p in site.policies):
        trusted = any(packet.source in network for p in site.policies for network in p.trusted)
        return (Verdict.ACCEPT, "no event") if packet.established or trusted else None
    if any(is_governed(p, packet) for p in site.policies):
        return Verdict.REFUSE, "no event"
    refused = any(
        p.otherwise == "refuse" and not p.is_public(packet.protocol, packet.port)
        for p in site.policies
    )
    if refused:
        return Verdict.ACCEPT if packet.established else Verdict.REFUSE, "no event"
    return Verdict.PASS, "no event"


def _by_grant(site: Site, states: Sequence[State], packet: Packet) -> Verdict:
    """Judge a segment to a service that opens nothing, where no flow is known."""
    granted = any(
        state.granted and policy.is_service(packet.protocol, packet.port)
        for policy, state in zip(site.policies, states, strict=True)
    )
    return Verdict.ACCEPT if granted else Verdict.REFUSE


def _cut(site: Site, states: Sequence[State], packet: Packet) -> bool:
    """Tell whether a relaxed lock-out refuses a packet, whatever its flow."""
    return any(
        relaxed.cut and policy.scope == "all" and state.locked and not rule_0(policy, state, packet)
        for policy, state, relaxed in zip(site.policies, states, site.relaxations, strict=True)
    )


def _trapped_early(site: Site, states: Sequence[State], packet: Packet, now: float) -> State | None:
    """Return the state after a trap that closes before anybody asks for the packet's flow."""
    if len(site.policies) != 1:
        return None
    relaxed, state, policy = site.relaxations[0], states[0], site.policies[0]
    if not (relaxed.early and packet.known and packet.protocol == "tcp" and packet.opening):
        return None
    if packet.loopback or _managed(site, packet) or rule_0(policy, state, packet):
        return None
    if state.locked or is_owned(policy, packet):
        return None
    seconds = trapped_for(policy, state, packet)
    return state.lock(seconds, now, relaxed) if seconds else None


def _managed(site: Site, packet: Packet) -> bool:
    """Tell whether the packet is management's."""
    managed = packet.protocol == "tcp" and packet.port == site.management_port
    return managed and any(packet.source in network for network in site.managers)


def _locked_everywhere(
    site: Site, states: Sequence[State], judgements: Sequence[Judgement]
) -> bool:
    return any(
        policy.scope == "all" and state.locked and judgement.rule == "1"
        for policy, state, judgement in zip(site.policies, states, judgements, strict=True)
    )


@dataclass(slots=True)
class Automaton:
    """A running site: remembers every source's state. The simulator's and the tests' oracle."""

    site: Site
    sources: dict[Address, tuple[State, ...]] = field(default_factory=dict)

    def feed(self, packet: Packet, now: float) -> Step:
        """Judge a packet and remember what it did."""
        states = self.sources.get(packet.source) or initial(self.site)
        result = step(self.site, states, packet, now)
        self.sources[packet.source] = result.states
        return result
