"""What a user may not do although the words are right: policies, device-mode, built-in rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from knockctl_routeros.twin.device.menu import Menu
from knockctl_routeros.twin.device.store import Item
from knockctl_routeros.twin.device.switches import ALL_POLICIES
from knockctl_routeros.twin.device.traps import failure, not_permitted

if TYPE_CHECKING:
    from knockctl_routeros.twin.device.router import Router

JOBS = ("/system/scheduler", "/system/script")


@dataclass(frozen=True)
class Actor:
    """Who gives a command, and with which rights; ``session`` is what safe mode is tied to."""

    name: str
    policies: frozenset[str] = frozenset(ALL_POLICIES)
    session: object = field(default_factory=object)

    def needs(self, *policies: str) -> None:
        """Refuse who lacks one of the policies.

        Raises:
            Trap: ``not enough permissions (9)``.
        """
        if not self.policies.issuperset(policies):
            raise not_permitted()


def permit(router: Router, actor: Actor, menu: Menu, verb: str, words: Mapping[str, str]) -> None:
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


def _permit_mode(router: Router, path: str) -> None:
    forbidden = path.rpartition("/")[2] in router.switches.forbidden
    if forbidden and router.switches.since(7):
        raise failure("not allowed by device-mode")


def movable(router: Router, menu: Menu, item: Item, verb: str) -> None:
    """Refuse what can't be done to this very row.

    Raises:
        Trap: the row is built in, or made by the router itself.
    """
    if item.builtin:
        raise failure(f"can not {verb} builtin item")
    if item.dynamic and not router.switches.dynamic_removable and menu.kept:
        raise failure(f"can not {verb} dynamic item")
