"""Everything that a whole configuration does otherwise, each kind by its plainest trace."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from knockctl.automaton.explore import Exploration, Explorer
from knockctl.automaton.letters import Claim, senders
from knockctl.automaton.nodes import Judge, Letter, Meeting, Mismatch
from knockctl.automaton.verify import (
    BUDGET,
    Finding,
    Result,
    Status,
    effective,
    finding_of,
    spent,
)
from knockctl.automaton.wire import LOOPBACK


def gaps(claim: Claim, judge: Judge = effective, *, budget: int = BUDGET) -> Result:
    """Explore on behind each difference, and return one trace for each kind of them.

    What honest clients send is explored alone, then together with each kind of odd packet, so
    that one gap doesn't hide another. Two differences are of one kind when the policies' rules
    along the trace and the device's rule at the end are the same.
    """
    result = Result()
    for sender in senders(claim):
        own = Result()
        for kind in sorted({oddity(letter) for letter in sender.letters}):
            letters = [x for x in sender.letters if oddity(x) in (ODDITIES[0], kind)]
            explorer = Explorer(
                claim.site, claim.model, letters, judge, budget=budget, first_only=False
            )
            explorer.colour = _first_odd(claim, kind)
            own.add(_listed(claim, explorer.run(), kind, budget))
        own.findings = _simplest(own.findings)
        result.add(own)
    return result


ODDITIES = ("", "segment", "protocol", "elsewhere", "loopback", "flow", "tracking")


def oddity(letter: Letter) -> str:
    """Name what makes a packet no honest first packet; empty for one."""
    packet = letter.packet
    if packet.flow in ("known", "unanswered"):
        return "flow"
    if packet.flow != "fresh":
        return "tracking"
    if packet.interface == LOOPBACK:
        return "loopback"
    if letter.event is None:
        return "elsewhere"
    if packet.protocol not in ("tcp", "udp"):
        return "protocol"
    return "" if packet.opening or packet.protocol == "udp" else "segment"


def _listed(claim: Claim, seen: Exploration, kind_of: str, budget: int) -> Result:
    result = Result(states=seen.states, steps=seen.steps, sources=1 if seen.keyed else 2)
    kinds: dict[Any, Finding] = {}
    for mismatch in seen.mismatches:
        kind = _kind(claim, mismatch)
        if kind not in kinds:
            finding = finding_of(claim, mismatch)
            if finding and any(oddity(row.letter) == kind_of for row in finding.trace):
                kinds[kind] = finding
    result.findings = [*kinds.values()]
    if any(not f.guesses for f in result.findings):
        result.status = Status.COUNTEREXAMPLE
    elif result.findings or not seen.complete:
        result.status = Status.UNKNOWN
        result.reasons = [f"can't be interpreted: {r}" for f in result.findings for r in f.guesses]
    if not seen.complete:
        result.reasons.append(spent(budget, result))
    return result


def _kind(claim: Claim, mismatch: Mismatch) -> Hashable:
    """Tell gaps apart: by the first odd thing on the way, and by the packet at the end."""
    last = mismatch.meeting.letter.packet
    service = any(p.is_service(last.protocol, last.port) for p in claim.site.policies)
    return mismatch.what, service, mismatch.before.key.colour


def _first_odd(claim: Claim, oddities: str) -> Callable[[Hashable, Meeting], Hashable]:
    """Colour states by the first packet on the way that is odd, or no next knock."""

    def colour(before: Hashable, meeting: Meeting) -> Hashable:
        rules, packet = meeting.expected.rules, meeting.letter.packet
        odd = oddity(meeting.letter) == oddities if oddities else rules != ("4",)
        if before is not None or not odd:
            return before
        service = any(p.is_service(packet.protocol, packet.port) for p in claim.site.policies)
        return oddities, service, rules

    return colour


def _simplest(findings: Sequence[Finding]) -> list[Finding]:
    """Leave out traces that are another's with more packets in between."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: len(f.trace)):
        packets = [row.packet for row in finding.trace]
        if not any(
            one.what == finding.what and _within([row.packet for row in one.trace], packets)
            for one in kept
        ):
            kept.append(finding)
    return kept


def _within(few: Sequence[str], many: Sequence[str]) -> bool:
    """Tell whether all of ``few`` occur in ``many``, in their order."""
    left = iter(many)
    return all(packet in left for packet in few)
