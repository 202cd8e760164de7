"""Saved rules as they are: tables of chains of rules, and the headers of sets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from knockctl_iptables.config import FAMILIES, JUMP, Family, LinuxConfig, Rule

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


def saved(texts: Mapping[Family, str], sets: str = "") -> Ruleset:
    """Read ``iptables-save`` and ``ip6tables-save``, any tables, and ``ipset save``."""
    tables: dict[tuple[Family, str], Mapping[str, Chain]] = {}
    for family, text in texts.items():
        for section in re.finditer(r"^\*(\S+)\n(.*?)^COMMIT", text, re.MULTILINE | re.DOTALL):
            tables[family, section[1]] = dict(_chains(section[2]))
    for family in FAMILIES:
        tables.setdefault((family, "filter"), {})
    return Ruleset(tables, dict(_sets(sets)), whole=True)


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
