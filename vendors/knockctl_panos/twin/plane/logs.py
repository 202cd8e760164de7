"""Traffic logs: one for each packet that a rule drops, one or two for each session.

A rule that refuses logs at once; the subtype is ``drop`` whatever the action, as no application is
known yet, the session 0, the application ``not-applicable`` (fact sheet 2.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from knockctl.automaton.packet import WirePacket

Subtype = Literal["drop", "start", "end"]
Fields = dict[str, str]
_ALIKE = ("src", "dst", "app", "subtype", "rule")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a log says beside the packet: the rule, and where the packet came from and went."""

    rule: str
    action: str
    zones: tuple[str, str]
    vsys: str
    interface: str
    profile: str = ""


def entry(
    packet: WirePacket, where: Circumstances, subtype: Subtype, session: int = 0, end: str = ""
) -> Fields:
    """Return a traffic log's fields; ``end`` says why a session ended."""
    refused = subtype == "drop"
    return {
        "type": "TRAFFIC",
        "subtype": subtype,
        "src": str(packet.source),
        "dst": str(packet.destination),
        "rule": where.rule,
        "app": "not-applicable" if refused else "incomplete",
        "vsys": where.vsys,
        "from": where.zones[0],
        "to": where.zones[1],
        "inbound_if": where.interface,
        "logset": where.profile,
        "sessionid": str(session),
        "repeatcnt": "1",
        "sport": str(packet.source_port),
        "dport": str(packet.port),
        "proto": packet.protocol,
        "action": where.action,
        "session_end_reason": end or ("policy-deny" if refused else ""),
    }


class Aggregation:
    """Makes one of logs that are alike and come within so many seconds."""

    def __init__(self, seconds: float) -> None:
        """Let a window last so long; 0: every log is one of its own."""
        self.seconds = seconds
        self._open: dict[tuple[str, ...], tuple[float, Fields]] = {}

    def absorbs(self, log: Fields, now: float) -> bool:
        """Tell whether a log is only counted, in the one that came first."""
        begun, first = self._open.get(_alike(log), (0.0, log))
        if first is log or now - begun >= self.seconds:
            return False
        first["repeatcnt"] = str(int(first["repeatcnt"]) + 1)
        return True

    def opened(self, log: Fields, now: float) -> None:
        """Let a log that was written count those like it from now on."""
        self._open = {k: v for k, v in self._open.items() if now - v[0] < self.seconds}
        if self.seconds:
            self._open[_alike(log)] = now, log


def _alike(log: Fields) -> tuple[str, ...]:
    return tuple(log[name] for name in _ALIKE)
