"""What a router's rows will be once a plan is carried out.

The plan itself tells: what ``running`` says of a change and what the change does are one thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockctl_routeros.config.records import MENUS, Menu, RouterConfig, Row
from knockctl_routeros.config.table import Table
from knockctl_routeros.plan.plan import Added, Anchor, RouterRemediation, plan
from knockctl_routeros.plan.reading import (
    RouterReading,
)

_CHANGE = "00000000"
"""Stands for the change nobody has asked for yet."""


def carried_out(reading: RouterReading, intended: RouterConfig) -> tuple[Row, ...]:
    """Return all rows as they will be once ``intended`` stands where a plan puts it."""
    way = plan(reading, intended, _CHANGE)
    return tuple(row for menu in MENUS for row in _menu(reading, way, menu))


def _menu(reading: RouterReading, way: RouterRemediation, menu: Menu) -> Iterator[Row]:
    table = reading.table(menu)
    placed = [one for one in way.placed if one.row.menu == menu]
    gone = {row.get("comment") for row in (*way.dropped, *way.leftovers) if row.menu == menu}
    touched = {one.row.get("chain") for one in placed}
    chains: dict[str, list[tuple[str | int, Row]]] = {name: [] for name in touched}
    for place, row in enumerate(table.rows()):
        if row.ours and (row.off or row.get("comment") in gone):
            continue
        chain = chains.get(row.get("chain"))
        if chain is None:
            yield row
        else:
            chain.append((row.get("comment") if row.ours else place, row))
    renamed = {kept.new: kept.old for kept in way.kept}
    for one in placed:
        name = renamed.get(one.row.get("comment"), one.row.get("comment"))
        chain = chains[one.row.get("chain")]
        if not isinstance(one, Added):
            chain[:] = [other for other in chain if other[0] != name]
        chain.insert(
            _before(table, chain, renamed.get(one.before or "", one.before)), (name, one.row)
        )
    for chain in chains.values():
        yield from (row for _, row in chain)


def _before(table: Table, chain: Sequence[tuple[str | int, Row]], anchor: Anchor) -> int:
    """Return where in a chain an anchor stands; behind its end where it is not in it."""
    if anchor is None:
        return len(chain)
    return next(
        (
            number
            for number, (name, _) in enumerate(chain)
            if name == anchor or (isinstance(name, int) and table.id(name) == anchor)
        ),
        len(chain),
    )
