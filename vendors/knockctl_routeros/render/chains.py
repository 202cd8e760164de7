"""Our chains as rows of a menu: what is the same in both families is put into words once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from knockctl_routeros.config.records import OWN, Menu, Row
from knockctl_routeros.config.words import Rule


@dataclass(frozen=True)
class OwnChain:
    """A chain of ours, in whatever menu."""

    name: str
    policy: str
    """Whose it is; an empty text for all policies'."""
    rules: Sequence[Rule]

    @cached_property
    def targets(self) -> frozenset[str]:
        """The chains it leads to."""
        found = (words.get("jump-target") for _, words in self.rules)
        return frozenset(target for target in found if target)

    @cached_property
    def _words(self) -> list[tuple[tuple[str, str], ...]]:
        # In normal form already: tests/routeros/test_render.py.
        told = (
            {"chain": self.name, "comment": f"{OWN}{self.policy}:{what}", **words}
            for what, words in self.rules
        )
        return [tuple(sorted(words.items())) for words in told]

    def rows(self, menu: Menu) -> Iterator[Row]:
        """Yield its rules as rows of a menu."""
        return (Row(menu, words) for words in self._words)


def named(policy: str, chains: Mapping[str, Iterable[Rule]]) -> dict[str, OwnChain]:
    """Return chains by name."""
    return {name: OwnChain(name, policy, tuple(rules)) for name, rules in chains.items()}


def reached(chains: Mapping[str, OwnChain], first: str) -> Iterator[OwnChain]:
    """Yield the chains that a packet can come to."""
    found, left = {first}, [first]
    while left:
        name = left.pop()
        if name in chains:
            yield chains[name]
            left += chains[name].targets - found
            found |= chains[name].targets
