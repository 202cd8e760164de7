"""What a router runs, asked for over its API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from knockctl.errors import Unsupported
from knockctl_routeros.config import syntax
from knockctl_routeros.config.records import MENUS, Menu, Row
from knockctl_routeros.config.table import Table, static
from knockctl_routeros.driver.connection import Reply, Session, path
from knockctl_routeros.plan import foreign as lists
from knockctl_routeros.plan.members import LISTS as LISTED
from knockctl_routeros.plan.members import MEMBERS
from knockctl_routeros.plan.reading import (
    RouterReading,
    api_rows,
    read_tables,
)

LISTS = lists.MENUS


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

    def reading(self, *, whole: bool = False) -> RouterReading:
        """Read what is ours and the rules beside it; ``whole``: all that judges packets, too."""
        tables = {menu: Table(menu, self._print(menu)) for menu in self._menus(lists=False)}
        self.ids, self.off = {}, {}
        for menu, table in tables.items():
            for place in table.ours:
                row, id_ = table.row(place), str(table.id(place))
                if row.off:
                    self.off.setdefault(menu, []).append(id_)
                else:
                    self.ids.setdefault((menu, row.get("comment")), []).append(id_)
        reading = read_tables(tables)
        return replace(reading, text=self._text(tables)) if whole else reading

    def _text(self, tables: Mapping[Menu, Table]) -> str:
        """Return both firewalls and the interface lists, as ``/export`` would print them."""
        lines = [f"# families {' '.join(map(str, self.families))}"]
        for menu in self._menus():
            lines.append(menu)
            # Lists may hold thousands of addresses that rules put there.
            table = tables.get(menu) or Table(menu, self._print(menu, "?dynamic=false"))
            lines += table.lines()
        if "in-interface-list=" in "".join(lines):
            lines += self._interface_lists()
        return "\n".join(lines) + "\n"

    def _interface_lists(self) -> Iterator[str]:
        yield f"/{LISTED}"
        for row in static(self._print(f"/{LISTED}")):
            others = [(key, row[key]) for key in ("exclude", "include") if row.get(key)]
            if others:
                yield " ".join(("add", *_words((*others, ("name", row["name"])))))
        yield f"/{MEMBERS}"
        for row in self._print(f"/{MEMBERS}"):
            if row.get("disabled") not in ("true", True):
                yield " ".join(("add", *_words((key, row[key]) for key in ("interface", "list"))))

    def opening(self, names: Sequence[str]) -> tuple[Row, ...]:
        """Return who is let in for good by being on one of these lists of ours."""
        if not names:
            return ()
        asked = lists.query(names, "?dynamic=false")
        menus = [menu for menu in self._menus() if menu in LISTS]
        rows = [row for menu in menus for row in api_rows(menu, self._print(menu, *asked))]
        return tuple(lists.opening(rows))

    def marks(self) -> set[str]:
        """Return the marks on our jumps that are turned on."""
        rows: list[Row] = []
        for menu in self._menus():
            if menu.endswith((" filter", " raw")):
                rows += api_rows(menu, self._print(menu, "?action=jump", "?comment"))
        return {row.mark for row in rows if row.jump and not row.off} - {""}

    def id(self, row: Row) -> list[str]:
        """Return the router's names for a row of ours that is on."""
        return self.ids.get((row.menu, row.get("comment")), [])

    def _menus(self, *, lists: bool = True) -> Iterator[Menu]:
        listed = (menu for menu in MENUS if lists or menu not in LISTS)
        return (menu for menu in listed if 6 in self.families or not menu.startswith("/ipv6"))

    def _print(self, menu: str, *words: str) -> Reply:
        return self._session.ask(f"{path(menu)}/print", *words)


def _words(pairs: Iterable[tuple[str, object]]) -> Iterator[str]:
    return (f"{key}={syntax.quoted(str(value))}" for key, value in pairs)
