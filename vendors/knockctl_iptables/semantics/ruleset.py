"""Saved rules as they are: tables of chains of rules, and the headers of sets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from knockctl_iptables.config.records import (
    FAMILIES,
    JUMP,
    OWN_CHAIN,
    OWN_SET,
    Family,
    LinuxConfig,
    Rule,
    Table,
)
from knockctl_iptables.semantics.nft import Native

INPUT = "INPUT"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain's rules; ``policy`` is None for chains that are not built in, or not ours to tell."""

    rules: tuple[Rule, ...] = ()
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class SetHeader:
    """What a set is: its type, its default timeout (None: members stay), and known members."""

    type: str
    family: Family = 4
    timeout: int | None = None
    members: tuple[tuple[str, int | None], ...] = ()
    """``(element, timeout)`` as ``ipset save`` prints them."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One host's packet filter, both families."""

    tables: Mapping[tuple[Family, str], Mapping[str, Chain]] = field(default_factory=dict)
    sets: Mapping[str, SetHeader] = field(default_factory=dict)
    whole: bool = False
    """Everything the host has: where nothing decides, the packet is accepted. Otherwise what
    comes behind our rules is not ours to tell."""
    native: Native = field(default_factory=Native)
    """The tables that iptables doesn't print."""


def ours(config: LinuxConfig) -> Ruleset:
    """Return just what is ours: ``INPUT`` holds our jump alone, and says nothing at its end."""
    tables: dict[tuple[Family, str], dict[str, Chain]] = {}
    for family in FAMILIES:
        table = config.table(family)
        chains = {name: Chain(rules) for name, rules in table.chains.items()}
        chains[INPUT] = Chain((Rule(JUMP),) * table.jumps)
        tables[family, "filter"] = chains
    sets = {s.name: SetHeader(s.type, s.family, s.timeout) for s in config.sets}
    return Ruleset(tables, sets)


def saved(texts: Mapping[Family, str], sets: str = "", native: Native | None = None) -> Ruleset:
    """Read ``iptables-save`` and ``ip6tables-save``, any tables, and ``ipset save``."""
    tables: dict[tuple[Family, str], Mapping[str, Chain]] = {}
    for family, text in texts.items():
        for section in re.finditer(r"^\*(\S+)\n(.*?)^COMMIT", text, re.MULTILINE | re.DOTALL):
            tables[family, section[1]] = dict(_chains(section[2]))
    for family in FAMILIES:
        tables.setdefault((family, "filter"), {})
    return Ruleset(tables, dict(_sets(sets)), whole=True, native=native or Native())


def standing(rules: Ruleset, config: LinuxConfig, places: Mapping[Family, int]) -> Ruleset:
    """Return the rules with all that is ours exchanged for a config.

    ``places`` are the numbers of the jump among the rules of ``INPUT`` that aren't ours, from 1.
    """
    tables = dict(rules.tables)
    for family in FAMILIES:
        known = tables.get((family, "filter"), {})
        tables[family, "filter"] = _exchanged(known, config.table(family), places.get(family, 1))
    kept = {name: header for name, header in rules.sets.items() if not OWN_SET.match(name)}
    mine = {s.name: SetHeader(s.type, s.family, s.timeout) for s in config.sets}
    return replace(rules, tables=tables, sets={**kept, **mine})


def _exchanged(chains: Mapping[str, Chain], table: Table, place: int) -> dict[str, Chain]:
    kept = {name: chain for name, chain in chains.items() if not name.startswith(OWN_CHAIN)}
    known = kept.get(INPUT, Chain())
    others = [rule for rule in known.rules if rule.words != JUMP]
    others[place - 1 : place - 1] = [Rule(JUMP)] * table.jumps
    if others or INPUT in kept:
        kept[INPUT] = replace(known, rules=tuple(others))
    return {**kept, **{name: Chain(rules) for name, rules in table.chains.items()}}


def _chains(text: str) -> Iterator[tuple[str, Chain]]:
    policies = dict(re.findall(r"^:(\S+) (\S+)", text, re.MULTILINE))
    rules: dict[str, list[Rule]] = {name: [] for name in policies}
    for name, rule in re.findall(r"^(?:\[\d+:\d+\] )?-A (\S+) ?(.*)$", text, re.MULTILINE):
        rules.setdefault(name, []).append(Rule.parse(rule))
    for name, listed in rules.items():
        policy = policies.get(name, "-")
        yield name, Chain(tuple(listed), None if policy == "-" else policy)


def _sets(text: str) -> Iterator[tuple[str, SetHeader]]:
    headers: dict[str, tuple[str, dict[str, str]]] = {}
    members: dict[str, list[tuple[str, int | None]]] = {}
    for words in (line.split() for line in text.splitlines()):
        if words[:1] == ["create"]:
            headers[words[1]] = words[2], dict(zip(words[3:], words[4:], strict=False))
        elif words[:1] == ["add"]:
            options = dict(zip(words[3:], words[4:], strict=False))
            seconds = int(options["timeout"]) if "timeout" in options else None
            members.setdefault(words[1], []).append((words[2], seconds))
    for name, (kind, options) in headers.items():
        timeout = int(options["timeout"]) if "timeout" in options else None
        family: Family = 6 if options.get("family") == "inet6" else 4
        yield name, SetHeader(kind, family, timeout, tuple(members.get(name, ())))
