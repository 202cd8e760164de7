"""The conformance cases against the real kernel: each packet delivered to the host, or not."""

import os
import select
import socket
import struct
import time
from ipaddress import ip_address

import pytest

from tests.fixtures.conformance import cases
from tests.fixtures.world import World, checksum, inside, sh

pytestmark = pytest.mark.lab

CASES = cases()
MARKER = {4: "198.18.77.77", 6: "2001:db8:7::77"}
# A table without a line for a chain keeps that chain's policy, in the legacy back end.
EMPTY = """\
*raw
:PREROUTING ACCEPT [0:0]
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
COMMIT
*nat
COMMIT
*filter
:INPUT ACCEPT [0:0]
COMMIT
"""
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}


class Gate:
    """A world whose gate tells what its own stack received."""

    def __init__(self):
        self.world = World().__enter__()
        self.ears = {}
        with inside(self.world.gate):
            for family, kind in ((4, socket.AF_INET), (6, socket.AF_INET6)):
                for name in ("tcp", "udp", "icmp" if family == 4 else "icmpv6"):
                    ear = socket.socket(kind, socket.SOCK_RAW, NUMBERS[name])
                    ear.settimeout(0)
                    self.ears[ear] = family, name
        self.markers = 0

    def load(self, case):
        world = self.world
        for family in (4, 6):
            sh(world.tool(family, "restore"), EMPTY)
        sh(f"ip netns exec {world.gate} ipset destroy")
        if case.sets:
            sh(f"ip netns exec {world.gate} ipset restore", case.sets)
        restore = world.tool(case.family, "restore")
        sh(restore, case.rules)
        marker = f"-I INPUT 1 -s {MARKER[case.family]} -p udp -m udp --dport 7 -j ACCEPT"
        sh(f"{restore} --noflush", f"*filter\n{marker}\nCOMMIT\n")

    def delivered(self, packet):
        """Send a packet, and behind it one that always arrives; tell whether the first did."""
        self._send(packet)
        self.markers += 1
        sport = 1024 + self.markers % 60000
        self.world.send(MARKER[packet.family], "udp", 7, sport)
        arrived, until = False, time.monotonic() + 2
        while time.monotonic() < until:
            # What came before the marker is in its socket when the marker is: look there first.
            ready = select.select([*self.ears], [], [], 0.5)[0]
            for ear in sorted(ready, key=lambda ear: self.ears[ear][1] == "udp"):
                family, name = self.ears[ear]
                data = ear.recv(4096)
                body = data[(data[0] & 15) * 4 :] if family == 4 else data
                if name in ("icmp", "icmpv6"):
                    arrived = arrived or (packet.protocol == name and body[0] in (8, 128))
                    continue
                source, port = struct.unpack("!HH", body[:4])
                if (name, source, port) == ("udp", sport, 7):
                    return arrived
                # A redirected packet arrives at another port than it was sent to.
                arrived = arrived or (name, source) == (packet.protocol, packet.source_port)
        raise AssertionError("the marker behind a packet did not arrive")

    def _send(self, packet):
        if packet.protocol in ("tcp", "udp"):
            self.world.send(
                str(packet.source),
                packet.protocol,
                packet.port,
                packet.source_port,
                packet.flags,
                packet.payload,
            )
            return
        echo = struct.pack("!HHHH", packet.icmp, 0, 7, 1)
        if packet.family == 6:
            target = self.world.target6
            pseudo = packet.source.packed + target.packed + struct.pack("!IHBB", 8, 0, 0, 58)
            echo = echo[:2] + struct.pack("!H", checksum(pseudo + echo)) + echo[4:]
        else:
            echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
        self.world.send_ip(ip_address(packet.source), NUMBERS[packet.protocol], echo)


@pytest.fixture(scope="module")
def gate():
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = Gate()
    yield made
    for ear in made.ears:
        ear.close()
    made.world.__exit__()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_kernel_does_what_the_documentation_says(gate, case):
    gate.load(case)
    begun, found = time.monotonic(), []
    for sent in case.packets:
        time.sleep(max(0.0, begun + sent.at - time.monotonic()))
        found.append("accept" if gate.delivered(sent.packet) else "refuse")
    assert found == [sent.verdict for sent in case.packets], case.fact
