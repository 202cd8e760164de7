"""A command: who gives it, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field

from knockctl_routeros.twin.device.process import Process
from knockctl_routeros.twin.device.switches import ALL_POLICIES
from knockctl_routeros.twin.device.traps import not_permitted


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


@dataclass(frozen=True, slots=True)
class Request:
    """One command: its menu, its verb, its words, its queries with their ``?``."""

    path: str
    verb: str
    args: dict[str, str] = field(default_factory=dict)
    queries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes back before, and with, ``!done``."""

    rows: list[dict[str, str]] = field(default_factory=list)
    ret: str | None = None
    process: Process | None = None
    """A script that has been started: the answer is complete when it ends."""
    asked_rows: bool = False
    """Rows were asked for: none at all may be worth a word."""
