"""The text of ``/export``: what differs from the defaults, as commands that would make it."""

from __future__ import annotations

import re

from knockctl_routeros.twin.device.machine import Machine
from knockctl_routeros.twin.device.menu import Menu
from knockctl_routeros.twin.device.store import Item

WIDTH = 80
INDENT = "    "
PLAIN = re.compile(r"[\w.:,/*!@+-]+")
PIECE = re.compile(r"\\..?|.", re.DOTALL)
TRUTH = {"true": "yes", "false": "no"}
LEFT_OUT = ("/user", "/user/group", "/ip/service", "/interface")
NOT_PRINTED = frozenset({"owner", "default-name"})


def exported(router: Machine, path: str, *, sensitive: bool | None) -> str:
    """Return the configuration of a menu and those below it as text."""
    shows = sensitive if sensitive is not None else not router.switches.since(7)
    when = router.stamp(router.clock.now())
    lines = [f"# {when} by RouterOS {router.switches.version}", "# software id = KNCK-CTL0", "#"]
    for menu in router.menus.values():
        within = not path or menu.path == path or menu.path.startswith(f"{path}/")
        if within and menu.kept and menu.path not in LEFT_OUT and router.menu(menu.path):
            lines += _menu(router, menu, shows=shows)
    return "\n".join(lines) + "\n"


def _menu(router: Machine, menu: Menu, *, shows: bool) -> list[str]:
    items = [item for item in router.table(menu.path).items if not (item.dynamic or item.builtin)]
    verb = "set" if menu.single else "add"
    lines = [_line(verb, menu, item, shows=shows) for item in items]
    lines = [line for line in lines if not (menu.single and line == verb)]
    return [menu.path.replace("/", " ").replace(" ", "/", 1), *lines] if lines else []


def _line(verb: str, menu: Menu, item: Item, *, shows: bool) -> str:
    words = [verb]
    for name in sorted(item.words):
        value = item.words[name]
        default = menu.defaults.get(name, "") == value and name not in menu.exported
        hidden = name in menu.hidden or (name in menu.sensitive and not shows)
        if not default and not hidden and name not in NOT_PRINTED:
            words.append(f"{name}={quoted(menu, name, value)}")
    return wrapped(words)


def quoted(menu: Menu, name: str, value: str) -> str:
    """Return a value as an export prints it: yes and no, quotes where they are needed."""
    is_truth = menu.words[name].__name__ == "boolean" if name in menu.words else False
    if is_truth:
        return TRUTH.get(value, value)
    if PLAIN.fullmatch(value):
        return value
    escaped = re.sub(r'(["\\$?])', r"\\\1", value)
    return '"' + escaped.replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t") + '"'


def wrapped(words: list[str]) -> str:
    """Join words into lines of a terminal's width; a long word is cut, even inside quotes."""
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + len(word) + 1 < WIDTH - 1:
            line += f" {word}"
            continue
        lines.append(f"{line} ")
        line = INDENT
        for piece in PIECE.findall(word):
            if len(line) >= WIDTH - 4 and piece != " ":
                lines.append(line)
                line = INDENT
            line += piece
    return "\\\n".join([*lines, line])
