"""What foreign rules do to the policies, by name and in one sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from knockctl.automaton.chains import ChainRule
from knockctl.ports import Span

MOST_NAMED = 3
"""Networks, or rules, that one sentence lists."""


class Kind(StrEnum):
    """What a foreign rule does to the policies."""

    EXPOSED = "exposed"
    KNOCK_LOST = "knock-lost"
    SERVICE_SHUT = "service-shut"
    LOCKOUT_LOST = "lockout-lost"
    RESET_LOST = "reset-lost"
    STRAY_LOST = "stray-lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that foreign rules do to the policies."""

    kind: Kind
    family: int
    spans: tuple[Span, ...]
    """The ports it is about, in full for what is exposed."""
    who: str
    """Whose packets: ``anyone``, or networks."""
    everyone: bool
    rules: tuple[ChainRule, ...] = ()
    """For what is exposed the one rule that decides."""
    via: tuple[ChainRule, ...] = ()
    """The rules that lead to it."""
    certain: bool = True
    """False: whether it happens hangs on something that the rules alone don't tell."""
    why: tuple[str, ...] = ()
    """What that is."""
    accepts: bool = True
    """Whether the rules accept the packets, or refuse them."""
    segments: bool = False
    """It is about TCP segments that open nothing, and nothing else."""

    @property
    def blocks(self) -> bool:
        """Tell whether a deploy stops here until it is accepted."""
        shut = self.kind in (Kind.KNOCK_LOST, Kind.SERVICE_SHUT) and self.everyone
        return shut or self.kind in (Kind.EXPOSED, Kind.UNKNOWN)

    @property
    def code(self) -> str:
        """What ``--accept`` names: it is bound to the rules, wherever they stand."""
        # A run of rules stands for each of them: another in its middle asks again.
        listed = (part for rule in (*self.rules, *self.via) for part in rule.each())
        words = sorted(f"{rule.where}: {rule.text}" for rule in listed)
        words += self.why if not words else ()
        words += [] if self.certain else ["perhaps"]
        said = "\n".join((self.kind, *words)).encode()
        return f"{self.kind}:{hashlib.sha256(said).hexdigest()[:8]}"

    def __str__(self) -> str:
        """Say it in one sentence."""
        return f"{_sentence(self)}{_rests(self)}"


def _sentence(one: Finding) -> str:
    spans = _listed([str(span) for span in one.spans])
    if one.segments:
        spans = f"{spans}, for segments that open nothing,"
    does = "accepts" if one.accepts else "refuses"
    whom = "" if one.who == "anyone" else f" from {one.who}"
    by = _listed([rule.place for rule in one.rules])
    if one.via:
        by += f", which is reached by {_listed([rule.place for rule in one.via])}"
    what = {
        Kind.EXPOSED: f"{spans} {'is' if one.certain else 'may be'} open to {one.who} without a"
        f" knock: {by}",
        Kind.LOCKOUT_LOST: f"who is locked out still reaches {spans}: {by}"
        if one.accepts
        else f"packets to {spans}{whom} no longer lock out: refused before by {by}",
        Kind.KNOCK_LOST: f"knocks on {spans}{whom} never get to the policy: {by} {does} them"
        if not one.everyone
        else f"nobody can knock: {spans} never gets to the policy, {by} {does} it before",
        Kind.SERVICE_SHUT: f"{spans} stays shut for who is in{whom}: {by}"
        if not one.everyone
        else f"nobody who is in reaches {spans}: {by} refuses it before",
        Kind.RESET_LOST: f"packets to {spans}{whom} no longer count as wrong knocks: {by} {does}"
        " them before",
        Kind.STRAY_LOST: f"packets to {spans}{whom} no longer count as strays: {by} {does} them"
        " before",
        Kind.UNKNOWN: "what foreign rules do to the policies' packets can't be told",
    }
    told = what[one.kind]
    sure = one.certain or one.kind in (Kind.EXPOSED, Kind.UNKNOWN)
    return told if sure else f"it may be that {told}"


def _rests(one: Finding) -> str:
    return f" ({'; '.join(one.why)})" if one.why else ""


def _listed(words: Sequence[str]) -> str:
    some = ", ".join(words[:MOST_NAMED])
    return some if len(words) <= MOST_NAMED else f"{some} and {len(words) - MOST_NAMED} more"
