"""What the value of a word may be, and its normal form: one function per kind of value.

A kind takes what the router knows, the word's name and the text sent; it returns the text as it
will be read back, or raises the trap a router answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from knockctl_routeros.twin.device import times
from knockctl_routeros.twin.device.switches import ALL_POLICIES, Switches
from knockctl_routeros.twin.device.traps import ARGUMENT, Trap

TRUTH = {"yes": "true", "true": "true", "no": "false", "false": "false"}
STATES = ("invalid", "established", "related", "new", "untracked")
LONGEST = (1 << 31) - 1
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")


class Known(Protocol):
    """What a value may refer to."""

    switches: Switches

    def names(self, path: str) -> frozenset[str]:
        """Return the names of a menu's rows."""


Kind = Callable[[Known, str, str], str]


def no_match(name: str) -> Trap:
    """Make the answer to a value that isn't one of those allowed."""
    return Trap(f"input does not match any value of {name}", ARGUMENT)


def not_valid(name: str) -> Trap:
    """Make the answer to a value that can't be read."""
    return Trap(f"invalid value for argument {name}", ARGUMENT)


def text(_: Known, __: str, value: str) -> str:
    """Take any text."""
    return value


def boolean(_: Known, name: str, value: str) -> str:
    """Take yes, no, true or false; read back as true or false."""
    if value not in TRUTH:
        raise no_match(name)
    return TRUTH[value]


def one_of(*values: str) -> Kind:
    """Take one of these."""

    def kind(_: Known, name: str, value: str) -> str:
        if value not in values:
            raise no_match(name)
        return value

    return kind


def negatable(inner: Kind) -> Kind:
    """Take what another kind takes, with ``!`` before it or not."""

    def kind(known: Known, name: str, value: str) -> str:
        sign = "!" if value.startswith("!") else ""
        return sign + inner(known, name, value.removeprefix("!"))

    return kind


def several(values: tuple[str, ...]) -> Kind:
    """Take some of these, by comma, each with ``!`` or not; read back sorted, ``!`` last."""

    def kind(_: Known, name: str, value: str) -> str:
        words = [word for word in value.split(",") if word]
        if not words or any(word.removeprefix("!") not in values for word in words):
            raise no_match(name)
        ordered = sorted(set(words), key=lambda w: (w[0] == "!", values.index(w.removeprefix("!"))))
        return ",".join(ordered)

    return kind


def connection_state(_: Known, name: str, value: str) -> str:
    """Take states by comma; one ``!`` before them negates them all."""
    sign = "!" if value.startswith("!") else ""
    words = value.removeprefix("!").split(",")
    if not set(words) <= set(STATES):
        raise no_match(name)
    return sign + ",".join(sorted(set(words), key=STATES.index))


def number(low: int, high: int) -> Kind:
    """Take a whole number within bounds."""

    def kind(_: Known, name: str, value: str) -> str:
        if not value.isdigit():
            raise not_valid(name)
        if not low <= int(value) <= high:
            raise Trap(f"value of {name} out of range ({low}..{high})", ARGUMENT)
        return str(int(value))

    return kind


def ports(_: Known, name: str, value: str) -> str:
    """Take ports and ranges by comma; one ``!`` before them negates them all."""
    for part in value.removeprefix("!").split(","):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if found is None:
            raise not_valid(name)
        if any(int(end) > 65535 for end in found.groups() if end):
            raise Trap("value of range out of range (0..65535)", ARGUMENT)
    return value


def numbers_by_comma(_: Known, name: str, value: str) -> str:
    """Take numbers, times and words by comma, as ``psd``, ``limit`` and their like have them."""
    if not re.fullmatch(r"!?[\w/:.,-]+", value):
        raise not_valid(name)
    return value


def size_range(_: Known, name: str, value: str) -> str:
    """Take a number or a range of numbers."""
    if not re.fullmatch(r"!?\d+(-\d+)?", value):
        raise not_valid(name)
    return value


def icmp_options(_: Known, name: str, value: str) -> str:
    """Take ``type:code`` or ``type:code-code``; a type alone means every code."""
    found = re.fullmatch(r"(!?\d+)(?::(\d+)(?:-(\d+))?)?", value)
    if found is None:
        raise not_valid(name)
    low, high = found[2] or "0", found[3] or (found[2] or "255")
    return f"{found[1]}:{low}" if low == high else f"{found[1]}:{low}-{high}"


def duration(_: Known, name: str, value: str) -> str:
    """Take any form of duration; read back as ``16h40m``."""
    length = times.seconds(value)
    if length is None:
        raise not_valid(name)
    if length > LONGEST:
        raise Trap(f"value of {name} out of range (0..{LONGEST})", ARGUMENT)
    return times.duration(length)


def list_timeout(known: Known, name: str, value: str) -> str:
    """Take a duration, ``none-static`` or ``none-dynamic``, which is what zero means."""
    if value in ("none-static", "none-dynamic"):
        return value
    length = duration(known, name, value)
    return "none-dynamic" if length == "0s" else length


def date(known: Known, name: str, value: str) -> str:
    """Take a date of either form; read back in the version's own."""
    start = times.day_start(value)
    if start is None:
        raise not_valid(name)
    return times.date(start, iso=known.switches.iso_dates)


def start_time(_: Known, name: str, value: str) -> str:
    """Take ``startup`` or a time of day."""
    if value == "startup":
        return value
    length = times.seconds(value)
    if length is None or length >= times.UNITS["d"]:
        raise not_valid(name)
    return times.time_of_day(length)


def interface(known: Known, _: str, value: str) -> str:
    """Take an interface that exists."""
    if value not in known.names("/interface"):
        raise no_match("interface")
    return value


def any_interface(known: Known, name: str, value: str) -> str:
    """Take an interface that exists, or ``all``."""
    return value if value == "all" else interface(known, name, value)


def interface_list(known: Known, name: str, value: str) -> str:
    """Take an interface list that exists."""
    if value not in known.names("/interface/list"):
        raise no_match(name)
    return value


def layer7(known: Known, name: str, value: str) -> str:
    """Take an entry of layer7-protocol that exists."""
    if value not in known.names("/ip/firewall/layer7-protocol"):
        raise no_match(name)
    return value


def group(known: Known, name: str, value: str) -> str:
    """Take a group of users that exists."""
    if value not in known.names("/user/group"):
        raise no_match(name)
    return value


def policies(_: Known, name: str, value: str) -> str:
    """Take policies by comma, in the order in which they are printed."""
    words = {word for word in value.split(",") if word and not word.startswith("!")}
    if not words <= set(ALL_POLICIES):
        raise no_match(name)
    return ",".join(word for word in ALL_POLICIES if word in words)


def group_policies(known: Known, name: str, value: str) -> str:
    """Take policies by comma; those not named are read back with ``!``."""
    granted = policies(known, name, value).split(",")
    return ",".join(word if word in granted else f"!{word}" for word in ALL_POLICIES)
