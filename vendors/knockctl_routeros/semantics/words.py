"""The words of a rule, one matcher after the other.

Sources: MikroTik manual, Common Firewall Matchers and Actions, RAW, FastTrack; fact sheet 1.1,
2, 2.1, 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from socket import AF_INET, inet_pton

from knockctl.automaton.questions import Atom, Ranges
from knockctl.automaton.verdict import Verdict
from knockctl_routeros.config.records import Row
from knockctl_routeros.semantics.conditions import (
    FOREVER,
    STATIC,
    Action,
    Add,
    Anything,
    Body,
    Clause,
    CompiledRule,
    Fasttrack,
    Goes,
    Jump,
    Leave,
    Listed,
    Notrack,
    Side,
    Stop,
    Table,
)
from knockctl_routeros.semantics.matchers import (
    MATCHERS,
    Clauses,
    Context,
    Surroundings,
    number_of,
    ranges_of_ports,
)
from knockctl_routeros.semantics.ruleset import in_force, ranges_of

# Matchers that depend on load, number or hour: whether they hold is anybody's guess, and fine.
CHANCES = ("limit", "dst-limit", "random", "nth", "time")
# Words that have no say in which packets match.
_SILENT = frozenset(
    (
        *("chain", "action", "jump-target", "address-list", "address-list-timeout", "reject-with"),
        *("comment", "disabled", "invalid", "dynamic", "log", "log-prefix", "hw-offload"),
        *(".id", ".nextid", "bytes", "packets", "creation-time", "place-before", "copy-from"),
    )
)


# What a rule may have of its own, beside its body and a comment.
_SOURCE, _PORTS = "src-address", "dst-port"
_PORTED_WORD = (_PORTS, "")
_SIZES = {str(length): 1 << (32 - length) for length in range(33)}
_LOOPBACK = 127
Words = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Chain:
    """A chain while it is compiled."""

    rules: list[CompiledRule] = field(default_factory=list)
    count: int = 0
    """Of all rules so far, those that are not in force, too."""


@dataclass(slots=True)
class Compiler:
    """Takes the rules of one table apart: what many of them have in common, only once."""

    around: Surroundings
    found: dict[str, _Chain] = field(default_factory=dict)
    _bodies: dict[Words, tuple[_Chain, Body | None, bool]] = field(default_factory=dict)
    """By words: the chain, the body, none where the rule is not in force, and whether rules
    share it."""
    _ports: dict[str, Ranges] = field(default_factory=dict)

    def chains(self, rows: Iterable[Row]) -> dict[str, list[CompiledRule]]:
        """Return the rules of every chain that are in force and do anything."""
        bodies = self._bodies
        for row in rows:
            key, source, ports = self._apart(row)
            known = bodies.get(key)
            chain, body, shared = known or self._take(key, row)
            chain.count += 1
            if body is None:
                continue
            rule = CompiledRule(row, chain.count, body, source, ports)
            if not shared:
                rule.body = _body(rule, self.around)
            chain.rules.append(rule)
        return {name: chain.rules for name, chain in self.found.items() if chain.rules}

    def _apart(self, row: Row) -> tuple[Words, Ranges, Ranges]:
        """Return a rule's words without those that are its own, and what two of these say.

        Sources and ports that can't be read at a glance, such as negated ones, stay.
        """
        words, said = list(row.words), row.mapping
        source: Ranges = ()
        ports: Ranges = ()
        text = said.get("comment")
        if text is not None:
            words.remove(("comment", text))
        text = said.get(_SOURCE)
        if text is not None:
            source = _source(text)
            if source:
                words.remove((_SOURCE, text))
        text = said.get(_PORTS)
        if text is not None:
            ports = self._listed(text)
            if ports:
                words[words.index((_PORTS, text))] = _PORTED_WORD
        return tuple(words), source, ports

    def _listed(self, text: str) -> Ranges:
        """Return the ports of a plain list; none for one that is negated or no list."""
        known = self._ports.get(text)
        if known is None:
            try:
                known = ranges_of_ports(text)
            except ValueError:
                known = ()
            self._ports[text] = known
        return known

    def _take(self, key: Words, row: Row) -> tuple[_Chain, Body | None, bool]:
        body, shared = None, True
        if in_force(row):
            # Only whether it has such words of its own counts for its body.
            source, ports = (
                () if (name, row.get(name)) in key else ((0, 0),) for name in (_SOURCE, _PORTS)
            )
            body = _body(CompiledRule(row, 0, source=source, ports=ports), self.around)
            shared = not _guessing(body)
            body = None if isinstance(body.action, Goes) else body
        chain = self.found.setdefault(row.get("chain"), _Chain())
        self._bodies[key] = chain, body, shared
        return self._bodies[key]


def _source(text: str) -> Ranges:
    """Return the addresses of a plain text; none for one that is negated or says more."""
    address, slash, digits = text.partition("/")
    try:
        number = int.from_bytes(inet_pton(AF_INET, address))
    except (OSError, ValueError):
        return _source6(text)
    size = _SIZES.get(digits) if slash else 1
    if size is None or number >> 24 == _LOOPBACK:
        return ()
    first = number & -size
    return ((first, first + size - 1),)


def _source6(text: str) -> Ranges:
    if text.startswith(("127.", "::1")):
        return ()
    try:
        return ranges_of(text)
    except ValueError:
        return ()


def _body(rule: CompiledRule, around: Surroundings) -> Body:
    reader = _Reader(rule.row, around, rule)
    return Body(tuple(reader.clauses()), tuple(reader.tests()), reader.action())


def _guessing(body: Body) -> bool:
    """Tell whether something of it hangs on the very rule: then it is no other's."""
    literals = (atom for clause in body.clauses for atom, _ in clause.literals)
    return any(atom.field == "chance" for atom in literals)


def seconds(text: str) -> int | None:
    """Read a time of any notation; None for what is no whole number of seconds (fact sheet 3)."""
    if text in ("", "none-dynamic"):
        return FOREVER
    if text == "none-static":
        return STATIC
    match = re.fullmatch(
        r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+):(\d+):(\d+)|(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?)", text
    )
    if not match:
        return None
    weeks, days, *clock = (int(part or 0) for part in match.groups())
    hours, minutes, rest = (a + b for a, b in zip(clock[:3], clock[3:], strict=True))
    return (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + rest


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one rule."""

    row: Row
    around: Surroundings
    rule: CompiledRule

    def clauses(self) -> Iterator[Clause]:
        """Yield what must hold; what is not understood becomes one guess for the whole rule."""
        strange = seconds(self.row.get("address-list-timeout")) is None
        for key, value in self.row.words:
            if key in _SILENT or key in _LISTS or value == "":
                continue
            if (key == _SOURCE and self.rule.source) or (key == _PORTS and self.rule.ports):
                strange = strange or not self._allowed(key)
                continue
            if key in CHANCES:
                yield Clause(((Atom("chance", f"{key} of {self.rule.place}"), True),))
                continue
            read = self._read(key, value)
            strange = strange or read is None
            yield from read or ()
        if strange:
            yield Clause(((self.rule.guess, True),))

    def _read(self, key: str, value: str) -> Clauses | None:
        matcher = MATCHERS.get(key)
        if matcher is None or not self._allowed(key):
            return None
        try:
            return matcher(Context(self.around, self.rule.guess), value)
        except (ValueError, KeyError):
            return None

    def _allowed(self, key: str) -> bool:
        """Tell whether the rule names a protocol that has such a thing."""
        needs = _NEEDS.get(key)
        return needs is None or number_of(self.row.get("protocol")) in needs

    def tests(self) -> Iterator[Listed]:
        """Yield the address lists the rule looks at."""
        for key, side in _LISTS.items():
            name = self.row.get(key)
            if name:
                yield Listed(name.removeprefix("!"), side, name.startswith("!"))

    def action(self) -> Action:
        """Return what a match does; ``accept`` is the default (fact sheet 2)."""
        name = self.row.get("action") or "accept"
        if name == "jump":
            return Jump(self.row.get("jump-target"))
        if name in _ADDING:
            time = seconds(self.row.get("address-list-timeout")) or FOREVER
            return Add(self.row.get("address-list"), _ADDING[name], time)
        return _ACTIONS[self.around.table].get(name, Anything())


_PORTED = frozenset(("6", "17", "33", "132", "136"))
# A rule without is refused by the router (fact sheet 4.1).
_NEEDS = {
    **dict.fromkeys(("dst-port", "src-port", "port"), _PORTED),
    "tcp-flags": frozenset(("6",)),
    "icmp-options": frozenset(("1", "58")),
}
_LISTS: dict[str, Side] = {"src-address-list": "source", "dst-address-list": "destination"}
_ADDING: dict[str, Side] = {
    "add-src-to-address-list": "source",
    "add-dst-to-address-list": "destination",
}
_COMMON: dict[str, Action] = {
    "accept": Stop(Verdict.ACCEPT),
    "drop": Stop(Verdict.REFUSE),
    "return": Leave(),
    "log": Goes(),
    "passthrough": Goes(),
}
_ACTIONS: dict[Table, dict[str, Action]] = {
    "filter": {
        **_COMMON,
        "reject": Stop(Verdict.REFUSE),
        "tarpit": Stop(Verdict.REFUSE),
        "fasttrack-connection": Fasttrack(),
    },
    "raw": {**_COMMON, "notrack": Notrack()},
}
