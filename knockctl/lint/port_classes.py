"""Ports that a policy can't tell apart, and how many there are of each kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from knockctl.automaton.reference import Packet
from knockctl.lint.playing import SOMEBODY
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.ports import holds

HIGHEST = 65535

Run = tuple[int, int]
"""First and last port."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A packet to one of so many ports that all do the same; each knock is a kind of its own."""

    packet: Packet
    count: int


def runs(policy: ResolvedPolicy, protocol: str, lowest: int = 1) -> list[Run]:
    """Return, in ascending order, the longest runs of neighbours that are all alike."""
    spans = [*policy.services, *policy.public, *policy.trap_ports, *policy.knock_ports]
    spans += [span for trap in policy.traps for span in trap.services]
    spans += [knock.span for generation in policy.generations for knock in generation.knocks]
    mine = [span for span in spans if span.protocol == protocol]
    cuts = {lowest} | {s.first for s in mine} | {s.last + 1 for s in mine if s.last < HIGHEST}
    starts = sorted(cuts)
    pieces = zip(starts, [*(start - 1 for start in starts[1:]), HIGHEST], strict=True)
    return list(_joined(policy, protocol, pieces))


def _joined(policy: ResolvedPolicy, protocol: str, pieces: Iterable[Run]) -> Iterator[Run]:
    """Join neighbours of the same nature: two traps of one lock-out, a public port and the next."""
    first, last, now = 0, -1, None
    for start, end in pieces:
        nature = _nature(policy, protocol, start)
        if nature == now:
            last = end
            continue
        if now is not None:
            yield first, last
        first, last, now = start, end, nature
    yield first, last


def kinds(policy: ResolvedPolicy, protocols: Iterable[str], lowest: int = 1) -> list[Kind]:
    """Count the ports of these protocols, from ``lowest`` up, by what they do."""
    counted: dict[object, Kind] = {}
    for protocol in protocols:
        for first, last in runs(policy, protocol, lowest):
            nature = _nature(policy, protocol, first)
            before = counted.get(nature, Kind(Packet(SOMEBODY, protocol, first), 0))
            counted[nature] = Kind(before.packet, before.count + last - first + 1)
    return list(counted.values())


def _nature(policy: ResolvedPolicy, protocol: str, port: int) -> tuple[object, ...]:
    """Return what tells this port from others; all that rules 0 to 8 ask of a port is in it."""
    if policy.is_knock(protocol, port):
        return protocol, port
    traps = frozenset(
        (trap.lockout, trap.unless_granted)
        for trap in policy.traps
        if holds(trap.services, protocol, port)
    )
    return policy.is_service(protocol, port), policy.is_public(protocol, port), traps
