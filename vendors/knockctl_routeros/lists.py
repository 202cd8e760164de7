"""Our address lists, and what somebody else has put on them.

What rules and ``admit`` put there is timed, and no configuration. An entry without a time is
somebody else's, and stays: on a list of grants it lets a source in for good.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from knockctl.vendor import Neighbour
from knockctl_routeros.config import OWN_NAME, Menu, Row

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


def entries(rows: Iterable[Row]) -> Iterator[Neighbour]:
    """Yield what somebody has put on our lists for good, and is in force."""
    for row in rows:
        name = row.get("list")
        if row.menu in MENUS and name.startswith(OWN_NAME) and not row.off:
            match = LIST.fullmatch(name)
            what = match["what"] if match else ""
            effect = "refuses" if what in _REFUSING else "unknown"
            yield Neighbour(
                f"{row.menu} {name}",
                " ".join(row.parts()),
                "accepts" if what == "grant" else effect,  # type: ignore[arg-type]
            )


def of(neighbour: Neighbour) -> str | None:
    """Return the list that one of ``entries`` is on; None for a rule."""
    menu, _, name = neighbour.place.rpartition(" ")
    return name if menu in MENUS else None
