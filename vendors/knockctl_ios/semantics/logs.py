"""The lines that a router logs about packets, and what a pattern makes of them.

Sources: fact sheet 7, 8. Spacing and order of fields of the control plane's lines are uncertain: a
switch; so is whether a tag stands in brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

from knockctl.automaton.packet import WirePacket
from knockctl.automaton.questions import Atom, Ranges
from knockctl_ios.semantics.regex import Pattern, States

Style = Literal["spaced", "tight", "with-ttl"]
TIME = "*Mar  1 00:00:01.000: "
_MNEMONICS = {"tcp": "TCP", "udp": "UDP"}
PORTED = ("tcp", "udp")


class Kind(NamedTuple):
    """All that lines of one kind have in common."""

    origin: Literal["control-plane", "access-list", "applet"]
    protocol: str = ""
    word: str = ""
    """``DROP`` or ``PERMIT``; ``permitted`` or ``denied``; of an applet the text."""
    name: str = ""
    """The access list, or the applet."""
    tag: str = ""


class Message(NamedTuple):
    """One line, but for its number and time."""

    kind: Kind
    source: str = ""
    source_port: int = 0
    destination: str = ""
    port: int = 0

    @classmethod
    def of(cls, kind: Kind, packet: WirePacket) -> Message:
        """Make what is logged about a packet."""
        ports = (packet.source_port, packet.port) if kind.protocol in PORTED else (0, 0)
        return cls(kind, str(packet.source), ports[0], str(packet.destination), ports[1])


class Format(NamedTuple):
    """What the configuration and switches say of all lines."""

    style: Style = "spaced"
    numbered: bool = True
    """``service sequence-numbers``."""
    bracketed: bool = True
    """Whether the tag of an access list's entry stands in brackets."""
    counted: int = 0
    """How many lines there were before those that matter."""

    def line(self, message: Message, number: int = 1) -> str:
        """Return the line as it is printed, its number among those that matter padded."""
        before = f"{self.counted + number:06d}: " if self.numbered else ""
        values = message.source, message.source_port, message.destination, message.port
        source, source_port, destination, port = map(str, values)
        parts = self.parts(message.kind)
        known = {"s": source, "p": f"{source_port})", "d": destination, "q": f"{port})"}
        return before + TIME + "".join(known.get(part, part) for part in parts)

    def parts(self, kind: Kind) -> tuple[str, ...]:
        """Return a line in pieces; ``s p d q`` stand for addresses and for ``PORT)``."""
        if kind.origin == "applet":
            return (f"%HA_EM-6-LOG: {kind.name}: {kind.word}",)
        if kind.origin == "access-list":
            return self._listed(kind)
        mnemonic = _MNEMONICS.get(kind.protocol, "IP")
        more = "ttl=59 length=28 " if self.style == "with-ttl" else ""
        arrow = "->" if self.style == "tight" else " -> "
        return (f"%CP-6-{mnemonic}: {kind.word} {more}", *_ends(kind, arrow))

    def _listed(self, kind: Kind) -> tuple[str, ...]:
        shown = f"[{kind.tag}]" if self.bracketed else kind.tag
        tag = f" {shown}" if kind.tag else ""
        if kind.protocol in PORTED:
            head = f"%SEC-6-IPACCESSLOGP: list {kind.name} {kind.word} {kind.protocol} "
            return (head, *_ends(kind, " -> "), f", 1 packet{tag}")
        head = f"%SEC-6-IPACCESSLOGDP: list {kind.name} {kind.word} {kind.protocol} "
        return (head, "s", " -> ", "d", f" (8/0), 1 packet{tag}")


def _ends(kind: Kind, arrow: str) -> tuple[str, ...]:
    if kind.protocol in PORTED or kind.origin == "control-plane":
        return ("s", "(", "p", arrow, "d", "(", "q")
    return ("s", arrow, "d")


# --- what a pattern asks of a packet ------------------------------------------------------------


class Split(NamedTuple):
    """How a pattern tells lines of one kind apart."""

    ports: tuple[Ranges, ...] = ()
    """Destination ports it treats alike, but for those in none of these."""
    source_ports: tuple[Ranges, ...] = ()
    sources: tuple[int, ...] = ()
    """Addresses it names, and treats unlike all others."""
    destinations: tuple[int, ...] = ()
    addresses: bool = False
    """Whether it depends on digits of addresses it does not name in full."""
    possible: bool = False
    """Whether any of them matches."""

    def atoms(self) -> Iterator[Atom]:
        """Yield what must be asked of a packet."""
        yield from (Atom("port", ranges) for ranges in self.ports)
        yield from (Atom("source_port", ranges) for ranges in self.source_ports)

    def named(self) -> Iterator[Atom]:
        """Yield what must be asked of its addresses."""
        yield from (Atom("source", ((one, one),)) for one in self.sources)
        yield from (Atom("destination", ((one, one),)) for one in self.destinations)


@cache
def split(looked: Pattern, kind: Kind, form: Format) -> Split:
    """Return what of a packet decides whether its line matches."""
    before = "000001: " if form.numbered else ""
    ways: Ways = {(): frozenset((looked.after(looked.begin, before + TIME),))}
    classes: dict[str, Classes] = {}
    named = tuple(dict.fromkeys(one.replace("\\", "") for one in _NAMED.findall(looked.text)))
    order: list[str] = []
    for part in form.parts(kind):
        if part in ("s", "d"):
            order.append(part)
            ways = {
                (*way, number): found
                for way, states in ways.items()
                for number, found in enumerate(_addressed(looked, states, named))
            }
        elif part in ("p", "q"):
            order.append(part)
            ways, classes[part] = _forked(looked, ways)
        else:
            ways = {
                way: frozenset(looked.after(one, part) for one in states)
                for way, states in ways.items()
            }
    answers = {way: {looked.accepts(one) for one in states} for way, states in ways.items()}
    return Split(
        _told(answers, order.index("q"), classes["q"]) if "q" in order else (),
        _told(answers, order.index("p"), classes["p"]) if "p" in order else (),
        _unlike(answers, order.index("s"), named) if "s" in order else (),
        _unlike(answers, order.index("d"), named) if "d" in order else (),
        any(len(found) > 1 for found in answers.values()),
        any(True in found for found in answers.values()),
    )


Ways = Mapping[tuple[int, ...], frozenset[States]]
"""The states a line's beginning may lead to, by the classes of the addresses and ports in it."""
Classes = Mapping[int, Ranges]
_HIGHEST = 65535
_OCTETS = tuple(str(n) for n in range(256))
_NAMED = re.compile(r"(?<![\d.])\d{1,3}(?:\\\.\d{1,3}){3}(?![\d.])")


@cache
def _addressed(
    looked: Pattern, states: frozenset[States], named: tuple[str, ...]
) -> tuple[frozenset[States], ...]:
    """Return the states after any address but those named, then after each of those."""
    beginnings = {".".join(one.split(".")[:dots]) for one in named for dots in range(1, 5)}
    on, off = {"": states}, frozenset[States]()
    for dots in range(4):
        end = "." if dots < 3 else ""
        off = numbered(looked, off, _OCTETS, end)
        following: dict[str, frozenset[States]] = {}
        for before, some in on.items():
            dotted = f"{before}." if before else ""
            apart = [n for n in _OCTETS if f"{dotted}{n}" in beginnings]
            others = tuple(n for n in _OCTETS if n not in apart) if apart else _OCTETS
            off |= numbered(looked, some, others, end)
            for n in apart:
                following[f"{dotted}{n}"] = numbered(looked, some, (n,), end)
        on = following
    return (off, *(on[one] for one in named if one in on))


def numbered(
    looked: Pattern, begun: frozenset[States], numbers: tuple[str, ...], end: str
) -> frozenset[States]:
    """Return the states after each of some numbers and what ends them."""
    found: set[States] = set()
    ahead = [(begun, _Digits.of(numbers))]
    while ahead:
        states, some = ahead.pop()
        if some.done:
            found.update(looked.after(one, end) for one in states)
        for digits, more in some.following:
            gone = frozenset(looked.after(one, digit) for one in states for digit in digits)
            ahead.append((gone, more))
    return frozenset(found)


class _Digits(NamedTuple):
    """Numbers digit by digit: what may follow, the same behind several digits told once."""

    done: bool
    following: tuple[tuple[str, _Digits], ...]

    @classmethod
    @cache
    def of(cls, numbers: tuple[str, ...]) -> _Digits:
        alike: dict[_Digits, str] = {}
        for digit in "0123456789":
            more = tuple(one[1:] for one in numbers if one[:1] == digit)
            if more:
                behind = cls.of(more)
                alike[behind] = alike.get(behind, "") + digit
        return cls("" in numbers, tuple((digits, behind) for behind, digits in alike.items()))


def _forked(looked: Pattern, ways: Ways) -> tuple[Ways, Classes]:
    """Go on with one way for each class of ports that lead to the same states."""
    begun = sorted({one for states in ways.values() for one in states})
    alike: dict[tuple[States, ...], list[tuple[int, int]]] = {}
    runs = [_by_port(looked, one) for one in begun]
    starts = sorted({first for run in runs for first, _ in run})
    places = [0] * len(runs)
    for first, following in zip(starts, [*starts[1:], _HIGHEST + 1], strict=True):
        for number, run in enumerate(runs):
            if places[number] + 1 < len(run) and run[places[number] + 1][0] <= first:
                places[number] += 1
        found = tuple(run[place][1] for run, place in zip(runs, places, strict=True))
        alike.setdefault(found, []).append((first, following - 1))
    after = [dict(zip(begun, found, strict=True)) for found in alike]
    gone = {
        (*way, number): frozenset(states[one] for one in ways[way])
        for number, states in enumerate(after)
        for way in ways
    }
    return gone, {number: tuple(ranges) for number, ranges in enumerate(alike.values())}


Runs = list[tuple[int, States]]
"""Where runs of numbers begin that lead to the same states, and those states."""


@cache
def _by_port(looked: Pattern, begun: States) -> tuple[tuple[int, States], ...]:
    """Return the states after each port and the bracket behind it, in runs."""
    known: dict[tuple[States, int], Runs] = {}

    def following(states: States, digits: int) -> Runs:
        """Return the states after each number of so many digits, zeros before it included."""
        if digits == 0:
            return [(0, looked.after(states, ")"))]
        if (states, digits) not in known:
            found: Runs = []
            for digit in range(10):
                _join(
                    found,
                    following(looked.after(states, str(digit)), digits - 1),
                    digit * 10 ** (digits - 1),
                )
            known[states, digits] = found
        return known[states, digits]

    runs: Runs = [(0, looked.after(looked.after(begun, "0"), ")"))]
    for digits in range(5):
        for digit in range(1, 10):
            after = following(looked.after(begun, str(digit)), digits)
            _join(runs, after, digit * 10**digits)
    return tuple((first, states) for first, states in runs if first <= _HIGHEST)


def _join(runs: Runs, more: Runs, offset: int) -> None:
    for first, states in more:
        if not runs or runs[-1][1] != states:
            runs.append((offset + first, states))


def _unlike(
    answers: Mapping[tuple[int, ...], set[bool]], place: int, named: tuple[str, ...]
) -> tuple[int, ...]:
    """Return the named addresses that are not answered like all others."""
    found = []
    for number, address in enumerate(named, start=1):
        others = {way: said for way, said in answers.items() if way[place] == 0}
        mine = {
            (*way[:place], 0, *way[place + 1 :]): said
            for way, said in answers.items()
            if way[place] == number
        }
        if mine != others:
            found.append(int(IPv4Address(address)))
    return tuple(found)


def _told(
    answers: Mapping[tuple[int, ...], set[bool]], place: int, classes: Classes
) -> tuple[Ranges, ...]:
    """Return the ports in each class of those that are answered alike, without the largest."""
    alike: dict[object, list[tuple[int, int]]] = {}
    for number, members in classes.items():
        seen = tuple(
            (way[:place] + way[place + 1 :], frozenset(found))
            for way, found in sorted(answers.items())
            if way[place] == number
        )
        alike.setdefault(seen, []).extend(members)
    groups = sorted(alike.values(), key=lambda runs: sum(b - a + 1 for a, b in runs))
    return tuple(sorted(tuple(sorted(group)) for group in groups[:-1]))
