"""Native nftables beside iptables: what ``nft -j list ruleset`` prints, to compiled rules.

Plain rules become what an iptables rule of the same meaning is compiled to; whatever else a rule
asks or does is a guess that names it. Sources: ``man nft``, ``man libnftables-json``, and what
nft 1.0.6 prints.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from knockctl_iptables.config.records import FAMILIES, Family
from knockctl_iptables.semantics.conditions import CompiledRule, Marked
from knockctl_iptables.semantics.matches import Matches
from knockctl_iptables.semantics.nfttext import text_of
from knockctl_iptables.semantics.way import Hook, Stage, named

_OF: Mapping[str, tuple[Family, ...]] = {"ip": (4,), "ip6": (6,), "inet": FAMILIES}
_HOOKS: Mapping[str, Hook] = {"prerouting": "prerouting", "input": "input"}
# Statements that change nothing any rule of a packet's way looks at.
_IDLE = frozenset(("counter", "log", "comment", "set", "last", "ct helper", "ct timeout"))
_VERDICTS = {"accept": "ACCEPT", "drop": "DROP", "return": "RETURN", "reject": "REJECT"}
_IMPLIED = {
    "icmp": ("nfproto", "ipv4"),
    "icmpv6": ("nfproto", "ipv6"),
    "tcp reset": ("l4proto", "tcp"),
}
"""What a rejection asks of a packet by its kind: ``nft`` prints no such question before it."""
UNKNOWN = "?"
"""The target of what is not understood."""
# A device's ingress and a bridge come before everything else.
_UNSEEN = -1_000


class BadAnswer(ValueError):
    """What ``nft -j`` printed is not what it prints."""


Key = tuple[str, str]
"""Family and name of a table."""


@dataclass(frozen=True)
class Native:
    """The native tables of a host."""

    chains: Mapping[Key, Mapping[str, tuple[Mapping[str, Any], ...]]] = field(default_factory=dict)
    """For each table its chains, and of each chain its rules."""
    bases: Mapping[Key, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """For each table its base chains."""
    sets: Mapping[Key, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    terse: bool = False
    """Whether it was printed without the members of sets."""

    def stages(self, family: Family) -> Iterator[Stage]:
        """Yield where packets of an IP version meet native chains."""
        for (of, table), bases in self.bases.items():
            for base in bases:
                hook = _hook(of, base)
                if family in _families(of) and hook is not None:
                    priority = _UNSEEN if _strange(of, base) else base["prio"]
                    yield Stage(f"nft {of} {table}", chain_key(base["name"]), hook, priority)

    def policies(self, family: Family) -> Iterator[tuple[tuple[Family, str, str], str]]:
        """Yield what becomes of packets at the end of base chains."""
        for (of, table), bases in self.bases.items():
            for base in bases if family in _families(of) else ():
                known = base.get("policy", "accept") if not _strange(of, base) else "accept"
                policy = str(known).upper()
                yield (family, f"nft {of} {table}", chain_key(base["name"])), policy

    def compiled(self, family: Family) -> Iterator[tuple[str, dict[str, tuple[CompiledRule, ...]]]]:
        """Yield the tables with chains on the way, by name, each rule compiled."""
        wanted = {stage.table for stage in self.stages(family)}
        for (of, table), chains in self.chains.items():
            name = f"nft {of} {table}"
            if name in wanted:
                yield name, self._table((of, table), family, chains)

    def _table(
        self, key: Key, family: Family, chains: Mapping[str, tuple[Mapping[str, Any], ...]]
    ) -> dict[str, tuple[CompiledRule, ...]]:
        of, table = key
        nats = {base["name"] for base in self.bases.get(key, ()) if base.get("type") == "nat"}
        strange = {b["name"]: b for b in self.bases.get(key, ()) if _strange(of, b)}
        written = _written(chains)
        result: dict[str, tuple[CompiledRule, ...]] = {}
        for chain, rules in chains.items():
            where = named(f"nft {of} {table}", chain, family)
            if chain in strange:
                result[chain_key(chain)] = tuple(_unseen(where, strange[chain], rules))
                continue
            made: list[CompiledRule] = []
            for number, rule in enumerate(rules, start=1):
                matches = Matches(family, self.sets.get(key, {}), written, terse=self.terse)
                made += _Reader(where, number, rule, matches, nat=chain in nats).read()
            result[chain_key(chain)] = tuple(made)
        return result

    @cached_property
    def empty(self) -> bool:
        """Tell whether no packet for the host meets any of it."""
        return not any(True for family in FAMILIES for _ in self.stages(family))


def chain_key(name: str) -> str:
    """Return a chain's key; no target of iptables is called so."""
    return f"chain {name}"


def _families(of: str) -> tuple[Family, ...]:
    return _OF.get(of, FAMILIES if of in ("netdev", "bridge") else ())


def _hook(of: str, base: Mapping[str, Any]) -> Hook | None:
    """Return where packets for the host meet a base chain; None where they never do."""
    name = base["hook"]
    if name == "ingress" or (of == "bridge" and name in _HOOKS):
        return "prerouting"
    return _HOOKS.get(name) if of in _OF else None


def _strange(of: str, base: Mapping[str, Any]) -> bool:
    """Tell whether packets are not followed into a base chain that they may meet."""
    return of not in _OF or base["hook"] not in _HOOKS


def _unseen(
    where: str, base: Mapping[str, Any], rules: tuple[Mapping[str, Any], ...]
) -> Iterator[CompiledRule]:
    """Yield what stands for a chain that isn't followed: it may do anything."""
    if rules or base.get("policy", "accept") != "accept":
        yield CompiledRule(where, 1, f"its hook {base['hook']} is not followed", (), UNKNOWN)


def read(text: str, printed: Iterable[tuple[Family, str]], *, terse: bool = False) -> Native:
    """Read what ``nft -j list ruleset`` printed, without the tables that iptables printed.

    Raises ``BadAnswer`` for a text that isn't such a list.
    """
    try:
        listed = json.loads(text)["nftables"]
        return _native(listed, frozenset(printed), terse=terse)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadAnswer(f"what `nft -j list ruleset` printed can't be read: {error}") from None


def _native(
    listed: Iterable[Mapping[str, Any]], printed: frozenset[tuple[Family, str]], *, terse: bool
) -> Native:
    foreign = {"ip" if family == 4 else "ip6": family for family in FAMILIES}
    chains: dict[Key, dict[str, list[Mapping[str, Any]]]] = {}
    bases: dict[Key, list[Mapping[str, Any]]] = {}
    sets: dict[Key, dict[str, Mapping[str, Any]]] = {}
    for entry in listed:
        ((kind, one),) = entry.items()
        if kind not in ("chain", "rule", "set", "map"):
            continue
        key = one["family"], one["table"]
        if key[0] in foreign and (foreign[key[0]], key[1]) in printed:
            continue
        if kind == "chain":
            chains.setdefault(key, {})[one["name"]] = []
            if "hook" in one:
                bases.setdefault(key, []).append(one)
        elif kind == "rule":
            chains[key][one["chain"]].append(one)
        else:
            sets.setdefault(key, {})[one["name"]] = one
    whole = {k: {n: tuple(rules) for n, rules in c.items()} for k, c in chains.items()}
    return Native(whole, {k: tuple(b) for k, b in bases.items()}, sets, terse=terse)


def _written(chains: Mapping[str, tuple[Mapping[str, Any], ...]]) -> frozenset[str]:
    """Return the sets that rules themselves change."""
    return frozenset(
        str(statement["set"].get("set", "")).removeprefix("@")
        for rules in chains.values()
        for rule in rules
        for statement in rule["expr"]
        if "set" in statement
    )


class _Arm(NamedTuple):
    """What a statement, or one element of a verdict map, makes of a packet."""

    target: str | None
    goto: bool = False
    options: tuple[str, ...] = ()


@dataclass
class _Reader:
    """Reads one rule from left to right."""

    where: str
    number: int
    rule: Mapping[str, Any]
    matches: Matches
    nat: bool
    found: list[CompiledRule] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        return text_of(self.rule)

    @property
    def place(self) -> str:
        return f"{self.where} rule {self.number}: {self.text}"

    def read(self) -> list[CompiledRule]:
        self.matches.place = self.place
        if self.nat:
            self.matches.first_packets()
        for statement in self.rule["expr"]:
            ((kind, what),) = statement.items()
            if not self._statement(kind, what):
                break
        return self.found

    def _statement(self, kind: str, what: Any) -> bool:
        """Read one statement; tell whether the rule goes on for some packet behind it."""
        if kind == "match":
            return self.matches.add(what)
        if kind == "vmap":
            return self._vmap(what)
        if kind in ("limit", "quota", "ct count"):
            self.matches.chance(f"{kind} of {self.place}")
            return True
        if kind in _IDLE:
            return True
        if kind == "reject" and not self._rejects(what):
            return False
        arm = self._arm(kind, what)
        if arm is not None and (kind != "mangle" or arm.target is not None):
            self._emit(arm)
        return kind in ("mangle", "notrack")

    def _rejects(self, what: Mapping[str, Any] | None) -> bool:
        """Ask what a kind of rejection implies; False where no such packet gets it."""
        implied = _IMPLIED.get((what or {}).get("type", ""))
        if implied is None:
            return True
        key, value = implied
        return self.matches.add({"op": "==", "left": {"meta": {"key": key}}, "right": value})

    def _arm(self, kind: str, what: Any) -> _Arm | None:
        if kind in _VERDICTS:
            return _Arm(_VERDICTS[kind])
        if kind in ("jump", "goto"):
            return _Arm(chain_key(what["target"]), kind == "goto")
        if kind == "notrack":
            return _Arm("NOTRACK")
        if kind == "mangle":
            return self._mangle(what)
        return _Arm(UNKNOWN)

    def _mangle(self, what: Mapping[str, Any]) -> _Arm | None:
        key = what["key"]
        if key == {"meta": {"key": "mark"}}:
            value = what["value"]
            asked = any(isinstance(one, Marked) for one in self.matches.conditions)
            if isinstance(value, int) and not asked:
                return _Arm("MARK", options=("--set-xmark", f"{value:#x}/0xffffffff"))
            return _Arm(UNKNOWN)
        harmless = "ct" in key or "meta" in key
        return None if harmless else _Arm(UNKNOWN)

    def _emit(self, arm: _Arm, matches: Matches | None = None) -> None:
        conditions = tuple((matches or self.matches).conditions)
        rule = CompiledRule(
            self.where, self.number, self.text, conditions, arm.target, arm.goto, arm.options
        )
        self.found.append(rule)

    def _vmap(self, what: Mapping[str, Any]) -> bool:
        """Read a verdict map: one rule for each of its elements, the first that fits decides."""
        data = what["data"]
        if not isinstance(data, Mapping) or "set" not in data:
            self._emit(_Arm(UNKNOWN))
            return True
        for value, verdict in data["set"]:
            inner = self.matches.copy()
            ((kind, target),) = verdict.items()
            arm = self._arm(kind, target) if kind != "continue" else None
            if inner.add({"op": "==", "left": what["key"], "right": value}) and arm is not None:
                self._emit(arm, inner)
        return True
