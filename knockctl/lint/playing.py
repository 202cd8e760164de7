"""Playing packets through the automaton, and writing down what happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from knockctl.automaton.reference import Automaton, Packet, Site, State
from knockctl.automaton.reference import Step as Judged
from knockctl.lint.arithmetic import Step
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.ports import Span, merged, without

SOMEBODY = IPv4Address("203.0.113.7")
_EVERYTHING = (Span("tcp", 1, 65535), Span("udp", 1, 65535))


@dataclass
class Player:
    """One source against one policy."""

    policy: ResolvedPolicy

    def __post_init__(self) -> None:
        """Begin with a source never seen before."""
        self._automaton = Automaton(Site((self.policy,)))
        self.steps: list[Step] = []

    def send(self, at: float, packet: Packet) -> Judged:
        """Judge a packet and write it down."""
        judged = self._automaton.feed(packet, at)
        self.steps.append(
            Step(round(at, 3), written(self.policy, packet), judged.verdict.value, judged.rules[0])
        )
        return judged

    def state(self) -> State:
        """Return what the source is in, as of the last packet."""
        states = self._automaton.sources.get(SOMEBODY)
        return states[0] if states else State.initial(self.policy)


def to(span: Span, payload: bytes | None = None) -> Packet:
    """Return a first packet to a port."""
    return Packet(SOMEBODY, span.protocol, span.first, payload=payload or b"")


def written(policy: ResolvedPolicy, packet: Packet) -> str:
    """Name a packet; a secret knock by its place."""
    for generation in policy.generations:
        for place, knock in enumerate(generation.knocks, start=1):
            if (knock.protocol, knock.port) == (packet.protocol, packet.port) and knock.secret:
                return f"knock {place}"
    return f"{packet.protocol}/{packet.port}"


def listed(steps: Iterable[Step], *, times: bool = True) -> str:
    """Write a trace in one line."""
    return ", ".join(f"{s.packet} at {s.at:g} s" if times else s.packet for s in steps)


def elsewhere(policy: ResolvedPolicy) -> Span | None:
    """Return a port that is nothing to the policy; None where there is none left."""
    owned = (*policy.knock_ports, *policy.services, *policy.trap_ports, *policy.public)
    rest = without(_EVERYTHING, merged(owned))
    return Span.single(rest[-1].protocol, rest[-1].last) if rest else None


def has_secrets(policy: ResolvedPolicy) -> bool:
    """Tell whether some knock came from a reference: then times would tell where it lies."""
    return any(knock.secret for g in policy.generations for knock in g.knocks)
