"""How a row is read back: normal forms, defaults, and words that only the router writes."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_interface

from knockctl_routeros.twin.device import times
from knockctl_routeros.twin.device.firewall import ADDING
from knockctl_routeros.twin.device.machine import Machine
from knockctl_routeros.twin.device.menu import Menu
from knockctl_routeros.twin.device.store import Item

Words = dict[str, str]
Shown = dict[str, str | None]
"""None takes a word away."""
REFERENCES = {
    "in-interface": "/interface",
    "out-interface": "/interface",
    "in-interface-list": "/interface/list",
    "out-interface-list": "/interface/list",
    "layer7-protocol": "/ip/firewall/layer7-protocol",
    "interface": "/interface",
    "list": "/interface/list",
}


def truth(value: object) -> str:
    """Print a truth value as replies do."""
    return "true" if value else "false"


def printed(router: Machine, menu: Menu, item: Item) -> Words:
    """Return the words of one row as ``print`` answers them; an id first, where there is one."""
    kept = {name: value for name, value in item.words.items() if name not in menu.hidden}
    extra = next((show for part, show in EXTRA if part(menu.path)), None)
    words: Shown = {} if menu.single else {".id": item.id}
    words |= {name: value for name, value in kept.items() if value or name != "comment"}
    words |= extra(router, menu, item) if extra else {}
    return {name: value for name, value in words.items() if value is not None}


PLAIN = frozenset({"action", "chain", "comment", "list", "name"})
"""Words that are read back in every menu just as they are kept."""


class Row:
    """One row as read back, worked out no sooner than a word is asked for that needs it.

    A script's ``find where comment=…`` looks at every row, and at nothing else of it.
    """

    def __init__(self, router: Machine, menu: Menu, item: Item) -> None:
        """Take the row as it is now."""
        self._router, self._menu, self._item = router, menu, item
        self._words: Words | None = None

    def get(self, name: str, default: str = "") -> str:
        """Return one word's value."""
        if name in PLAIN and name not in self._menu.hidden:
            return self._item.get(name, default)
        if self._words is None:
            self._words = printed(self._router, self._menu, self._item)
        return self._words.get(name, default)


def _rule(router: Machine, menu: Menu, item: Item) -> Words:
    sent, seen = router.counters.get((menu.path, item.number), (0, 0))
    words = {"bytes": str(sent), "packets": str(seen)}
    words |= {"invalid": truth(dangling(router, item)), "dynamic": truth(item.dynamic)}
    adds = item.words["action"] in ADDING
    if adds and router.switches.echo_list_timeout:
        words["address-list-timeout"] = item.get("address-list-timeout", "none-dynamic")
    if not router.switches.since(7):
        words["log-prefix"] = item.get("log-prefix")
    return words


def dangling(router: Machine, item: Item) -> bool:
    """Tell whether a row refers to something that is gone."""
    for word, path in REFERENCES.items():
        name = item.get(word).removeprefix("!")
        if name and name != "all" and name not in router.names(path):
            return True
    return False


def _listed(router: Machine, _: Menu, item: Item) -> Words:
    words = {
        "creation-time": router.stamp(item.created),
        "dynamic": truth(item.dynamic),
    }
    if item.expires is not None:
        words["timeout"] = times.duration(max(1, int(item.expires - router.clock.now() + 0.999)))
    return words


def _interface(router: Machine, _: Menu, item: Item) -> Words:
    up = item.get("disabled") == "false" and router.powered
    return {"type": "ether", "default-name": item.get("default-name"), "running": truth(up)}


def _member(router: Machine, _: Menu, item: Item) -> Words:
    return {"dynamic": truth(item.dynamic), "invalid": truth(dangling(router, item))}


def _address(router: Machine, menu: Menu, item: Item) -> Words:
    words = _member(router, menu, item) | {"actual-interface": item.get("interface")}
    if menu.path == "/ipv6/address":
        local = ip_interface(item.get("address")).is_link_local
        words |= {"link-local": truth(local), "global": truth(not local), "from-pool": ""}
    return words


def _script(router: Machine, _: Menu, item: Item) -> Words:
    run = router.runs.get(("/system/script", item.number))
    words = {"run-count": str(run.count if run else 0), "invalid": "false"}
    return words | ({"last-started": router.stamp(run.last)} if run else {})


def _job(router: Machine, _: Menu, item: Item) -> Words:
    run = router.runs.get(("/system/scheduler", item.number))
    words = {"run-count": str(run.count if run else 0)}
    due = router.scheduler.next_run(item, router.clock.now())
    return words | ({"next-run": router.stamp(due)} if due is not None else {})


def _file(router: Machine, _: Menu, item: Item) -> Shown:
    size = len(item.get("contents").encode(errors="surrogateescape"))
    limit = 61440 if router.switches.since(7) else 4096
    words: Shown = {"type": item.get("type", "script"), "size": str(size)}
    words["creation-time"] = router.stamp(item.created)
    return words | ({} if size <= limit else {"contents": None})


def _made(_: Machine, __: Menu, item: Item) -> Words:
    return {"dynamic": truth(item.dynamic), "builtin": truth(item.builtin)}


def _service(_: Machine, __: Menu, ___: Item) -> Words:
    return {"invalid": "false", "vrf": "main"}


Extra = Callable[[Machine, Menu, Item], Words | Shown]
EXTRA: tuple[tuple[Callable[[str], bool], Extra], ...] = (
    (lambda path: path.endswith(("/filter", "/raw")), _rule),
    (lambda path: path.endswith("/address-list"), _listed),
    (lambda path: path == "/interface", _interface),
    (lambda path: path == "/interface/list", _made),
    (lambda path: path == "/interface/list/member", _member),
    (lambda path: path in ("/ip/address", "/ipv6/address"), _address),
    (lambda path: path == "/ip/service", _service),
    (lambda path: path == "/system/script", _script),
    (lambda path: path == "/system/scheduler", _job),
    (lambda path: path == "/file", _file),
)
