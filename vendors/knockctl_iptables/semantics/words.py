"""The words of a rule, read from left to right.

Sources: ``man iptables``, ``man iptables-extensions``, ``man ipset``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, inet_pton
from typing import TypeGuard

from knockctl.automaton.packet import LOOPBACK
from knockctl.automaton.questions import UNINTERPRETED, Atom, Ranges, Text, flag_word, flow
from knockctl_iptables.config.records import Rule
from knockctl_iptables.semantics.conditions import (
    CompiledRule,
    Condition,
    InSet,
    Marked,
    Recent,
    Stateless,
)

# What -p takes by number; other numbers stand for themselves.
PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "ipv6-icmp": "icmpv6"}
ICMP_TYPES = {"echo-reply": 0, "destination-unreachable": 3, "echo-request": 8}
STATES = {
    "NEW": ("fresh", "unanswered"),
    "ESTABLISHED": ("known",),
    "RELATED": ("related",),
    "INVALID": ("invalid",),
    "UNTRACKED": ("untracked",),
}
# CONFIRMED: a packet of the flow was accepted. See `man iptables-extensions`, --ctstatus.
STATUSES = {
    "CONFIRMED": ("unanswered", "known"),
    "SEEN_REPLY": ("known",),
    "EXPECTED": ("related",),
    "NONE": ("fresh", "invalid", "untracked"),
}
TRANSLATED = Atom("chance", f"{UNINTERPRETED}translated")
"""Whether the packet's flow was translated; for whoever knows all rules to answer."""
# Matches that depend on load, number or hour: whether they hold is anybody's guess, and fine.
CHANCES = ("limit", "hashlimit", "connlimit", "statistic", "quota", "time", "nth", "random")


def compiled(rule: Rule, where: str, number: int) -> CompiledRule:
    """Take a rule apart."""
    target, goto, options, conditions = _parts(rule.words)
    if conditions is None:
        reader = _Reader(list(rule.words), f"{where} rule {number}: {rule}")
        reader.read()
        conditions = _in_order(reader)
    return CompiledRule(where, number, rule, conditions, target, goto, options)


@lru_cache(maxsize=16384)
def _parts(
    words: tuple[str, ...],
) -> tuple[str | None, bool, tuple[str, ...], tuple[Condition, ...] | None]:
    """Return target and conditions; no conditions where one bears the name of the rule."""
    reader = _Reader(list(words), "")
    reader.read()
    conditions = None if reader.named else _in_order(reader)
    return reader.target, reader.goto, tuple(reader.options), conditions


def _in_order(reader: _Reader) -> tuple[Condition, ...]:
    return tuple(sorted(reader.conditions, key=_first))


def _first(condition: Condition) -> bool:
    """Addresses, interfaces and protocol are looked at before any ``-m``."""
    fields = ("source", "destination", "interface", "protocol")
    early = isinstance(condition, Stateless) and condition.atoms[0].field in fields
    return not early


@dataclass
class _Reader:
    """Reads one rule from left to right."""

    words: list[str]
    place: str
    """The rule's name, for what is asked about it alone."""
    conditions: list[Condition] = field(default_factory=list)
    target: str | None = None
    goto: bool = False
    options: list[str] = field(default_factory=list)
    negated: bool = False
    module: str = ""
    recent: dict[str, str] = field(default_factory=dict)
    strange: bool = False
    named: bool = False
    """Whether a condition has the name of the rule."""

    def read(self) -> None:
        while self.words:
            word = self.words.pop(0)
            if word == "!":
                self.negated = True
                continue
            if word in ("-j", "-g"):
                self._end_module()
                self.target, self.goto = self.words.pop(0), word == "-g"
                self.options, self.words = self.words, []
                return
            self._option(word)
            self.negated = False
        self._end_module()

    def _option(self, word: str) -> None:
        if word in ("-m", "--match"):
            self._end_module()
            self.module = self.words.pop(0)
            if self.module in CHANCES:
                self.named = True
                self._chance(f"{self.module} of {self.place}")
            elif self.module not in _KNOWN_MODULES:
                self._uninterpreted()
        elif word == "--comment":
            self.words.pop(0)
        elif word == "--icase":
            self.conditions = [_folded(c) if _looks_inside(c) else c for c in self.conditions]
        elif self.module == "recent" and word in _RECENT:
            self._recent_option(word)
        elif word in _SIMPLE and (self.module, word) not in _AMBIGUOUS:
            self._simple(word)
        else:
            if self.module not in (*CHANCES, "comment") and word not in _IGNORED:
                self._uninterpreted()
            while self.words and not self.words[0].startswith("-") and self.words[0] != "!":
                self.words.pop(0)

    def _recent_option(self, word: str) -> None:
        self.recent[word] = self.words.pop(0) if _RECENT[word] else ""
        if self.negated:
            self.recent["!"] = ""

    def _simple(self, word: str) -> None:
        arguments = [self.words.pop(0) for _ in range(_ARGUMENTS.get(word, 1))]
        try:
            made = _SIMPLE[word](self, *arguments)
        except (ValueError, KeyError):
            made = None
        if made is None:
            self._uninterpreted()
        elif isinstance(made, tuple):
            if made:
                self.conditions.append(Stateless(made, self.negated, word in _ORIGINAL))
        else:
            self.conditions.append(made)

    def _end_module(self) -> None:
        if self.module == "recent" and self.recent:
            self.conditions.append(_recent(self.recent))
        if self.strange:
            self.conditions = [c for c in self.conditions if not _looks_inside(c)]
        self.recent = {}
        self.module = ""

    def _chance(self, name: str) -> None:
        self.conditions.append(Stateless((Atom("chance", name),)))

    def _uninterpreted(self) -> None:
        if self.module == "string":
            # An option that changes where it is looked for, such as --from: nothing is known.
            self.strange = True
        self.named = True
        condition = Stateless((Atom("chance", UNINTERPRETED + self.place),))
        if condition not in self.conditions:
            self.conditions.append(condition)


def _looks_inside(condition: Condition) -> TypeGuard[Stateless]:
    return isinstance(condition, Stateless) and condition.atoms[0].field == "payload"


def _folded(condition: Stateless) -> Stateless:
    (atom,) = condition.atoms
    return replace(condition, atoms=(Atom("payload", replace(atom.test, folded=True)),))


def _recent(options: dict[str, str]) -> Recent:
    return Recent(
        action=next(a for a in ("set", "rcheck", "update", "remove") if f"--{a}" in options),
        name=options.get("--name", "DEFAULT"),
        seconds=int(options.get("--seconds", 0)),
        hitcount=int(options.get("--hitcount", 0)),
        ttl="--rttl" in options,
        reap="--reap" in options,
        mask=_mask(options.get("--mask")),
        side="destination" if "--rdest" in options else "source",
        negated="!" in options,
    )


def _mask(text: str | None) -> int | None:
    if text is None:
        return None
    address = ip_address(text)
    return None if int(address) == 2**address.max_prefixlen - 1 else int(address)


# Options of `recent`, and whether an argument follows.
_RECENT = {
    "--set": False,
    "--rcheck": False,
    "--update": False,
    "--remove": False,
    "--seconds": True,
    "--hitcount": True,
    "--name": True,
    "--mask": True,
    "--rttl": False,
    "--reap": False,
    "--rsource": False,
    "--rdest": False,
}
_KNOWN_MODULES = (
    *("tcp", "udp", "icmp", "icmp6", "multiport", "conntrack", "state", "set", "recent"),
    *("string", "mark", "addrtype", "comment", "iprange"),
)
_AMBIGUOUS = {("connmark", "--mark"), ("conntrack", "--sport"), ("conntrack", "--dport")}
_ARGUMENTS = {"--tcp-flags": 2, "--match-set": 2, "--syn": 0}
# Change nothing about which packets match.
_IGNORED = ("--algo",)

Atoms = tuple[Atom, ...]


def _ranges(text: str, *, separator: str = ":") -> tuple[tuple[int, int], ...]:
    ranges = []
    for run in text.split(","):
        first, _, last = run.partition(separator)
        ranges.append((int(first or 0), int(last or (65535 if separator in run else first))))
    return tuple(ranges)


def _protocol(_: _Reader, text: str) -> Atoms | None:
    if text in ("all", "0"):
        return ()
    return (Atom("protocol", frozenset((PROTOCOLS.get(text, text),))),)


def _states(known: dict[str, tuple[str, ...]]) -> Callable[[_Reader, str], Atoms | None]:
    def read(_: _Reader, text: str) -> Atoms | None:
        states = text.split(",")
        plain = [state for state in states if state not in ("DNAT", "SNAT")]
        asked = flow(*(name for state in plain for name in known[state]))
        return (asked,) if plain == states else (asked, TRANSLATED)

    return read


def _match_set(reader: _Reader, name: str, directions: str) -> InSet:
    return InSet(name, tuple(directions.split(",")), reader.negated)


def _string(_: _Reader, text: str) -> Atoms | None:
    return (Atom("payload", Text(text.encode())),)


def _hex_string(_: _Reader, text: str) -> Atoms | None:
    parts = text.split("|")
    return (
        Atom(
            "payload",
            Text(
                b"".join(
                    bytes.fromhex(p.replace(" ", "")) if n % 2 else p.encode()
                    for n, p in enumerate(parts)
                )
            ),
        ),
    )


def _mark(reader: _Reader, text: str) -> Marked:
    value, mask = (*text.split("/"), "0xffffffff")[:2]
    return Marked(int(value, 0), int(mask, 0), reader.negated)


def _icmp(_: _Reader, text: str) -> Atoms | None:
    if text in ("any", "255"):
        return ()
    kind, _slash, code = text.partition("/")
    number = ICMP_TYPES[kind] if kind in ICMP_TYPES else int(kind)
    first, last = (int(code), int(code)) if code else (0, 255)
    return (Atom("icmp", ((number << 8 | first, number << 8 | last),)),)


def _source_type(reader: _Reader, text: str) -> Atoms | None:
    """Only over the loopback comes a source that is the host's own: others are martians."""
    kinds = set(text.split(","))
    if kinds - {"LOCAL", "UNICAST"}:
        return None
    if kinds == {"LOCAL", "UNICAST"}:
        return () if not reader.negated else None
    reader.negated ^= kinds == {"UNICAST"}
    return (Atom("interface", LOOPBACK),)


def _iprange(name: str) -> Callable[[_Reader, str], Atoms | None]:
    def read(_: _Reader, text: str) -> Atoms | None:
        first, last = (text.split("-") * 2)[:2]
        return (Atom(name, ((int(ip_address(first)), int(ip_address(last))),)),)

    return read


def _network(name: str) -> Callable[[_Reader, str], Atoms | None]:
    def read(_: _Reader, text: str) -> Atoms | None:
        ranges = _addresses(text)
        return (Atom(name, ranges),) if ranges else None

    return read


def _addresses(text: str) -> Ranges | None:
    """Return the first and the last address of a network; None for a mask with holes."""
    address, _, mask = text.partition("/")
    family, bits = (AF_INET6, 128) if ":" in address else (AF_INET, 32)
    try:
        number = int.from_bytes(inet_pton(family, address), "big")
        length = int(mask) if mask else bits
    except (OSError, ValueError):
        return None
    if not 0 <= length <= bits:
        return None
    rest = (1 << bits - length) - 1
    return ((number & ~rest, number | rest),)


def _ports(name: str) -> Callable[[_Reader, str], Atoms | None]:
    return lambda _, text: (Atom(name, _ranges(text)),)


@lru_cache(maxsize=65536)
def ranges_of(option: str, text: str) -> Ranges | None:
    """Return the ranges that an option of ``RANGED`` asks for; None for what can't be read."""
    if option in ("-s", "-d"):
        return _addresses(text)
    try:
        return _ranges(text)
    except ValueError:
        return None


def _flags(_: _Reader, mask: str, wanted: str) -> Atoms | None:
    return (Atom("flags", (flag_word(mask), flag_word(wanted))),)


_SIMPLE: dict[str, Callable[..., Atoms | InSet | Marked | None]] = {
    "-s": _network("source"),
    "-d": _network("destination"),
    "-i": lambda _, name: (Atom("interface", name),),
    "-p": _protocol,
    "--dport": _ports("port"),
    "--dports": _ports("port"),
    "--sport": _ports("source_port"),
    "--sports": _ports("source_port"),
    "--ports": lambda _, text: (Atom("port", _ranges(text)), Atom("source_port", _ranges(text))),
    "--tcp-flags": _flags,
    "--syn": lambda _: (Atom("flags", (flag_word("FIN,SYN,RST,ACK"), flag_word("SYN"))),),
    "--ctstate": _states(STATES),
    "--state": _states(STATES),
    "--ctstatus": _states(STATUSES),
    "--match-set": _match_set,
    "--string": _string,
    "--hex-string": _hex_string,
    "--mark": _mark,
    "--dst-type": lambda _, text: (Atom("destination_type", frozenset(text.split(","))),),
    "--icmp-type": _icmp,
    "--icmpv6-type": _icmp,
    "--src-type": _source_type,
    "--src-range": _iprange("source"),
    "--dst-range": _iprange("destination"),
    "--ctorigsrc": _network("source"),
    "--ctorigdst": _network("destination"),
    "--ctorigsrcport": _ports("source_port"),
    "--ctorigdstport": _ports("port"),
    "--ctproto": _protocol,
}
RANGED = {
    "-s": "source",
    "-d": "destination",
    "--dport": "port",
    "--sport": "source_port",
}
"""Options whose value is a range, and the field it is of."""
_ORIGINAL = ("--ctorigsrc", "--ctorigdst", "--ctorigsrcport", "--ctorigdstport")
