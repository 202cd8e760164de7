"""Which tags on a firewall belong to which sequence.

Tags, groups and rules of a sequence are named after a random generation, never after ports.
Rendering leaves a placeholder; here it becomes the firewall's own name where that already runs
exactly this sequence, so that those halfway through it stay there, and a fresh one where it does
not, so that a stage of an old sequence never counts in a new one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from knockctl.contract.generations import Generation, adopted
from knockctl_panos.config.normal import ordered
from knockctl_panos.config.records import Entry, PanosConfig
from knockctl_panos.config.syntax import Node

_NAME = re.compile(r"(?P<policy>kc-[a-z][a-z0-9-]*)(?P<parts>(?:\.[0-9a-f]{4}-[a-z0-9-]+)+)")
_PART = re.compile(r"\.(?P<generation>[0-9a-f]{4})-")
_KNOCK = re.compile(
    r"(?P<policy>kc-[a-z][a-z0-9-]*)\.(?P<generation>[0-9a-f]{4})-knock(?P<number>[0-9]+)"
)

Knocks = frozenset[tuple[int, tuple[Node, ...]]]
"""The knocks of a sequence by their numbers."""


def adopt(running: PanosConfig, intended: PanosConfig, change_id: str) -> PanosConfig:
    """Return ``intended`` with the running generations' names, or fresh ones."""
    names = adopted(_sequences(running), _sequences(intended), _partly, change_id)
    return replace(intended, entries=tuple(_renamed(entry, names) for entry in intended.entries))


def _partly(theirs: Knocks, mine: Knocks) -> bool:
    """Tell one of which somebody took an object away: it is still this one; a shorter is not."""
    return theirs < mine and _last(theirs) == _last(mine)


def _sequences(config: PanosConfig) -> dict[Generation, Knocks]:
    """Return the knocks of each generation; secret or not, they are the same."""
    found: dict[Generation, set[tuple[int, tuple[Node, ...]]]] = {}
    for entry in config.kind("service"):
        match = _KNOCK.fullmatch(entry.name)
        protocol = entry.node.find("protocol") if match else None
        if match and protocol:
            knocks = found.setdefault((match["policy"], match["generation"]), set())
            knocks.add((int(match["number"]), protocol.children))
    return {generation: frozenset(knocks) for generation, knocks in found.items()}


def _last(knocks: Knocks) -> int:
    return max((number for number, _ in knocks), default=0)


def _renamed(entry: Entry, names: Mapping[Generation, str]) -> Entry:
    def part(policy: str, found: re.Match[str]) -> str:
        generation = found["generation"]
        return f".{names.get((policy, generation), generation)}-"

    def whole(match: re.Match[str]) -> str:
        return match["policy"] + _PART.sub(
            lambda found: part(match["policy"], found), match["parts"]
        )

    def text(said: str) -> str:
        # Most texts name no generation.
        return _NAME.sub(whole, said) if "kc-" in said else said

    def node(old: Node) -> Node:
        name, said, children = text(old.name), text(old.text), old.children
        if children:
            children = tuple(map(node, children))
            if any(new is not was for new, was in zip(children, old.children, strict=True)):
                # A normal form that is renamed stays one, but for the order of its members.
                return Node(old.tag, name, said, ordered(children))
        return old if name == old.name and said == old.text else replace(old, name=name, text=said)

    old = entry.node
    new = node(old)
    return entry if new is old else Entry(entry.kind, new.name, new.children)
