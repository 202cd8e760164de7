"""The lab's MikroTik router: its API on one wire, real packets on both.

Whatever comes in by either wire is judged by the rules the router has at that moment, the
operator's own packets included: who locks himself out, is out.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from dataclasses import dataclass, field
from ipaddress import ip_address

from knockctl.errors import KnockctlError
from knockctl.lab import authority, listen, passwords
from knockctl.lab.plan import Place
from knockctl.lab.plane import services, wires
from knockctl.lab.plane.control import Control
from knockctl.lab.plane.local import Local
from knockctl.lab.plane.ports import Port
from knockctl.lab.plane.tracker import Tracker
from knockctl.ports import Span
from knockctl_routeros.twin.device import Router, Server, Switches
from knockctl_routeros.twin.device.switches import ALL_POLICIES
from knockctl_routeros.twin.plane.connections import PATHS, TIMES, Connections
from knockctl_routeros.twin.plane.control import control
from knockctl_routeros.twin.plane.judge import Judge

VERSION = "KNOCKCTL_LAB_ROUTEROS_VERSION"
"""Names the environment's word for the version to be; ``control`` changes it later."""
SERVICES = "tcp/80,tcp/443,tcp/8080,tcp/8291,udp/443,udp/4501,udp/5353"
BANNER = b"SSH-2.0-ROSSSH\r\n"
NETWORKS = ("192.0.2.0/24", "198.51.100.0/24")
_LIMITED = ",".join(word for word in ALL_POLICIES if word not in ("policy", "test"))


class LabRouter(Router):
    """A router whose menu of connections shows what its wires have seen."""

    def __init__(self, switches: Switches, tracker: Tracker) -> None:
        """Make it, not yet on any wire."""
        super().__init__(switches)
        self.tracker = tracker
        for path in PATHS:
            self._tables[path] = Connections(path, tracker, self.clock.now)
        self.watchers.append(self._power)

    def _power(self) -> None:
        if not self.powered:
            self.tracker.clear()


@dataclass(frozen=True, slots=True)
class MikrotikRouter:
    """Satisfies ``knockctl.lab.places.Twin``."""

    last: int = 12
    needs: dict[str, str] = field(default_factory=lambda: {"ip": "iproute2"})
    snapshot: str = f"{sys.executable} -m knockctl.lab.plane.export mikrotik1"

    def run(self, place: Place) -> None:
        """Take the wires, open the API and the listeners, then judge what comes."""
        try:
            asyncio.run(_live(place))
        except (KnockctlError, OSError) as error:
            raise SystemExit(f"{place.name}: {error}") from error


MIKROTIK1 = MikrotikRouter()


async def _live(place: Place) -> None:
    tracker = Tracker(TIMES)
    router = LabRouter(_switches(place), tracker)
    local = Local([ip_address(a) for a in _addresses(place)], NETWORKS)
    judge = Judge(router, tracker, local)
    router.on_change = judge.changed
    outside = [f"{place.outside}/24", f"{place.outside6}/64"]
    taken = [
        wires.take("out0", "ether1", outside),
        wires.take("mgmt0", "ether2", [f"{place.management}/24"]),
    ]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for wire in taken:
        Port(wire, judge).attach(asyncio.get_running_loop())
    await asyncio.gather(_serve(place, router, control(router, tracker)), _ready(place))


def _addresses(place: Place) -> list[str]:
    return [place.management, place.outside, place.outside6]


def _switches(place: Place) -> Switches:
    words = passwords.of(place.state.parent, ("admin", "ops", "guest"))
    groups = {"admin": "full", "ops": "ops", "guest": "read"}
    return Switches(
        version=os.environ.get(VERSION) or Switches.version,
        identity=place.name,
        addresses=(
            (f"{place.outside}/24", "ether1"),
            (f"{place.outside6}/64", "ether1"),
            (f"{place.management}/24", "ether2"),
        ),
        users=tuple((name, word, groups[name]) for name, word in words.items()),
        groups=(("ops", _LIMITED),),
    )


async def _serve(place: Place, router: Router, obeys: Control) -> None:
    """Serve the API on all addresses, as a router does, and everything else; never ends."""
    folder = place.state.parent
    certificate, key = authority.certify(folder, place.state, place.name, _addresses(place))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    talks = services.terminal(_addresses(place), BANNER)
    kept = [await obeys.listen(place.state), await talks]
    server = Server(router, "", tls=tls)
    await server.start()
    try:
        spans = [Span.parse(text) for text in SERVICES.split(",")]
        await listen.serve(spans, _addresses(place))
    finally:
        await server.stop()
        for one in kept:
            one.close()


async def _ready(place: Place) -> None:
    """Wait until everything answers, then say so."""
    await services.answering(_addresses(place), (8728, 8729, 22, 8291))
    (place.state / "ready").touch()
