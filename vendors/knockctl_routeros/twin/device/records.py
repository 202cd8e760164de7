"""What a router notes while it runs: its log, who is in, what ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from knockctl_routeros.twin.device.requests import Actor


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the router's log."""

    when: float
    topics: str
    message: str


@dataclass(frozen=True, slots=True)
class Login:
    """A session; ``close`` cuts it."""

    actor: Actor
    address: str
    via: str
    since: float
    close: Callable[[], None]


@dataclass(slots=True)
class Run:
    """How often a script or job has run, and when last."""

    count: int = 0
    last: float = 0.0
