"""Foreign hands on our lists: rows that put a source there, and rules that do.

A source that is on a list of ours by somebody else's doing is let in without its knock, or is some
knocks ahead, or stays out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from knockctl.automaton import chains
from knockctl.automaton.chains import ChainRule
from knockctl.automaton.conditions import ALWAYS, Condition, Every, Is, Open
from knockctl.automaton.questions import Atom
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

    def decides(self, verdict: Verdict) -> bool:
        """Tell whether that is what being on the list leads to."""
        return self.opens == (verdict is Verdict.ACCEPT)

    def rule(self, action: chains.Action, condition: Condition) -> ChainRule:
        """Return what stands for it in the place of a rule of ours that asks the list.

        A call leads on with those who owe it their place on the list: it is no rule to be named.
        """
        if isinstance(action, chains.Call):
            return ChainRule(action, condition)
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
    guards = _guards(ours)
    last: set[str] = set()
    steps: set[tuple[str, str]] = set()
    for rule in ours:
        asked = _asked(rule) | guards.get(rule.row.get("chain"), set())
        if rule.action == Stop(Verdict.ACCEPT):
            last |= asked
        elif isinstance(rule.action, Add):
            steps |= {(name, rule.action.name) for name in asked}
    found = {name: {name} for name in last}
    for _ in steps:
        for before, after in steps:
            if after in found:
                found.setdefault(before, set()).update(found[after])
    return found


def _guards(ours: Sequence[CompiledRule]) -> Mapping[str, set[str]]:
    """Return for each chain of ours the lists that jumps to it ask, or those before them."""
    found: dict[str, set[str]] = {}
    jumps = [(rule, rule.action) for rule in ours if isinstance(rule.action, Jump)]
    for _ in jumps:
        for rule, jump in jumps:
            asked = _asked(rule) | found.get(rule.row.get("chain"), set())
            found.setdefault(jump.chain, set()).update(asked)
    return found


def _asked(rule: CompiledRule) -> set[str]:
    return {test.name for test in rule.tests if test.side == "source" and not test.negated}
