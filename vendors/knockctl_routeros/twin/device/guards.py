"""What a user may not do although the words are right: policies, device-mode, built-in rows."""

from __future__ import annotations

from collections.abc import Mapping

from knockctl_routeros.twin.device.machine import Machine
from knockctl_routeros.twin.device.menu import Menu
from knockctl_routeros.twin.device.requests import Actor
from knockctl_routeros.twin.device.store import Item
from knockctl_routeros.twin.device.traps import failure

JOBS = ("/system/scheduler", "/system/script")


def permit(router: Machine, actor: Actor, menu: Menu, verb: str, words: Mapping[str, str]) -> None:
    """Refuse a change that the actor, or this router's mode, may not make.

    Raises:
        Trap: with the router's reason.
    """
    actor.needs(menu.policy)
    if menu.path in JOBS:
        if verb in ("add", "set") and words.get("policy"):
            actor.needs(*words["policy"].split(","))
        if verb == "add":
            _permit_mode(router, menu.path)


def _permit_mode(router: Machine, path: str) -> None:
    forbidden = path.rpartition("/")[2] in router.switches.forbidden
    if forbidden and router.switches.since(7):
        raise failure("not allowed by device-mode")


def movable(router: Machine, menu: Menu, item: Item, verb: str) -> None:
    """Refuse what can't be done to this very row.

    Raises:
        Trap: the row is built in, or made by the router itself.
    """
    if item.builtin:
        raise failure(f"can not {verb} builtin item")
    if item.dynamic and not router.switches.dynamic_removable and menu.kept:
        raise failure(f"can not {verb} dynamic item")
