"""The rules of a firewall as one chain, down to the last one of the policies'.

Thousands of foreign rules are mostly alike: each thing that rules say is compiled once, by
``rules.Compiler``, and neighbouring rules that differ in one question alone become one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, cast

from knockctl.automaton.chains import Action, Anything, ChainRule, Ours, Stop
from knockctl.automaton.conditions import ALWAYS, NEVER, Condition, Every, Is, Some, every
from knockctl.automaton.questions import Atom, Ranges
from knockctl_panos.config.document import Rulebase
from knockctl_panos.config.rows import SILENT, Layout, Row, Texts
from knockctl_panos.config.syntax import Tree, uncollected
from knockctl_panos.semantics.formula import Formula
from knockctl_panos.semantics.ours import Governed, Owned, condition, governed
from knockctl_panos.semantics.rules import Compiler, action, in_force

CHAIN = "security rules"
_ANY = ("any",)
_RANGED = ("source", "destination", "port")


def chained(
    rulebases: Iterable[Rulebase], compiler: Compiler, owned: Owned
) -> tuple[ChainRule, ...]:
    """Return the rules that packets to the policies' addresses may meet, in order."""
    made = _Chain(compiler, owned)
    with uncollected():
        made.take(rulebases)
        return made.rules()


@dataclass(slots=True, eq=False)
class _Said:
    """One thing that some rules say, asked of packets that rules of ours may be about."""

    asks: Condition = ALWAYS
    field: str = ""
    ranges: Ranges = ()
    """Where it is one question for ranges, that; then ``asks`` is what is asked besides."""
    _whole: Condition | None = None

    def whole(self) -> Condition:
        """Return all it asks."""
        if self._whole is None:
            self._whole = self.asking(self.ranges) if self.field else self.asks
        return self._whole

    def asking(self, ranges: Ranges) -> Condition:
        """Return the same question for other ranges."""
        return _all([self.asks, Is(Atom(self.field, ranges))])


_NOTHING_SAID = _Said(NEVER)


@dataclass(slots=True, eq=False)
class _Rest:
    """All that a rule says besides, and what was found of the three for rules that say it."""

    asks: Condition
    action: Action
    but: tuple[bool, bool]
    """Whether it is about all other sources, and all other destinations."""
    sources: dict[Any, _Said] = field(default_factory=dict)
    targets: dict[Any, _Said] = field(default_factory=dict)
    services: dict[Any, _Said] = field(default_factory=dict)


_NO_REST = _Rest(NEVER, Anything(), (False, False))

_But = tuple[_Rest, _Said, _Said]
"""All that a rule says but its source: the rest, its destination, and its service."""
_NO_BUT: _But = (_NO_REST, _NOTHING_SAID, _NOTHING_SAID)

_Row = tuple[Tree, str, _Rest, _Said, _Said, _Said, bool]
"""A rule in force that may matter: where it stands, its source, destination, and service; whether
it is ours."""
_SOURCE, _TARGET, _SERVICE = _QUESTIONS = (3, 4, 5)
"""Where in a row the things are that runs of rules may differ in."""


@dataclass(slots=True)
class _Chain:
    """Takes rules up, and tells them apart no further than needed."""

    compiler: Compiler
    owned: Owned
    governed: Governed = field(default_factory=Governed)
    _rests: dict[Any, _Rest] = field(default_factory=dict)
    _before: tuple[Layout | None, Any, _But] = None, None, _NO_BUT
    """What the rule before says but for its source, and where; and what was found of it."""
    _runs: list[list[_Row]] = field(default_factory=list)
    """Rules that are alike but for one question."""
    _differing: int = 0
    """Which one that is in the last run; 0 where they are all alike."""
    _waiting: list[Row] = field(default_factory=list)
    """Rules of ours behind which no foreign one has come yet."""

    def take(self, rulebases: Iterable[Rulebase]) -> None:
        """Take up all rules down to the last of ours."""
        bases, mine = list(rulebases), self.owned.rules
        ours = [
            (number, place)
            for number, base in enumerate(bases)
            for place, (name, tree, _, _) in enumerate(base.rows)
            if name in mine and in_force(tree)
        ]
        trees = (bases[number].rules[place] for number, place in ours)
        self.governed = governed(self._governing(tree) for tree in trees)
        if self.governed.destinations == ():
            return
        last, end = ours[-1] if ours else (len(bases) - 1, -1)
        for base in bases[:last]:
            self._rows(base.where, base.rows)
        for base in bases[last : last + 1]:
            self._rows(base.where, base.rows[: end + 1] if ours else base.rows)

    def _governing(self, tree: Tree) -> tuple[Condition, Condition, list[Condition]]:
        compiler = self.compiler
        zones = [self._asks(part) for part in compiler.zones(tree, "")]
        return self._asks(compiler.target(tree, "")), self._asks(compiler.service(tree, "")), zones

    def _asks(self, formula: Formula) -> Condition:
        return condition(formula, self.owned)

    def _within(self, formula: Formula) -> Condition:
        return self.governed.within(self._asks(formula))

    # --- rows, quickly ---

    def _rows(self, where: str, rows: Iterable[Row]) -> None:
        """Take up rules: of most there are, nothing has to be compiled that was not before."""
        mine = self.owned.rules
        last: _Row | None = None
        for each in rows:
            if each[0] in mine:
                if in_force(each[1]):
                    self._waiting.append(each)
                continue
            row = self._row(where, each)
            if row is None:
                continue
            if self._waiting:
                waiting, self._waiting, last = self._waiting, [], None
                self._runs += [
                    [own] for one in waiting if (own := self._row(where, one, ours=True))
                ]
            if last is not None and self._joins(last, row):
                self._runs[-1].append(row)
            else:
                self._runs.append([row])
                self._differing = 0
            last = row

    def _row(self, where: str, each: Row, *, ours: bool = False) -> _Row | None:
        """Return what a rule asks; None where it matters to nobody."""
        _, tree, layout, texts = each
        words = layout.but(texts)
        known, same, but = self._before
        if known is not layout or same != words:
            but = self._but(tree, layout, texts)
            self._before = layout, words, but
        if but is _NO_BUT:
            return None
        rest, target, service = but
        words = layout.source(texts)
        source = rest.sources.get(words) or self._source(tree, rest, words)
        if source is _NOTHING_SAID:
            return None
        return tree, where, rest, source, target, service, ours

    def _but(self, tree: Tree, layout: Layout, texts: Texts) -> _But:
        """Compile all that rules say but their sources."""
        key = layout.like, layout.rest(texts)
        rest = self._rests.get(key) or self._rest(tree, key)
        if rest is _NO_REST:
            return _NO_BUT
        words = layout.target(texts)
        target = rest.targets.get(words) or self._target(tree, rest, words)
        if target is _NOTHING_SAID:
            return _NO_BUT
        words = layout.service(texts)
        service = rest.services.get(words) or self._service(tree, rest, words)
        return _NO_BUT if service is _NOTHING_SAID else (rest, target, service)

    def _rest(self, tree: Tree, key: Any) -> _Rest:
        """Compile what rules say besides."""
        compiler, verdict, rest = self.compiler, action(tree), _NO_REST
        if in_force(tree):
            asked = (*compiler.zones(tree, ""), *compiler.guesses(tree, ""))
            asks = _all(self._within(formula) for formula in asked)
            but = tree.word("negate-source") == "yes", tree.word("negate-destination") == "yes"
            done = Stop(verdict) if verdict else Anything()
            rest = _NO_REST if asks == NEVER else _Rest(asks, done, but)
        self._rests[key] = rest
        return rest

    def _source(self, tree: Tree, rest: _Rest, words: Any) -> _Said:
        ranges = None if rest.but[0] else self._literally(words)
        if ranges:
            said = _Said(ALWAYS, "source", ranges)
        else:
            said = _said(self._within(self.compiler.source(tree, "")))
        rest.sources[words] = said
        return said

    def _target(self, tree: Tree, rest: _Rest, words: Any) -> _Said:
        ranges = None if rest.but[1] else self._literally(words)
        if ranges and self.governed.elsewhere(ranges):
            said = _NOTHING_SAID
        else:
            said = _said(self._within(self.compiler.target(tree, "")))
        rest.targets[words] = said
        return said

    def _service(self, tree: Tree, rest: _Rest, words: Any) -> _Said:
        rest.services[words] = said = _said(self._within(self.compiler.service(tree, "")))
        return said

    def _literally(self, words: Any) -> Ranges | None:
        """Return the addresses that a rule names, where it names nothing else."""
        objects = self.compiler.objects
        if isinstance(words, str):
            return objects.spans(words) or objects.ranges((words,))
        names: Sequence[str | None] = words or (None,)
        if "any" in names or not all(names):
            return None
        return objects.ranges(cast("Sequence[str]", names))

    # --- runs ---

    def _joins(self, last: _Row, row: _Row) -> bool:
        """Tell whether a rule is like those of the last run but for what those differ in."""
        if last[2] is not row[2] or last[6] or row[6]:
            return False
        source, target, service = (
            last[3] is row[3],
            last[4] is row[4],
            last[5] is row[5],
        )
        if target and service:
            number, before, here = _SOURCE, last[3], row[3]
        elif source and service:
            number, before, here = _TARGET, last[4], row[4]
        elif source and target:
            number, before, here = _SERVICE, last[5], row[5]
        else:
            return False
        if before is here:
            return True
        alike = before.asks is here.asks or before.asks == here.asks
        if self._differing not in (0, number) or not alike or not before.field:
            return False
        self._differing = number
        return before.field == here.field

    def rules(self) -> tuple[ChainRule, ...]:
        """Return the chain: from the first of ours behind which no foreign one is, ours alone."""
        chain = tuple(_rule(run) for run in self._runs)
        if not self._waiting and not any(rule.ours for rule in chain):
            return chain
        return (*chain, ChainRule(Ours(), where=CHAIN, text="ours", ours=True))


def _said(asks: Condition) -> _Said:
    """Return a condition as what rules say: perhaps one question for ranges, and protocols."""
    if asks == NEVER:
        return _NOTHING_SAID
    parts = asks.parts if isinstance(asks, Every) else (asks,)
    if not all(isinstance(part, Is) and part.wanted for part in parts):
        return _Said(asks)
    ranged = [p for p in parts if isinstance(p, Is) and p.atom.field in _RANGED]
    besides = [p for p in parts if isinstance(p, Is) and p.atom.field == "protocol"]
    if len(ranged) != 1 or len(besides) + 1 < len(parts):
        return _Said(asks)
    return _Said(_all(besides), ranged[0].atom.field, ranged[0].atom.test)


# --- rules of a chain ---------------------------------------------------------------------------


def _rule(run: Sequence[_Row]) -> ChainRule:
    first = run[0]
    if len(run) == 1:
        return _alone(first)
    asks = [first[2].asks]
    for number in _QUESTIONS:
        said: dict[_Said, None] = dict.fromkeys(map(itemgetter(number), run))
        ranges = dict.fromkeys(span for one in said for span in one.ranges)
        one = next(iter(said))
        asks.append(one.whole() if len(said) == 1 else one.asking(tuple(ranges)))
    return ChainRule(
        first[2].action,
        _all(asks),
        first[1],
        text=_Run(run),
        parts=lambda: [_alone(row) for row in run],
    )


def _alone(row: _Row) -> ChainRule:
    tree, where, rest, source, target, service, ours = row
    asks = _all([rest.asks, source.whole(), target.whole(), service.whole()])
    return ChainRule(rest.action, asks, f"{where} {tree.name}", text=_Text(tree), ours=ours)


def _all(parts: Iterable[Condition]) -> Condition:
    """Join by and, without what is always so; one that never is makes it never."""
    kept = [part for part in parts if not (isinstance(part, Every) and not part.parts)]
    if any(isinstance(part, Some) and not part.parts for part in kept):
        return NEVER
    return every(kept)


@dataclass(frozen=True, slots=True)
class _Text:
    """A rule in one line: all that decides which packets it is about, in one order."""

    tree: Tree

    def __str__(self) -> str:
        """Print it."""
        tree = self.tree
        negated = {end for end in _ENDS if tree.word(f"negate-{end}") == "yes"}
        words = [tree.word("action", "allow")]
        for child in sorted(tree.children, key=_rank):
            silent = child.tag in SILENT or child.tag in ("action", "disabled")
            if silent or child.tag.startswith("negate-"):
                continue
            said = sorted(_leaves(child))
            if said and (tuple(said) != _ANY or child.tag in negated):
                but = "not " if child.tag in negated else ""
                words.append(f"{child.tag} {but}{', '.join(said)}")
        return " ".join(words)


_ENDS = ("source", "destination")
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
        trees = [row[0] for row in self.rows]
        listed = "\n".join(f"{tree.name}: {_Text(tree)}" for tree in trees)
        mark = hashlib.sha256(listed.encode()).hexdigest()[:8]
        names = f"{trees[0].name} to {trees[-1].name}"
        return f"{names}, {len(trees)} rules ({mark}) such as {_Text(trees[0])}"
