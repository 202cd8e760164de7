"""What a router prints as an export, and what our own config prints, to a config."""

from __future__ import annotations

from collections.abc import Iterable

from knockctl_routeros.config.export import parse_export
from knockctl_routeros.config.records import OFF, Menu, RouterConfig, Row, own


def parse_text(text: str) -> RouterConfig:
    """Read back what ``RouterConfig.text`` prints, or take what is ours from an ``/export``."""
    return config_of(text, parse_export(text))


def config_of(text: str, rows: Iterable[Row]) -> RouterConfig:
    """Return what is ours of the rows that were read from a text."""
    found = own(rows)
    first = text.partition("\n")[0].rstrip()
    return found.marked(first.removeprefix(OFF)) if first.startswith(OFF) else found


def by_menu(rows: Iterable[Row]) -> dict[Menu, tuple[Row, ...]]:
    """Sort rows, such as those of an export, by their menus, as ``read`` takes them."""
    found: dict[Menu, list[Row]] = {}
    for row in rows:
        found.setdefault(row.menu, []).append(row)
    return {menu: tuple(members) for menu, members in found.items()}
