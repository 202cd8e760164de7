"""Which stage lists on a router belong to which sequence.

Stage lists are named after a random generation, never after ports. Rendering leaves a
placeholder; here it becomes the router's own name where the router already runs exactly this
sequence, so that those halfway through it stay there, and a fresh one where it does not, so that
a stage of an old sequence never counts in a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from knockctl.contract.generations import Generation, adopted
from knockctl_routeros.config.records import RouterConfig, Row

_STAGE = re.compile(r"(?P<policy>kc-[a-z0-9-]+)\.(?P<generation>[0-9a-z]{4})-(?P<stage>[0-9]+)")
_LISTS = ("src-address-list", "address-list")

_PATTERN = re.compile(r"(?P<stem>kc-[a-z0-9-]+\.pass)(?P<number>[0-9]+)")
_PATTERNS = "/ip firewall layer7-protocol"

Moves = frozenset[tuple[str, tuple[tuple[str, str], ...]]]


def adopt(running: RouterConfig, intended: RouterConfig, change_id: str) -> RouterConfig:
    """Return ``intended`` with the running generations' names, or fresh ones."""
    patterns = _patterns(running, intended)
    if patterns:
        rows = tuple(_with_patterns(row, patterns) for row in intended.rows)
        intended = replace(intended, rows=rows)
    names = adopted(_moves(running), _moves(intended), _partly, change_id)
    return replace(intended, rows=tuple(_renamed(row, names) for row in intended.rows))


def _partly(theirs: Moves, mine: Moves) -> bool:
    """Tell one of which somebody took rules away: they led nobody to where the others don't."""
    return bool(theirs) and theirs < mine


def _patterns(running: RouterConfig, intended: RouterConfig) -> dict[str, str]:
    """Return what intended patterns are to be called.

    Names are unique: another passphrase can't have the name of one that is still there.
    """
    there = {row.get("name"): row.get("regexp") for row in running.rows if row.menu == _PATTERNS}
    used, names = set(there), dict[str, str]()
    for row in (row for row in intended.rows if row.menu == _PATTERNS):
        name, stem = row.get("name"), _PATTERN.sub(r"\g<stem>", row.get("name"))
        same = (n for n, regexp in there.items() if regexp == row.get("regexp"))
        same = (n for n in same if _PATTERN.sub(r"\g<stem>", n) == stem)
        free = (n for n in (name, *(f"{stem}{k}" for k in range(1, 1000))) if n not in used)
        names[name] = next((n for n in same if n not in names.values()), None) or next(free)
        used.add(names[name])
    return names


def _with_patterns(row: Row, names: dict[str, str]) -> Row:
    key = "name" if row.menu == _PATTERNS else "layer7-protocol"
    words = ((k, names.get(v, v) if k == key else v) for k, v in row.words)
    return replace(row, words=tuple(words))


def _moves(config: RouterConfig) -> dict[Generation, Moves]:
    """Return for each generation the rules that move sources through it, nameless."""
    found: dict[Generation, set[tuple[str, tuple[tuple[str, str], ...]]]] = {}
    for row in config.rows:
        for generation in _generations(row):
            moving = row.get("action").startswith("add-") or row.get("jump-target").endswith(
                ".open"
            )
            rows = found.setdefault(generation, set())
            if moving and _stages(row):
                rows.add((row.menu, _renamed(row, {generation: "----"}).words))
    return {generation: frozenset(rows) for generation, rows in found.items()}


def _stages(row: Row) -> bool:
    """Tell whether a rule makes progress: it adds to a stage, or opens from one."""
    last = row.get("jump-target").endswith(".open")
    return last or _STAGE.fullmatch(row.get("address-list")) is not None


def _generations(row: Row) -> Iterator[Generation]:
    for key in _LISTS:
        match = _STAGE.fullmatch(row.get(key).removeprefix("!"))
        if match:
            yield match["policy"], match["generation"]


def _renamed(row: Row, names: dict[Generation, str]) -> Row:
    changed: dict[str, str] = {}
    for key in _LISTS:
        text = row.get(key)
        match = _STAGE.fullmatch(text.removeprefix("!")) if text else None
        name = names.get((match["policy"], match["generation"])) if match else None
        if match and name:
            negation = "!" if text.startswith("!") else ""
            changed[key] = f"{negation}{match['policy']}.{name}-{match['stage']}"
    if not changed:
        return row
    return Row(row.menu, tuple((key, changed.get(key, value)) for key, value in row.words))
