"""What became of packets on a walk: who is decided where, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from knockctl.automaton.boxes import Box, fewer
from knockctl.automaton.chains import ChainRule
from knockctl.automaton.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Passage:
    """Packets whose fate a rule decides."""

    box: Box
    verdict: Verdict | None
    """None: what the rule does is not understood."""
    rule: ChainRule
    via: frozenset[ChainRule] = frozenset()
    """The rules that led there by calling its chain."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of all packets."""

    passages: tuple[Passage, ...]
    reached: tuple[Box, ...]
    """The packets that the policies get to see."""
    left: tuple[Box, ...]
    """Those that no rule decides."""
    partial: bool = False
    """Whether some sources were left out of passages: every rule has one, but not everybody's."""


@dataclass(slots=True)
class Outcome:
    """What a chain does with packets: what it decides, shows to ours, or lets come back."""

    passages: list[Passage] = field(default_factory=list)
    reached: list[Box] = field(default_factory=list)
    returned: list[Box] = field(default_factory=list)
    onward: list[Box] = field(default_factory=list)
    """Packets that are done with the section, otherwise than they came."""
    idle: bool = False
    """Whether all packets just come back."""


def by_rule(passages: list[Passage]) -> list[Passage]:
    """Join what one rule does to several boxes, however they came to it."""
    rules: dict[ChainRule, list[Passage]] = {}
    for passage in passages:
        rules.setdefault(passage.rule, []).append(passage)
    if len(rules) == len(passages):
        return passages
    return [one for some in rules.values() for one in _once(some)]


def _once(passages: list[Passage]) -> Iterator[Passage]:
    """Yield the passages of one rule, joined where they can be."""
    first = passages[0]
    if len(passages) == 1:
        yield first
        return
    via = frozenset(step for passage in passages for step in passage.via)
    for box in fewer([passage.box for passage in passages]):
        yield replace(first, box=box, via=via)
