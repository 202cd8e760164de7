"""Security rules, compiled for one IP version: a condition, a verdict, what its logs leave behind.

Sources: fact sheet 2.2, 2.4. Words of a rule that nobody here understands make it a guess
whether the rule matches; what only inspects an allowed session is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from knockctl.automaton.questions import UNINTERPRETED, Atom, Network, within
from knockctl.automaton.verdict import Verdict
from knockctl_panos.config.document import Document
from knockctl_panos.config.rows import SILENT
from knockctl_panos.config.syntax import Node, Tree
from knockctl_panos.semantics.formula import (
    All,
    Formula,
    Is,
    Tagged,
    all_of,
    any_of,
    guess,
    leaves,
    none_of,
)
from knockctl_panos.semantics.logs import Effect, Log, effects
from knockctl_panos.semantics.objects import Objects

ANY = ("any",)
_ZONE = "zone {}"

_UNDERSTOOD = frozenset(
    (
        *("from", "to", "source", "destination", "application", "service", "action"),
        *("negate-source", "negate-destination", "disabled", "rule-type"),
    )
)
_SAID = _UNDERSTOOD | SILENT
_ANYWAY = ("source-user", "category", "hip-profiles", "source-hip", "destination-hip")
_ACTIONS = {
    "allow": Verdict.ACCEPT,
    "deny": Verdict.REFUSE,
    "drop": Verdict.REFUSE,
    "reset-client": Verdict.REFUSE,
    "reset-server": Verdict.REFUSE,
    "reset-both": Verdict.REFUSE,
}

Destinations = tuple[tuple[tuple[Network, ...], frozenset[str]], ...]
"""Addresses, and the zones that they are in, after NAT."""


def zone_interface(zone: str) -> str:
    """Return the interface that stands for all of a zone: a packet's ``interface``."""
    return _ZONE.format(zone)


def _in(zone: str) -> Atom:
    return Atom("interface", zone_interface(zone))


def in_force(node: Tree) -> bool:
    """Tell whether a rule is switched on."""
    return node.word("disabled") != "yes"


def action(node: Tree) -> Verdict | None:
    """Return what a rule does with packets it matches; None where nobody here understands it."""
    return _ACTIONS.get(_action(node))


def _action(node: Tree) -> str:
    return node.word("action", "allow")


@dataclass(frozen=True)
class Rule:
    """One rule in force."""

    place: str
    condition: Formula
    reach: Formula
    """The part of it that asks from where to where."""
    verdict: Verdict
    effects: tuple[Effect, ...] = ()
    ending: tuple[Effect, ...] = ()
    """What the log at the end of a session does, whenever that is."""

    @cached_property
    def needed(self) -> tuple[Atom, ...]:
        """What a packet must pass for the rule to be worth a closer look."""
        return tuple(part.atom for part in _parts(self.condition) if isinstance(part, Is))

    @cached_property
    def ends(self) -> Atom:
        """Whether a packet of a session that the rule let in is its last."""
        return Atom("chance", f"{UNINTERPRETED}{self.place}: when a session ends")

    def questions(self) -> Iterator[Is | Tagged]:
        """Yield every question and tag of its condition and of its filters."""
        for formula in (self.condition, self.reach):
            yield from leaves(formula)
        for effect in (*self.effects, *self.ending):
            yield from leaves(effect.matches)
        if self.ending:
            yield Is(self.ends)


@dataclass(frozen=True)
class Rulebase:
    """All rules of one IP version, and what is behind them."""

    rules: tuple[Rule, ...]
    last: tuple[Rule, ...]
    """``intrazone-default`` and ``interzone-default``."""

    @cached_property
    def lasting(self) -> tuple[tuple[int, Rule], ...]:
        """The rules that leave something behind, with their places, the last one first."""
        numbered = tuple(enumerate(self.rules))
        return tuple((number, rule) for number, rule in reversed(numbered) if rule.effects)

    @cached_property
    def allowing(self) -> tuple[Rule, ...]:
        """The rules that sessions are set up by."""
        return tuple(rule for rule in self.rules if rule.verdict is Verdict.ACCEPT)


@dataclass
class Compiler:
    """Compiles the rules of a document."""

    document: Document
    family: int
    destinations: Destinations = ()
    objects: Objects = field(init=False)

    def __post_init__(self) -> None:
        self.objects = Objects(self.document, self.family, self._written)

    @cached_property
    def profiles(self) -> Mapping[str, Tree]:
        """Log-forwarding profiles."""
        return self.document.found("log-settings/profiles")

    def rulebase(self) -> Rulebase:
        """Compile; of what logs register, only tags that some rule asks for are kept."""
        rules = [rule for node in self._nodes for rule in self._rules(node)]
        tail = [self._tail(node) for node in self._last]
        asked = {
            leaf.tag
            for rule in rules
            for leaf in leaves(rule.condition)
            if isinstance(leaf, Tagged)
        }
        return Rulebase(
            tuple(_pruned(rule, asked) for rule in rules if rule.condition is not False),
            tuple(_pruned(rule, asked) for rule in tail),
        )

    @cached_property
    def _nodes(self) -> tuple[Tree, ...]:
        return tuple(node for node in self.document.rules() if in_force(node))

    def _written(self) -> Iterator[str]:
        """Yield every tag that logs of the rules in force may register."""
        for name in {node.word("log-setting") for node in (*self._nodes, *self._last)}:
            for entry in self.profiles[name].entries("match-list") if name in self.profiles else ():
                for one in entry.entries("actions"):
                    if one.word("type/tagging/action") == "add-tag":
                        yield from one.members("type/tagging/tags")

    @cached_property
    def _inside(self) -> tuple[tuple[Is, frozenset[str]], ...]:
        """What asks for each of the destinations, of this family, and their zones."""
        mine = (
            (tuple(n for n in networks if n.version == self.family), zones)
            for networks, zones in self.destinations
        )
        return tuple((Is(within("destination", *some)), zones) for some, zones in mine if some)

    # --- one rule ---

    def _rules(self, node: Tree) -> Iterator[Rule]:
        """Yield what a rule does: what an action does that nobody here knows, may be either."""
        verdict = action(node)
        if verdict is not None:
            yield self._rule(node, verdict)
            return
        for one in (Verdict.ACCEPT, Verdict.REFUSE):
            rule = self._rule(node, one)
            said = guess(rule.place, f"whether its action {_action(node)!r} does {one.value}")
            yield replace(rule, condition=all_of([*_parts(rule.condition), said]))

    def _rule(self, node: Tree, verdict: Verdict) -> Rule:
        place = f"rule {node.name!r}"
        target = self.target(node, place)
        reach = all_of([target, *self.zones(node, place)])
        asked = (self.service(node, place), self.source(node, place))
        condition = all_of([*_parts(reach), *asked, *self.guesses(node, place)])
        return self._logging(Rule(place, condition, reach, verdict), node)

    def source(self, node: Tree, place: str) -> Formula:
        """Return whether a packet comes from where a rule says."""
        found = self.objects.addresses(node.members("source") or ANY, "source", place)
        return none_of(found) if node.word("negate-source") == "yes" else found

    def target(self, node: Tree, place: str) -> Formula:
        """Return whether a packet goes to an address that a rule says."""
        found = self.objects.addresses(node.members("destination") or ANY, "destination", place)
        return none_of(found) if node.word("negate-destination") == "yes" else found

    def service(self, node: Tree, place: str) -> Formula:
        """Return whether a packet is for a service that a rule says."""
        return self.objects.services(node.members("service") or ANY, place)

    def guesses(self, node: Tree, place: str) -> Iterator[Formula]:
        """Yield what only the firewall knows of a rule.

        An application is known once a session is under way: a rule that allows some lets the
        first packet pass, of one that denies some nobody can tell.
        """
        for part in node.children:
            said = tuple(child.text for child in part.children)
            if part.tag in _SAID or (part.tag in _ANYWAY and said in (ANY, ())):
                continue
            if part.tag == "target" and not node.entries("target/devices"):
                continue
            yield guess(place, f"what its {part.tag} means")
        applications = node.members("application") or ANY
        if applications != ANY and action(node) is not Verdict.ACCEPT:
            yield guess(place, "whether the packet is of its applications")

    def zones(self, node: Tree, place: str) -> Iterator[Formula]:
        """Yield what a rule asks of the zones a packet comes from and goes to."""
        came, goes = node.members("from") or ANY, node.members("to") or ANY
        if came != ANY:
            yield any_of(Is(_in(zone)) for zone in came)
        if goes != ANY:
            yield self._to(frozenset(goes), place)
        kind = node.word("rule-type", "universal")
        if kind != "universal":
            same = self._same_zone(place)
            yield same if kind == "intrazone" else none_of(same)

    def _to(self, zones: frozenset[str], place: str) -> Formula:
        """Return whether the destination is in one of these zones."""
        unknown = any_of(guess(place, f"whether the packet goes to {z!r}") for z in sorted(zones))
        found: list[Formula] = []
        for here, inside in self._inside:
            if zones & inside:
                found.append(all_of([here, True if inside <= zones else unknown]))
            unknown = all_of([none_of(here), unknown])
        return any_of([*found, unknown])

    def _same_zone(self, place: str) -> Formula:
        """Return whether the packet goes to the zone it came from."""
        unknown: Formula = guess(place, "whether the packet stays in its zone")
        found: list[Formula] = []
        for here, inside in self._inside:
            same = [Is(_in(zone)) for zone in sorted(inside)]
            surely = any_of(same) if len(inside) == 1 else all_of([any_of(same), unknown])
            found.append(all_of([here, surely]))
            unknown = all_of([none_of(here), unknown])
        return any_of([*found, unknown])

    def _logging(self, rule: Rule, node: Tree) -> Rule:
        """Add what the rule's logs do: refused packets log at once (fact sheet 2.4)."""
        profile = self.profiles.get(node.word("log-setting"))
        if profile is None:
            return rule
        allows = rule.verdict is Verdict.ACCEPT
        starts, ends = node.word("log-start") == "yes", node.word("log-end", "yes") != "no"

        def doing(subtype: str) -> tuple[Effect, ...]:
            zones = frozenset(node.members("to") or ANY)
            log = Log(
                node.name,
                rule.place,
                _action(node),
                subtype,
                _in,
                frozenset() if "any" in zones else zones,
                self.family,
            )
            return tuple(effects(profile, log))

        if allows:
            return replace(
                rule,
                effects=doing("start") if starts else (),
                ending=doing("end") if ends else (),
            )
        return replace(rule, effects=doing("drop") if starts or ends else ())

    # --- what is behind all rules ---

    @cached_property
    def _last(self) -> tuple[Tree, ...]:
        """The two rules that every firewall has, as they are configured."""
        return tuple(self._defaults())

    def _defaults(self) -> Iterator[Node]:
        said = {node.name: node for node in reversed(list(self.document.last_rules()))}
        for name, kind, action in (
            ("intrazone-default", "intrazone", "allow"),
            ("interzone-default", "interzone", "deny"),
        ):
            node = said[name].node if name in said else Node("entry", name)
            words = {child.tag: child for child in node.children}
            words["rule-type"] = Node("rule-type", text=kind)
            words.setdefault("action", Node("action", text=action))
            words.setdefault("log-end", Node("log-end", text="no"))
            yield replace(node, children=tuple(words.values()))

    def _tail(self, node: Tree) -> Rule:
        """Compile one of the last two: what the first doesn't match is the second's."""
        rule = self._rule(node, action(node) or Verdict.REFUSE)
        if node.name == "interzone-default":
            return replace(rule, condition=True)
        return replace(rule, condition=self._same_zone(f"rule {node.name!r}"))


def _parts(formula: Formula) -> tuple[Formula, ...]:
    return formula.parts if isinstance(formula, All) else (formula,)


def _pruned(rule: Rule, asked: set[str]) -> Rule:
    def kept(found: Iterable[Effect]) -> tuple[Effect, ...]:
        some = (
            replace(e, changes=tuple(change for change in e.changes if change.tag in asked))
            for e in found
        )
        return tuple(effect for effect in some if effect.changes)

    return replace(rule, effects=kept(rule.effects), ending=kept(rule.ending))
