"""A router's configuration as typed rows, in the device's own words and in normal form.

A menu holds rows in order; a row is the words RouterOS would export for it. Two rows are equal
when they mean the same to the router, whichever version or interface printed them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Menu = Literal[
    "/ip firewall address-list",
    "/ip firewall layer7-protocol",
    "/ip firewall filter",
    "/ip firewall raw",
    "/ipv6 firewall address-list",
    "/ipv6 firewall filter",
    "/ipv6 firewall raw",
]


@dataclass(frozen=True, slots=True)
class Row:
    """One item of a menu; words sorted by key, every value in its normal form."""

    menu: Menu
    words: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, menu: Menu, words: Mapping[str, str]) -> Row:
        """Make a row of words; what only repeats a default is left out."""
        return cls(menu, tuple(sorted(words.items())))

    def get(self, key: str, default: str = "") -> str:
        """Return a word's value, without its leading ``!`` being looked at."""
        return dict(self.words).get(key, default)
