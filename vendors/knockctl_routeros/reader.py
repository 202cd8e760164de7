"""What a router runs, asked for over its API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from knockctl.errors import Unsupported
from knockctl.vendor import Neighbour
from knockctl_routeros import lists
from knockctl_routeros.config import MENUS, Menu, Row
from knockctl_routeros.parse import RouterReading, api_rows, read_tables
from knockctl_routeros.session import Reply, Session, path
from knockctl_routeros.table import Table, static


class Reader:
    """Prints a router's menus, and knows its own names for our rows, as last read."""

    def __init__(self, session: Session) -> None:
        """Take a session, connected or not yet."""
        self._session = session
        self.ids: dict[tuple[Menu, str], list[str]] = {}
        """By menu and comment, of rules that are on, and of other rows."""
        self.off: dict[Menu, list[str]] = {}

    @cached_property
    def families(self) -> tuple[int, ...]:
        """The families that the router has a firewall for."""
        try:
            self._session.ask("/ipv6/firewall/filter/print", "=count-only=")
        except Unsupported:
            return (4,)
        return (4, 6)

    def reading(self) -> RouterReading:
        """Read what is ours, and the rules beside it."""
        menus = [menu for menu in self._menus() if menu not in lists.MENUS]
        tables = {menu: Table(menu, self._print(menu)) for menu in menus}
        self.ids, self.off = {}, {}
        for menu, table in tables.items():
            for place in table.ours:
                row, id_ = table.row(place), str(table.id(place))
                if row.off:
                    self.off.setdefault(menu, []).append(id_)
                else:
                    self.ids.setdefault((menu, row.get("comment")), []).append(id_)
        return read_tables(tables)

    def entries(self, names: Sequence[str]) -> tuple[Neighbour, ...]:
        """Return what is on these lists for good; other lists may hold thousands of addresses."""
        if not names:
            return ()
        asked = lists.query(names, "?dynamic=false")
        menus = [menu for menu in self._menus() if menu in lists.MENUS]
        rows = [row for menu in menus for row in api_rows(menu, self._print(menu, *asked))]
        return tuple(lists.entries(rows))

    def marks(self) -> set[str]:
        """Return the marks on our jumps that are turned on."""
        rows: list[Row] = []
        for menu in self._menus():
            if menu.endswith((" filter", " raw")):
                rows += api_rows(menu, self._print(menu, "?action=jump", "?comment"))
        return {row.mark for row in rows if row.jump and not row.off} - {""}

    def everything(self) -> str:
        """Return both firewalls and the interface lists, as ``/export`` would print them."""
        lines = [f"# families {' '.join(map(str, self.families))}"]
        for menu in self._menus():
            lines.append(menu)
            # Lists may hold thousands of addresses that rules put there.
            query = ("?dynamic=false",) if menu in lists.MENUS else ()
            lines += [row.text() for row in api_rows(menu, self._print(menu, *query))]
        lines.append("/interface list member")
        for row in static(self._print("/interface list member")):
            if row.get("disabled") != "true":
                lines.append(f"add interface={row['interface']} list={row['list']}")
        return "\n".join(lines) + "\n"

    def id(self, row: Row) -> list[str]:
        """Return the router's names for a row of ours that is on."""
        return self.ids.get((row.menu, row.get("comment")), [])

    def _menus(self) -> Iterator[Menu]:
        return (menu for menu in MENUS if 6 in self.families or not menu.startswith("/ipv6"))

    def _print(self, menu: str, *words: str) -> Reply:
        return self._session.ask(f"{path(menu)}/print", *words)
