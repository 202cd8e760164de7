"""Conditions: questions to the packet, and tags of its addresses, joined by and, or, not.

What the packet answers is answered once for each kind of packet; what is left asks for tags only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from knockctl.automaton.questions import UNINTERPRETED, Ask, Atom

Side = Literal["source", "destination"]


@dataclass(frozen=True, slots=True)
class Is:
    """A question to the packet."""

    atom: Atom


@dataclass(frozen=True, slots=True)
class Tagged:
    """Whether a tag is registered for an address of the packet."""

    tag: str
    side: Side


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    part: Formula


@dataclass(frozen=True, slots=True)
class All:
    """And; of no parts, true."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Or; of no parts, false."""

    parts: tuple[Formula, ...]


Formula = bool | Is | Tagged | Not | All | Either


def guess(place: str, why: str) -> Is:
    """Return what stands for something that only the firewall knows, named; of no rule: alike."""
    return Is(Atom("chance", f"{UNINTERPRETED}{place}: {why}" if place else UNINTERPRETED + why))


def all_of(parts: Iterable[Formula]) -> Formula:
    """Join by and, without what is always true."""
    kept = tuple(dict.fromkeys(part for part in parts if part is not True))
    if False in kept:
        return False
    return kept[0] if len(kept) == 1 else All(kept) if kept else True


def any_of(parts: Iterable[Formula]) -> Formula:
    """Join by or, without what is never true."""
    kept = tuple(dict.fromkeys(part for part in parts if part is not False))
    if True in kept:
        return True
    return kept[0] if len(kept) == 1 else Either(kept) if kept else False


def none_of(part: Formula) -> Formula:
    """Negate."""
    if isinstance(part, bool):
        return not part
    return part.part if isinstance(part, Not) else Not(part)


def answered(formula: Formula, ask: Ask) -> Formula:
    """Return what is left once the packet has answered.

    What its fields tell is asked first: where that decides, nothing is left to guess.
    """
    left = _known(formula, ask, guesses=False)
    return left if isinstance(left, bool | Tagged) else _known(left, ask, guesses=True)


def _known(formula: Formula, ask: Ask, *, guesses: bool) -> Formula:
    if isinstance(formula, Is):
        return ask(formula.atom) if guesses or formula.atom.field != "chance" else formula
    if isinstance(formula, Not):
        return none_of(_known(formula.part, ask, guesses=guesses))
    if isinstance(formula, All | Either):
        ends = isinstance(formula, Either)
        left = []
        for part in formula.parts:
            one = _known(part, ask, guesses=guesses)
            if one is ends:
                return ends
            left.append(one)
        return any_of(left) if ends else all_of(left)
    return formula


def leaves(formula: Formula) -> Iterator[Is | Tagged]:
    """Yield every question and every tag."""
    if isinstance(formula, Is | Tagged):
        yield formula
    elif isinstance(formula, Not):
        yield from leaves(formula.part)
    elif isinstance(formula, All | Either):
        for part in formula.parts:
            yield from leaves(part)
