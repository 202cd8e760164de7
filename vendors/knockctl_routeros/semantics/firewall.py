"""One family's rules and lists, compiled and ready to be walked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from knockctl.automaton.questions import UNINTERPRETED, Atom, Ranges
from knockctl_routeros.config.records import Row
from knockctl_routeros.semantics.conditions import (
    SIDES,
    Add,
    CompiledRule,
    Family,
    Jump,
    Listed,
    Side,
    Table,
    written,
)
from knockctl_routeros.semantics.matchers import Surroundings
from knockctl_routeros.semantics.ruleset import TABLES, AddressList, Ruleset, ranges_of
from knockctl_routeros.semantics.words import Compiler

Chains = Mapping[tuple[Table, str], tuple[CompiledRule, ...]]
_BUILT_IN = ("prerouting", "input", "forward")


@dataclass(frozen=True, slots=True)
class Configured:
    """What asks whether rows put an address on a list."""

    surely: tuple[Atom, ...] = ()
    guesses: tuple[tuple[Atom, ...], ...] = ()
    """For each row that may hold: whom it could be about, where it says so, and whether it does.
    """

    @classmethod
    def of(cls, known: AddressList, side: Side) -> Configured:
        """Put it as questions about the source or the destination."""
        guesses = (
            (*_within(side, ranges), Atom("chance", f"{UNINTERPRETED}{place} ({side})"))
            for ranges, place in known.unsure
        )
        return cls(_within(side, known.always), tuple(guesses))


def _within(side: Side, ranges: Ranges) -> tuple[Atom, ...]:
    return (Atom(side, ranges),) if ranges else ()


NOBODY = Configured()


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that puts somebody on a list."""

    name: str
    where: str
    text: str
    ranges: Ranges
    """Empty where it names a host: anybody."""
    sure: bool
    """Whether it holds for good."""

    @classmethod
    def of(cls, row: Row) -> Entry:
        """Take a row apart."""
        name = row.get("list")
        try:
            ranges = ranges_of(row.get("address"))
        except ValueError:
            ranges = ()
        sure = bool(ranges) and not row.get("timeout")
        return cls(name, f"{row.menu} {name}", written(row, "list"), ranges, sure)


@dataclass(frozen=True, slots=True)
class Firewall:
    """What a packet of one IP version meets."""

    chains: Chains
    configured: Mapping[tuple[str, Side], Configured]
    """The lists that rows say something about."""
    written: frozenset[str]
    """The lists that rules put addresses on."""
    endless: frozenset[CompiledRule]
    """The jumps that lead back to the chain they stand in."""
    whole: bool
    ours: frozenset[str] = frozenset()
    """The lists that our own rules put addresses on."""
    entries: tuple[Entry, ...] = ()
    """The rows that put somebody on one of those."""

    def every(self) -> Iterator[CompiledRule]:
        """Yield all rules, chain by chain."""
        return (rule for listed in self.chains.values() for rule in listed)

    def foreign(self, test: Listed) -> Atom | None:
        """Return what asks for members of a list that is neither filled here nor ours to know."""
        if self.whole or test.name in self.written or (test.name, test.side) in self.configured:
            return None
        return Atom("chance", f"{test.side} on the list {test.name}")

    def atoms(self, rule: CompiledRule) -> Iterator[Atom]:
        """Yield every question a rule puts to a packet, directly or through lists."""
        yield from rule.atoms()
        looked: list[Listed | Add] = list(rule.tests)
        looked += [rule.action] if isinstance(rule.action, Add) else []
        for one in looked:
            known = self.configured.get((one.name, one.side), NOBODY)
            yield from known.surely
            yield from (atom for guess in known.guesses for atom in guess)
            foreign = self.foreign(one) if isinstance(one, Listed) else None
            yield from [foreign] if foreign else []
        if rule in self.endless:
            yield from (rule.guess, rule.guessed_accept)


def firewall(rules: Ruleset, family: Family) -> Firewall:
    """Compile one family's rules and lists."""
    chains = _chains(rules, family)
    adding = [
        (rule, rule.body.action)
        for listed in chains.values()
        for rule in listed
        if isinstance(rule.body.action, Add)
    ]
    ours = {action.name for rule, action in adding if rule.row.ours}
    return Firewall(
        chains,
        {
            (name, side): Configured.of(known, side)
            for name, known in rules.lists(family).items()
            for side in SIDES
        },
        frozenset(action.name for _, action in adding),
        frozenset(_endless(chains)),
        rules.whole,
        frozenset(ours),
        tuple(Entry.of(row) for row in rules.entries(family) if row.get("list") in ours),
    )


def _chains(rules: Ruleset, family: Family) -> Chains:
    """Compile the rules, without those that do nothing whether they match or not."""
    found: dict[tuple[Table, str], tuple[CompiledRule, ...]] = {}
    patterns = rules.patterns()
    for table in TABLES:
        compiler = Compiler(Surroundings(family, table, rules.interface_lists, patterns))
        listed = compiler.chains(rules.rules(family, table))
        for chain, some in listed.items():
            # A jump to a chain without rules does nothing, either.
            found[table, chain] = tuple(
                rule
                for rule in some
                if not isinstance(rule.body.action, Jump) or rule.body.action.chain in listed
            )
    return found


def _endless(chains: Chains) -> Iterator[CompiledRule]:
    """Yield the jumps that lead back to where the packet came from.

    Without them every walk ends. What the router does there, no documentation says.
    """
    done: set[tuple[Table, str]] = set()

    def visit(
        key: tuple[Table, str], above: frozenset[tuple[Table, str]]
    ) -> Iterator[CompiledRule]:
        done.add(key)
        for rule in chains.get(key, ()):
            action = rule.body.action
            if isinstance(action, Jump):
                target = key[0], action.chain
                if target in (*above, key):
                    yield rule
                elif target not in done:
                    yield from visit(target, above | {key})

    for key in chains:
        if key[1] in _BUILT_IN:
            yield from visit(key, frozenset())
