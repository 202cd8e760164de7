"""Prove that a device treats packets as the policies say, or show a trace on which it doesn't.

First with clocks that may run out in any order: what agrees then, agrees. A disagreement that no
times can bring about is explored once more with the ages that are really possible. Every
counterexample is replayed, packet by packet at its times, on the automaton and the model before
it is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import combinations_with_replacement

from knockctl.automaton.cells import TooManyCells
from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import LOOPBACK
from knockctl.automaton.reference import Automaton, Step
from knockctl.automaton.verdict import Verdict
from knockctl.verify.explore import Explorer
from knockctl.verify.packets import Claim, Sender, senders, sent_by
from knockctl.verify.states import Judge, Letter, Meeting, Mismatch
from knockctl.verify.timing import timed

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
    """Only management that is refused: connections that begin, and those that go on.

    A stray segment from a manager opens nothing, whatever becomes of it.
    """
    packet = meeting.letter.packet
    if not (packet.opening or packet.accepted_before):
        return None
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
        found = [f for f in (finding_of(claim, m) for m in seen.mismatches) if f]
        if found:
            result.status, result.findings = Status.COUNTEREXAMPLE, found
            return result
        if not seen.mismatches:
            result.reasons = [spent(budget, result)]
            break
    result.status = Status.UNKNOWN
    result.reasons = result.reasons or ["a difference was found that no times could be given to"]
    return result


def spent(budget: int, result: Result) -> str:
    """Say that there was no time to finish."""
    return f"the budget of {budget:,} packets is spent after {result.states:,} states"


# --- traces -----------------------------------------------------------------------------------


def finding_of(claim: Claim, mismatch: Mismatch) -> Finding | None:
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
