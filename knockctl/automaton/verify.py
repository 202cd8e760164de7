"""Prove that a device treats packets as the policies say, or show a trace on which it doesn't.

First with clocks that may run out in any order: what agrees then, agrees. A disagreement that no
times can bring about is explored once more with the ages that are really possible. Every
counterexample is replayed, packet by packet at its times, on the automaton and the model before
it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import combinations_with_replacement
from typing import Any

from knockctl.automaton.alphabet import TooManyCells
from knockctl.automaton.concrete import timed
from knockctl.automaton.explore import Exploration, Explorer, Judge, Letter, Meeting, Mismatch
from knockctl.automaton.letters import Claim, Sender, senders, sent_by
from knockctl.automaton.model import Machine
from knockctl.automaton.reference import Automaton, Step
from knockctl.automaton.verdict import Verdict
from knockctl.automaton.wire import LOOPBACK

BUDGET = 1_000_000
"""Packets judged, for one kind of source, before an exploration gives up."""


class Status(Enum):
    """How a verification ended."""

    PROVED = "proved"
    COUNTEREXAMPLE = "counterexample"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Row:
    """One packet of a trace, judged by both."""

    at: float
    """Seconds since the first packet."""
    source: str
    packet: str
    expected: str
    expected_rule: str
    got: str
    rule: str
    """The device's rule that decided."""
    letter: Letter = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the device does that the policies don't say, with the shortest trace to it."""

    what: str
    family: int
    trace: tuple[Row, ...]
    guesses: tuple[str, ...] = ()
    """Rules that can't be interpreted and on which the trace rests."""


@dataclass(slots=True)
class Result:
    """What was found about one device."""

    status: Status = Status.PROVED
    states: int = 0
    steps: int = 0
    letters: int = 0
    findings: list[Finding] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    """Why the outcome is unknown."""
    sources: int = 1
    """How many sources were played side by side: two where some state is shared."""

    def add(self, other: Result) -> None:
        """Take in what was found about another family or property; the worse status stands."""
        order = (Status.PROVED, Status.UNKNOWN, Status.COUNTEREXAMPLE)
        self.status = max(self.status, other.status, key=order.index)
        self.states += other.states
        self.steps += other.steps
        self.letters += other.letters
        self.findings += other.findings
        self.reasons += [r for r in other.reasons if r not in self.reasons]
        self.sources = max(self.sources, other.sources)


# --- what counts as a difference --------------------------------------------------------------


def equal(meeting: Meeting) -> str | None:
    """Any difference: what the policies pass on, the configuration must pass on, too."""
    expected, got = meeting.expected.verdict, meeting.got.verdict
    return None if expected is got else f"{expected.value} expected, {got.value} found"


def effective(meeting: Meeting) -> str | None:
    """Differences in what gets in: what the policies pass on is for other rules to decide."""
    expected, got = meeting.expected.verdict, meeting.got.verdict
    if expected is Verdict.PASS or expected is got:
        return None
    return "opens" if expected is Verdict.REFUSE else "closes"


def opens(meeting: Meeting) -> str | None:
    """Only what is let in although the policies refuse it."""
    return "opens" if effective(meeting) == "opens" else None


def closes(meeting: Meeting) -> str | None:
    """Only what is refused although the policies accept it."""
    return "closes" if effective(meeting) == "closes" else None


def keeps_management(meeting: Meeting) -> str | None:
    """Only management that is refused."""
    if meeting.expected.rules == ("management",) and meeting.got.verdict is not Verdict.ACCEPT:
        return "management locked out"
    return None


# --- the proof --------------------------------------------------------------------------------


def prove(claim: Claim, judge: Judge = equal, *, budget: int = BUDGET) -> Result:
    """Explore every kind of source; stop at the first counterexample that is real."""
    result = Result()
    try:
        found = senders(claim)
    except TooManyCells as error:
        return Result(Status.UNKNOWN, reasons=[str(error)])
    result.letters = sum(len(sender.letters) for sender in found)
    for sender in found:
        one = _explore(claim, sender.letters, judge, budget)
        result.add(one)
        if one.status is Status.COUNTEREXAMPLE:
            return result
    if result.sources == 2:
        for pair in combinations_with_replacement(found, 2):
            letters = _side_by_side(claim, *pair)
            if letters:
                result.add(_explore(claim, letters, judge, budget))
            if result.status is Status.COUNTEREXAMPLE:
                break
    return result


def _side_by_side(claim: Claim, one: Sender, two: Sender) -> list[Letter]:
    other = two.neighbour if one is two else two.address
    if other is None:
        return []
    return [*one.letters, *sent_by(two.letters, claim.scope, other, 1)]


def _explore(claim: Claim, letters: Sequence[Letter], judge: Judge, budget: int) -> Result:
    """Explore without the rules nobody can interpret, then with them matching or not."""
    sure = [letter for letter in letters if not letter.guesses]
    result = decide(claim, sure, judge, budget)
    if len(sure) < len(letters) and result.status is not Status.COUNTEREXAMPLE:
        guessed = decide(claim, letters, judge, budget)
        if guessed.status is Status.COUNTEREXAMPLE:
            guessed.status = Status.UNKNOWN
            rules = sorted({rule for f in guessed.findings for rule in f.guesses})
            guessed.reasons = [f"can't be interpreted: {rule}" for rule in rules]
        result = guessed
    return result


def decide(claim: Claim, letters: Sequence[Letter], judge: Judge, budget: int) -> Result:
    """Explore without times; where that finds what no times allow, with them."""
    result = Result()
    for with_times in (False, True):
        explorer = Explorer(claim.site, claim.model, letters, judge, with_times, budget)
        seen = explorer.run()
        result.states += seen.states
        result.steps += seen.steps
        result.sources = 1 if seen.keyed else 2
        if seen.complete:
            return result
        found = [f for f in (_finding(claim, m) for m in seen.mismatches) if f]
        if found:
            result.status, result.findings = Status.COUNTEREXAMPLE, found
            return result
        if not seen.mismatches:
            result.reasons = [_spent(budget, result)]
            break
    result.status = Status.UNKNOWN
    result.reasons = result.reasons or ["a difference was found that no times could be given to"]
    return result


def _spent(budget: int, result: Result) -> str:
    return f"the budget of {budget:,} packets is spent after {result.states:,} states"


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
            finding = _finding(claim, mismatch)
            if finding and any(oddity(row.letter) == kind_of for row in finding.trace):
                kinds[kind] = finding
    result.findings = [*kinds.values()]
    if any(not f.guesses for f in result.findings):
        result.status = Status.COUNTEREXAMPLE
    elif result.findings or not seen.complete:
        result.status = Status.UNKNOWN
        result.reasons = [f"can't be interpreted: {r}" for f in result.findings for r in f.guesses]
    if not seen.complete:
        result.reasons.append(_spent(budget, result))
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


# --- traces -----------------------------------------------------------------------------------


def _finding(claim: Claim, mismatch: Mismatch) -> Finding | None:
    """Return the finding with its trace replayed; None where no times bring it about."""
    trace = timed(mismatch.before, mismatch.meeting.letter)
    rows = tuple(replay(claim, trace)) if trace else ()
    verdicts = mismatch.meeting.expected.verdict.value, mismatch.meeting.got.verdict.value
    if not trace or (rows[-1].expected, rows[-1].got) != verdicts:
        return None
    guesses = sorted({g for _, letter in trace for g in letter.guesses})
    return Finding(mismatch.what, claim.family, rows, tuple(guesses))


def replay(claim: Claim, trace: Sequence[tuple[float, Letter]]) -> Iterator[Row]:
    """Yield each packet as the automaton and the device judge it at its time."""
    automaton, machine = Automaton(claim.site), Machine(claim.model)
    for at, letter in trace:
        if letter.event is None:
            expected = Step(Verdict.PASS, (), ("not ours",))
        else:
            expected = automaton.feed(letter.event, at)
        got = machine.feed(letter.packet, at)
        yield Row(
            at,
            str(letter.packet.source),
            _written(letter),
            expected.verdict.value,
            "+".join(expected.rules),
            got.verdict.value,
            got.rules[-1] if got.rules else "the end of the rules",
            replace(letter, guesses=frozenset()),
        )


def _written(letter: Letter) -> str:
    """Name a packet; one that is not the policies' with where it goes."""
    elsewhere = letter.event is None and letter.packet.interface != LOOPBACK
    return f"{letter.packet} to {letter.packet.destination}" if elsewhere else str(letter.packet)
