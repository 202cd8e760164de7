"""The lab's Cisco router: SSH on the management wire, real packets through its access lists.

Whatever comes in by either wire meets what the running configuration says of its interface, and
then the control plane.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from knockctl.errors import KnockctlError
from knockctl.lab import listen, passwords
from knockctl.lab.plan import KNOWN_HOSTS, Place
from knockctl.lab.plane import services, wires
from knockctl.lab.plane.local import Local
from knockctl.lab.plane.ports import Port
from knockctl.ports import Span
from knockctl_ios.twin.device import Server, Switches, User
from knockctl_ios.twin.plane.control import control
from knockctl_ios.twin.plane.router import LabRouter
from knockctl_ios.twin.plane.switches import Switches as PlaneSwitches

if TYPE_CHECKING:
    import asyncssh

VERSION = "KNOCKCTL_LAB_IOS_VERSION"
"""Names the environment's word for the version to be."""
SERVICES = "tcp/80,tcp/443,tcp/8080,tcp/8291,udp/443,udp/4501,udp/5353"
BANNER = b"SSH-2.0-Cisco-1.25\r\n"
NETWORKS = ("192.0.2.0/24", "198.51.100.0/24")
OUTSIDE, MANAGEMENT = "GigabitEthernet0/0", "GigabitEthernet0/1"
BASE = f"""\
service sequence-numbers
ip access-list extended outside-in
 deny ip 10.0.0.0 0.255.255.255 any
 permit ip any any
interface {OUTSIDE}
 ip access-group outside-in in
 no ip unreachables
"""
"""What its operator has configured: a list that keeps private sources out, and no answers."""
_LEVELS = {"admin": 15, "ops": 15, "guest": 1}
_INTERFACES = {"outside": OUTSIDE, "inside": MANAGEMENT}


@dataclass(frozen=True, slots=True)
class CiscoRouter:
    """Satisfies ``knockctl.lab.places.Twin``. Clients see it over IPv4 alone."""

    last: int = 14
    needs: dict[str, str] = field(default_factory=lambda: {"ip": "iproute2", "tclsh": "tcl"})
    snapshot: str = f"{sys.executable} -m knockctl.lab.plane.export cisco1"

    def run(self, place: Place) -> None:
        """Take the wires, open SSH and the listeners, then judge what comes."""
        try:
            asyncio.run(_live(place))
        except (KnockctlError, OSError) as error:
            raise SystemExit(f"{place.name}: {error}") from error


CISCO1 = CiscoRouter()


async def _live(place: Place) -> None:
    local = Local([ip_address(a) for a in (place.management, place.outside)], NETWORKS)
    spans = [Span.parse(text) for text in SERVICES.split(",")]
    router = LabRouter(
        _switches(place),
        PlaneSwitches(),
        local,
        interfaces=_INTERFACES,
        base=BASE,
        listening=[span.first for span in spans if span.protocol == "udp"],
    )
    taken = [
        wires.take("out0", "outside", [f"{place.outside}/24"]),
        wires.take("mgmt0", "inside", [f"{place.management}/24"]),
    ]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for wire in taken:
        Port(wire, router.judge).attach(asyncio.get_running_loop())
    await asyncio.gather(_serve(place, router, spans), _ready(place))


def _switches(place: Place) -> Switches:
    words = passwords.of(place.state.parent, tuple(_LEVELS))
    return Switches(
        version=os.environ.get(VERSION) or Switches.version,
        hostname=place.name,
        interfaces=(OUTSIDE, MANAGEMENT),
        addresses=((f"{place.outside}/24", OUTSIDE), (f"{place.management}/24", MANAGEMENT)),
        users=tuple(User(name, word, _LEVELS[name]) for name, word in words.items()),
    )


def _host_key(place: Place) -> asyncssh.SSHKey:
    """Make a key, and let the lab's clients know it."""
    import asyncssh

    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    public = key.export_public_key().decode().split()
    with (place.state.parent / KNOWN_HOSTS.name).open("a") as file:
        file.write(f"{place.management} {public[0]} {public[1]}\n")
    return key


async def _serve(place: Place, router: LabRouter, spans: list[Span]) -> None:
    """Serve SSH on the management wire, and everything else outside; never ends."""
    kept = [
        await control(router).listen(place.state),
        await services.terminal([place.outside], BANNER),
    ]
    server = Server(router.device, place.management, host_keys=[_host_key(place)])
    await server.start()
    try:
        await listen.serve(spans, [place.outside])
    finally:
        await server.stop()
        for one in kept:
            one.close()


async def _ready(place: Place) -> None:
    """Wait until everything answers, then say so."""
    await services.answering([place.management], (22,))
    await services.answering([place.outside], (22, 443, 8291))
    (place.state / "ready").touch()
