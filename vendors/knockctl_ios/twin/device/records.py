"""What a device notes while it runs: who is in, what is open, what ran, what was counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Login:
    """A session on a line; ``close`` cuts it, ``show`` gives it a log line."""

    user: str
    address: str
    port: int
    line: int
    since: float
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Connection:
    """A TCP connection that ends on the device; addresses as ``192.0.2.1.22``."""

    local: str
    remote: str
    state: str
    close: Callable[[], None]


@dataclass(slots=True)
class Run:
    """One run of an EEM policy, for the history."""

    job: int
    status: str
    when: float
    event: str
    name: str


@dataclass(slots=True)
class Counters:
    """What the data plane has counted, by the lines' own numbers (``Node.id``)."""

    packets: dict[int, int] = field(default_factory=dict)
    bytes: dict[int, int] = field(default_factory=dict)

    def add(self, line: int, size: int = 0) -> None:
        """Count a packet."""
        self.packets[line] = self.packets.get(line, 0) + 1
        self.bytes[line] = self.bytes.get(line, 0) + size
