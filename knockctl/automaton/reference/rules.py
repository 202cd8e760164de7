"""The rules of one policy, 0 to 8, for one event (design, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from knockctl.automaton.reference.state import Packet, Stage, State
from knockctl.automaton.relaxations import EXACT, Relaxations
from knockctl.automaton.verdict import Verdict
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import holds


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
    exempt = rule_0(policy, state, packet, relaxed)
    if exempt:
        return exempt
    if state.locked:
        governed = policy.scope == "all" or is_governed(policy, packet)
        return Judgement(Verdict.REFUSE, state, "1") if governed else _rule_8(policy, state, packet)
    if state.granted and service:
        after = state.ended(now, relaxed) if policy.uses == "single" else state
        return Judgement(Verdict.ACCEPT, after, "2")
    penalty = trapped_for(policy, state, packet)
    if penalty:
        return Judgement(Verdict.REFUSE, state.lock(penalty, now, relaxed), "3")
    advanced = _rule_4(policy, state, packet, now, relaxed)
    if advanced:
        return advanced
    if _harmless(policy, state, packet) or service:
        return Judgement(Verdict.REFUSE, state, "5")
    if relaxed.unheard and not is_governed(policy, packet):
        return _rule_8(policy, state, packet)
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
    exempt = rule_0(policy, state, packet, relaxed)
    if exempt:
        return exempt
    if state.locked and policy.scope == "all":
        return Judgement(Verdict.REFUSE, state, "1")
    return _rule_8(policy, state, packet)


def rule_0(
    policy: ResolvedPolicy, state: State, packet: Packet, relaxed: Relaxations = EXACT
) -> Judgement | None:
    """Settle what the policy never tracks: trusted sources, and public ports."""
    if any(packet.source in network for network in policy.trusted):
        service = policy.is_service(packet.protocol, packet.port)
        if service or not relaxed.partial:
            return Judgement(Verdict.ACCEPT if service else Verdict.PASS, state, "0")
    if policy.is_public(packet.protocol, packet.port):
        return Judgement(Verdict.PASS, state, "0")
    return None


def trapped_for(policy: ResolvedPolicy, state: State, packet: Packet) -> int:
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
    refused = is_governed(policy, packet) or policy.otherwise == "refuse"
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


def is_owned(policy: ResolvedPolicy, packet: Packet) -> bool:
    """Tell whether the packet is one of the policy's knocks or services."""
    return policy.is_knock(packet.protocol, packet.port) or policy.is_service(
        packet.protocol, packet.port
    )


def is_governed(policy: ResolvedPolicy, packet: Packet) -> bool:
    """Tell whether the packet is a knock, a service or a trap of the policy."""
    return is_owned(policy, packet) or policy.is_trap(packet.protocol, packet.port)
