"""A Linux host's packet filter as a machine that can be executed: `knockctl.automaton.machine`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import ip_network

from knockctl.automaton.chains import Program as ChainProgram
from knockctl.automaton.machine import ClockName, Clocks, Reaction
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.questions import UNINTERPRETED, Ask, Atom, Of, within
from knockctl_iptables.config.records import FAMILIES, Family
from knockctl_iptables.semantics import memory
from knockctl_iptables.semantics.blocks import Block, alone, blocks
from knockctl_iptables.semantics.chained import Chainer
from knockctl_iptables.semantics.conditions import (
    FRESH,
    CompiledRule,
    Condition,
    InSet,
    Marked,
    Recent,
    Stateless,
    atoms,
    set_action,
)
from knockctl_iptables.semantics.memory import Memory, State, Stores
from knockctl_iptables.semantics.nft import UNKNOWN
from knockctl_iptables.semantics.program import Route, Run, shape
from knockctl_iptables.semantics.ruleset import Chain, Ruleset
from knockctl_iptables.semantics.specialise import (
    HERE,
    TRANSLATED_BEFORE,
    Chains,
    Specialiser,
    guesses,
)
from knockctl_iptables.semantics.way import Way, named, way
from knockctl_iptables.semantics.words import TRANSLATED

_TRANSLATING = ("DNAT", "SNAT", "REDIRECT", "MASQUERADE", "NETMAP", UNKNOWN)
_MOST_ROUTES = 20_000
_Compiled = dict[tuple[Family, str], dict[str, list[Block]]]


@dataclass
class LinuxModel:
    """Satisfies ``knockctl.automaton.machine.DeviceModel``.

    Table capacity is no part of it: no set is ever full, no list forgets an address for want of
    room.
    """

    rules: Ruleset
    evidence: str = "kernel"
    few: int = 8
    """Rules of one form, one after the other, that single packets meet one by one."""
    _routes: dict[WirePacket, Route] = field(default_factory=dict, repr=False)

    @cached_property
    def _blocks(self) -> _Compiled:
        found: _Compiled = {
            key: {name: _compile(key, name, chain) for name, chain in chains.items()}
            for key, chains in self.rules.tables.items()
        }
        for family in FAMILIES:
            for table, chains_ in self.rules.native.compiled(family):
                found[family, table] = {
                    name: [alone(rule) for rule in rules] for name, rules in chains_.items()
                }
        return _with_guesses(found, self.rules)

    @cached_property
    def _chains(self) -> Chains:
        """Every rule for itself, for those who follow one packet."""
        return {
            key: {name: tuple(r for b in listed for r in b) for name, listed in chains.items()}
            for key, chains in self._blocks.items()
        }

    @cached_property
    def _ways(self) -> Mapping[Family, Way]:
        return {family: way(self.rules.native.stages(family)) for family in FAMILIES}

    @cached_property
    def _policies(self) -> Mapping[tuple[Family, str, str], str | None]:
        policies = {
            (family, table, name): chain.policy
            for (family, table), chains in self.rules.tables.items()
            for name, chain in chains.items()
        }
        if self.rules.whole:
            # A table nobody touched is not even printed: its chains accept.
            for family in FAMILIES:
                policies.setdefault((family, "filter", "INPUT"), "ACCEPT")
                policies.update(self.rules.native.policies(family))
        return policies

    @cached_property
    def _stores(self) -> Stores:
        stamps: dict[str, int] = defaultdict(lambda: 1)
        windows: dict[str, set[int]] = defaultdict(set)
        for test in _recents(self._blocks):
            stamps[test.name] = max(stamps[test.name], test.hitcount)
            windows[test.name] |= {test.seconds} - {0}
        return Stores(
            self.rules.sets, stamps, {name: tuple(sorted(w)) for name, w in windows.items()}
        )

    # --- the contract ---

    @cached_property
    def initial(self) -> State:
        """No source has done anything; members of sets that were read are there."""
        entries = {
            ("set", name, element.lower()): (seconds or 0,)
            for name, header in self.rules.sets.items()
            for element, seconds in header.members
        }
        return tuple(sorted(entries.items()))

    def predicates(self, family: int) -> Iterator[Atom]:
        """Yield every question a family's rules put to a packet."""
        yield from (FRESH, HERE, TRANSLATED_BEFORE)
        for (of, table), chains in self._chains.items():
            if of == family:
                for rule in (r for rules in chains.values() for r in rules if not r.idle):
                    yield from atoms(rule)
                    yield from guesses(rule, table, chains)

    def program(self, family: int) -> ChainProgram:
        """Return the same rules as chains, up to where our rules are called."""
        return self._chainer(family).program()

    def untracks(self, family: int) -> bool:
        """Tell whether packets may come that are exempt from tracking already.

        Where all rules are known, those that exempt are among them, and play their part here.
        """
        del family
        return not self.rules.whole

    def _chainer(self, family: int) -> Chainer:
        which: Family = 4 if family == 4 else 6
        return Chainer(self._blocks, self._policies, self._ways[which], which, self.few)

    def signature(self, family: int, ask: Ask, *, verdict: bool = True) -> Hashable:
        """Return the shape of what is left of the rules for such packets."""
        return shape(self._specialised(family, ask, verdict=verdict))

    def step(self, state: State, packet: WirePacket, clocks: Clocks) -> Reaction[State]:
        """Play what is left of the rules for this packet."""
        run = Run(Memory(self._stores, dict(state), packet, clocks))
        return Reaction(
            run.play(self._route(packet)),
            run.memory.frozen(),
            frozenset(run.memory.resets),
            tuple(run.places),
            run.memory.keyed,
        )

    def settle(self, state: State, clocks: Clocks) -> State:
        """Forget members whose time is over."""
        return memory.settled(state, clocks)

    def thresholds(self, state: State) -> Mapping[ClockName, tuple[int, ...]]:
        """Return the clocks of members and stamps."""
        return memory.thresholds(state, self._stores)

    def _route(self, packet: WirePacket) -> Route:
        """Return what is left of the rules for a packet; kept, as explorers ask again and again."""
        route = self._routes.get(packet)
        if route is None:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            route = self._specialised(packet.family, Of(packet))
            self._routes[packet] = route
        return route

    def _specialised(self, family: int, ask: Ask, *, verdict: bool = True) -> Route:
        which: Family = 4 if family == 4 else 6
        ways = self._ways[which]
        return Specialiser(self._chains, self._policies, ways, which, ask, verdict).route()


# --- from text to compiled rules --------------------------------------------------------------


def _compile(key: tuple[Family, str], name: str, chain: Chain) -> list[Block]:
    return list(blocks(chain.rules, named(key[1], name, key[0])))


def _recents(chains: _Compiled) -> Iterator[Recent]:
    for rule in _every(chains):
        yield from (c for c in rule.conditions if isinstance(c, Recent))


def _with_guesses(chains: _Compiled, rules: Ruleset) -> _Compiled:
    """Put a question where the text doesn't say enough: a set's members, a list that reaps."""
    written = set(_written(chains))
    unsure = _unsafe_reaping(chains) | _unclear_masks(chains)
    restored = any(
        rule.target == "CONNMARK" and "--restore-mark" in rule.options for rule in _every(chains)
    )

    translating = any(rule.target in _TRANSLATING for rule in _every(chains))

    def known(condition: Condition, place: str) -> Condition:
        guess = Stateless((Atom("chance", UNINTERPRETED + place),))
        if isinstance(condition, Stateless) and TRANSLATED in condition.atoms:
            more = guess.atoms if translating else ()
            return replace(condition, atoms=(condition.atoms[0], *more))
        if isinstance(condition, Recent):
            return guess if condition.name in unsure else condition
        if isinstance(condition, Marked):
            return guess if restored else condition
        if isinstance(condition, InSet):
            return _listed(condition, rules, written=condition.name in written) or guess
        return condition

    def settled(block: Block) -> Iterator[Block]:
        rule = block.form.rule
        asked = tuple(known(c, rule.place) for c in rule.conditions)
        if asked == rule.conditions:
            yield block
        elif len(block.rules) > 1 and any(_is_guess(one) for one in asked):
            for one in block:
                some = tuple(known(c, one.place) for c in one.conditions)
                yield alone(replace(one, conditions=some))
        else:
            form = replace(block.form, rule=replace(rule, conditions=asked))
            yield replace(block, form=form)

    return {
        key: {name: [b for one in listed for b in settled(one)] for name, listed in tables.items()}
        for key, tables in chains.items()
    }


def _is_guess(condition: Condition) -> bool:
    return isinstance(condition, Stateless) and any(
        atom.field == "chance" and str(atom.test).startswith(UNINTERPRETED)
        for atom in condition.atoms
    )


def _every(chains: _Compiled) -> Iterator[CompiledRule]:
    """Yield one rule of every form."""
    for tables in chains.values():
        for listed in tables.values():
            yield from (block.form.rule for block in listed)


def _written(chains: _Compiled) -> Iterator[str]:
    """Yield the sets that rules themselves change."""
    for rule in _every(chains):
        action = set_action(rule.options) if rule.target == "SET" else None
        for entry in (action.add, action.remove) if action else ():
            if entry:
                yield entry[0]


def _listed(test: InSet, rules: Ruleset, *, written: bool) -> Condition | None:
    """Return the test with the members it has beforehand; None where those aren't followed.

    A set that no rule writes: its members are what was read, or anybody.
    """
    header = rules.sets.get(test.name)
    if header is None or not header.members:
        # What else of a packet than its source may be a member by itself.
        other = "" if test.directions == ("src",) else f" by {','.join(test.directions)}"
        name = f"in the set {test.name}{other}"
        anybody = Stateless((Atom("chance", name),), test.negated)
        return test if written else anybody
    if all(_single(element) for element, _ in header.members):
        return test
    sides = {"src": "source", "dst": "destination"}
    if header.type != "hash:net" or any(seconds for _, seconds in header.members):
        return None
    side = sides[test.directions[0]]
    networks = (ip_network(element, strict=False) for element, _ in header.members)
    listed = within(side, *networks)
    return replace(test, listed=listed) if written else Stateless((listed,), test.negated)


def _single(element: str) -> bool:
    """Tell whether an element is one value, no network and no range."""
    return "-" not in element and "/" not in element


def _unclear_masks(chains: _Compiled) -> frozenset[str]:
    """Return the lists of several masks: the kernel keeps the first one it was told."""
    masks: dict[str, set[int | None]] = defaultdict(set)
    for test in _recents(chains):
        masks[test.name].add(test.mask)
    return frozenset(name for name, found in masks.items() if len(found) > 1)


def _unsafe_reaping(chains: _Compiled) -> frozenset[str]:
    """Return the lists where ``--reap`` can be noticed: it removes what others still look at."""
    every = list(_recents(chains))
    limit = {test.name: test.seconds for test in every if test.reap}
    return frozenset(
        test.name
        for test in every
        if test.name in limit
        and test.action in ("rcheck", "update", "remove")
        and (not test.seconds or test.seconds > limit[test.name])
    )
