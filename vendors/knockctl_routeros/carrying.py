"""What a router's rows will be once a plan is carried out.

The plan itself tells: what ``running`` says of a change and what the change does are one thing.
"""

from __future__ import annotations

from collections.abc import Iterator

from knockctl_routeros.config import MENUS, Menu, RouterConfig, Row
from knockctl_routeros.parse import RouterReading
from knockctl_routeros.plan import Added, RouterRemediation, plan

_CHANGE = "00000000"
"""Stands for the change nobody has asked for yet."""


def carried_out(reading: RouterReading, intended: RouterConfig) -> tuple[Row, ...]:
    """Return all rows as they will be once ``intended`` stands where a plan puts it."""
    way = plan(reading, intended, _CHANGE)
    return tuple(row for menu in MENUS for row in _menu(reading, way, menu))


def _menu(reading: RouterReading, way: RouterRemediation, menu: Menu) -> Iterator[Row]:
    table = reading.table(menu)
    renamed = {kept.new: kept.old for kept in way.kept}
    gone = {row.get("comment") for row in way.dropped if row.menu == menu}
    gone |= {row.get("comment") for row in way.leftovers if row.menu == menu}
    chains: dict[str, list[tuple[str, Row]]] = {}
    for place, row in enumerate(table.rows()):
        name = row.get("comment") if row.ours else str(table.id(place))
        if not (row.ours and (row.off or name in gone)):
            chains.setdefault(row.get("chain"), []).append((name, row))
    for one in (one for one in way.placed if one.row.menu == menu):
        chain = chains.setdefault(one.row.get("chain"), [])
        name = renamed.get(one.row.get("comment"), one.row.get("comment"))
        if not isinstance(one, Added):
            chain[:] = [other for other in chain if other[0] != name]
        before = renamed.get(one.before or "", one.before)
        names = [other[0] for other in chain]
        where = names.index(before) if before in names else len(chain)
        chain.insert(where, (name, one.row))
    for chain in chains.values():
        yield from (row for _, row in chain)
