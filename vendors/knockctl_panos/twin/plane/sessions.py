"""The session table: the flows that a rule let in, as the management plane shows and ends them.

Times are PAN-OS' defaults (``Session Timeouts``). They are not in the fact sheet, so an
assumption: no verdict on a first packet depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

from knockctl.automaton.packet import Flow, WirePacket
from knockctl.lab.clock import Clock
from knockctl.lab.plane.frames import Seen
from knockctl.lab.plane.tracker import Connection, Tracker
from knockctl_panos.twin.device.sessions import Session

TIMES = {
    "syn-sent": 5,
    "syn-received": 10,
    "established": 3600,
    "fin-wait": 120,
    "time-wait": 15,
    "close": 15,
    "udp": 30,
    "udp-stream": 30,
    "icmp": 6,
    "icmpv6": 6,
    "generic": 30,
}
NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
_CLOSED = {"time-wait": "tcp-fin", "close": "tcp-rst-from-server"}
Ended = Callable[[Connection, str], None]


class Table:
    """Satisfies ``knockctl_panos.twin.device.sessions.Sessions``.

    What the firewall itself began has no rule; it is tracked, and not shown.
    """

    def __init__(self, clock: Clock, zones: Mapping[str, str]) -> None:
        """Know no session; ``zones`` are those of interfaces, the outside's first."""
        self.clock = clock
        self.zones = zones
        self.ended: Ended = lambda _, __: None
        """Called with a session that is over, and why."""
        self._tracker = Tracker(TIMES, loose=False)
        self._open: dict[int, Connection] = {}

    def admit_middles(self, *, admit: bool) -> None:
        """Let TCP that begins in the middle be judged by rules, or drop it."""
        self._tracker.loose = admit

    def flow(self, seen: Seen) -> Flow:
        """Return what the flow of an incoming packet is."""
        return self._tracker.flow(seen, self.clock.now())

    def take(self, seen: Seen) -> None:
        """Note a packet of a session, or one that the firewall itself sends."""
        self._tracker.accepted(seen, self.clock.now())

    def begin(self, seen: Seen, rule: str) -> Connection | None:
        """Begin the session of a packet that a rule let in; None for one that begins none."""
        found = self._tracker.accepted(seen, self.clock.now(), rule)
        if found is not None:
            self._open[found.number] = found
            self._watch(found)
        return found

    def _watch(self, flow: Connection) -> None:
        """Look again when the session will be over, if nothing comes any more."""
        self.clock.call_at(flow.deadline, partial(self._look, flow))

    def _look(self, flow: Connection) -> None:
        if flow.number in self._open:
            if flow.deadline > self.clock.now():
                self._watch(flow)
            else:
                self._end(flow, _CLOSED.get(flow.state, "aged-out"))

    def _end(self, flow: Connection, why: str) -> None:
        del self._open[flow.number]
        self._tracker.forget(flow.number)
        self.ended(flow, why)

    def listed(self) -> list[Session]:
        """Return all there are."""
        return [self._session(flow) for flow in self._open.values()]

    def _session(self, flow: Connection) -> Session:
        protocol, source, source_port, destination, port = flow.key
        return Session(
            number=flow.number,
            source=str(source),
            destination=str(destination),
            protocol=NUMBERS.get(protocol) or int(protocol),
            source_port=source_port,
            destination_port=port,
            application="incomplete",
            rule=flow.by,
            zone=self.zones[flow.interface],
            to_zone=next(iter(self.zones.values())),
            began=flow.since,
        )

    def clear(self, numbers: Collection[int]) -> None:
        """End some."""
        for number in numbers:
            if number in self._open:
                self._end(self._open[number], "unknown")

    def forget(self) -> None:
        """Lose all of it, unsaid: a restart."""
        self._open.clear()
        self._tracker.clear()

    def rematch(self, allowed: Callable[[WirePacket], bool]) -> None:
        """End the sessions whose first packet would not be let in now."""
        for flow in list(self._open.values()):
            if not allowed(first(flow)):
                self._end(flow, "policy-deny")


def first(flow: Connection) -> WirePacket:
    """Return a session's first packet, as far as rules look at it."""
    protocol, source, source_port, destination, port = flow.key
    return WirePacket(source, destination, protocol, port, source_port, interface=flow.interface)
