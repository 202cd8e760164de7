"""The rules of a firewall as one chain, down to the last one of the policies'.

Thousands of foreign rules are mostly alike: each thing that rules say is compiled once, by
``rules.Compiler``, and neighbouring rules that differ in one question alone become one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from knockctl.automaton.alphabet import Atom
from knockctl.automaton.chains import Action, Anything, ChainRule, Ours, Stop
from knockctl.automaton.conditions import ALWAYS, NEVER, Condition, Every, Is, every
from knockctl_panos.document import Rulebase
from knockctl_panos.semantics.formula import Formula
from knockctl_panos.semantics.ours import Governed, Owned, condition, governed
from knockctl_panos.semantics.rules import SILENT, Compiler, action, in_force
from knockctl_panos.xmltext import Tree

CHAIN = "security rules"
QUESTIONS = ("source", "destination", "service")
"""What runs of rules may differ in."""
_LOGGING = frozenset(("log-setting", "log-start", "log-end"))
_UNSAID = SILENT | _LOGGING
_Get = Callable[[Sequence[str | None]], Any]
_ANY = ("any",)


def chained(
    rulebases: Iterable[Rulebase], compiler: Compiler, owned: Owned
) -> tuple[ChainRule, ...]:
    """Return the rules that packets to the policies' addresses may meet, in order."""
    made = _Chain(compiler, owned)
    made.take(rulebases)
    return made.rules()


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """One thing that some rules say."""

    asks: Condition
    """Of packets that rules of ours may be about."""
    plain: tuple[tuple[Atom, ...], Atom] | None = None
    """Where it is one question for ranges, that, and what is asked besides."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rest:
    """All that a rule says besides, and what was found of the three for rules that say it."""

    asks: Condition
    action: Action
    known: tuple[dict[Any, _Said], ...] = field(default_factory=lambda: ({}, {}, {}))


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One rule in force that may matter."""

    tree: Tree
    where: str
    rest: _Rest
    said: tuple[_Said, ...]
    """Its source, destination, service."""
    ours: bool


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where in the texts of rules of one shape the words are."""

    parts: tuple[slice, ...]
    rest: int
    """The number of the shape of all else."""
    words: _Get


@dataclass(slots=True)
class _Chain:
    """Takes rules up, and tells them apart no further than needed."""

    compiler: Compiler
    owned: Owned
    governed: Governed = field(default_factory=Governed)
    _layouts: dict[Any, _Layout] = field(default_factory=dict)
    _shapes: dict[Any, int] = field(default_factory=dict)
    _rests: dict[Any, _Rest | None] = field(default_factory=dict)
    _runs: list[list[_Row]] = field(default_factory=list)
    """Rules that are alike but for one question."""

    def take(self, rulebases: Iterable[Rulebase]) -> None:
        """Take up all rules down to the last of ours."""
        placed = [(base, list(base.rules)) for base in rulebases]
        ours = [
            (number, place)
            for number, (_, rules) in enumerate(placed)
            for place, tree in enumerate(rules)
            if tree.name in self.owned.rules and in_force(tree)
        ]
        if ours:
            last, end = ours[-1]
            placed = [*placed[:last], (placed[last][0], placed[last][1][: end + 1])]
            self.governed = governed(self._governing(placed[n][1][place]) for n, place in ours)
        if self.governed.destinations == ():
            return
        for base, rules in placed:
            self._rows(base.where, rules)

    def _governing(self, tree: Tree) -> tuple[Condition, Condition, list[Condition]]:
        compiler = self.compiler
        zones = [self._asks(part) for part in compiler.zones(tree, "")]
        return self._asks(compiler.target(tree, "")), self._asks(compiler.service(tree, "")), zones

    def _asks(self, formula: Formula) -> Condition:
        return condition(formula, self.owned)

    def _within(self, formula: Formula) -> Condition:
        return self.governed.within(self._asks(formula))

    # --- rows, quickly ---

    def _rows(self, where: str, rules: Iterable[Tree]) -> None:
        layouts, rests, mine = self._layouts, self._rests, self.owned.rules
        for tree in rules:
            shape, texts = tree.flat()
            layout = layouts.get(shape)
            if layout is None:
                layout = layouts[shape] = self._layout(tree)
            key = layout.rest, layout.words(texts)
            try:
                rest = rests[key]
            except KeyError:
                rest = rests[key] = self._rest(tree)
            if rest is None:
                continue
            said = []
            for number, part in enumerate(layout.parts):
                words = tuple(texts[part])
                found = rest.known[number].get(words)
                if found is None:
                    found = rest.known[number][words] = self._said(number, tree)
                if found.asks is NEVER:
                    break
                said.append(found)
            else:
                self._add(_Row(tree, where, rest, tuple(said), tree.name in mine))

    def _layout(self, tree: Tree) -> _Layout:
        """Find out where a shape has its words; texts stand in the order of the elements."""
        spots, at = {name: slice(0, 0) for name in QUESTIONS}, 1
        kept, names = [0], [""]
        for child in tree.children:
            names_, _ = child.flat()
            size = len(names_[0])
            if child.tag in spots:
                spots[child.tag] = slice(at + 1, at + size)
            elif child.tag not in _UNSAID:
                kept += range(at, at + size)
                names += [*names_[0], ""]
            at += size
        rest = self._shapes.setdefault(tuple(names), len(self._shapes))
        return _Layout(tuple(spots.values()), rest, itemgetter(*kept, 0))

    def _rest(self, tree: Tree) -> _Rest | None:
        """Compile what rules say besides; None where they matter to nobody."""
        if not in_force(tree):
            return None
        compiler, verdict = self.compiler, action(tree)
        asks = every(
            part
            for formula in (*compiler.zones(tree, ""), *compiler.guesses(tree, ""))
            if (part := self._within(formula)) != ALWAYS
        )
        if isinstance(asks, Every) and NEVER in asks.parts:
            return None
        return None if asks == NEVER else _Rest(asks, Stop(verdict) if verdict else Anything())

    def _said(self, number: int, tree: Tree) -> _Said:
        compiler = self.compiler
        asked = (compiler.source, compiler.target, compiler.service)[number]
        asks = self._within(asked(tree, ""))
        return _Said(NEVER) if asks == NEVER else _Said(asks, _plain(asks))

    # --- runs ---

    def _add(self, row: _Row) -> None:
        if self._runs and _joins(self._runs[-1], row):
            self._runs[-1].append(row)
        else:
            self._runs.append([row])

    def rules(self) -> tuple[ChainRule, ...]:
        """Return the chain: from the first of ours behind which no foreign one is, ours alone."""
        runs = self._runs
        if not any(run[0].ours for run in runs):
            return tuple(_rule(run) for run in runs)
        last = max((n for n, run in enumerate(runs) if not run[0].ours), default=-1)
        reached = ChainRule(Ours(), where=CHAIN, text="ours", ours=True)
        return (*(_rule(run) for run in runs[: last + 1]), reached)


def _plain(asks: Condition) -> tuple[tuple[Atom, ...], Atom] | None:
    """Return one question for ranges, and the protocols asked for besides."""
    parts = asks.parts if isinstance(asks, Every) else (asks,)
    atoms = [part.atom for part in parts if isinstance(part, Is) and part.wanted]
    ranged = [atom for atom in atoms if atom.field in ("source", "destination", "port")]
    if len(atoms) < len(parts) or len(ranged) != 1:
        return None
    besides = tuple(atom for atom in atoms if atom is not ranged[0])
    return (besides, ranged[0]) if all(a.field == "protocol" for a in besides) else None


def _joins(run: Sequence[_Row], row: _Row) -> bool:
    """Tell whether a rule is like those of a run but for the one question they differ in."""
    first, last = run[0], run[-1]
    if row.ours or first.ours or row.rest is not last.rest or row.where != last.where:
        return False
    differ = [n for n, said in enumerate(row.said) if said is not last.said[n]]
    if len(differ) > 1:
        return False
    if not differ:
        return True
    (number,) = differ
    before, here = last.said[number].plain, row.said[number].plain
    if before is None or here is None or before[0] != here[0]:
        return False
    others = (n for n in range(len(row.said)) if n != number)
    return all(row.said[n] is first.said[n] for n in others)


# --- rules of a chain ---------------------------------------------------------------------------


def _rule(run: Sequence[_Row]) -> ChainRule:
    if len(run) == 1:
        return _alone(run[0])
    first = run[0]
    asks = [said.asks for said in first.said]
    for number, said in enumerate(first.said):
        atoms = dict.fromkeys(s.plain[1] for row in run if (s := row.said[number]).plain)
        if said.plain and len(atoms) > 1:
            ranges = dict.fromkeys(span for atom in atoms for span in atom.test)
            merged = Is(Atom(said.plain[1].field, tuple(ranges)))
            asks[number] = every([*map(Is, said.plain[0]), merged])
    where, _ = first.where, None
    return ChainRule(
        first.rest.action,
        _all(first.rest.asks, asks),
        where,
        text=_Run(run),
        parts=lambda: [_alone(row) for row in run],
    )


def _alone(row: _Row) -> ChainRule:
    asks = _all(row.rest.asks, [said.asks for said in row.said])
    where = f"{row.where} {row.tree.name}"
    return ChainRule(row.rest.action, asks, where, text=_Text(row.tree), ours=row.ours)


def _all(rest: Condition, asks: Iterable[Condition]) -> Condition:
    return every(part for part in (rest, *asks) if part != ALWAYS)


@dataclass(frozen=True, slots=True)
class _Text:
    """A rule in one line: all that decides which packets it is about, in one order."""

    tree: Tree

    def __str__(self) -> str:
        """Print it."""
        tree = self.tree
        negated = {name for name in QUESTIONS if tree.word(f"negate-{name}") == "yes"}
        words = [tree.word("action", "allow")]
        for child in sorted(tree.children, key=_rank):
            silent = child.tag in _UNSAID or child.tag in ("action", "disabled")
            if silent or child.tag.startswith("negate-"):
                continue
            said = sorted(_leaves(child))
            if said and (tuple(said) != _ANY or child.tag in negated):
                but = "not " if child.tag in negated else ""
                words.append(f"{child.tag} {but}{', '.join(said)}")
        return " ".join(words)


_ORDER = ("from", "to", "source", "destination", "application", "service")


def _rank(child: Tree) -> tuple[int, str]:
    return _ORDER.index(child.tag) if child.tag in _ORDER else len(_ORDER), child.tag


def _leaves(tree: Tree) -> Iterator[str]:
    """Yield what is said below, entries by their names."""
    if tree.tag == "entry":
        yield tree.name
    if not tree.children and tree.text:
        yield tree.text
    for child in tree.children:
        yield from _leaves(child)


@dataclass(frozen=True, slots=True)
class _Run:
    """Rules that differ in one question, in a few words; others make other words."""

    rows: Sequence[_Row]

    def __str__(self) -> str:
        """Print them."""
        rows = self.rows
        every_ = "\n".join(f"{row.tree.name}: {_Text(row.tree)}" for row in rows)
        mark = hashlib.sha256(every_.encode()).hexdigest()[:8]
        names = f"{rows[0].tree.name} to {rows[-1].tree.name}"
        return f"{names}, {len(rows)} rules ({mark}) such as {_Text(rows[0].tree)}"


