"""The one form of every value that RouterOS writes in several ways.

Versions, the API, ``/export`` and people write the same value differently. Everything here is
idempotent, and leaves alone whatever it does not know: a value is only rewritten when the
router is known to take both forms for the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from ipaddress import ip_address, ip_network, summarize_address_range
from socket import AF_INET, inet_pton
from typing import cast

from knockctl.ports import HIGHEST_PORT, Span, merged

READ_ONLY = frozenset(
    (
        "bytes",
        "creation-time",
        "default-name",
        "dynamic",
        "last-started",
        "next-run",
        "packets",
        "run-count",
    )
)
"""What the router tells about a row and nobody can set; so is every word that starts with a dot."""

# A rule that refers to what is not there is printed as invalid and never matches: that must show.
_DEFAULTS = {"disabled": ("no",), "comment": ("",), "invalid": ("no",)}
_RULE_DEFAULTS = {
    "address-list-timeout": ("none-dynamic", "0s"),
    "dst-address": ("0.0.0.0/0", "::/0"),
    "log": ("no",),
    "log-prefix": ("",),
    "src-address": ("0.0.0.0/0", "::/0"),
}
_FALSE, _TRUE = ("no", "false"), ("yes", "true")

# The header's order; RouterOS' own is not documented.
_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
_NUMBERS = {
    "1": "icmp",
    "6": "tcp",
    "17": "udp",
    "33": "dccp",
    "58": "icmpv6",
    "132": "sctp",
    "136": "udp-lite",
}

# Microseconds, the smallest unit RouterOS knows.
_UNITS = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
_UNIT = re.compile(r"([0-9]{1,18})(ms|us|[wdhms])")
_DURATION = re.compile(
    r"(?P<units>(?:[0-9]{1,18}(?:ms|us|[wdhms]))*)"
    r"(?:(?P<hours>[0-9]{1,9}):(?P<minutes>[0-9]{2}):(?P<clock>[0-9]{2}(?:\.[0-9]{1,6})?)"
    r"|(?P<seconds>(?<![a-z])[0-9]{1,18}(?:\.[0-9]{1,6})?))?"
)
_RUN = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def plain(value: object) -> str:
    """Return a value as text, whatever type a library made of it.

    librouteros turns ``888`` into a number, ``yes`` and ``true`` into True, ``no`` and
    ``false`` into False, even where the word is the name of a list. Numbers lose nothing. Of a
    truth it is not known how it was written: it is taken for ``yes`` or ``no``, so a list named
    ``true`` is only told from one named ``yes`` by a reader that gets plain strings.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def microseconds(text: str) -> int | None:
    """Read a duration in any form RouterOS takes; None for what is none.

    ``16h40m``, ``1d02:03:04``, ``00:30:00``, ``100ms``, and bare numbers, which are seconds.
    """
    match = _DURATION.fullmatch(text)
    if not match or not text:
        return None
    total = Fraction(sum(int(n) * _UNITS[u] for n, u in _UNIT.findall(match["units"])))
    total += int(match["hours"] or 0) * _UNITS["h"] + int(match["minutes"] or 0) * _UNITS["m"]
    total += Fraction(match["clock"] or match["seconds"] or "0") * _UNITS["s"]
    return int(total)


def duration(text: str) -> str:
    """Return a duration as RouterOS prints it: largest units first, ``0s`` for none."""
    left = microseconds(text)
    if left is None:
        return text
    parts = []
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def switch(text: str) -> str:
    """Return ``yes`` or ``no`` for any spelling of the two."""
    if text in _TRUE:
        return "yes"
    return "no" if text in _FALSE else text


def negatable(form: Callable[[str], str]) -> Callable[[str], str]:
    """Return the same form for values that a ``!`` may stand in front of."""

    def normal(text: str) -> str:
        return f"!{form(text[1:])}" if text.startswith("!") else form(text)

    return normal


def ports(text: str) -> str:
    """Return a list of ports in order, without overlaps, neighbours joined to a range.

    A rule tests whether the port is in the list, so the set of ports is all it means.
    """
    spans = [_span(run) for run in text.split(",")]
    if None in spans:
        return text
    joined = merged(cast("list[Span]", spans))
    return ",".join(str(span).removeprefix("tcp/") for span in joined)


def _span(run: str) -> Span | None:
    match = _RUN.fullmatch(run)
    if not match:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return Span("tcp", first, last) if first <= last <= HIGHEST_PORT else None


def address(text: str) -> str:
    """Return an address, prefix or range in its shortest form; a DNS name as it is."""
    if _shortest(text):
        return text
    first, dash, last = text.partition("-")
    try:
        if not dash:
            return _prefix(text)
        return _range(first, last)
    except (ValueError, TypeError):
        return text


def _shortest(text: str) -> bool:
    """Tell at a glance whether it is an IPv4 address or prefix that can't be said shorter."""
    address, slash, length = text.partition("/")
    try:
        number = inet_pton(AF_INET, address)
    except (OSError, ValueError):
        return False
    if not slash:
        return True
    if length not in _LENGTHS:
        return False
    return not int.from_bytes(number) & (0xFFFFFFFF >> int(length))


_LENGTHS = frozenset(str(length) for length in range(1, 32))


def _prefix(text: str) -> str:
    network = ip_network(text, strict=False)
    whole = network.prefixlen == network.max_prefixlen
    return str(network.network_address if whole else network)


def _range(first: str, last: str) -> str:
    one, other = ip_address(first), ip_address(last)
    prefixes = list(summarize_address_range(one, other))
    return _prefix(str(prefixes[0])) if len(prefixes) == 1 else f"{one}-{other}"


def names(text: str) -> str:
    """Return a list whose order means nothing, such as connection states, by the alphabet."""
    return text if "!" in text else ",".join(sorted(set(text.split(","))))


def flags(text: str) -> str:
    """Return TCP flags in the header's order, each with its own ``!``; unknown ones last."""

    def order(flag: str) -> tuple[int, str, str]:
        name = flag.removeprefix("!")
        return (_FLAGS.index(name) if name in _FLAGS else len(_FLAGS), name, flag)

    return ",".join(sorted(set(text.split(",")), key=order))


def protocol(text: str) -> str:
    """Return a protocol's name for its number, where RouterOS has one that takes ports."""
    return _NUMBERS.get(text, text)


_FORMS: Mapping[str, Callable[[str], str]] = {
    "address": address,
    "address-list-timeout": duration,
    "connection-nat-state": negatable(names),
    "connection-state": negatable(names),
    "disabled": switch,
    "dst-address": negatable(address),
    "dst-port": negatable(ports),
    "fragment": switch,
    "hw-offload": switch,
    "invalid": switch,
    "log": switch,
    "port": negatable(ports),
    "protocol": negatable(protocol),
    "src-address": negatable(address),
    "src-port": negatable(ports),
    "tcp-flags": flags,
    "timeout": duration,
}


def words(found: Mapping[str, object], *, rule: bool, ipv6: bool) -> dict[str, str]:
    """Return the words of one row in normal form, without what only repeats a default.

    A rule's action is always said. Of the default of ``reject-with`` only that of IPv4 is known.
    """
    normal = {}
    for key, value in found.items():
        word = _word(key, value if isinstance(value, str) else plain(value), rule, ipv6)
        if word is not None:
            normal[key] = word
    if rule and "action" not in normal:
        normal["action"] = "accept"
    return normal


# The same few words are read again and again, in every rule and on every device.
@lru_cache(maxsize=16_384)
def _word(key: str, value: str, rule: bool, ipv6: bool) -> str | None:  # noqa: FBT001
    """Return the normal form of a word's value; None where the word says nothing."""
    if key in READ_ONLY or key.startswith("."):
        return None
    form = _FORMS.get(key)
    normal = form(value) if form else value
    return None if _default(key, normal, rule=rule, ipv6=ipv6) else normal


@lru_cache(maxsize=16_384)
def pair(text: str, rule: bool, ipv6: bool) -> tuple[str, str] | tuple[()] | None:  # noqa: FBT001
    """Read ``key=value`` to normal form; None where it says nothing, empty where it is no such."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        return ()
    word = _word(key, value, rule, ipv6)
    return None if word is None else (key, word)


def _default(key: str, value: str, *, rule: bool, ipv6: bool) -> bool:
    """Tell whether a word says what the router assumes without it."""
    if rule and key == "reject-with":
        return not ipv6 and value == "icmp-network-unreachable"
    return value in _DEFAULTS.get(key, ()) or (rule and value in _RULE_DEFAULTS.get(key, ()))
