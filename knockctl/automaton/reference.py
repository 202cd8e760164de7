"""What a policy means: the reference automaton, the oracle for everything else.

Pure: no I/O, no clock of its own; the caller says what time it is. The rule numbers are those
of the design, section 3, and every step returns the rule that decided it.

State is kept per source address and policy: for each generation a stage ``k`` with a
deadline, ``granted_until`` and ``locked_until``. Times are seconds on any clock that only
moves forward; something is over when ``now >= deadline``.

Two points the design leaves open are settled here:

* A service that several policies own is offered to them in the order they are listed; the
  first that accepts ends the question, so that one packet uses up one single-use grant.
* A packet that a scope-``all`` lock refuses changes no state, in any policy.

Where a device can only approximate a policy, the automaton runs with the same `Relaxations`;
those are the only difference, and none by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address

from knockctl.automaton.relaxations import EXACT, Relaxations
from knockctl.automaton.verdict import Verdict
from knockctl.policy.resolved import Generation, Knock, Network, ResolvedPolicy
from knockctl.ports import holds

Address = IPv4Address | IPv6Address
NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet to the protected address, as far as a policy can tell packets apart."""

    source: Address
    protocol: str
    """``tcp``, ``udp``, or anything else, which passes."""
    port: int
    opening: bool = True
    """TCP: SYN is set and FIN, RST and ACK are not. Means nothing for UDP."""
    established: bool = False
    """TCP: ACK or RST is set."""
    known: bool = False
    """It belongs to a flow of which one packet was accepted before, by us or by others."""
    answered: bool = True
    """If so: packets of the flow were seen in both directions."""
    payload: bytes = b""
    loopback: bool = False
    tracked: bool = True
    """It is not exempt from connection tracking."""


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
class Stage:
    """How far a source has come in one generation: ``reached`` knocks, good until then."""

    reached: int = 0
    deadline: float = NEVER


@dataclass(frozen=True, slots=True)
class State:
    """One source's state in one policy; ``stages`` runs parallel to the generations."""

    stages: tuple[Stage, ...]
    granted_until: float = NEVER
    locked_until: float = NEVER
    paused_until: float = NEVER
    """Relaxed: until then no knock counts."""
    spent_until: float = NEVER
    """Relaxed: until then a sequence grants nothing."""
    unsettled_until: float = NEVER
    """Relaxed: until then what was changed last need not show yet."""

    @classmethod
    def initial(cls, policy: ResolvedPolicy) -> State:
        """Return the state of a source never seen before."""
        return cls(tuple(Stage() for _ in policy.generations))

    def at(self, now: float) -> State:
        """Return the same state with everything that is over forgotten."""
        return State(
            tuple(stage if now < stage.deadline else Stage() for stage in self.stages),
            self.granted_until if now < self.granted_until else NEVER,
            self.locked_until if now < self.locked_until else NEVER,
            self.paused_until if now < self.paused_until else NEVER,
            self.spent_until if now < self.spent_until else NEVER,
            self.unsettled_until if now < self.unsettled_until else NEVER,
        )

    @property
    def granted(self) -> bool:
        """Tell whether the source is in, as of ``at``."""
        return self.granted_until > NEVER

    @property
    def locked(self) -> bool:
        """Tell whether the source is locked out, as of ``at``."""
        return self.locked_until > NEVER

    @property
    def started(self) -> bool:
        """Tell whether some sequence is under way, as of ``at``."""
        return any(stage.reached for stage in self.stages)

    @property
    def paused(self) -> bool:
        """Tell whether knocks don't count, as of ``at``."""
        return self.paused_until > NEVER

    @property
    def spent(self) -> bool:
        """Tell whether a sequence grants nothing, as of ``at``."""
        return self.spent_until > NEVER

    @property
    def unsettled(self) -> bool:
        """Tell whether what was changed last need not show yet, as of ``at``."""
        return self.unsettled_until > NEVER

    def cleared(self, now: float, relaxed: Relaxations = EXACT) -> State:
        """Return the state with all stages back at the start."""
        pause = self.paused_until
        if relaxed.pause and self.started:
            pause = now + (relaxed.lag + relaxed.pause)
        return replace(self, stages=tuple(Stage() for _ in self.stages), paused_until=pause)

    def ended(self, now: float, relaxed: Relaxations = EXACT) -> State:
        """Return the state without its grant."""
        spent = self.spent_until
        if relaxed.spent and self.granted:
            spent = now + (relaxed.lag + relaxed.spent)
        return replace(self, granted_until=NEVER, spent_until=spent)

    def lock(self, seconds: int, now: float, relaxed: Relaxations = EXACT) -> State:
        """End the grant, clear all stages, lock out for so long at least."""
        after = self.ended(now, relaxed).cleared(now, relaxed)
        return replace(after, locked_until=max(self.locked_until, now + (relaxed.lag + seconds)))

    def grant(self, seconds: int, now: float, relaxed: Relaxations = EXACT) -> State:
        """Clear all stages and let the source in for so long at least."""
        after = self.cleared(now, relaxed)
        if self.spent:
            return after
        return replace(after, granted_until=max(self.granted_until, now + (relaxed.lag + seconds)))


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the state after it, and the rule that decided."""

    verdict: Verdict
    state: State
    rule: str


def judge(  # noqa: PLR0911 - one return for each rule, in their order
    policy: ResolvedPolicy,
    state: State,
    packet: Packet,
    now: float,
    relaxed: Relaxations = EXACT,
) -> Judgement:
    """Apply rules 0 to 8 to an event that no other policy owns as a knock or service."""
    state = state.at(now)
    service = policy.is_service(packet.protocol, packet.port)
    exempt = _rule_0(policy, state, packet, relaxed)
    if exempt:
        return exempt
    if state.locked:
        governed = policy.scope == "all" or _governed(policy, packet)
        return Judgement(Verdict.REFUSE, state, "1") if governed else _rule_8(policy, state, packet)
    if state.granted and service:
        after = state.ended(now, relaxed) if policy.uses == "single" else state
        return Judgement(Verdict.ACCEPT, after, "2")
    penalty = _trap(policy, state, packet)
    if penalty:
        return Judgement(Verdict.REFUSE, state.lock(penalty, now, relaxed), "3")
    advanced = _rule_4(policy, state, packet, now, relaxed)
    if advanced:
        return advanced
    if _harmless(policy, state, packet) or service:
        return Judgement(Verdict.REFUSE, state, "5")
    if state.granted and policy.stray == "lockout":
        return _locked(policy, state, now, relaxed, "6")
    if state.granted and policy.stray == "revoke":
        ended = _rule_7(policy, state.ended(now, relaxed), packet, now, relaxed)
        return replace(ended, verdict=Verdict.REFUSE, rule="6") if relaxed.swallowed else ended
    return _rule_7(policy, state, packet, now, relaxed)


def judge_foreign(
    policy: ResolvedPolicy,
    state: State,
    packet: Packet,
    now: float,
    relaxed: Relaxations = EXACT,
) -> Judgement:
    """Apply the rules to a packet another policy owns: neither wrong nor stray here."""
    state = state.at(now)
    exempt = _rule_0(policy, state, packet, relaxed)
    if exempt:
        return exempt
    if state.locked and policy.scope == "all":
        return Judgement(Verdict.REFUSE, state, "1")
    return _rule_8(policy, state, packet)


def _rule_0(
    policy: ResolvedPolicy, state: State, packet: Packet, relaxed: Relaxations = EXACT
) -> Judgement | None:
    if any(packet.source in network for network in policy.trusted):
        service = policy.is_service(packet.protocol, packet.port)
        if service or not relaxed.partial:
            return Judgement(Verdict.ACCEPT if service else Verdict.PASS, state, "0")
    if policy.is_public(packet.protocol, packet.port):
        return Judgement(Verdict.PASS, state, "0")
    return None


def _trap(policy: ResolvedPolicy, state: State, packet: Packet) -> int:
    """Rule 3: seconds to lock for; 0 when no trap closes. Overlapping traps: the longest."""
    return max(
        (
            trap.lockout
            for trap in policy.traps
            if holds(trap.services, packet.protocol, packet.port)
            and not (trap.unless_granted and state.granted)
        ),
        default=0,
    )


def _rule_4(
    policy: ResolvedPolicy, state: State, packet: Packet, now: float, relaxed: Relaxations
) -> Judgement | None:
    """Advance every generation whose next knock this is; one that completes grants."""
    if state.paused or (relaxed.renewal and state.granted):
        return None
    stages = list(state.stages)
    for index, (generation, stage) in enumerate(zip(policy.generations, state.stages, strict=True)):
        if not _is(generation.knocks[stage.reached], packet):
            continue
        if stage.reached + 1 == len(generation.knocks):
            after = state.grant(policy.grant_duration, now, relaxed)
            return Judgement(Verdict.REFUSE, after, "4")
        late = 0 if relaxed.looked_up else relaxed.lag
        stages[index] = Stage(stage.reached + 1, now + (late + policy.step_timeout))
    if tuple(stages) == state.stages:
        return None
    return Judgement(Verdict.REFUSE, replace(state, stages=tuple(stages)), "4")


def _harmless(policy: ResolvedPolicy, state: State, packet: Packet) -> bool:
    """Rule 5: a knock already made in this attempt, or any knock while granted."""

    def candidates(generation: Generation, stage: Stage) -> Sequence[Knock]:
        return generation.knocks if state.granted else generation.knocks[: stage.reached]

    return any(
        _is(knock, packet)
        for generation, stage in zip(policy.generations, state.stages, strict=True)
        for knock in candidates(generation, stage)
    )


def _rule_7(
    policy: ResolvedPolicy, state: State, packet: Packet, now: float, relaxed: Relaxations
) -> Judgement:
    """Wrong knock: only when some sequence is under way."""
    if not state.started or policy.wrong_knock == "ignore":
        return _rule_8(policy, state, packet)
    if policy.wrong_knock == "lockout" and not state.granted:
        return _locked(policy, state, now, relaxed, "7")
    state = state.cleared(now, relaxed)
    again = _rule_4(policy, state, packet, now, relaxed)
    if again:
        return again
    if relaxed.swallowed:
        return Judgement(Verdict.REFUSE, state, "7")
    return replace(_rule_8(policy, state, packet), rule="7")


def _rule_8(policy: ResolvedPolicy, state: State, packet: Packet) -> Judgement:
    refused = _governed(policy, packet) or policy.otherwise == "refuse"
    return Judgement(Verdict.REFUSE if refused else Verdict.PASS, state, "8")


def _locked(
    policy: ResolvedPolicy, state: State, now: float, relaxed: Relaxations, rule: str
) -> Judgement:
    if policy.lockout is None:
        msg = f"policy {policy.name!r} locks out but says not for how long"
        raise ValueError(msg)
    return Judgement(Verdict.REFUSE, state.lock(policy.lockout, now, relaxed), rule)


def _is(knock: Knock, packet: Packet) -> bool:
    """Tell whether the packet is this knock; a passphrase may stand anywhere inside."""
    return (
        knock.protocol == packet.protocol
        and knock.port == packet.port
        and knock.said(packet.payload)
    )


def _owned(policy: ResolvedPolicy, packet: Packet) -> bool:
    return policy.is_knock(packet.protocol, packet.port) or policy.is_service(
        packet.protocol, packet.port
    )


def _governed(policy: ResolvedPolicy, packet: Packet) -> bool:
    return _owned(policy, packet) or policy.is_trap(packet.protocol, packet.port)


# --- several policies on one address ----------------------------------------------------------


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
    owners = [policy.name for policy in site.policies if _owned(policy, packet)]
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
        return not trap, -_trap(site.policies[number], states[number], packet) * trap, number

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
        governed = any(_governed(p, packet) for p in site.policies)
        return Verdict.REFUSE if governed else Verdict.PASS, "no event"
    return None


def _segment(site: Site, packet: Packet) -> tuple[Verdict, str] | None:
    """Settle a segment that opens nothing, where no flow is known; None: a grant decides."""
    if any(p.is_service(packet.protocol, packet.port) for p in site.policies):
        trusted = any(packet.source in network for p in site.policies for network in p.trusted)
        return (Verdict.ACCEPT, "no event") if packet.established or trusted else None
    if any(_governed(p, packet) for p in site.policies):
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
        relaxed.cut
        and policy.scope == "all"
        and state.locked
        and not _rule_0(policy, state, packet)
        for policy, state, relaxed in zip(site.policies, states, site.relaxations, strict=True)
    )


def _trapped_early(site: Site, states: Sequence[State], packet: Packet, now: float) -> State | None:
    """Return the state after a trap that closes before anybody asks for the packet's flow."""
    if len(site.policies) != 1:
        return None
    relaxed, state, policy = site.relaxations[0], states[0], site.policies[0]
    if not (relaxed.early and packet.known and packet.protocol == "tcp" and packet.opening):
        return None
    if packet.loopback or _managed(site, packet) or _rule_0(policy, state, packet):
        return None
    if state.locked or _owned(policy, packet):
        return None
    seconds = _trap(policy, state, packet)
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
