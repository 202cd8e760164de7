"""The client: exactly one packet per knock, from one address, seen on the wire."""

import select
import socket
import struct
import time

import pytest

from knockctl.client.check import check
from knockctl.client.send import KnockError, resolve, send
from knockctl.policy.resolved import Knock
from tests.fixtures.world import World, inside, sh

KNOCKS = [Knock("tcp", 1001), Knock("udp", 1002, b"open"), Knock("tcp", 1003)]


@pytest.fixture
def wire():
    """A world whose gate drops everything, and a view of what arrives there."""
    try:
        world = World().__enter__()
    except (AssertionError, FileNotFoundError):
        pytest.skip("network namespaces need root")
    for tool in ("iptables", "ip6tables"):
        sh(f"ip netns exec {world.gate} {tool} -A INPUT -p tcp -j DROP")
        sh(f"ip netns exec {world.gate} {tool} -A INPUT -p udp -j DROP")
    with inside(world.gate):
        view = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        view.bind(("w0", 3))
    yield world, view
    view.close()
    world.__exit__()


def arrived(view, seconds):
    """Return (protocol, port, payload) of what arrives within a time."""
    found = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not select.select([view], [], [], 0.05)[0]:
            continue
        frame, address = view.recvfrom(2048)
        if address[2] == socket.PACKET_OUTGOING:
            continue
        kind, packet = frame[12:14], frame[14:]
        head, number = (20, packet[9]) if kind == b"\x08\x00" else (40, packet[6])
        if kind not in (b"\x08\x00", b"\x86\xdd") or number not in (6, 17):
            continue
        port = struct.unpack("!H", packet[head + 2 : head + 4])[0]
        payload = packet[head + 8 :][:4] if number == 17 else b""
        found.append(("tcp" if number == 6 else "udp", port, payload))
    return found


@pytest.mark.lab
@pytest.mark.parametrize("target", ["198.18.0.1", "2001:db8:7::1"])
def test_exactly_one_packet_for_each_knock(wire, target):
    world, view = wire
    with inside(world.sender):
        send(target, KNOCKS, delay=0.01)
    assert arrived(view, 2.5) == [("tcp", 1001, b""), ("udp", 1002, b"open"), ("tcp", 1003, b"")]


@pytest.mark.lab
def test_knocks_leave_from_the_address_asked_for_and_keep_their_distance(wire):
    world, view = wire
    sh(f"ip -n {world.sender} address add 198.18.0.9/15 dev w0")
    with inside(world.sender):
        begun = time.monotonic()
        send("198.18.0.1", KNOCKS, delay=0.2, source="198.18.0.9")
        assert time.monotonic() - begun >= 0.4
        with pytest.raises(KnockError, match=r"can't send from 198\.18\.9\.9"):
            send("198.18.0.1", KNOCKS, source="198.18.9.9")
        with pytest.raises(KnockError, match="check the route"):
            send("203.0.113.1", KNOCKS)
    assert len(arrived(view, 0.2)) == 3


def test_a_service_that_opens_late_is_seen_soon():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        closed = check("127.0.0.1", port, seconds=1)
        assert (closed.open, closed.attempts >= 2) == (False, True)
        server.listen()
        opened = check("127.0.0.1", port, seconds=2)
        assert (opened.open, opened.attempts) == (True, 1)


def test_names_that_do_not_resolve():
    with pytest.raises(KnockError, match="can't be resolved over IPv6"):
        resolve("127.0.0.1", 6)
    with pytest.raises(KnockError, match="can't be resolved"):
        resolve("no.such.host.invalid")
    with pytest.raises(KnockError, match="not a host name"):
        resolve("a" * 300)
