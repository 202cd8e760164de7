"""Which packets rules of ours may be about: what only others' rules ask is left out of a chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from knockctl.automaton.conditions import (
    ALWAYS,
    NEVER,
    Condition,
    Every,
    Is,
    Open,
    Some,
    every,
    negated,
    some,
)
from knockctl.automaton.packet import named
from knockctl.automaton.questions import UNINTERPRETED, Ranges
from knockctl_panos.semantics import formula as asked

PROTOCOLS = frozenset(("tcp", "udp"))
"""What policies are about at all."""


@dataclass(frozen=True, slots=True)
class Owned:
    """What in a configuration is the policies' own, by its names."""

    rules: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()


def condition(formula: asked.Formula, owned: Owned) -> Condition:
    """Return a formula as a condition: what a tag tells stays open."""
    if isinstance(formula, bool):
        return ALWAYS if formula else NEVER
    if isinstance(formula, asked.Is):
        guessed = formula.atom.field == "chance"
        name = str(formula.atom.test).removeprefix(UNINTERPRETED)
        return Open(name, "guess") if guessed else Is(formula.atom)
    if isinstance(formula, asked.Tagged):
        return _carried((formula,), owned)
    if isinstance(formula, asked.All) and (tags := _together(formula.parts, owned)):
        return _carried(tags, owned)
    if isinstance(formula, asked.Not):
        return negated(condition(formula.part, owned))
    parts = tuple(condition(part, owned) for part in formula.parts)
    return Every(parts) if isinstance(formula, asked.All) else Some(parts)


def _carried(tags: Sequence[asked.Tagged], owned: Owned) -> Open:
    kind = "ours" if tags[0].tag in owned.tags else "theirs"
    names = " and ".join(repr(one.tag) for one in tags)
    return Open(f"whether the {tags[0].side} carries {names}", kind)


def _together(parts: Sequence[asked.Formula], owned: Owned) -> Sequence[asked.Tagged]:
    """Return what a group of the policies' own asks for at once; nothing where it is no such."""
    tags = [part for part in parts if isinstance(part, asked.Tagged) and part.tag in owned.tags]
    alike = len(tags) == len(parts) and len({tag.side for tag in tags}) == 1
    return tags if alike else ()


@dataclass(frozen=True, slots=True)
class Governed:
    """The packets that rules of ours may be about; None: any."""

    destinations: Ranges | None = None
    interfaces: frozenset[str] | None = None
    ports: Ranges | None = None

    def within(self, one: Condition) -> Condition:
        """Return what is left to ask where the packet is known to be one of these."""
        match one:
            case Is():
                answer = self._answer(one)
                return one if answer is None else ALWAYS if answer is one.wanted else NEVER
            case Every():
                parts = [self.within(part) for part in one.parts]
                if NEVER in parts:
                    return NEVER
                return every(part for part in parts if part != ALWAYS)
            case Some():
                parts = [self.within(part) for part in one.parts]
                if ALWAYS in parts:
                    return ALWAYS
                return some(part for part in parts if part != NEVER)
            case _:
                return one

    def elsewhere(self, ranges: Ranges) -> bool:
        """Tell whether none of them goes to these addresses."""
        return _covered(self.destinations, ranges) is False

    def _answer(self, question: Is) -> bool | None:
        """Return what all of them answer alike; None where they don't."""
        atom = question.atom
        match atom.field:
            case "destination":
                return _covered(self.destinations, atom.test)
            case "port":
                return _covered(self.ports, atom.test)
            case "protocol":
                return _alike(PROTOCOLS, lambda name: name in atom.test)
            case "interface":
                return _alike(self.interfaces, lambda name: named(atom.test, name))
        return None


def _alike(values: Iterable[str] | None, passes: Callable[[str], bool]) -> bool | None:
    answers = {passes(value) for value in values} if values is not None else ()
    return next(iter(answers)) if len(answers) == 1 else None


def _covered(mine: Ranges | None, asked_for: Ranges) -> bool | None:
    """Tell whether ranges are inside others, or outside; None: neither, or not for sure."""
    if mine is None:
        return None
    if all(any(a <= first and last <= b for a, b in asked_for) for first, last in mine):
        return True
    if any(first <= b and a <= last for first, last in mine for a, b in asked_for):
        return None
    return False


def governed(rules: Iterable[tuple[Condition, Condition, Iterable[Condition]]]) -> Governed:
    """Put together what rules ask: each one's destination, service, and zones."""
    rules = list(rules)
    if not rules:
        return Governed()
    targets = [_ranges(target, "destination") for target, _, _ in rules]
    services = [_ranges(service, "port") for _, service, _ in rules]
    zones = [_interfaces(parts) for _, _, parts in rules]
    return Governed(_joined(targets), _all(zones), _joined(services))


def _joined(found: list[Ranges | None]) -> Ranges | None:
    some_ = [one for one in found if one is not None]
    return None if len(some_) < len(found) else tuple(dict.fromkeys(r for o in some_ for r in o))


def _all(found: list[frozenset[str] | None]) -> frozenset[str] | None:
    known = [one for one in found if one is not None]
    return None if len(known) < len(found) else frozenset().union(*known)


def _ranges(one: Condition, name: str) -> Ranges | None:
    """Return the values of a field that can pass; None where any may."""
    match one:
        case Is(atom, wanted=True) if atom.field == name:
            ranges: Ranges = atom.test
            return ranges
        case Every():
            found = [r for part in one.parts if (r := _ranges(part, name)) is not None]
            return found[0] if found else None
        case Some():
            return _joined([_ranges(part, name) for part in one.parts])
    return None


def _interfaces(parts: Iterable[Condition]) -> frozenset[str] | None:
    """Return the interfaces that packets must come in by."""
    for part in parts:
        choices = part.parts if isinstance(part, Some) else (part,)
        names = list(_named(choices))
        if names and len(names) == len(choices):
            return frozenset(names)
    return None


def _named(choices: Iterable[Condition]) -> Iterator[str]:
    for one in choices:
        if isinstance(one, Is) and one.wanted and one.atom.field == "interface":
            yield one.atom.test
