"""Scanners: ports in order, each once or with retransmissions, to every port.

A scanner's packets are played at their times; ports that the policy can't tell from their
neighbours are represented by the first of their run, which does all that the run can do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockctl.automaton.lint.playing import Player, has_secrets, listed, to
from knockctl.policy.lint import Warned, field_of
from knockctl.policy.resolved import Generation, ResolvedPolicy
from knockctl.ports import Protocol, Span

FASTEST = 65536
"""Ports a second; what no rate opens at this one opens at none below."""
HIGHEST = 65535
NMAP_AGAIN = 1.0
"""Seconds after which a scanner sends again to a port that did not answer: nmap's
``--max-rtt-timeout`` bounds it, one second is where it begins."""


def opening_scans(policy: ResolvedPolicy) -> Iterator[Warned]:
    """Yield the scans that open the policy, the plainest of each direction, with their traces."""
    told: set[tuple[str, str]] = set()
    for protocols in (("tcp",), ("udp",), ("tcp", "udp"), ("udp", "tcp")):
        for direction in ("ascending", "descending"):
            for again in ("", "each port twice", "with retransmissions"):
                found = _opens(policy, protocols, direction, again)
                if found is None:
                    continue
                generation, rate, player = found
                field = field_of(policy, generation)
                if (field, direction) in told:
                    continue
                told.add((field, direction))
                yield _warned(policy, field, protocols, direction, again, rate, player)


def _warned(
    policy: ResolvedPolicy,
    field: str,
    protocols: Sequence[str],
    direction: str,
    again: str,
    rate: int,
    player: Player,
) -> Warned:
    steps = tuple(step for step in player.steps if step.rule == "4")
    secret = has_secrets(policy)
    # Rate and times tell how far apart the knocks are.
    at = "" if secret else f"; at {rate} ports/s or faster"
    how = f", {again}" if again else ""
    what = " then ".join(protocols)
    return Warned(
        "plain-scan-opens",
        (field,),
        f"an ordinary {direction} scan completes the sequence",
        f"scan of {what}, {direction}{how}: {listed(steps, times=not secret)}{at}",
        () if secret else steps,
    )


def _opens(
    policy: ResolvedPolicy, protocols: Sequence[str], direction: str, again: str
) -> tuple[Generation, int, Player] | None:
    """Return what a scan opens, at the slowest rate at which it does."""
    order = list(_order(policy, protocols, direction))
    if not any(len(g.knocks) > 1 for g in policy.generations):
        return None
    if _played(policy, order, FASTEST, again) is None:
        return None
    slow, fast = 0, FASTEST
    while fast - slow > 1:
        middle = (slow + fast) // 2
        slow, fast = (slow, middle) if _played(policy, order, middle, again) else (middle, fast)
    found = _played(policy, order, fast, again)
    return (*found[:1], fast, found[1]) if found else None


def _played(
    policy: ResolvedPolicy, order: Sequence[tuple[int, Span]], rate: int, again: str
) -> tuple[Generation, Player] | None:
    """Scan at a rate; return the generation that opened, or None."""
    player = Player(policy)
    events = [(place / rate, span) for place, span in order]
    if again:
        late = 0.5 / rate if again == "each port twice" else NMAP_AGAIN
        events += [(at + late, span) for at, span in events]
        events.sort(key=lambda event: event[0])
    for at, span in events:
        before = player.state()
        player.send(at, to(span))
        if player.state().granted and not before.granted:
            last = span.protocol, span.first
            for generation in policy.generations:
                knock = generation.knocks[-1]
                if (knock.protocol, knock.port) == last and len(generation.knocks) > 1:
                    return generation, player
            return None
    return None


def _order(
    policy: ResolvedPolicy, protocols: Sequence[str], direction: str
) -> Iterator[tuple[int, Span]]:
    """Yield ``(place in the scan, port)`` for the first port of every run that is all alike."""
    spans = [*policy.knock_ports, *policy.services, *policy.trap_ports, *policy.public]
    spans += [knock.span for g in policy.generations for knock in g.knocks]
    for number, protocol in enumerate(protocols):
        mine = [span for span in spans if span.protocol == protocol]
        cuts = {1} | {s.first for s in mine} | {s.last + 1 for s in mine if s.last < HIGHEST}
        starts = sorted(cuts)
        runs = list(zip(starts, [*(s - 1 for s in starts[1:]), HIGHEST], strict=True))
        kind: Protocol = "tcp" if protocol == "tcp" else "udp"
        for first, last in runs if direction == "ascending" else runs[::-1]:
            port = first if direction == "ascending" else last
            place = port - 1 if direction == "ascending" else HIGHEST - port
            yield number * HIGHEST + place, Span.single(kind, port)
