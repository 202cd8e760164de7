"""What ``iptables-save``, ``ip6tables-save`` and ``ipset save`` print, to a config.

Both back ends print the same normal form, so rules are compared word by word. Chain order,
counters, comments, ``bucketsize``, ``initval``, ``hashsize`` and members mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from knockctl.vendor import Neighbour, Reading
from knockctl_iptables.config import (
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
        lengths[family] = foreign.section.count(_INPUT)
        rest[family] = foreign
    config = LinuxConfig(tables, frozenset(parse_sets(dump.sets)))
    return LinuxReading(config, tuple(neighbours), lengths, rest)


def parse_table(text: str) -> tuple[Table, Foreign]:
    """Split one family's ``filter`` table into ours and somebody else's.

    Foreign rules are not taken apart: of several thousand only those above our jump matter.
    """
    section = _filter_section(text)
    declared = section[: section.find("\n-A ") + 1 or None]
    chains: dict[str, list[Rule]] = {name: [] for name in _OWN_CHAINS.findall(declared)}
    for name, rule in _OWN_RULES.findall(_between(section, f"\n-A {OWN_CHAIN}")):
        chains.setdefault(name, []).append(Rule.parse(rule))
    mark = _mark(chains.pop(MARK)) if MARK in chains else None
    # Another operator's change may be waking connection tracking right now; see driver.py.
    chains.pop(WARM, None)
    jumps = section.count(_JUMP)
    place = section.count(_INPUT, 0, section.find(_JUMP)) + 1 if jumps else None
    owned = {name: tuple(rules) for name, rules in chains.items()}
    return Table(owned, jumps, mark, place), Foreign(section, place and place - 1)


def _between(text: str, mark: str) -> str:
    """Return the text from the first to behind the last line that begins with the mark."""
    first, last = text.find(mark), text.rfind(mark)
    end = text.find("\n", last + 1)
    return text[first + 1 : end if end >= 0 else None] if first >= 0 else ""


_OWN_CHAINS = re.compile(rf"^:({OWN_CHAIN}\S+) ", re.MULTILINE)
_OWN_RULES = re.compile(rf"^-A ({OWN_CHAIN}\S+) ?(.*)$", re.MULTILINE)
_COUNTERS = re.compile(r"^\[\d+:\d+\] ", re.MULTILINE)
_INPUT = "\n-A INPUT "
_JUMP = f"{_INPUT}{Rule(JUMP)}"


def _filter_section(text: str) -> str:
    """Return the ``filter`` table's lines, without counters in front of rules."""
    start = text.find("*filter\n")
    if start < 0:
        return ""
    end = text.find("\nCOMMIT", start)
    section = text[start : end + 1] if end >= 0 else f"{text[start:]}\n"
    return _COUNTERS.sub("", section) if "\n[" in section else section


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


def sections(text: str) -> dict[str, str]:
    """Split a text where a line says which tool reads what follows: ``# iptables-restore``."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if line.startswith("# "):
            current = found.setdefault(line[2:], [])
        else:
            current.append(line)
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in found.items()}


def parse_text(text: str) -> LinuxConfig:
    """Read back what ``LinuxConfig.text`` prints."""
    found = sections(text)
    tables: dict[Family, str] = {
        4: found.get("iptables-restore", ""),
        6: found.get("ip6tables-restore", ""),
    }
    return parse(Dump(tables, found.get("ipset restore", ""))).config
