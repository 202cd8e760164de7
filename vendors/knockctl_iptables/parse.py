"""What ``iptables-save``, ``ip6tables-save`` and ``ipset save`` print, to a config.

Both back ends print the same normal form, so rules are compared word by word. Chain order,
counters, comments, ``bucketsize``, ``initval``, ``hashsize`` and members mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from knockctl.vendor import Neighbour, Reading
from knockctl_iptables.config import (
    ENTRY,
    FAMILIES,
    JUMP,
    MARK,
    MARK_PREFIX,
    OWN_CHAIN,
    OWN_SET,
    WARM,
    Family,
    IpSet,
    LinuxConfig,
    Rule,
    Table,
)
from knockctl_iptables.neighbours import Foreign, above


@dataclass(frozen=True, slots=True)
class Dump:
    """What a host printed; a family it does not have is an empty text."""

    tables: Mapping[Family, str] = field(default_factory=dict)
    """``iptables-save -t filter`` and ``ip6tables-save -t filter``."""
    sets: str = ""
    """``ipset save``, headers at least."""


@dataclass(frozen=True, slots=True)
class LinuxReading(Reading[LinuxConfig]):
    """A reading that also knows how many rules ``INPUT`` holds, ours included."""

    input_rules: Mapping[Family, int] = field(default_factory=dict)
    foreign: Mapping[Family, Foreign] = field(default_factory=dict)


def parse(dump: Dump) -> LinuxReading:
    """Read what is ours, and the foreign rules that stand above our jump."""
    tables: dict[Family, Table] = {}
    neighbours: list[Neighbour] = []
    lengths: dict[Family, int] = {}
    rest: dict[Family, Foreign] = {}
    for family in FAMILIES:
        table, foreign = parse_table(dump.tables.get(family, ""))
        if not table.empty:
            tables[family] = table
        neighbours.extend(above(foreign, table, family))
        lengths[family] = len(foreign.rules.get("INPUT", ()))
        rest[family] = foreign
    config = LinuxConfig(tables, frozenset(parse_sets(dump.sets)))
    return LinuxReading(config, tuple(neighbours), lengths, rest)


def parse_table(text: str) -> tuple[Table, Foreign]:
    """Split one family's ``filter`` table into ours and somebody else's.

    Foreign rules are not taken apart: of several thousand only those above our jump matter.
    """
    chains: dict[str, list[Rule]] = {}
    foreign: dict[str, list[str]] = {}
    for line in _filter_lines(text):
        if line.startswith(":"):
            name, policy, _ = (line[1:] + "  ").split(" ", 2)
            if name.startswith(OWN_CHAIN):
                chains.setdefault(name, [])
            else:
                foreign.setdefault(f":{name}", []).append(policy)
        elif line.startswith("-A "):
            name, rest = line[3:].split(" ", 1) if " " in line[3:] else (line[3:], "")
            if name.startswith(OWN_CHAIN):
                chains.setdefault(name, []).append(Rule.parse(rest))
            else:
                foreign.setdefault(name, []).append(rest)
    return _table(chains, foreign)


def _filter_lines(text: str) -> Iterator[str]:
    """Yield the lines of the ``filter`` table; counters in front of rules are dropped."""
    inside = False
    for line in text.splitlines():
        if line.startswith("*"):
            inside = line == "*filter"
        elif inside and line.startswith("["):
            yield line.split("] ", 1)[1]
        elif inside:
            yield line


def _table(chains: dict[str, list[Rule]], foreign: dict[str, list[str]]) -> tuple[Table, Foreign]:
    mark = _mark(chains.pop(MARK)) if MARK in chains else None
    # Another operator's change may be waking connection tracking right now; see driver.py.
    chains.pop(WARM, None)
    places = [
        number
        for number, text in enumerate(foreign.get("INPUT", []), start=1)
        if text.endswith(ENTRY) and Rule.parse(text).words == JUMP
    ]
    table = Table(
        {name: tuple(rules) for name, rules in chains.items()},
        len(places),
        mark,
        places[0] if places else None,
    )
    rules = {name: tuple(lines) for name, lines in foreign.items() if not name.startswith(":")}
    policies = {n[1:]: v[0] for n, v in foreign.items() if n.startswith(":")}
    return table, Foreign(rules, policies, table.place and table.place - 1)


def _mark(rules: Iterable[Rule]) -> str:
    """Return the change that the mark names; see ``Table.mark`` for none and for several."""
    return " ".join(
        word.removeprefix(MARK_PREFIX)
        for rule in rules
        for word in rule.words
        if word.startswith(MARK_PREFIX)
    )


def parse_sets(text: str) -> Iterator[IpSet]:
    """Yield our sets from the ``create`` lines of ``ipset save``."""
    for line in text.splitlines():
        words = line.split()
        if words[:1] != ["create"] or not OWN_SET.match(words[1]):
            continue
        options = dict(zip(words[3:], words[4:], strict=False))
        yield IpSet(
            name=words[1],
            family=6 if options.get("family") == "inet6" else 4,
            type=words[2],
            timeout=int(options["timeout"]) if "timeout" in options else None,
            maxelem=int(options.get("maxelem", 0)),
        )


def parse_text(text: str) -> LinuxConfig:
    """Read back what ``LinuxConfig.text`` prints."""
    sections: dict[str, list[str]] = {"": []}
    current = sections[""]
    for line in text.splitlines():
        if line.startswith("# "):
            current = sections.setdefault(line[2:], [])
        current.append(line)
    return parse(
        Dump(
            {
                4: "\n".join(sections.get("iptables-restore", [])),
                6: "\n".join(sections.get("ip6tables-restore", [])),
            },
            "\n".join(sections.get("ipset restore", [])),
        )
    ).config
