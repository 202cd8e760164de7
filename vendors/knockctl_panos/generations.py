"""Which tags on a firewall belong to which sequence.

Tags, groups and rules of a sequence are named after a random generation, never after ports.
Rendering leaves a placeholder; here it becomes the firewall's own name where that already runs
exactly this sequence, so that those halfway through it stay there, and a fresh one where it does
not, so that a stage of an old sequence never counts in a new one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace

from knockctl_panos.config import Entry, PanosConfig
from knockctl_panos.normal import ordered
from knockctl_panos.xmltext import Node

PLACEHOLDERS = ("0000", "0001")
"""Stand for a generation until a plan puts the firewall's own, or a fresh one, in its place."""

_NAME = re.compile(r"(?P<policy>kc-[a-z][a-z0-9-]*)(?P<parts>(?:\.[0-9a-f]{4}-[a-z0-9-]+)+)")
_PART = re.compile(r"\.(?P<generation>[0-9a-f]{4})-")
_KNOCK = re.compile(
    r"(?P<policy>kc-[a-z][a-z0-9-]*)\.(?P<generation>[0-9a-f]{4})-knock(?P<number>[0-9]+)"
)

Generation = tuple[str, str]
"""What all names of the policy begin with, and the generation."""
Knocks = frozenset[tuple[int, tuple[Node, ...]]]
"""The knocks of a sequence by their numbers."""


def adopt(running: PanosConfig, intended: PanosConfig, change_id: str) -> PanosConfig:
    """Return ``intended`` with the running generations' names, or fresh ones."""
    there = _sequences(running)
    names: dict[Generation, str] = {}
    taken: set[Generation] = set()
    for mine, knocks in _sequences(intended).items():
        if mine[1] not in PLACEHOLDERS:
            continue
        own = [(g, theirs) for g, theirs in there.items() if g[0] == mine[0] and g not in taken]
        same = (g for g, theirs in own if theirs == knocks)
        # A sequence of which somebody took an object away is still this one; a shorter one is not.
        less = (g for g, theirs in own if theirs < knocks and _last(theirs) == _last(knocks))
        found = next(iter((*same, *less)), None)
        taken |= {found} if found else set()
        names[mine] = found[1] if found else _fresh(mine, change_id, there)
    return replace(intended, entries=tuple(_renamed(entry, names) for entry in intended.entries))


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


def _fresh(generation: Generation, change_id: str, there: Mapping[Generation, Knocks]) -> str:
    """Return four characters no generation on the firewall has; the change id is random."""
    used = {other for _, other in there}
    for attempt in range(1000):
        seed = f"{change_id} {generation} {attempt}"
        name = hashlib.sha256(seed.encode()).hexdigest()[:4]
        if name not in used and name not in PLACEHOLDERS:
            return name
    msg = "no free generation name"
    raise AssertionError(msg)
