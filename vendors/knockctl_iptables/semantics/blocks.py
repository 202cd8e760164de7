"""Chains compiled in blocks: rules that follow each other and differ in a few values alone.

Block lists have thousands of rules of one form. Each form is taken apart once; what differs, an
address or a port, is read for each rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from knockctl.automaton.questions import Atom, Ranges
from knockctl_iptables.config.records import Rule
from knockctl_iptables.semantics.conditions import CompiledRule, Condition, Stateless
from knockctl_iptables.semantics.words import RANGED, compiled, ranges_of

Words = tuple[str, ...]
Values = tuple[Ranges, ...]
_FORMS_TRIED = 8


@dataclass(frozen=True, slots=True)
class Hole:
    """A value that may differ: what asks for it, and the condition it becomes."""

    option: str
    place: int
    """Among the conditions."""


@dataclass(frozen=True, slots=True)
class Form:
    """What rules of a block have in common."""

    rule: CompiledRule
    """The first of them."""
    holes: tuple[Hole, ...]
    length: int
    fixed: Callable[[Words], Any]
    """Returns the words that must be the same."""
    wanted: Any
    differing: tuple[tuple[str, int], ...]
    """The words that need not: their options, and their places."""

    def values(self, words: Words) -> Values | None:
        """Return what a rule of this form asks; None for one of another."""
        if len(words) != self.length or self.fixed(words) != self.wanted:
            return None
        found = [ranges_of(option, words[place]) for option, place in self.differing]
        return None if None in found else tuple(found)  # type: ignore[arg-type]

    def conditions(self, values: Values) -> tuple[Condition, ...]:
        """Return the conditions of a rule that asks so."""
        result = list(self.rule.conditions)
        for hole, ranges in zip(self.holes, values, strict=True):
            result[hole.place] = Stateless((Atom(RANGED[hole.option], ranges),))
        return tuple(result)


@dataclass(slots=True)
class Block:
    """Rules of one form, one after the other; a rule like no other is a block, too."""

    form: Form
    first: int
    """The number of the first one."""
    rules: list[object] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)
    """For each rule what it asks where the form leaves it open."""

    def __iter__(self) -> Iterator[CompiledRule]:
        """Yield every rule for itself."""
        for number, (rule, values) in enumerate(
            zip(self.rules, self.values, strict=True), start=self.first
        ):
            conditions = self.form.conditions(values)
            yield replace(self.form.rule, number=number, text=rule, conditions=conditions)


def alone(rule: CompiledRule) -> Block:
    """Return a block of one rule."""
    return Block(Form(rule, (), 0, len, -1, ()), rule.number, [rule.text], [()])


def blocks(rules: Sequence[Rule], where: str) -> Iterator[Block]:
    """Take a chain's rules apart."""
    forms: list[Form] = []
    block: Block | None = None
    for number, rule in enumerate(rules, start=1):
        for form in forms:
            values = form.values(rule.words)
            if values is not None:
                break
        else:
            form, values = _form(compiled(rule, where, number), rule.words)
            forms = [form, *forms[: _FORMS_TRIED - 1]] if form.length else forms
        if block is None or block.form is not form:
            if block is not None:
                yield block
            block = Block(form, number)
        block.rules.append(rule)
        block.values.append(values)
    if block is not None:
        yield block


def _form(rule: CompiledRule, words: Words) -> tuple[Form, Values]:
    """Return a rule's form, and what it asks where that leaves it open."""
    holes: list[Hole] = []
    differing: list[tuple[str, int]] = []
    values: list[Ranges] = []
    for place in range(1, len(words)):
        option = words[place - 1]
        ranges = ranges_of(option, words[place]) if option in RANGED else None
        # What is negated asks something else, were there another option that asks just this.
        if ranges is None or words[place - 2] == "!":
            continue
        asks = Stateless((Atom(RANGED[option], ranges),))
        if rule.conditions.count(asks) == 1:
            holes.append(Hole(option, rule.conditions.index(asks)))
            differing.append((option, place))
            values.append(ranges)
    if _names_itself(rule):
        # Another rule of its words would ask something else.
        return Form(rule, (), 0, len, -1, ()), ()
    open_ = {place for _, place in differing}
    kept = [place for place in range(len(words)) if place not in open_]
    fixed = itemgetter(*kept) if kept else len
    form = Form(rule, tuple(holes), len(words), fixed, fixed(words), tuple(differing))
    return form, tuple(values)


def _names_itself(rule: CompiledRule) -> bool:
    """Tell whether a question is a chance, which may bear the rule's own name."""
    plain = (one for one in rule.conditions if isinstance(one, Stateless))
    return any(one.atoms[0].field == "chance" for one in plain)
