"""Our address lists, and what somebody else has put on them.

What rules and ``admit`` put there is timed, and no configuration. An entry without a time is
somebody else's, and stays: on a list of grants it lets a source in for good.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from knockctl_routeros.config.records import OWN_NAME, Menu, Row

LIST = re.compile(r"kc-(?P<policy>[a-z0-9-]+)\.(?P<what>grant|lock|spent|void|[0-9a-z]{4}-[0-9]+)")
MENUS: tuple[Menu, Menu] = ("/ip firewall address-list", "/ipv6 firewall address-list")
_KEYS = ("address-list", "src-address-list")
_REFUSING = ("lock", "spent", "void")


def used(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return the names of our lists that rules fill or ask."""
    found = (row.get(key).removeprefix("!") for row in rows if row.ours for key in _KEYS)
    return tuple(dict.fromkeys(name for name in found if name.startswith(OWN_NAME)))


def query(names: Sequence[str], *words: str) -> tuple[str, ...]:
    """Return the words that ask for entries of these lists, at least one, and more conditions."""
    return (*(f"?list={name}" for name in names), *["?#|"] * (len(names) - 1), *words)


def opening(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield what lets, or may let, a source in for good: entries in force, and on such a list."""
    for row in rows:
        match = LIST.fullmatch(row.get("list")) if row.menu in MENUS and not row.off else None
        if match and match["what"] not in _REFUSING:
            yield row
