"""The device's logs, and the jobs by which they are read."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import markup
from knockctl_panos.twin.device.clock import Clock, stamp
from knockctl_panos.twin.device.logquery import Malformed, parse
from knockctl_panos.twin.device.refusals import BAD_REQUEST, NO_OBJECT, Refusal
from knockctl_panos.twin.device.tags import TagEvent

TYPES = ("traffic", "iptag", "threat", "config", "system", "auth", "userid", "url", "data")
KEPT = 50_000


@dataclass
class Query:
    """One query: what it asks for, and when it is done."""

    kind: str
    nlogs: int
    skip: int
    wanted: str
    forward: bool
    due: float
    begun: float


@dataclass
class Logs:
    """All logs of a device, newest last."""

    clock: Clock
    serial: str
    job_time: float = 0.0
    _kept: dict[str, deque[dict[str, str]]] = field(default_factory=dict)
    _queries: dict[int, Query] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with empty logs."""
        self._numbers = itertools.count(1)
        self._jobs = itertools.count(1)
        self._kept = {kind: deque(maxlen=KEPT) for kind in TYPES}

    def write(self, kind: str, fields: Mapping[str, str]) -> dict[str, str]:
        """Add a log; what every log says of itself is filled in."""
        now = stamp(self.clock.now())
        log = {
            "domain": "1",
            "receive_time": now,
            "serial": self.serial,
            "seqno": str(next(self._numbers)),
            "type": kind.upper(),
            "time_generated": now,
            "vsys": "vsys1",
            "repeatcnt": "1",
            **fields,
        }
        self._kept[kind].append(log)
        return log

    def tagged(self, event: TagEvent) -> None:
        """Write the line of a registration."""
        self.write(
            "iptag",
            {
                "vsys": event.vsys,
                "ip": event.ip,
                "tag_name": event.tag,
                "event_id": event.event,
                "timeout": str(event.timeout),
                "datasourcename": event.source,
                "datasource_type": "xml-api" if event.source == "XML-API" else "unknown",
                "datasource_subtype": "unknown",
            },
        )

    def entries(self, kind: str) -> list[dict[str, str]]:
        """Return the logs of a kind, oldest first."""
        return list(self._kept[kind])

    def ask(self, parameters: Mapping[str, str]) -> int:
        """Begin a query; return its number.

        Raises:
            Refusal: no such log, or a filter or a number that can't be read.
        """
        kind = parameters.get("log-type", "")
        nlogs, skip = parameters.get("nlogs", "20"), parameters.get("skip", "0")
        if kind not in TYPES:
            raise Refusal(BAD_REQUEST, f'Illegal value for parameter "log-type" [{kind}].')
        if not (nlogs.isdecimal() and 1 <= int(nlogs) <= 5000 and skip.isdecimal()):
            raise Refusal(BAD_REQUEST, f'Illegal value for parameter "nlogs" [{nlogs}].')
        wanted = parameters.get("query", "")
        try:
            parse(wanted)
        except Malformed as error:
            raise Refusal(BAD_REQUEST, f"Invalid log query: {error}") from error
        number, now = next(self._jobs), self.clock.now()
        forward = parameters.get("dir", "backward") == "forward"
        due = now + self.job_time
        self._queries[number] = Query(kind, int(nlogs), int(skip), wanted, forward, due, now)
        return number

    def answer(self, number: str) -> list[Element]:
        """Return what ``<result>`` holds: the job, and the logs once it is done.

        Raises:
            Refusal: no such query.
        """
        query = self._queries.get(int(number)) if number.isdecimal() else None
        if query is None:
            raise Refusal(NO_OBJECT, f"job {number} not found")
        finished = self.clock.now() >= query.due
        job = markup.make("job")
        words = {
            "tenq": stamp(query.begun)[11:],
            "tdeq": stamp(query.begun)[11:],
            "tlast": stamp(query.due)[11:] if finished else "",
            "status": "FIN" if finished else "ACT",
            "id": number,
        }
        for tag, text in words.items():
            markup.under(job, tag, text)
        entries = self._found(query) if finished else []
        attributes = {"count": str(len(entries)), "progress": "100" if finished else "0"}
        logs = markup.make("logs", entries, **attributes)
        return [job, markup.make("log", [logs])]

    def _found(self, query: Query) -> list[Element]:
        wanted = parse(query.wanted)
        chosen = [log for log in self._kept[query.kind] if wanted(log)]
        if not query.forward:
            chosen.reverse()
        entries = []
        for log in chosen[query.skip : query.skip + query.nlogs]:
            entry = markup.make("entry", logid=log["seqno"])
            for tag, text in log.items():
                markup.under(entry, tag, text)
            entries.append(entry)
        return entries
