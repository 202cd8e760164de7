"""Which stage sets on a device belong to which sequence.

Stage sets are named after a random generation, never after ports. Rendering leaves a
placeholder; here it becomes the device's own name where the device already runs exactly this
sequence, so that those halfway through it stay there, and a fresh one where it does not, so
that a stage of an old sequence never counts in a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from knockctl_iptables.config.records import (
    PLACEHOLDERS,
    LinuxConfig,
    Rule,
    StageName,
    with_generation,
)

Signature = frozenset[tuple[str, tuple[Rule, ...]]]


def adopt(running: LinuxConfig, intended: LinuxConfig, change_id: str) -> LinuxConfig:
    """Return ``intended`` with the running generations' names, or fresh ones."""
    wanted = {s: w for s, w in _signatures(intended).items() if s.generation in PLACEHOLDERS}
    there = _signatures(running)
    names: dict[str, str] = {}
    taken: set[StageName] = set()
    for stage, signature in wanted.items():
        match = next(
            (
                other
                for other, theirs in there.items()
                if other.policy == stage.policy and theirs == signature and other not in taken
            ),
            None,
        )
        taken |= {match} if match else set()
        generation = match.generation if match else _fresh(stage, change_id, there)
        for name in _sets_of(intended, stage):
            names[name] = with_generation(name, generation)
    return intended.renamed(names)


def _signatures(config: LinuxConfig) -> dict[StageName, Signature]:
    """Return for each generation the rules that move sources through it, nameless.

    In the order the rules name them, so that two equal generations are not mistaken for each
    other.
    """
    chains = [t.chains[name] for t in config.tables.values() for name in sorted(t.chains)]
    words = (word for rules in chains for rule in rules for word in rule.words)
    stages = dict.fromkeys(stage for word in words if (stage := StageName.of(word)))
    return {stage: frozenset(_moves_of(config, stage)) for stage in stages}


def _moves_of(config: LinuxConfig, stage: StageName) -> Iterator[tuple[str, tuple[Rule, ...]]]:
    names = {name: with_generation(name, "----") for name in _sets_of(config, stage)}
    for table in config.tables.values():
        for chain, rules in table.chains.items():
            moving = tuple(rule.renamed(names) for rule in rules if _moves(rule, names))
            if moving:
                yield chain, moving


def _moves(rule: Rule, names: dict[str, str]) -> bool:
    """Tell whether a rule makes progress in this generation: it adds to a stage, or opens."""
    opens = (rule.target or "").endswith("_open")
    adds = any(
        word == "--add-set" and rule.words[i + 1] in names for i, word in enumerate(rule.words)
    )
    return adds or (opens and any(word in names for word in rule.words))


def _sets_of(config: LinuxConfig, stage: StageName) -> list[str]:
    return [s.name for s in config.sets if StageName.of(s.name) == stage]


def _fresh(stage: StageName, change_id: str, there: dict[StageName, Signature]) -> str:
    """Return four characters no generation on the device has; the change id is random."""
    used = {other.generation for other in there}
    for attempt in range(1000):
        seed = f"{change_id} {stage.policy} {stage.generation} {attempt}"
        digits = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
        name = _base36(digits % 36**4)
        if name not in used:
            return name
    msg = "no free generation name"
    raise AssertionError(msg)


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(digits[number // 36**place % 36] for place in range(3, -1, -1))
