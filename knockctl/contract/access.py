"""Who is in, as the device remembers it, and operating that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from knockctl.contract.placement import Address, Network


@dataclass(frozen=True, slots=True)
class Access:
    """One source that a policy on a device remembers."""

    policy: str
    source: Network
    state: Literal["granted", "knocking", "locked"]
    seconds_left: int | None
    """None: until somebody ends it."""


class AccessControl(Protocol):
    """Who is in, and operating that: what a driver's method ``access`` returns, where it has one.

    Every method raises only ``DeviceError``.

    The device's rules are not changed: what is written here runs out like what knocks write.
    """

    def sources(self) -> tuple[Access, ...]:
        """List everybody a policy remembers."""

    def admit(self, source: Address, policy: str, seconds: int) -> None:
        """Let a source in as if it had knocked, for so long from now."""

    def expel(self, source: Address, policy: str | None = None, *, keep_sessions: bool) -> int:
        """End grants and attempts, and open sessions to the services; return how many of those.

        None: of every policy.
        """

    def unlock(self, source: Address, policy: str | None = None) -> bool:
        """End a lock-out; tell whether there was one."""
