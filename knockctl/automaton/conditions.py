"""Conditions of rules: questions to a packet, joined by and, or, not, and what stays open.

A vendor's ``semantics`` says with them what each rule of a device asks, see ``chains``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from knockctl.automaton.questions import Atom


@dataclass(frozen=True, slots=True)
class Is:
    """The packet answers a question so."""

    atom: Atom
    wanted: bool = True
    original: bool = False
    """Asked of the packet as it came in, whatever rules have changed of it."""


@dataclass(frozen=True, slots=True)
class Open:
    """Something that the packet alone doesn't decide: a set's members, a rate, a guess."""

    name: str
    """What it is, for people. Where it is a chance, its name: a packet may have it."""
    kind: str = "theirs"
    """``ours``: what a policy remembers. ``theirs``: what foreign rules remember. ``chance``: what
    happens either way. ``guess``: what nobody here understands."""
    negated: bool = False
    """Whether it holds while nobody has sent anything: for ``ours`` and ``theirs`` alone."""


@dataclass(frozen=True, slots=True)
class Every:
    """All of these hold; none listed: always."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Some:
    """One of these holds; none listed: never."""

    parts: tuple[Condition, ...] = ()


Condition = Is | Open | Every | Some
ALWAYS, NEVER = Every(), Some()


def every(parts: Iterable[Condition]) -> Condition:
    """Join by and."""
    found = tuple(parts)
    return found[0] if len(found) == 1 else Every(found)


def some(parts: Iterable[Condition]) -> Condition:
    """Join by or."""
    found = tuple(parts)
    return found[0] if len(found) == 1 else Some(found)


def negated(condition: Condition) -> Condition:
    """Return the opposite."""
    match condition:
        case Is():
            return replace(condition, wanted=not condition.wanted)
        case Every():
            return Some(tuple(negated(part) for part in condition.parts))
        case Some():
            return Every(tuple(negated(part) for part in condition.parts))
        case Open():
            return replace(condition, negated=not condition.negated)


def atoms(condition: Condition) -> Iterator[Atom]:
    """Yield every question it puts to a packet."""
    if isinstance(condition, Is):
        yield condition.atom
    elif isinstance(condition, Every | Some):
        for part in condition.parts:
            yield from atoms(part)
