"""What a router runs, as far as a plan needs to know it: ours, and where that stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from knockctl.contract import Reading
from knockctl_routeros.config.records import (
    MENUS,
    OWN_NAME,
    RULES,
    Chain,
    Menu,
    RouterConfig,
    Row,
    own,
)
from knockctl_routeros.config.table import Table, static


@dataclass(frozen=True, slots=True)
class RouterReading(Reading[RouterConfig]):
    """A reading that also knows what is foreign, and where ours stands among it."""

    tables: Mapping[Menu, Table] = field(default_factory=dict)
    """All that was read, menu by menu."""
    off: tuple[Row, ...] = ()
    """Disabled rows of ours: what an unfinished change left, or somebody turned off."""
    places: Mapping[Chain, int] = field(default_factory=dict)
    """By menu and somebody else's chain: how many static rules of others stand above our first."""
    stands: Mapping[tuple[Menu, str], tuple[int, str | None]] = field(default_factory=dict)
    """By menu and comment of a rule of ours: its place in the menu, and the router's own name for
    the rule behind it."""
    duplicates: tuple[Row, ...] = ()
    """Rules of ours of the same comment, each of them: somebody copied one. Nothing tells them
    apart, so that none can be kept."""

    def table(self, menu: Menu) -> Table:
        """Return what was read of a menu."""
        return self.tables.get(menu) or Table(menu)

    @property
    def foreign(self) -> tuple[Row, ...]:
        """Static rows that are not ours, in the device's order."""
        return tuple(row for table in self.tables.values() for row in table.rows() if not row.ours)

    @property
    def unused(self) -> tuple[Row, ...]:
        """Patterns of ours that no rule of ours refers to, as they stand on the router."""
        used = {row.get("layer7-protocol") for row in self.config.rows}
        rows = (row for row in self.config.device_rows() if row.menu.endswith("layer7-protocol"))
        return tuple(row for row in rows if row.get("name") not in used)

    def settled(self) -> RouterReading:
        """Return what is left once a change is settled that turned rows of ours off."""
        unused = {row.named("") for row in self.unused}
        kept = [
            (row, name)
            for row, name in zip(self.config.rows, self.config.names, strict=True)
            if row not in unused
        ]
        rows, names = tuple(row for row, _ in kept), tuple(name for _, name in kept)
        return replace(self, config=replace(self.config, rows=rows, names=names), off=())


def api_rows(menu: Menu, rows: Iterable[Mapping[str, object]]) -> tuple[Row, ...]:
    """Return the static rows of an API reply to ``print``; values may be cast or plain."""
    return tuple(Row.of(menu, row) for row in static(rows))


def read(rows: Mapping[Menu, Sequence[Row]]) -> RouterReading:
    """Tell ours from foreign in the rows of every menu, such as those of an export."""
    return read_tables({menu: Table.of(menu, found) for menu, found in rows.items()})


def read_tables(found: Mapping[Menu, Table]) -> RouterReading:
    """Take what is ours out of every menu, and note where it stands."""
    tables = {menu: found.get(menu) or Table(menu) for menu in MENUS}
    ours = [(table, place) for table in tables.values() for place in table.ours]
    rows = [table.row(place) for table, place in ours]
    places, off = _standing(tables)
    return RouterReading(
        replace(own(rows), stood={chain: theirs + 1 for chain, theirs in places.items()}),
        tables=tables,
        off=tuple(row for row in rows if row.off),
        places=off | places,
        stands={
            (row.menu, row.get("comment")): (place, table.id(place + 1))
            for row, (table, place) in zip(rows, ours, strict=True)
            if row.rule
        },
        duplicates=_duplicates(rows),
    )


def _standing(tables: Mapping[Menu, Table]) -> tuple[dict[Chain, int], dict[Chain, int]]:
    """Return how many rules of others stand above our first in their chains.

    First of those that are on, then of those that are turned off.
    """
    places: dict[Chain, int] = {}
    off: dict[Chain, int] = {}
    for menu, table in tables.items():
        for name in table.chains if menu in RULES else ():
            if name.startswith(OWN_NAME):
                continue
            for ours, number in enumerate(table.standing(name)):
                row = table.row(table.chain(name)[number])
                (off if row.off else places).setdefault((menu, name), number - ours)
    return places, off


def _duplicates(rows: Iterable[Row]) -> tuple[Row, ...]:
    named = [row for row in rows if row.rule and row.name and not row.off]
    count = Counter((row.menu, row.get("comment")) for row in named)
    return tuple(row for row in named if count[row.menu, row.get("comment")] > 1)
