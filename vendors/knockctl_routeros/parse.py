"""What a router prints, over the API or as an export, to a config and its neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from knockctl.vendor import Neighbour, Reading
from knockctl_routeros import normal
from knockctl_routeros.config import MENUS, OFF, Chain, Menu, RouterConfig, Row, own
from knockctl_routeros.export import parse_export
from knockctl_routeros.lists import entries
from knockctl_routeros.neighbours import Surroundings, neighbours


@dataclass(frozen=True, slots=True)
class RouterReading(Reading[RouterConfig]):
    """A reading that also knows what is foreign, and where ours stands among it."""

    foreign: tuple[Row, ...] = ()
    """Static rows that are not ours, in the device's order."""
    foreign_ids: tuple[str, ...] = ()
    """The router's own names for those rows; empty where the reading is of a text."""
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

    @property
    def shadows(self) -> tuple[Neighbour, ...]:
        """The neighbours that may let packets past us; those that only refuse are none."""
        return tuple(n for n in self.neighbours if n.effect != "refuses")

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


def static(rows: Iterable[Mapping[str, object]]) -> tuple[Mapping[str, object], ...]:
    """Return the rows that are configuration: not learnt at run time, not made by the router.

    Positions count only these. The rows of ``api_rows`` are in the same order.
    """
    return tuple(row for row in rows if normal.switch(normal.plain(row.get("dynamic"))) != "yes")


def api_rows(menu: Menu, rows: Iterable[Mapping[str, object]]) -> tuple[Row, ...]:
    """Return the static rows of an API reply to ``print``; values may be cast or plain."""
    return tuple(Row.read(menu, row) for row in static(rows))


def read(
    rows: Mapping[Menu, Sequence[Row]], ids: Mapping[Menu, Sequence[str]] | None = None
) -> RouterReading:
    """Tell ours from foreign in the rows of every menu, and judge what stands above ours.

    ``ids`` are the router's names for the rows, in the same order.

    Whether packets may be exempt from connection tracking is read from the ``raw`` menus.
    """
    everything = [row for menu in MENUS for row in rows.get(menu, ())]
    around = {menu: Surroundings.of(menu, rows) for menu in MENUS}
    places: dict[Chain, int] = {}
    off: dict[Chain, int] = {}
    stands: dict[tuple[Menu, str], tuple[int, str | None]] = {}
    for menu in MENUS:
        names = dict(enumerate((ids or {}).get(menu, ())))
        for at, row in enumerate(rows.get(menu, ())):
            if row.ours and row.rule:
                stands[menu, row.get("comment")] = (at, names.get(at + 1))
        for ours, above in around[menu].above():
            chain, theirs = (menu, ours.get("chain")), sum(not row.ours for row in above)
            if ours.off:
                off.setdefault(chain, theirs)
            else:
                places.setdefault(chain, theirs)
    stood = {chain: theirs + 1 for chain, theirs in places.items()}
    return RouterReading(
        replace(own(everything), stood=stood),
        (*(n for menu in MENUS for n in neighbours(around[menu])), *entries(everything)),
        foreign=tuple(row for row in everything if not row.ours),
        foreign_ids=tuple(
            id_
            for menu in MENUS
            for row, id_ in zip(rows.get(menu, ()), (ids or {}).get(menu, ()), strict=False)
            if not row.ours
        ),
        off=tuple(row for row in everything if row.ours and row.off),
        places=off | places,
        stands=stands,
        duplicates=_duplicates(everything),
    )


def by_menu(rows: Iterable[Row]) -> dict[Menu, tuple[Row, ...]]:
    """Sort rows, such as those of an export, by their menus, as ``read`` takes them."""
    found: dict[Menu, list[Row]] = {}
    for row in rows:
        found.setdefault(row.menu, []).append(row)
    return {menu: tuple(members) for menu, members in found.items()}


def parse_text(text: str) -> RouterConfig:
    """Read back what ``RouterConfig.text`` prints, or take what is ours from an ``/export``."""
    found = own(parse_export(text))
    first = text.partition("\n")[0].rstrip()
    return found.marked(first.removeprefix(OFF)) if first.startswith(OFF) else found


def _duplicates(rows: Iterable[Row]) -> tuple[Row, ...]:
    named = [row for row in rows if row.rule and row.name and not row.off]
    count = Counter((row.menu, row.get("comment")) for row in named)
    return tuple(row for row in named if count[row.menu, row.get("comment")] > 1)
