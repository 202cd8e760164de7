"""Sessions through the data plane, and how often rules were hit: filled in by whatever is one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import markup
from knockctl_panos.twin.device.clock import stamp
from knockctl_panos.twin.device.refusals import INVALID_COMMAND, Refusal

FILTERS: dict[str, Callable[[Session], str]] = {
    "source": lambda s: s.source,
    "destination": lambda s: s.destination,
    "source-port": lambda s: str(s.source_port),
    "destination-port": lambda s: str(s.destination_port),
    "protocol": lambda s: str(s.protocol),
    "application": lambda s: s.application,
    "from": lambda s: s.zone,
    "to": lambda s: s.to_zone,
    "rule": lambda s: s.rule,
}
"""What sessions can be chosen by."""


@dataclass(frozen=True)
class Session:
    """One session."""

    number: int
    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int
    application: str
    rule: str
    zone: str
    to_zone: str
    began: float
    vsys: str = "vsys1"
    state: str = "ACTIVE"
    total_bytes: int = 0

    def printed(self) -> Element:
        """Print it as ``show session all`` does."""
        words = {
            "dst": self.destination,
            "xsource": self.source,
            "source": self.source,
            "xdst": self.destination,
            "xsport": self.source_port,
            "xdport": self.destination_port,
            "sport": self.source_port,
            "dport": self.destination_port,
            "proto": self.protocol,
            "from": self.zone,
            "to": self.to_zone,
            "start-time": stamp(self.began),
            "nat": "none",
            "idx": self.number,
            "total-byte-count": self.total_bytes,
            "state": self.state,
            "type": "FLOW",
            "vsys": self.vsys,
            "application": self.application,
            "security-rule": self.rule,
        }
        entry = markup.make("entry")
        for tag, text in words.items():
            markup.under(entry, tag, str(text))
        return entry


class Sessions(Protocol):
    """Where sessions live."""

    def listed(self) -> Sequence[Session]:
        """Return all there are."""
        ...

    def clear(self, numbers: Collection[int]) -> None:
        """End some."""
        ...


@dataclass
class SessionTable:
    """Sessions without a data plane: whatever is put in."""

    rows: list[Session] = field(default_factory=list)

    def listed(self) -> Sequence[Session]:
        """Return all there are."""
        return list(self.rows)

    def clear(self, numbers: Collection[int]) -> None:
        """Forget some."""
        self.rows = [row for row in self.rows if row.number not in numbers]


@dataclass
class Hits:
    """How often a rule was hit, and when first and last."""

    count: int = 0
    first: float = 0.0
    last: float = 0.0


def chosen(sessions: Sequence[Session], wanted: Element | None) -> list[Session]:
    """Return the sessions that a ``<filter>`` lets through; None lets all.

    Raises:
        Refusal: it asks for what sessions can't be chosen by.
    """
    found = list(sessions)
    for condition in wanted if wanted is not None else ():
        if condition.tag not in FILTERS:
            raise Refusal(INVALID_COMMAND, f"session filter -> {condition.tag} unexpected here")
        read, text = FILTERS[condition.tag], markup.text_of(condition)
        found = [session for session in found if read(session) == text]
    return found
