"""Conditions: questions to the packet, joined by and, or, not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from knockctl.automaton.questions import UNINTERPRETED, Ask, Atom


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    part: Condition


@dataclass(frozen=True, slots=True)
class All:
    """And; of no parts, true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Or; of no parts, false."""

    parts: tuple[Condition, ...]


Condition = Atom | Not | All | Either
ALWAYS = All(())
NEVER = Either(())


def guess(place: str, why: str) -> Atom:
    """Return what stands for something that only the router knows, named."""
    return Atom("chance", f"{UNINTERPRETED}{place}: {why}")


def all_of(parts: Iterable[Condition]) -> Condition:
    """Join by and."""
    kept = tuple(part for part in parts if part != ALWAYS)
    return kept[0] if len(kept) == 1 else All(kept)


def holds(condition: Condition, ask: Ask) -> bool:
    """Let the packet answer."""
    if isinstance(condition, Atom):
        return ask(condition)
    if isinstance(condition, Not):
        return not holds(condition.part, ask)
    if isinstance(condition, All):
        return all(holds(part, ask) for part in condition.parts)
    return any(holds(part, ask) for part in condition.parts)


def atoms(condition: Condition) -> Iterator[Atom]:
    """Yield every question."""
    if isinstance(condition, Atom):
        yield condition
    elif isinstance(condition, Not):
        yield from atoms(condition.part)
    else:
        for part in condition.parts:
            yield from atoms(part)


def needed(condition: Condition) -> tuple[Atom, ...]:
    """Return what a packet must pass for the rest to be worth a look."""
    if isinstance(condition, Atom):
        return (condition,)
    if isinstance(condition, All):
        return tuple(part for part in condition.parts if isinstance(part, Atom))
    return ()
