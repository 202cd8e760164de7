"""The tracked flows as a menu: read when it is printed, forgotten where a row is removed."""

from __future__ import annotations

from collections.abc import Callable

from knockctl.lab.plane.tracker import Connection, Tracker
from knockctl_routeros.twin.device import times
from knockctl_routeros.twin.device.store import Item, Table

TIMES = {
    "syn-sent": 5,
    "syn-received": 5,
    "established": 86_400,
    "fin-wait": 10,
    "time-wait": 10,
    "close": 10,
    "udp": 10,
    "udp-stream": 180,
    "icmp": 10,
    "icmpv6": 10,
    "generic": 600,
}
"""How long flows last without a packet, in seconds: the router's defaults (fact sheet 2.1)."""
PATHS = {"/ip/firewall/connection": 4, "/ipv6/firewall/connection": 6}


class Connections(Table):
    """Stands in for the rows of ``/ip/firewall/connection``, or of IPv6's."""

    def __init__(self, path: str, tracker: Tracker, now: Callable[[], float]) -> None:
        """Show a tracker's flows of one family; ``now`` is the router's time."""
        self._tracker = tracker
        self._now = now
        super().__init__(path)

    @property
    def items(self) -> list[Item]:
        """The flows there are now."""
        now = self._now()
        return [
            Item(flow.number, _words(flow, now), dynamic=True, created=flow.since)
            for flow in self._tracker.live(now)
            if flow.key[1].version == PATHS[self.path]
        ]

    @items.setter
    def items(self, kept: list[Item]) -> None:
        numbers = {item.number for item in kept}
        for item in self.items if hasattr(self, "path") else ():
            if item.number not in numbers:
                self._tracker.forget(item.number)

    def drop(self, number: int) -> None:
        """Forget a flow; raises a trap when there is none."""
        self.index(number)
        self._tracker.forget(number)


def _words(flow: Connection, now: float) -> dict[str, str]:
    """Say of a flow what the router says; undocumented for ports of IPv6: as URLs write them."""
    protocol, source, source_port, destination, port = flow.key
    form = "{}:{}" if source.version == 4 else "[{}]:{}"
    here, there = form.format(source, source_port), form.format(destination, port)
    words = {
        "protocol": protocol,
        "src-address": here,
        "dst-address": there,
        "reply-src-address": there,
        "reply-dst-address": here,
        "timeout": times.duration(max(1, int(flow.deadline - now))),
        "seen-reply": "true" if flow.answered else "false",
        "assured": "true" if flow.state in ("established", "udp-stream") else "false",
        "confirmed": "true",
    }
    return words | ({"tcp-state": flow.state} if flow.tcp and flow.state in TIMES else {})
