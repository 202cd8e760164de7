"""The kinds of words that aren't keywords, and how a line falls into words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from knockctl_ios.twin.device import ports

_WORDS = re.compile(r'"(?:\\.|[^"\\])*"?(?=\s|$)|\S+')
_RANGE = re.compile(r"<(\d+)-(\d+)>")
_INTERFACE = re.compile(r"([A-Za-z][A-Za-z-]*?)(\d[\d/.:]*)")
INTERFACES = (
    "Async",
    "BDI",
    "Dialer",
    "Ethernet",
    "FastEthernet",
    "GigabitEthernet",
    "Loopback",
    "Null",
    "Port-channel",
    "Serial",
    "TenGigabitEthernet",
    "Tunnel",
    "Vlan",
    "Virtual-Template",
)
VIRTUAL = ("BDI", "Dialer", "Loopback", "Port-channel", "Tunnel", "Vlan", "Virtual-Template")


@dataclass(frozen=True, slots=True)
class Token:
    """A word and the column it starts in."""

    text: str
    offset: int


def tokens(line: str, start: int = 0) -> list[Token]:
    """Cut a line into words; what begins with a straight quote goes on to the next."""
    return [Token(m.group(), m.start()) for m in _WORDS.finditer(line, start)]


def _word(text: str) -> str | None:
    return text


def _string(text: str) -> str | None:
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1] if quoted else re.sub(r'(?<!\\)"', r'\\"', text)


def _address(text: str) -> str | None:
    try:
        return str(IPv4Address(text))
    except AddressValueError:
        return None


def _port(text: str) -> str | None:
    if text.isdigit():
        return text if int(text) < 65536 else None
    found = [name for name in ports.NAMES if name.startswith(text.lower())]
    return text.lower() if text.lower() in found else found[0] if len(found) == 1 else None


def _interface(text: str) -> str | None:
    match = _INTERFACE.fullmatch(text)
    kind = _interface_kind(match.group(1)) if match else None
    return f"{kind}{match.group(2)}" if match and kind else None


def _interface_kind(text: str) -> str | None:
    found = [name for name in INTERFACES if name.lower().startswith(text.lower())]
    return found[0] if len(found) == 1 else None


def _unit(text: str) -> str | None:
    return text if re.fullmatch(r"\d[\d/.:]*", text) else None


KINDS: dict[str, Callable[[str], str | None]] = {
    "WORD": _word,
    "LINE": _word,
    "STRING": _string,
    "FILE": _word,
    "A.B.C.D": _address,
    "PORT": _port,
    "INTERFACE": _interface,
    "TYPE": _interface_kind,
    "UNIT": _unit,
}


def known(kind: str) -> bool:
    """Tell whether a piece of a syntax is a parameter."""
    return kind in KINDS or _RANGE.fullmatch(kind) is not None


def read(kind: str, text: str) -> str | None:
    """Return a word as the device keeps it, or None where it isn't of that kind."""
    span = _RANGE.fullmatch(kind)
    if span is None:
        return KINDS[kind](text)
    fits = text.isdigit() and int(span.group(1)) <= int(text) <= int(span.group(2))
    return str(int(text)) if fits else None
