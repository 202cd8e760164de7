"""The lab's firewall: its XML API on the management port, real packets through its rules.

The management port is none of the data plane's: whatever the rules say, the operator gets in.
On the same wire is an interface in the zone ``trust``: what the operator sends to the outside
addresses, to probe, crosses the data plane from there.
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
from knockctl.lab.plane.local import Local
from knockctl.lab.plane.ports import Port
from knockctl.ports import Span
from knockctl_panos.twin.device import Interface, Server, Switches
from knockctl_panos.twin.plane.control import control
from knockctl_panos.twin.plane.firewall import LabFirewall
from knockctl_panos.twin.plane.switches import Switches as PlaneSwitches

VERSION = "KNOCKCTL_LAB_PANOS_VERSION"
"""Names the environment's word for the version to be."""
SERVICES = "tcp/80,tcp/443,tcp/8080,tcp/8291,udp/443,udp/4501,udp/5353"
"""Outside; GlobalProtect's are tcp/443 and udp/4501."""
BANNER = b"SSH-2.0-PaloAlto\r\n"
NETWORKS = ("192.0.2.0/24", "198.51.100.0/24")
_ROLES = {"admin": "superuser", "ops": "deviceadmin", "guest": "superreader"}
_INTERFACES = {"ethernet1-1": "untrust", "mgmt": "trust"}


@dataclass(frozen=True, slots=True)
class PaloAltoFirewall:
    """Satisfies ``knockctl.lab.places.Twin``."""

    last: int = 13
    needs: dict[str, str] = field(default_factory=lambda: {"ip": "iproute2"})
    snapshot: str = f"{sys.executable} -m knockctl.lab.plane.export paloalto1"

    def run(self, place: Place) -> None:
        """Take the wires, open the API and the listeners, then judge what comes."""
        try:
            asyncio.run(_live(place))
        except (KnockctlError, OSError) as error:
            raise SystemExit(f"{place.name}: {error}") from error


PALOALTO1 = PaloAltoFirewall()


async def _live(place: Place) -> None:
    outside = [place.outside, place.outside6]
    local = Local([ip_address(address) for address in (place.management, *outside)], NETWORKS)
    firewall = LabFirewall(
        _switches(place),
        PlaneSwitches(),
        local,
        zones=_INTERFACES,
        management=ip_address(place.management),
    )
    taken = [
        wires.take("out0", "ethernet1-1", [f"{place.outside}/24", f"{place.outside6}/64"]),
        wires.take("mgmt0", "mgmt", [f"{place.management}/24"]),
    ]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for wire in taken:
        Port(wire, firewall.judge).attach(asyncio.get_running_loop())
    await asyncio.gather(_serve(place, firewall), _ready(place))


def _switches(place: Place) -> Switches:
    words = passwords.of(place.state.parent, tuple(_ROLES))
    return Switches(
        version=os.environ.get(VERSION) or Switches.version,
        hostname=place.name,
        admins=tuple((name, word, _ROLES[name]) for name, word in words.items()),
        zones=("untrust", "trust"),
        address=place.management,
        interfaces=(
            Interface("ethernet1/1", "untrust", f"{place.outside}/24", (f"{place.outside6}/64",)),
            Interface("ethernet1/2", "trust"),
        ),
    )


async def _serve(place: Place, firewall: LabFirewall) -> None:
    """Serve the API on the management port, and everything else; never ends."""
    folder, outside = place.state.parent, [place.outside, place.outside6]
    names = [place.management, *outside]
    certificate, key = authority.certify(folder, place.state, place.name, names)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    kept = [
        await control(firewall).listen(place.state),
        await services.terminal(outside, BANNER),
    ]
    server = Server(firewall.appliance, place.management, port=443, tls=tls)
    await server.start()
    try:
        await listen.serve([Span.parse(text) for text in SERVICES.split(",")], outside)
    finally:
        await server.stop()
        for one in kept:
            one.close()


async def _ready(place: Place) -> None:
    """Wait until everything answers, then say so."""
    await services.answering([place.management], (443,))
    await services.answering([place.outside, place.outside6], (22, 443, 8291))
    (place.state / "ready").touch()
