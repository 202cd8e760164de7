"""From the words of a command to the words of a row, or the trap that refuses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_interface

from knockctl_routeros.twin.device.firewall import ADDING, WITH_PORTS
from knockctl_routeros.twin.device.kinds import Known
from knockctl_routeros.twin.device.menu import Menu
from knockctl_routeros.twin.device.store import Item
from knockctl_routeros.twin.device.traps import ARGUMENT, Trap, failure

PORTS = ("src-port", "dst-port", "port")


def words(known: Known, menu: Menu, args: Mapping[str, str]) -> dict[str, str]:
    """Check each word; one that is to be unset (``!word``, or without a value) comes back empty.

    Raises:
        Trap: a word the menu doesn't have, or a value it doesn't take.
    """
    return {
        name.removeprefix("!"): _value(known, menu, name, value) for name, value in args.items()
    }


def _value(known: Known, menu: Menu, name: str, value: str) -> str:
    kind = menu.words.get(name.removeprefix("!"))
    if kind is None:
        raise Trap(f"unknown parameter {name.removeprefix('!')}", ARGUMENT)
    unset = name.startswith("!") or not value
    return "" if unset else kind(known, name, value)


def row(menu: Menu, changed: Mapping[str, str]) -> dict[str, str]:
    """Check what the words of a whole row mean together, and return those that are kept.

    Raises:
        Trap: a word is missing, or two don't go together.
    """
    kept = {name: value for name, value in changed.items() if value or name in menu.defaults}
    for name, value in menu.defaults.items():
        if not kept.get(name):
            kept[name] = value
    missing = [name for name in menu.needed if not kept.get(name)]
    if missing:
        raise Trap(f"missing value(s) of argument(s) {', '.join(missing)}", ARGUMENT)
    if menu.path.endswith(("/filter", "/raw")):
        return _rule(kept)
    if menu.path == "/ip/address" and "network" not in kept:
        kept["network"] = str(ip_interface(kept["address"]).network.network_address)
    return kept


def _rule(kept: dict[str, str]) -> dict[str, str]:
    protocol = kept.get("protocol", "")
    if any(name in kept for name in PORTS) and protocol not in WITH_PORTS:
        raise failure(f"ports can be specified if proto is {','.join(WITH_PORTS)}")
    if "tcp-flags" in kept and protocol != "tcp":
        raise failure("tcp-flags works only with tcp")
    if "icmp-options" in kept and protocol not in ("icmp", "icmpv6"):
        raise failure("icmp-options can be specified if proto is icmp")
    if kept["action"] not in ADDING:
        kept.pop("address-list-timeout", None)
    return kept


def single(menu: Menu, items: Iterable[Item], new: Mapping[str, str], number: int) -> None:
    """Refuse what only one row may have.

    Raises:
        Trap: another row, not the one of this number, has the same words.
    """
    key = [new.get(name) for name in menu.unique]
    for item in items:
        if key and item.number != number and [item.words.get(n) for n in menu.unique] == key:
            raise failure(_twice(menu))


def _twice(menu: Menu) -> str:
    by_name = menu.path in ("/user", "/user/group")
    return (
        f"{menu.path.rpartition('/')[2]} with the same name already exists"
        if by_name
        else "already have such entry"
    )
