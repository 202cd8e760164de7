"""Everything that a whole configuration does otherwise, each kind by its plainest trace."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from knockctl.automaton.packet import LOOPBACK
from knockctl.automaton.reference import Packet
from knockctl.policy.resolved import Knock
from knockctl.verify.explore import Exploration, Explorer
from knockctl.verify.packets import Claim, senders
from knockctl.verify.prove import (
    BUDGET,
    Finding,
    Result,
    Status,
    effective,
    finding_of,
    spent,
)
from knockctl.verify.states import Judge, Letter, Meeting, Mismatch


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
    """Tell gaps apart: by the first odd thing on the way, by the packet at the end and its rule."""
    last = mismatch.meeting.letter.packet
    service = any(p.is_service(last.protocol, last.port) for p in claim.site.policies)
    rules = mismatch.meeting.got.rules
    return mismatch.what, service, mismatch.before.key.colour, rules[-1:]


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
    """Leave out traces that are another's, by the same rule, with more packets in between."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: len(f.trace)):
        packets = [row.packet for row in finding.trace]
        if not any(
            one.what == finding.what
            and one.trace[-1].rule == finding.trace[-1].rule
            and _within([row.packet for row in one.trace], packets)
            for one in kept
        ):
            kept.append(finding)
    return kept


def _within(few: Sequence[str], many: Sequence[str]) -> bool:
    """Tell whether all of ``few`` occur in ``many``, in their order."""
    left = iter(many)
    return all(packet in left for packet in few)


# --- ways in without the knock ----------------------------------------------------------------


@dataclass(slots=True)
class Unknocked:
    """Ways in, those without the whole knock apart from the others."""

    result: Result
    knocked: list[Finding]
    """Traces with a whole knock in them, or to ports no policy governs: something else was lost."""


def unknocked(claim: Claim, judge: Judge, *, budget: int = BUDGET) -> Unknocked:
    """List the ways in without the knock; what is left when there are none is proved.

    States remember how much of every sequence was sent, in its order: a source that has sent all
    of one has knocked, whatever else it sent in between and whatever the policy made of that.
    """
    found = Unknocked(Result(), [])
    for sender in senders(claim):
        sure = [letter for letter in sender.letters if not letter.guesses]
        own = _without_knock(claim, sure, judge, budget, found.knocked)
        if own.status is Status.PROVED and len(sure) < len(sender.letters):
            own = _without_knock(claim, sender.letters, judge, budget, found.knocked)
        found.result.add(own)
    return found


def _without_knock(
    claim: Claim, letters: Sequence[Letter], judge: Judge, budget: int, knocked: list[Finding]
) -> Result:
    result = Result()
    for timed in (False, True):
        explorer = Explorer(claim.site, claim.model, letters, judge, timed, budget)
        explorer.first_only = False
        explorer.colour = _progress(claim)
        seen = explorer.run()
        result.states += seen.states
        result.steps += seen.steps
        result.sources = 1 if seen.keyed else 2
        mine: dict[Hashable, Finding] = {}
        others: dict[Hashable, Finding] = {}
        impossible = False
        for mismatch in seen.mismatches:
            into = others if _has_knocked(claim, mismatch) else mine
            kind = mismatch.what, mismatch.meeting.got.rules[-1:]
            if kind in into:
                continue
            finding = finding_of(claim, mismatch)
            if finding:
                into[kind] = finding
            impossible = impossible or finding is None
        if mine:
            result.findings = _simplest([*mine.values()])
            sure = any(not finding.guesses for finding in mine.values())
            result.status = Status.COUNTEREXAMPLE if sure else Status.UNKNOWN
            result.reasons += [
                f"can't be interpreted: {rule}" for f in mine.values() for rule in f.guesses
            ]
        if mine or (seen.complete and not impossible):
            knocked += _simplest([*others.values()])
            if not seen.complete:
                result.reasons.append(spent(budget, result))
            return result
        if not seen.complete:
            break
    result.status = Status.UNKNOWN
    result.reasons = [spent(budget, result)]
    return result


Progress = tuple[tuple[int, ...], ...]
"""For every policy, how many knocks of each sequence were sent, in its order."""


def _progress(claim: Claim) -> Callable[[Hashable, Meeting], Hashable]:
    """Colour states by how much of every sequence their source has sent."""
    policies = claim.site.policies
    start: Progress = tuple((0,) * len(policy.generations) for policy in policies)

    def colour(before: Hashable, meeting: Meeting) -> Hashable:
        event = meeting.letter.event
        told = cast("Progress", before or start)
        if event is None or meeting.letter.packet.accepted_before:
            return before
        after = tuple(
            tuple(
                sent + (sent < len(g.knocks) and _is_knock(g.knocks[sent], event))
                for sent, g in zip(counts, policy.generations, strict=True)
            )
            for counts, policy in zip(told, policies, strict=True)
        )
        return before if after == told else after

    return colour


def _is_knock(knock: Knock, event: Packet) -> bool:
    same = knock.protocol == event.protocol and knock.port == event.port
    return same and (event.protocol == "udp" or event.opening) and knock.said(event.payload)


def _has_knocked(claim: Claim, mismatch: Mismatch) -> bool:
    """Tell whether a way in is one of somebody who has knocked, or to where nobody need knock."""
    packet = mismatch.meeting.letter.packet
    policies = claim.site.policies
    owners = [p for p in policies if p.is_service(packet.protocol, packet.port)]
    if not owners and not any(
        p.otherwise == "refuse"
        or p.is_knock(packet.protocol, packet.port)
        or p.is_trap(packet.protocol, packet.port)
        for p in policies
    ):
        return True
    told = cast("Progress | None", mismatch.before.key.colour)
    if told is None:
        return False
    return any(
        any(sent == len(g.knocks) for sent, g in zip(counts, policy.generations, strict=True))
        for counts, policy in zip(told, policies, strict=True)
        if policy in owners or not owners
    )
