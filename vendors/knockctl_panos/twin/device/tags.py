"""Addresses registered with tags: what dynamic address groups are made of, and its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Literal

from knockctl_panos.twin.device.clock import Clock
from knockctl_panos.twin.device.refusals import INVALID_OBJECT, Refusal

LONGEST = 2_592_000
"""Seconds for which a tag can be registered: 30 days, as in the 43,200 minutes of an action."""
MOST = 32
"""Tags on one address."""
ACTION = "log-forwarding"
"""What registers by a built-in action."""
Event = Literal["register", "unregister"]


@dataclass(frozen=True)
class Tagged:
    """One tag on one address: until when, None for ever, and whether a reboot leaves it."""

    expires: float | None
    persistent: bool
    agent: str


@dataclass(frozen=True)
class TagEvent:
    """One line of the IP-tag log."""

    when: float
    vsys: str
    ip: str
    tag: str
    event: Event
    timeout: int
    """Seconds; 0 for ever."""
    source: str


@dataclass
class TagStore:
    """All registered addresses of a device, by vsys."""

    clock: Clock
    log: Callable[[TagEvent], None] = lambda _: None
    watchers: list[Callable[[str, str], None]] = field(default_factory=list)
    """Called with vsys and address after each change, an expiry included."""
    refresh: bool = True
    """An action on an address that has the tag gives it the full time again."""
    _held: dict[tuple[str, str], dict[str, Tagged]] = field(default_factory=dict)

    def tags(self, vsys: str, ip: str) -> dict[str, Tagged]:
        """Return an address's tags."""
        return dict(self._held.get((vsys, ip), {}))

    def addresses(self, vsys: str) -> list[str]:
        """Return the addresses that have tags, in the order in which they came."""
        return [ip for where, ip in self._held if where == vsys]

    def tagged(self, vsys: str, tag: str) -> list[str]:
        """Return the addresses that have a tag."""
        return [ip for (where, ip), held in self._held.items() if where == vsys and tag in held]

    def add(
        self,
        vsys: str,
        ip: str,
        tag: str,
        seconds: float = 0,
        *,
        source: str = "XML-API",
        persistent: bool = True,
        refresh: bool = True,
    ) -> bool:
        """Register a tag for so many of the device's seconds, 0 for ever.

        Returns whether that was new; an address that has it gets its time again, or not.

        Raises:
            Refusal: the address has as many tags as there may be.
        """
        held = self._held.setdefault((vsys, ip), {})
        if tag in held and not refresh:
            return False
        if tag not in held and len(held) >= MOST:
            raise Refusal(INVALID_OBJECT, f"{ip}: more than {MOST} tags")
        new = tag not in held
        until = self.clock.now() + seconds if seconds else None
        held[tag] = Tagged(until, persistent, source)
        if until is not None:
            self.clock.call_at(until, lambda: self._expire(vsys, ip, tag))
        self._tell(vsys, ip, tag, "register", int(seconds), source)
        return new

    def remove(self, vsys: str, ip: str, tag: str, *, source: str = "XML-API") -> bool:
        """Unregister a tag; return whether there was one."""
        held = self._held.get((vsys, ip), {})
        if held.pop(tag, None) is None:
            return False
        if not held:
            del self._held[vsys, ip]
        self._tell(vsys, ip, tag, "unregister", 0, source)
        return True

    def apply(
        self,
        vsys: str,
        ip: str,
        action: Literal["add-tag", "remove-tag"],
        tag: str,
        minutes: int = 0,
        *,
        refresh: bool | None = None,
    ) -> bool:
        """Do what a built-in action of a log-forwarding profile says; return whether it changed.

        ``refresh`` None is what the device does.
        """
        again = self.refresh if refresh is None else refresh
        if action == "add-tag":
            return self.add(vsys, ip, tag, minutes * 60, source=ACTION, refresh=again)
        return self.remove(vsys, ip, tag, source=ACTION)

    def reboot(self) -> None:
        """Lose what is not persistent."""
        for (vsys, ip), held in list(self._held.items()):
            kept = {tag: one for tag, one in held.items() if one.persistent}
            self._held[vsys, ip] = kept
            if not kept:
                del self._held[vsys, ip]
            self._watch(vsys, ip)

    def _expire(self, vsys: str, ip: str, tag: str) -> None:
        one = self.tags(vsys, ip).get(tag)
        if one is not None and one.expires is not None and one.expires <= self.clock.now():
            self.remove(vsys, ip, tag, source=one.agent)

    def _tell(self, vsys: str, ip: str, tag: str, event: Event, timeout: int, source: str) -> None:
        self.log(TagEvent(self.clock.now(), vsys, ip, tag, event, timeout, source))
        self._watch(vsys, ip)

    def _watch(self, vsys: str, ip: str) -> None:
        for watcher in self.watchers:
            watcher(vsys, ip)


def registrable(ip: str, *, ranges: bool) -> bool:
    """Tell whether something can be registered: a host, or, where ranges can, those of IPv4."""
    try:
        if "/" in ip:
            return ranges and ip_network(ip, strict=False).version == 4
        ends = [ip_address(part) for part in ip.split("-")]
    except ValueError:
        return False
    return len(ends) == 1 or (ranges and len(ends) == 2 and all(e.version == 4 for e in ends))
