"""What a rule asks of the packet itself: one function for each matcher.

They raise ``ValueError`` or ``KeyError`` for what they don't understand. Sources: MikroTik
manual, Common Firewall Matchers and Actions, RAW, Layer7; fact sheet 2, 2.1, 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from knockctl.automaton.packet import FLAGS, LOOPBACK, OPENING_MASK
from knockctl.automaton.questions import Atom, Ranges, Text, flow, protocol
from knockctl_routeros.semantics.conditions import Clause, Family, Side, Table
from knockctl_routeros.semantics.ruleset import ranges_of

# Those a packet can be told apart by name; other protocols are known by their number.
_NAMED = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
_NUMBERS = {
    "icmp": 1,
    "igmp": 2,
    "ggp": 3,
    "ip-encap": 4,
    "st": 5,
    "tcp": 6,
    "egp": 8,
    "pup": 12,
    "udp": 17,
    "hmp": 20,
    "xns-idp": 22,
    "rdp": 27,
    "iso-tp4": 29,
    "dccp": 33,
    "xtp": 36,
    "ddp": 37,
    "idpr-cmtp": 38,
    "ipv6-encap": 41,
    "rsvp": 46,
    "gre": 47,
    "ipsec-esp": 50,
    "ipsec-ah": 51,
    "icmpv6": 58,
    "rspf": 73,
    "vmtp": 81,
    "ospf": 89,
    "ipip": 94,
    "encap": 98,
    "pim": 103,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
    "udp-lite": 136,
}
STATES = {
    "new": ("fresh", "unanswered"),
    "established": ("known",),
    "related": ("related",),
    "invalid": ("invalid",),
    "untracked": ("untracked",),
}
_TYPES = {word: word.upper() for word in ("local", "broadcast", "multicast", "unicast")}
_LOOPBACK = {4: ranges_of("127.0.0.0/8")[0], 6: ranges_of("::1")[0]}
_OPENING = Atom("flags", (OPENING_MASK, FLAGS["syn"]))

Clauses = tuple[Clause, ...]
Atoms = tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rule's words refer to."""

    family: Family
    table: Table
    interface_lists: Mapping[str, tuple[str, ...]]
    patterns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Context:
    """Where a matcher stands."""

    around: Surroundings
    guess: Atom
    """Whether what only the router knows of the rule is so."""


def number_of(text: str) -> str:
    """Return a protocol's number, written as digits; other words as they are."""
    return str(_NUMBERS.get(text, text))


def ranges_of_ports(text: str) -> Ranges:
    """Read a list of ports and runs of them; raise ``ValueError`` for another text."""
    runs = (run.partition("-") for run in text.split(","))
    return tuple((int(first), int(last or first)) for first, _, last in runs)


def _plain(make: Callable[[Context, str], Atoms]) -> Callable[[Context, str], Clauses]:
    """Read a matcher that takes ``!`` before all of its values: any of the atoms, or none."""

    def read(context: Context, text: str) -> Clauses:
        atoms = make(context, text.removeprefix("!"))
        if text.startswith("!"):
            return tuple(Clause(((atom, False),)) for atom in atoms)
        return (Clause(tuple((atom, True) for atom in atoms)),)

    return read


def _protocol(_: Context, text: str) -> Atoms:
    number = int(number_of(text))
    return (protocol(_NAMED.get(number, str(number))),)


def _ports(*fields: str) -> Callable[[Context, str], Atoms]:
    def make(_: Context, text: str) -> Atoms:
        return tuple(Atom(name, ranges_of_ports(text)) for name in fields)

    return make


def _address(side: Side) -> Callable[[Context, str], Clauses]:
    """Read an address; one of the loopback network never comes over a wire (RFC 1122, 3.2.1.3)."""

    def read(context: Context, text: str) -> Clauses:
        atom = Atom(side, ranges_of(text.removeprefix("!")))
        own = _LOOPBACK[context.around.family]
        inside = all(own[0] <= first and last <= own[1] for first, last in atom.test)
        asked = (atom, Atom("interface", LOOPBACK)) if inside else (atom,)
        if text.startswith("!"):
            return (Clause(tuple((one, False) for one in asked)),)
        return tuple(Clause(((one, True),)) for one in asked)

    return read


def _states(context: Context, text: str) -> Atoms:
    if context.around.table == "raw":
        raise ValueError("raw comes before connection tracking: fact sheet 2.1")
    return (flow(*(name for state in text.split(",") for name in STATES[state])),)


def _interface(_: Context, text: str) -> Atoms:
    if text.startswith("all-") or text.endswith("+"):
        raise ValueError("a class of interfaces, or a name that would be taken for one")
    return (Atom("interface", text),)


def _interface_list(context: Context, text: str) -> Clauses:
    name = text.removeprefix("!")
    if name in ("all", "none") and name not in context.around.interface_lists:
        return () if (name == "all") != text.startswith("!") else (Clause(()),)
    return _plain(
        lambda _, name: tuple(Atom("interface", i) for i in context.around.interface_lists[name])
    )(context, text)


def _flags(_: Context, text: str) -> Clauses:
    words = text.split(",")
    mask = sum(FLAGS[word.removeprefix("!")] for word in words)
    wanted = sum(FLAGS[word] for word in words if not word.startswith("!"))
    return (Clause(((Atom("flags", (mask, wanted)), True),)),)


def _icmp(_: Context, text: str) -> Atoms:
    kind, _colon, codes = text.partition(":")
    first, _dash, last = ("0-255" if codes in ("", "any") else codes).partition("-")
    number = int(kind) << 8
    return (Atom("icmp", ((number | int(first), number | int(last or first)),)),)


def _content(_: Context, text: str) -> Clauses:
    if text.startswith("!") or not text.isascii():
        raise ValueError("neither negation nor the code page of a text is documented")
    return (Clause(((Atom("payload", Text(text.encode())), True),)),)


def _source_type(_: Context, text: str) -> Atoms:
    """A source that is the router's own is one that it sends from, to itself."""
    if text != "local":
        raise ValueError("of which type another source is, is not followed")
    return (Atom("interface", LOOPBACK),)


def _destination_type(_: Context, text: str) -> Atoms:
    return (Atom("destination_type", frozenset(_TYPES[word] for word in text.split(","))),)


def _layer7(context: Context, text: str) -> Clauses:
    """Read a pattern that is a literal, anchored or not, as a test of the packet's payload.

    Only the first 10 packets or 2 KB of a connection are looked at, together, and of both
    directions: in a connection that has answers already, whether the pattern matches is a guess.
    A SYN carries nothing to look at, and what is not tracked has no connection. Patterns ignore
    case, and anchors tie them to the ends of what was sent. (fact sheet 2.3; manual, Layer7)
    """
    if context.around.family == 6 or context.around.table == "raw":
        raise ValueError("no such matcher there: fact sheet 2.1")
    payload = Atom("payload", text_of(context.around.patterns[text]))
    known = flow("known")
    return (
        Clause(((protocol("tcp"), False), (_OPENING, False))),
        Clause(((flow("untracked"), False),)),
        Clause(((known, True), (payload, True))),
        Clause(((known, False), (context.guess, True))),
    )


def text_of(regexp: str) -> Text:
    """Return what a pattern looks for; raise ``ValueError`` where it is no literal."""
    body = regexp.removeprefix("^")
    anchors = [body != regexp]
    anchors.append(body.endswith("$") and not body.endswith("\\$"))
    if anchors[1]:
        body = body[:-1]
    if any(anchors) and not all(anchors):
        raise ValueError("tied to one end only")
    if not body or re.search(r"(?<!\\)(?:\\\\)*[][().*+?{}|^$]|\\[A-Za-z0-9]|\\$", body):
        raise ValueError("not a literal")
    text = re.sub(r"\\(.)", r"\1", body).encode("ascii")
    return Text(text, whole=all(anchors), folded=True)


MATCHERS: dict[str, Callable[[Context, str], Clauses]] = {
    "protocol": _plain(_protocol),
    "dst-port": _plain(_ports("port")),
    "src-port": _plain(_ports("source_port")),
    "port": _plain(_ports("port", "source_port")),
    "src-address": _address("source"),
    "dst-address": _address("destination"),
    "connection-state": _plain(_states),
    "in-interface": _plain(_interface),
    "in-interface-list": _interface_list,
    "tcp-flags": _flags,
    "icmp-options": _plain(_icmp),
    "content": _content,
    "layer7-protocol": _layer7,
    "src-address-type": _plain(_source_type),
    "dst-address-type": _plain(_destination_type),
}
