"""The one form of everything that versions of IOS and people write in several ways.

Idempotent; whatever is not known is left alone. Sources: fact sheet 2.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import NamedTuple

from knockctl_ios.config import port_names, quoting
from knockctl_ios.config.syntax import Line

_NUMBERED = re.compile(r"(?:(?P<v6>sequence )?(?P<number>\d+) )?(?P<entry>.*)")
_TAIL_NUMBER = re.compile(r" sequence (\d+)$")
_OPERATORS = ("eq", "neq", "lt", "gt", "range")
_PROTOCOL_WORD = re.compile(r"[a-z0-9-]+")
_FLOAT = re.compile(r"(\d+)\.0+")
MAXRUN = "20"
"""Seconds, where an applet doesn't say (fact sheet 2)."""


class Entry(NamedTuple):
    """One entry of an access list, and the number the device shows for it; 0: none."""

    text: str
    number: int = 0


def plain(text: str) -> str:
    """Return a text with single spaces: ``deny`` is padded, names have a space behind them."""
    return " ".join(text.split())


def line(one: Line) -> Line:
    """Return a line of the top, and all below it, in normal form."""
    text = plain(one.text)
    for prefix, form in _FORMS.items():
        if text.startswith(prefix):
            return form(text, one.below)
    if text.startswith("event manager environment "):
        return Line(one.text.strip())
    return Line(text, tuple(line(child) for child in one.below))


# --- access lists -----------------------------------------------------------------------------


def _access_list(text: str, below: Iterable[Line]) -> Line:
    return Line(text, tuple(Line(entry(child.text).text) for child in below))


_SIDE = r"any|host [\d.]+|[\d.]+ [\d.]+"
_PLAIN = re.compile(
    rf"(?:(\d+) )?(permit|deny) +((?:ip|tcp|udp|icmp) )({_SIDE})((?: eq \d+)?) ({_SIDE})"
    r"((?: eq \d+| range (\d+) (?!\8\b)\d+)?(?: established)?(?: log)?)"
)
"""Most entries of most lists: in normal form already, but for numbers and padding."""


@functools.lru_cache(maxsize=2**16)
def entry(text: str) -> Entry:
    """Read one entry of an access list: number, protocol and ports by one name each."""
    found = _PLAIN.fullmatch(text)
    if found is None:
        return _slowly(text)
    number, action, protocol, source, port, destination, rest, _ = found.groups()
    if source[0].isdigit():
        source = _side(source)
    if destination[0].isdigit():
        destination = _side(destination)
    said = f"{action} {protocol}{source}{port} {destination}{rest}"
    return Entry(said, int(number) if number else 0)


@functools.cache
def _side(text: str) -> str:
    return " ".join(_masked(*text.split()))


def _slowly(text: str) -> Entry:
    said = plain(text)
    number = 0
    tail = _TAIL_NUMBER.search(said)
    if tail:
        number, said = int(tail[1]), said[: tail.start()]
    match = _NUMBERED.fullmatch(said)
    if match and match["number"]:
        number, said = int(match["number"]), match["entry"]
    if said.startswith("remark"):
        return Entry(said, number)
    return Entry(" ".join(_entry(said.split())), number)


def _entry(said: list[str]) -> list[str]:
    start = 0
    if said[:1] == ["dynamic"]:
        start = 4 if said[2:3] == ["timeout"] else 2
    head, rest = said[: start + 1], said[start + 1 :]
    if head[-1:] not in (["permit"], ["deny"]) or not rest:
        return said
    protocol = port_names.protocol(rest[0])
    if protocol == "object-group":
        return [*head, *rest[:2], *_sides(rest[2:], "tcp-udp")]
    return [*head, protocol, *_sides(rest[1:], protocol)]


def _sides(said: list[str], protocol: str) -> list[str]:
    """Read source and destination, each with the ports behind it."""
    found: list[str] = []
    for _ in range(2):
        address, said = _address(said)
        chosen, said = _ports(said, protocol)
        found += [*address, *chosen]
    return [*found, *said]


def _address(said: list[str]) -> tuple[list[str], list[str]]:
    if said[:1] in (["host"], ["object-group"]):
        return said[:2], said[2:]
    if len(said) > 1 and re.fullmatch(r"[\d.]+", said[0]) and re.fullmatch(r"[\d.]+", said[1]):
        return _masked(said[0], said[1]), said[2:]
    return said[:1], said[1:]


def _masked(address: str, wildcard: str) -> list[str]:
    """Return an address with a wildcard mask, its free bits 0."""
    if wildcard == "0.0.0.0":  # noqa: S104 - a wildcard
        return ["host", address]
    if wildcard == "255.255.255.255":
        return ["any"]
    parts = zip(address.split("."), wildcard.split("."), strict=False)
    return [".".join(str(int(a) & ~int(w) & 255) for a, w in parts), wildcard]


def _ports(said: list[str], protocol: str) -> tuple[list[str], list[str]]:
    if said[:1] not in [[word] for word in _OPERATORS]:
        return [], said
    last = 1
    numbers: list[str] = []
    while last < len(said):
        port = port_names.number(protocol, said[last])
        if not port.isdigit() or (len(numbers) == 2 and said[0] == "range"):
            break
        numbers.append(port)
        last += 1
    needed = 2 if said[0] == "range" else 1
    if len(numbers) < needed:
        # Names that nobody here knows stay what they are.
        return [said[0], *numbers, *said[last : needed + 1]], said[needed + 1 :]
    if said[0] == "range" and len(set(numbers)) == 1:
        return ["eq", numbers[0]], said[last:]
    if said[0] in ("eq", "neq"):
        numbers = sorted(set(numbers), key=int)
    return [said[0], *numbers], said[last:]


# --- groups, classes, policies ----------------------------------------------------------------


def _group(text: str, below: Iterable[Line]) -> Line:
    return Line(text, _described({Line(_member(plain(child.text))) for child in below}))


def _member(text: str) -> str:
    said = text.split()
    chosen, rest = _ports(said[1:], said[0])
    return " ".join([said[0], *chosen, *rest])


def _described(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return lines whose order means nothing by the alphabet, a description first."""
    return tuple(sorted(lines, key=lambda one: (not one.text.startswith("description "), one.text)))


def _class_map(text: str, below: Iterable[Line]) -> Line:
    said = text.split()
    at = 3 if said[1:2] == ["type"] else 1
    if said[at] not in ("match-all", "match-any"):
        said.insert(at, "match-all")
    return Line(" ".join(said), _described({Line(plain(child.text)) for child in below}))


def _policy_map(text: str, below: Iterable[Line]) -> Line:
    """Classes are judged in their order; what a class does is one thing."""
    said = []
    for child in below:
        actions = _described({line(Line(plain(one.text), one.below)) for one in child.below})
        said.append(Line(plain(child.text), actions))
    said.sort(key=lambda one: one.text.startswith("class "))
    return Line(text, tuple(said))


def _any_order(text: str, below: Iterable[Line]) -> Line:
    return Line(text, _described({Line(plain(child.text)) for child in below}))


# --- applets ----------------------------------------------------------------------------------


def _applet(text: str, below: Iterable[Line]) -> Line:
    """Actions run by their labels; detectors have no order."""
    rest: list[Line] = []
    actions: dict[str, Line] = {}
    events: dict[str, Line] = {}
    for child in below:
        said = child.text.split(None, 2)
        if said[0] == "action" and len(said) > 2:
            # What is entered again under a label takes its place.
            actions[said[1]] = Line(f"action {said[1]} {action(said[2])}")
        elif said[0] == "event":
            one = detector(plain(child.text) if '"' not in child.text else child.text.strip())
            events[_tag(one)] = Line(one)
        elif said[0] == "trigger":
            rest.append(_trigger(child))
        else:
            rest.append(Line(plain(child.text)))
    rest.sort(key=lambda one: (not one.text.startswith("description "), one.text))
    ordered = [*rest[:1], *_sorted(events)] if _describes(rest) else _sorted(events)
    others = rest[1:] if _describes(rest) else rest
    return Line(text, (*ordered, *others, *_sorted(actions)))


def _describes(lines: list[Line]) -> bool:
    return bool(lines) and lines[0].text.startswith("description ")


def _sorted(found: dict[str, Line]) -> list[Line]:
    return [found[key] for key in sorted(found)]


def _tag(event: str) -> str:
    said = event.split()
    return said[2] if said[1:2] == ["tag"] else ""


def _trigger(one: Line) -> Line:
    said = options(quoting.split(one.text)[1:])
    if 2 * len(said) != len(quoting.split(one.text)) - 1:
        return Line(plain(one.text), tuple(Line(plain(child.text)) for child in one.below))
    shown = [f"{key} {value}" for key, value in sorted(said.items()) if (key, value) != ONCE]
    below = tuple(Line(plain(child.text)) for child in one.below)
    return Line(" ".join(["trigger", *shown]), below)


ONCE = ("occurs", "1")


def options(said: list[str]) -> dict[str, str]:
    """Return keywords with the word behind each; fractions that are none are left out."""
    pairs = zip(said[::2], said[1::2], strict=False)
    whole = ((key, _FLOAT.fullmatch(value), value) for key, value in pairs)
    return {key: match[1] if match else value for key, match, value in whole}


def detector(text: str) -> str:
    """Return an event statement: the pattern quoted, options by the alphabet, no defaults."""
    said = quoting.split(text)
    head = said[:1]
    rest = said[1:]
    if rest[:1] == ["tag"]:
        head, rest = said[:3], said[3:]
    if rest[:1] != ["syslog"] or not len(rest) % 2:
        return " ".join([quoting.shown(word) for word in said])
    found = options(rest[1:])
    pattern = found.pop("pattern", None)
    shown = [] if pattern is None else ["pattern", quoting.quoted(pattern)]
    for key, value in sorted(found.items()):
        if (key, value) not in (("maxrun", MAXRUN), ONCE):
            shown += [key, value]
    return " ".join([*head, "syslog", *shown])


_QUOTED = {"regexp": (1, 2), "syslog": (-1,), "puts": (-1,), "cli": (2,)}
"""Words that are always printed in quotes, by the verb of their action."""


@functools.lru_cache(maxsize=2**14)
def action(text: str) -> str:
    """Return what stands behind an action's label."""
    said = quoting.split(text)
    printed = [quoting.shown(word) for word in said]
    for at in _QUOTED.get(said[0], ()):
        if -len(said) <= at < len(said):
            printed[at] = quoting.quoted(said[at])
    return " ".join(printed)


def _registered(text: str, _: Iterable[Line]) -> Line:
    """Options of a Tcl policy stand in no order that is told anywhere."""
    said = text.split()
    options: list[list[str]] = []
    for word in said[4:]:
        if options and options[-1][0] in _VALUED and len(options[-1]) == 1:
            options[-1].append(word)
        else:
            options.append([word])
    return Line(" ".join([*said[:4], *(" ".join(one) for one in sorted(options))]))


_VALUED = ("type", "authorization", "username", "class")


_FORMS = {
    "ip access-list ": _access_list,
    "ipv6 access-list ": _access_list,
    "object-group ": _group,
    "class-map ": _class_map,
    "policy-map ": _policy_map,
    "control-plane": _any_order,
    "event manager applet ": _applet,
    "event manager policy ": _registered,
}
