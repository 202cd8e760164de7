"""Playing a trace through a policy and, where there is one, a device's configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from knockctl.automaton.events import event_of
from knockctl.automaton.machine import DeviceModel, Machine
from knockctl.automaton.packet import Scope, WirePacket
from knockctl.automaton.reference import NEVER, Automaton, Site, State, Step
from knockctl.automaton.verdict import Verdict
from knockctl.simulate.traces import Flows, Sent

RULES = {
    "0": "trusted, or a public port",
    "1": "locked out",
    "2": "granted, and a service",
    "3": "a trap",
    "4": "the next knock",
    "5": "a repeat, or too early: nothing changes",
    "6": "granted, and a stray packet",
    "7": "a wrong knock",
    "8": "nothing under way",
    "management": "management",
    "known flow": "a flow that was accepted before",
    "no event": "no event: changes nothing",
    "not ours": "not to a protected address",
    "shielded": "another policy noticed it first",
    "unsettled": "too soon: what came before need not show yet",
}


@dataclass(frozen=True, slots=True)
class Played:
    """One packet of a simulation, and what each side made of it."""

    at: float
    packet: WirePacket
    expected: Verdict
    rules: tuple[str, ...]
    """The rules of the reference automaton, one per policy, or a single word."""
    state: tuple[str, ...]
    """What the source is in each policy afterwards."""
    got: Verdict | None = None
    device_rules: tuple[str, ...] = ()
    claimed: bool = True
    """False: the device may do otherwise."""

    @property
    def differs(self) -> bool:
        """Tell whether the device did otherwise than the policies say."""
        return self.claimed and self.got not in (None, self.expected)

    @property
    def why(self) -> str:
        """The step explained in one line."""
        return "; ".join(dict.fromkeys(RULES.get(rule, rule) for rule in self.rules))


def play(
    site: Site,
    scope: Scope,
    trace: Iterable[Sent],
    model: DeviceModel[Any] | None = None,
) -> Iterator[Played]:
    """Yield each packet judged at its time.

    The device's verdicts, where there is one, decide which flows are accepted.
    """
    automaton, flows = Automaton(site), Flows()
    machine = Machine(model) if model else None
    for sent in trace:
        if sent.reply:
            flows.answered(sent.packet)
            continue
        packet = replace(sent.packet, flow=flows.of(sent.packet))
        event = event_of(packet, scope)
        step = automaton.feed(event, sent.at) if event else Step(Verdict.PASS, (), ("not ours",))
        reaction = machine.feed(packet, sent.at) if machine else None
        if (reaction.verdict if reaction else step.verdict) is Verdict.ACCEPT:
            flows.accepted(packet)
        yield Played(
            sent.at,
            packet,
            step.verdict,
            step.rules,
            tuple(_described(site, step.states, sent.at)),
            reaction.verdict if reaction else None,
            reaction.rules if reaction else (),
            step.claimed,
        )


def _described(site: Site, states: tuple[State, ...], now: float) -> Iterator[str]:
    for policy, state in zip(site.policies, states, strict=False):
        words = [
            f"{stage.reached} of {len(generation.knocks)} knocks, {stage.deadline - now:.3g} s left"
            for generation, stage in zip(policy.generations, state.stages, strict=True)
            if stage.reached
        ]
        if state.granted_until > max(now, NEVER):
            words.append(f"in for {state.granted_until - now:.6g} s")
        if state.locked_until > max(now, NEVER):
            words.append(f"locked out for {state.locked_until - now:.6g} s")
        yield f"{policy.name}: {', '.join(words) or 'at the start'}"
