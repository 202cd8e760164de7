"""Scanners: ports in order, each once or with retransmissions, at every rate.

Ports that the policy can't tell from their neighbours are represented by the first of their
run, which does all that the run can do; a run of traps, which can lock out again, is sent to
again whenever it would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import floor

from knockctl.automaton.reference import Packet
from knockctl.lint.arithmetic import Warned, field_of
from knockctl.lint.playing import SOMEBODY, Player, has_secrets, listed
from knockctl.lint.port_classes import HIGHEST, runs
from knockctl.lint.sweep import FASTEST, TICKS, Range, Stream, opening
from knockctl.policy.resolved import Generation, ResolvedPolicy

NMAP_AGAIN = 1
"""Seconds after which a scanner sends again to a port that did not answer: nmap's
``--max-rtt-timeout`` bounds it, one second is where it begins."""
TWICE = "each port twice"
AGAIN = "with retransmissions"


def opening_scans(policy: ResolvedPolicy) -> Iterator[Warned]:
    """Yield the scans that open the policy, the plainest of each direction, with their traces."""
    for direction in ("ascending", "descending"):
        missing = [g for g in policy.generations if len(g.knocks) > 1]
        for protocols in (("tcp",), ("udp",), ("tcp", "udp"), ("udp", "tcp")):
            for again in ("", TWICE, AGAIN):
                wanted = [g for g in missing if {k.protocol for k in g.knocks} <= set(protocols)]
                if not wanted:
                    continue
                sent = list(streams(policy, protocols, direction, again))
                found = opening(policy, sent, wanted)
                for generation in wanted:
                    if generation.number in found:
                        missing.remove(generation)
                        how = ", ".join(filter(None, (" then ".join(protocols), direction, again)))
                        yield _warned(policy, generation, how, found[generation.number])


def _warned(policy: ResolvedPolicy, generation: Generation, how: str, found: Range) -> Warned:
    direction = "ascending" if "ascending" in how else "descending"
    pace = _shown(found)
    player = Player(policy)
    for tick, wait, packet in found.steps:
        player.send(float(tick * pace + wait), packet)
    secret = has_secrets(policy)
    # Rate and times tell how far apart the knocks are.
    at = "" if secret else f"; {_rates(found)}"
    return Warned(
        "plain-scan-opens",
        (field_of(policy, generation),),
        f"an ordinary {direction} scan completes the sequence",
        f"scan of {how}: {listed(player.steps, times=not secret)}{at}",
        () if secret else tuple(player.steps),
    )


def _shown(found: Range) -> Fraction:
    """Return the pace of the trace: the fastest, or where any faster one opens a whole rate."""
    if _bounded(found) or found.slow is None:
        return found.fast
    return Fraction(1, TICKS * (floor(1 / (TICKS * found.slow)) + 1))


def _bounded(found: Range) -> bool:
    return found.fast > FASTEST


def _rates(found: Range) -> str:
    """Write the range in ports a second."""
    slow = 0.0 if found.slow is None else float(1 / (TICKS * found.slow))
    if not _bounded(found):
        return f"at more than {slow:.6g} ports/s"
    return f"at more than {slow:.6g} and up to {float(1 / (TICKS * found.fast)):.6g} ports/s"


def streams(
    policy: ResolvedPolicy, protocols: Sequence[str], direction: str, again: str
) -> Iterator[Stream]:
    """Yield the packets of a scan, by runs of ports that are all alike."""
    step, tail = (1, 1) if again == TWICE else (TICKS, 0)
    for number, protocol in enumerate(protocols):
        for low, high in runs(policy, protocol):
            up = direction == "ascending"
            packet = Packet(SOMEBODY, protocol, low if up else high)
            place = number * HIGHEST + (low if up else HIGHEST + 1 - high) - 1
            first = place * TICKS
            last = first + (high - low) * TICKS + tail
            if low == high and tail:
                yield Stream(packet, last, last)
                last = first
            yield Stream(packet, first, last, step)
            if again == AGAIN:
                yield Stream(packet, first, last, step, NMAP_AGAIN)
