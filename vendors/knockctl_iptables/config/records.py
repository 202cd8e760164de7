"""A Linux host's packet filter, as far as it is ours: chains, one jump, sets, and the mark.

Everything we own is named ``KC_…`` (chains), ``KC4_…`` or ``KC6_…`` (sets). Two configs are
equal when they mean the same: rules in the normal form of ``iptables-save``, chains in any
order, sets without the hash geometry the kernel picks for itself.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

Family = Literal[4, 6]
FAMILIES: tuple[Family, ...] = (4, 6)

OWN_CHAIN = "KC_"
OWN_SET = re.compile(r"KC[46]_")
ENTRY = "KC_INPUT"
GATE = "KC_GATE"
NOISE = "KC_NOISE"
REJECT = "KC_REJECT"
OTHERS = "KC_OTHERS"
MARK = "KC_MARK"
HIDDEN = "_hide"
"""Ends the name of an empty chain that says: this policy's ports come from a reference."""
WARM = "KC_WARM"
JUMP = ("-m", "comment", "--comment", "knockctl", "-j", ENTRY)
MARK_PREFIX = "knockctl:"

# Packets can't grow a set: the default hash size of 1024 stops at 12,288 members.
HASH_SIZE = 16384
MAX_MEMBERS = 65536

_PLAIN = re.compile(r"[A-Za-z0-9_.,:/!=@%+-]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, word by word, without its ``-A CHAIN``."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read what follows ``-A CHAIN `` in a saved rule set."""
        return cls(tuple(shlex.split(text)) if '"' in text or "'" in text else tuple(text.split()))

    def __str__(self) -> str:
        """Print as ``iptables-restore`` reads it."""
        return " ".join(quoted(word) for word in self.words)

    @property
    def target(self) -> str | None:
        """The chain or action the rule ends in; None for a rule that only counts."""
        for flag in ("-j", "-g"):
            if flag in self.words:
                return self.words[self.words.index(flag) + 1]
        return None

    def renamed(self, names: Mapping[str, str]) -> Rule:
        """Return the rule with the given words exchanged."""
        return Rule(tuple(names.get(word, word) for word in self.words))


@lru_cache(maxsize=4096)
def quoted(word: str) -> str:
    """Quote a word the way ``iptables-save`` does, where it needs it."""
    if _PLAIN.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class IpSet:
    """One ``hash:ip`` set. Times stand on the rules, so that the header fits every policy."""

    name: str
    family: Family
    type: str = "hash:ip"
    timeout: int | None = 0
    maxelem: int = MAX_MEMBERS

    def create(self) -> str:
        """Print the line ``ipset restore`` reads."""
        family = "inet" if self.family == 4 else "inet6"
        timeout = "" if self.timeout is None else f" timeout {self.timeout}"
        return (
            f"create {self.name} {self.type} family {family}"
            f" hashsize {HASH_SIZE} maxelem {self.maxelem}{timeout}"
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Our part of one family's ``filter`` table."""

    chains: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    jumps: int = 0
    """How often our jump stands in ``INPUT``: once, unless somebody was at it."""
    mark: str | None = None
    """The change that wrote this, from the rule in ``KC_MARK``; None without that chain.

    An empty chain is an empty text; several marks, somebody's accident, are joined by blanks.
    """
    place: int | None = None
    """The rule number of our jump, where that is known or asked for; None asks for the first."""

    @property
    def empty(self) -> bool:
        """Tell whether nothing of ours is there."""
        return not (self.chains or self.jumps) and self.mark is None

    def same(self, other: Table) -> bool:
        """Tell whether both mean the same; mark and place mean nothing."""
        return dict(self.chains) == dict(other.chains) and self.jumps == other.jumps

    def lines(self) -> Iterator[str]:
        """Print in the form of ``iptables-save``, own lines only."""
        if self.empty:
            return
        yield "*filter"
        if self.mark is not None:
            yield f":{MARK} - [0:0]"
        for chain in sorted(self.chains):
            yield f":{chain} - [0:0]"
        yield from [f"-A INPUT {Rule(JUMP)}"] * self.jumps
        for chain in sorted(self.chains):
            yield from (f"-A {chain} {rule}" for rule in self.chains[chain])
        yield from (f"-A {MARK} {mark_rule(mark)}" for mark in (self.mark or "").split())
        yield "COMMIT"


def mark_rule(change_id: str) -> Rule:
    """Return the rule that carries the mark. It is never reached: no packet sees it."""
    return Rule(("-m", "comment", "--comment", f"{MARK_PREFIX}{change_id}"))


@dataclass(frozen=True, slots=True)
class LinuxConfig:
    """What of a host's packet filter is ours."""

    tables: Mapping[Family, Table] = field(default_factory=dict)
    sets: frozenset[IpSet] = frozenset()

    @property
    def empty(self) -> bool:
        """Tell whether nothing of ours is there."""
        return not self.sets and all(table.empty for table in self.tables.values())

    @property
    def revision(self) -> str | None:
        """The mark, when every family carries the same one."""
        marks = {table.mark for table in self.tables.values() if not table.empty}
        mark = marks.pop() if len(marks) == 1 else None
        return mark if mark and " " not in mark else None

    def table(self, family: Family) -> Table:
        """Return a family's part, empty when there is none."""
        return self.tables.get(family, Table())

    def same(self, other: LinuxConfig) -> bool:
        """Tell whether both mean the same; marks mean nothing."""
        return self.sets == other.sets and all(
            self.table(family).same(other.table(family)) for family in FAMILIES
        )

    def marked(self, change_id: str | None) -> LinuxConfig:
        """Return the same with this mark wherever something of ours is."""
        return replace(
            self,
            tables={
                family: replace(table, mark=change_id)
                for family, table in self.tables.items()
                if table.chains or table.jumps
            },
        )

    def renamed(self, names: Mapping[str, str]) -> LinuxConfig:
        """Return the same with sets called by other names."""
        return LinuxConfig(
            {
                family: replace(
                    table,
                    chains={
                        chain: tuple(rule.renamed(names) for rule in rules)
                        for chain, rules in table.chains.items()
                    },
                )
                for family, table in self.tables.items()
            },
            frozenset(replace(s, name=names.get(s.name, s.name)) for s in self.sets),
        )

    def text(self) -> str:
        """Print as ``ipset save``, ``ip6tables-save`` and ``iptables-save`` would."""
        parts = []
        if self.sets:
            parts.append("# ipset restore")
            parts.extend(s.create() for s in sorted(self.sets, key=lambda s: s.name))
        for family in (6, 4):
            lines = list(self.table(family).lines())
            if lines:
                parts.append("# iptables-restore" if family == 4 else "# ip6tables-restore")
                parts.extend(lines)
        return "".join(f"{line}\n" for line in parts)

    def secrets(self) -> frozenset[str]:
        """Return the knock ports of policies whose sequence came from a reference.

        Such a policy has an empty chain that says so. Its knocks are the ports of the rules in
        its own chain that move a source from stage to stage, or open.
        """
        return frozenset(
            port
            for table in self.tables.values()
            for hidden in table.chains
            if hidden.endswith(HIDDEN)
            for rule in table.chains.get(hidden.removesuffix(HIDDEN), ())
            if "--add-set" in rule.words or (rule.target or "").endswith("_open")
            for flag, port in zip(rule.words, rule.words[1:], strict=False)
            if flag == "--dport"
        )

    def dump(self) -> str:
        """Return a lossless form for sealed snapshots; ``load`` reads it back."""
        return json.dumps(
            {
                "tables": {
                    str(family): {
                        "chains": {c: [r.words for r in rules] for c, rules in t.chains.items()},
                        "jumps": t.jumps,
                        "mark": t.mark,
                        "place": t.place,
                    }
                    for family, t in sorted(self.tables.items())
                    if not t.empty
                },
                "sets": sorted([s.name, s.family, s.type, s.timeout, s.maxelem] for s in self.sets),
            },
            sort_keys=True,
        )


def load(dump: str) -> LinuxConfig:
    """Read back what ``LinuxConfig.dump`` wrote."""
    data = json.loads(dump)
    return LinuxConfig(
        {
            _family(key): Table(
                {
                    chain: tuple(Rule(tuple(words)) for words in rules)
                    for chain, rules in table["chains"].items()
                },
                table["jumps"],
                table["mark"],
                table["place"],
            )
            for key, table in data["tables"].items()
        },
        frozenset(IpSet(*fields) for fields in data["sets"]),
    )


def _family(text: str) -> Family:
    return 4 if text == "4" else 6


# --- stage sets: named after a random generation, so that stages never outlive their sequence --

# Stand in for a generation until a plan puts the device's own, or a fresh one, in its place.
PLACEHOLDERS = ("0000", "0001")

_STAGE = re.compile(
    r"(?P<prefix>KC[46]_(?P<policy>[a-z0-9-]+)\.)(?P<generation>[a-z0-9]{4})"
    r"(?P<place>[a-z0-9])"
)


@dataclass(frozen=True, slots=True)
class StageName:
    """The parts of a stage set's name, ``KC4_ssh-box.x7k21``."""

    policy: str
    generation: str

    @classmethod
    def of(cls, name: str) -> StageName | None:
        """Read a set's name; None for any other set."""
        match = _STAGE.fullmatch(name)
        return cls(match["policy"], match["generation"]) if match else None


def with_generation(name: str, generation: str) -> str:
    """Return a stage set's name with another generation in it."""
    match = _STAGE.fullmatch(name)
    return f"{match['prefix']}{generation}{match['place']}" if match else name


def set_names(rules: Iterable[Rule]) -> frozenset[str]:
    """Return every set that the rules read or write."""
    return frozenset(
        rule.words[index + 1]
        for rule in rules
        for index, word in enumerate(rule.words)
        if word in ("--match-set", "--add-set", "--del-set")
    )
