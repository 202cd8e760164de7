"""What ``iptables-save``, ``ip6tables-save`` and ``ipset save`` print, to a config.

Both back ends print the same normal form, so rules are compared word by word. Chain order,
counters, comments, ``bucketsize``, ``initval``, ``hashsize`` and members mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from knockctl.errors import Unsupported
from knockctl_iptables.config.records import (
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

SETS, IPV6, IPV4 = "ipset restore", "ip6tables-restore", "iptables-restore"
NATIVE = "nft -j list ruleset"
TERSE = "nft -j -t list ruleset"
"""Without the members of sets: they are too many."""
NO_NFT = "nft is not installed"
LEGACY = "iptables-legacy"
"""Its tables are none of nftables'."""

_FILE = {4: IPV4, 6: IPV6}


@dataclass(frozen=True, slots=True)
class Dump:
    """What a host printed; a family it does not have is an empty text."""

    tables: Mapping[Family, str] = field(default_factory=dict)
    """``iptables-save`` and ``ip6tables-save``, the ``filter`` table at least."""
    sets: str = ""
    """``ipset save``, headers at least."""
    more: Mapping[str, str] = field(default_factory=dict)
    """What else there is, by title."""

    def text(self) -> str:
        """Return all of it as one text, which ``sections`` splits again."""
        parts = {SETS: self.sets, **{_FILE[f]: text for f, text in self.tables.items()}}
        both = {**parts, **self.more}
        return "".join(f"# {title}\n{_uncommented(text)}" for title, text in both.items())


def config_of(dump: Dump) -> LinuxConfig:
    """Return what is ours.

    Raises ``Unsupported`` for a table that iptables can't print.
    """
    tables: dict[Family, Table] = {}
    for family in FAMILIES:
        text = dump.tables.get(family, "")
        _refuse_unprinted(text, family)
        table = parse_table(filter_section(text))
        if not table.empty:
            tables[family] = table
    return LinuxConfig(tables, frozenset(parse_sets(dump.sets)))


def _refuse_unprinted(text: str, family: Family) -> None:
    """Raise where ``iptables-save`` says of a table only that it can't print it."""
    found = _UNPRINTED.search(text)
    if not found:
        return
    tool, native = ("iptables", "ip") if family == 4 else ("ip6tables", "ip6")
    raise Unsupported(
        f"{tool} can't print its table {found[1]}: somebody has put a native nftables rule into it"
        f" (`{tool}-save` says it is incompatible)",
        hint=f"look at it with `nft -a list table {native} {found[1]}`; take the native rule out"
        f" (`nft delete rule {native} {found[1]} CHAIN handle N`) and put it into a table of its"
        " own",
    )


def parse_table(section: str) -> Table:
    """Return what is ours of one family's ``filter`` table.

    Foreign rules are not taken apart: there may be several thousand.
    """
    declared = section[: section.find("\n-A ") + 1 or None]
    chains: dict[str, list[Rule]] = {name: [] for name in _OWN_CHAINS.findall(declared)}
    for name, rule in _OWN_RULES.findall(_between(section, f"\n-A {OWN_CHAIN}")):
        chains.setdefault(name, []).append(Rule.parse(rule))
    mark = _mark(chains.pop(MARK)) if MARK in chains else None
    # Another operator's change may be waking connection tracking right now; see driver.py.
    chains.pop(WARM, None)
    jumps = section.count(JUMP_RULE)
    place = section.count(INPUT_RULE, 0, section.find(JUMP_RULE)) + 1 if jumps else None
    owned = {name: tuple(rules) for name, rules in chains.items()}
    return Table(owned, jumps, mark, place)


def _between(text: str, mark: str) -> str:
    """Return the text from the first to behind the last line that begins with the mark."""
    first, last = text.find(mark), text.rfind(mark)
    end = text.find("\n", last + 1)
    return text[first + 1 : end if end >= 0 else None] if first >= 0 else ""


_OWN_CHAINS = re.compile(rf"^:({OWN_CHAIN}\S+) ", re.MULTILINE)
_OWN_RULES = re.compile(rf"^-A ({OWN_CHAIN}\S+) ?(.*)$", re.MULTILINE)
INPUT_RULE = "\n-A INPUT "
JUMP_RULE = f"{INPUT_RULE}{Rule(JUMP)}"
_COUNTERS = re.compile(r"^\[\d+:\d+\] ", re.MULTILINE)
_UNPRINTED = re.compile(r"^# Table `(\S+)' is incompatible", re.MULTILINE)


def filter_section(text: str) -> str:
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
    return config_of(split(text))


def split(text: str) -> Dump:
    """Read back what ``Dump.text`` made of everything a host runs."""
    six = text.partition(f"# {IPV6}\n")[2].partition(f"# {IPV4}\n")[0]
    _refuse_unprinted(six, 6)
    _refuse_unprinted(text, 4)
    found = sections(text)
    tables: dict[Family, str] = {4: found.get(IPV4, "")}
    if IPV6 in found:
        tables[6] = found[IPV6]
    more = {t: found[t] for t in (NATIVE, TERSE, NO_NFT, LEGACY) if t in found}
    return Dump(tables, found.get(SETS, ""), more)


def _uncommented(text: str) -> str:
    return "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))
