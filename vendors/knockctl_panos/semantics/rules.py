"""Security rules, compiled for one IP version: a condition, a verdict, what its logs leave behind.

Sources: fact sheet 2.2, 2.4. Words of a rule that nobody here understands make it a guess
whether the rule matches; what only inspects an allowed session is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from knockctl.automaton.alphabet import UNINTERPRETED, Atom, Network, within
from knockctl.automaton.verdict import Verdict
from knockctl_panos.document import Document
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
from knockctl_panos.xmltext import Node

ANY = ("any",)
_ZONE = "zone {}"

_UNDERSTOOD = frozenset(
    (
        *("from", "to", "source", "destination", "application", "service", "action"),
        *("negate-source", "negate-destination", "disabled", "rule-type"),
        *("log-setting", "log-start", "log-end"),
    )
)
# Words that decide nothing about a packet; profiles inspect what a rule has let in.
_SILENT = frozenset(
    (
        *("description", "tag", "group-tag", "option", "profile-setting", "icmp-unreachable"),
        *("uuid", "qos"),
    )
)
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
    profiles: Mapping[str, Node] = field(init=False)

    def __post_init__(self) -> None:
        self.profiles = self.document.found("log-settings/profiles")

    def rulebase(self) -> Rulebase:
        """Compile; of what logs register, only tags that some rule asks for are kept."""
        nodes = [node for node in self.document.rules() if node.word("disabled") != "yes"]
        last = list(self._last())
        objects = Objects(self.document, self.family, frozenset(self._written([*nodes, *last])))
        rules = [self._rule(node, objects) for node in nodes]
        tail = [self._tail(node, objects) for node in last]
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

    def _written(self, nodes: Iterable[Node]) -> Iterator[str]:
        """Yield every tag that logs of these rules may register."""
        for name in {node.word("log-setting") for node in nodes}:
            for entry in self.profiles[name].entries("match-list") if name in self.profiles else ():
                for action in entry.entries("actions"):
                    if action.word("type/tagging/action") == "add-tag":
                        yield from action.members("type/tagging/tags")

    @cached_property
    def _inside(self) -> tuple[tuple[Is, frozenset[str]], ...]:
        """What asks for each of the destinations, of this family, and their zones."""
        mine = (
            (tuple(n for n in networks if n.version == self.family), zones)
            for networks, zones in self.destinations
        )
        return tuple((Is(within("destination", *some)), zones) for some, zones in mine if some)

    # --- one rule ---

    def _rule(self, node: Node, objects: Objects) -> Rule:
        place = f"rule {node.name!r}"
        source = objects.addresses(node.members("source") or ANY, "source", place)
        target = objects.addresses(node.members("destination") or ANY, "destination", place)
        if node.word("negate-source") == "yes":
            source = none_of(source)
        if node.word("negate-destination") == "yes":
            target = none_of(target)
        service = objects.services(node.members("service") or ANY, place)
        reach = all_of([target, *self._zones(node, place)])
        verdict = _ACTIONS.get(node.word("action", "allow"), Verdict.REFUSE)
        condition = all_of([*_parts(reach), service, source, *self._guesses(node, place, verdict)])
        return self._logging(Rule(place, condition, reach, verdict), node)

    def _guesses(self, node: Node, place: str, verdict: Verdict) -> Iterator[Formula]:
        """Yield what only the firewall knows of a rule.

        An application is known once a session is under way: a rule that allows some lets the
        first packet pass, of one that denies some nobody can tell.
        """
        for part in node.children:
            said = tuple(child.text for child in part.children)
            if part.tag in _UNDERSTOOD | _SILENT or (part.tag in _ANYWAY and said in (ANY, ())):
                continue
            if part.tag == "target" and not node.entries("target/devices"):
                continue
            yield guess(place, f"what its {part.tag} means")
        applications = node.members("application") or ANY
        if applications != ANY and verdict is Verdict.REFUSE:
            yield guess(place, "whether the packet is of its applications")
        if node.word("action", "allow") not in _ACTIONS:
            yield guess(place, f"what its action {node.word('action')!r} does")

    def _zones(self, node: Node, place: str) -> Iterator[Formula]:
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

    def _logging(self, rule: Rule, node: Node) -> Rule:
        """Add what the rule's logs do: refused packets log at once (fact sheet 2.4)."""
        profile = self.profiles.get(node.word("log-setting"))
        if profile is None:
            return rule
        allows = rule.verdict is Verdict.ACCEPT
        starts, ends = node.word("log-start") == "yes", node.word("log-end", "yes") != "no"

        def doing(subtype: str) -> tuple[Effect, ...]:
            zones = frozenset(node.members("to") or ANY)
            action = node.word("action", "allow")
            log = Log(
                node.name,
                rule.place,
                action,
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

    def _last(self) -> Iterator[Node]:
        """Yield the two rules that every firewall has, as they are configured."""
        said = {node.name: node for node in reversed(list(self.document.last_rules()))}
        for name, kind, action in (
            ("intrazone-default", "intrazone", "allow"),
            ("interzone-default", "interzone", "deny"),
        ):
            node = said.get(name, Node("entry", name))
            words = {child.tag: child for child in node.children}
            words["rule-type"] = Node("rule-type", text=kind)
            words.setdefault("action", Node("action", text=action))
            words.setdefault("log-end", Node("log-end", text="no"))
            yield replace(node, children=tuple(words.values()))

    def _tail(self, node: Node, objects: Objects) -> Rule:
        """Compile one of the last two: what the first doesn't match is the second's."""
        rule = self._rule(node, objects)
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
