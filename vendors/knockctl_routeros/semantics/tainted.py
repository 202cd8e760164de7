"""Foreign hands on our lists: rows that put a source there, and rules that do.

A source that is on a list of ours by somebody else's doing is let in without its knock, or is some
knocks ahead, or stays out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from knockctl.automaton import chains
from knockctl.automaton.alphabet import Atom
from knockctl.automaton.chains import ChainRule
from knockctl.automaton.conditions import ALWAYS, Condition, Every, Is, Open
from knockctl.automaton.verdict import Verdict
from knockctl_routeros.semantics.conditions import Add, CompiledRule, Jump, Stop
from knockctl_routeros.semantics.firewall import Entry, Firewall


@dataclass(frozen=True, slots=True)
class Taint:
    """Somebody else puts sources on a list of ours."""

    lists: frozenset[str]
    where: str
    text: str
    number: int = 0
    condition: Condition = ALWAYS
    """Which sources."""
    opens: bool = True
    """Whether being on the list lets, or helps, a source in."""

    def rule(self, action: chains.Action, condition: Condition) -> ChainRule:
        """Return what stands for it in the place of a rule of ours that asks the list."""
        return ChainRule(action, condition, self.where, self.number, self.text)


def taints(rules: Firewall) -> Mapping[str, Sequence[Taint]]:
    """Return for each of our lists that rules of ours decide by who else puts sources there."""
    direct = [*_rows(rules), *_written(rules)]
    if not direct:
        return {}
    opening = _opening(rules)
    found: dict[str, list[Taint]] = {}
    for taint in direct:
        (name,) = taint.lists
        found.setdefault(name, []).append(replace(taint, opens=name in opening))
        for final in opening.get(name, ()):
            if final != name:
                ahead = Open(f"the other knocks of {taint.where}", "ours")
                condition = Every((taint.condition, ahead))
                found.setdefault(final, []).append(
                    replace(taint, lists=frozenset((final,)), condition=condition)
                )
    return found


def _rows(rules: Firewall) -> Iterator[Taint]:
    for entry in rules.entries:
        if entry.name in rules.ours:
            yield Taint(frozenset((entry.name,)), entry.where, entry.text, condition=_who(entry))


def _who(entry: Entry) -> Condition:
    asked: list[Condition] = [Is(Atom("source", entry.ranges))] if entry.ranges else []
    asked += [] if entry.sure else [Open(f"{entry.where}: {entry.text}", "guess")]
    return Every(tuple(asked))


def _written(rules: Firewall) -> Iterator[Taint]:
    for rule in rules.every():
        action = rule.action
        if isinstance(action, Add) and action.name in rules.ours and not rule.row.ours:
            somebody = Open(rule.place, "theirs")
            yield Taint(frozenset((action.name,)), rule.where, rule.text, rule.number, somebody)


def _opening(rules: Firewall) -> Mapping[str, set[str]]:
    """Return for each list that helps a source in, the lists by which it is let in at last."""
    ours = [rule for rule in rules.every() if rule.row.ours]
    last = {
        test.name
        for rule in ours
        if isinstance(rule.action, Stop) and rule.action.verdict is Verdict.ACCEPT
        for test in rule.tests
        if not test.negated
    }
    found = {name: {name} for name in last}
    steps = list(_steps(ours))
    changed = True
    while changed:
        changed = False
        for before, after in steps:
            leads = found.get(after, set()) - found.get(before, set())
            if leads:
                found.setdefault(before, set()).update(leads)
                changed = True
    return found


def _steps(ours: Sequence[CompiledRule]) -> Iterator[tuple[str, str]]:
    """Yield from which of our lists a rule of ours puts a source on which other one."""
    asked: dict[str, set[str]] = {}
    for _ in range(len(ours)):
        before = sum(map(len, asked.values()))
        for rule in ours:
            if isinstance(rule.action, Jump):
                here = {t.name for t in rule.tests if not t.negated}
                here |= asked.get(rule.row.get("chain"), set())
                asked.setdefault(rule.action.chain, set()).update(here)
        if sum(map(len, asked.values())) == before:
            break
    for rule in ours:
        if isinstance(rule.action, Add):
            names = {t.name for t in rule.tests if not t.negated}
            for name in names | asked.get(rule.row.get("chain"), set()):
                yield name, rule.action.name
