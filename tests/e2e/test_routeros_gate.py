"""RouterOS rows, translated, against what really arrives at the host: also what it never answers.

Nothing is added behind the rows here: as on a router, what falls off ``input`` is accepted.
"""

import os
import socket
from ipaddress import ip_address

import pytest

from knockctl.automaton.packet import WirePacket
from knockctl_routeros.config.export import parse_export
from tests.fixtures.gate import Gate
from tests.fixtures.routeros_duel import load
from tests.fixtures.world import inside

pytestmark = pytest.mark.lab

RST, SYN = 4, 2
FLOOR = "add action=drop chain=input\n"


@pytest.fixture(scope="module", params=["nft", "legacy"])
def gate(request):
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = Gate(request.param)
    yield made
    made.close()


def packet(family, protocol, port=0, **more):
    source, target = ("198.18.9.9", "198.18.0.1") if family == 4 else ("2001:db8:7::9", "::")
    return WirePacket(ip_address(source), ip_address(target), protocol, port, **more)


ECHO = {4: ("icmp", 8), 6: ("icmpv6", 128)}
# What of an echo request's options lets it in.
OPTIONS = {
    "{type}:0": [True, False, False],
    "{type}:0-1": [True, True, False],
    "{type}:0-255": [True, True, True],
    "!{type}:0-1": [False, False, True],
    "{type}:1-2": [False, True, True],
    "!3:0-255": [True, True, True],
}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("options", OPTIONS)
def test_types_and_codes_of_icmp(gate, family, options):
    protocol, kind = ECHO[family]
    words = f"protocol={protocol} icmp-options={options.format(type=kind)}"
    menu = f"/{'ip' if family == 4 else 'ipv6'} firewall filter\n"
    load(gate.world, parse_export(f"{menu}add chain=input {words}\n{FLOOR}"), family)
    sent = [packet(family, protocol, icmp=(kind << 8) + code) for code in (0, 1, 2)]
    assert [gate.delivered(one) for one in sent] == OPTIONS[options]


@pytest.mark.parametrize("chain", ["filter", "raw"])
def test_the_witness_arrives_whatever_the_rows_say(gate, chain):
    hook = "input" if chain == "filter" else "prerouting"
    load(gate.world, parse_export(f"/ip firewall {chain} add action=drop chain={hook}"), 4)
    assert not gate.delivered(packet(4, "udp", 9))


def test_what_falls_off_is_accepted(gate):
    load(gate.world, parse_export("/ip firewall filter add action=return chain=input"), 4)
    assert gate.delivered(packet(4, "tcp", 9))
    assert gate.delivered(packet(4, "udp", 9, source_port=40001))


def test_a_load_leaves_nothing_of_the_one_before(gate):
    rows = f"""\
    /ipv6 firewall filter
    {FLOOR}
    /ip firewall raw
    add action=drop chain=prerouting
    add action=drop chain=output
    """
    load(gate.world, parse_export(rows), 4)
    load(gate.world, parse_export(rows), 6)
    assert not gate.delivered(packet(6, "udp", 9))
    load(gate.world, (), 4)
    assert gate.delivered(packet(4, "udp", 9))
    assert gate.delivered(packet(6, "udp", 9))


def test_a_reset_of_no_connection_is_invalid(gate):
    rows = "add action=drop chain=input connection-state=invalid"
    load(gate.world, parse_export(f"/ip firewall filter {rows}"), 4)
    assert not gate.delivered(packet(4, "tcp", 9, source_port=40002, flags=RST))
    assert gate.delivered(packet(4, "tcp", 9, source_port=40003, flags=SYN))


def test_a_flow_is_established_once_it_is_answered(gate):
    rows = """\
    /ip firewall filter
    add chain=input connection-state=established,related
    add chain=input dst-port=9 limit=1/1h,1 protocol=udp
    add action=drop chain=input
    """
    load(gate.world, parse_export(rows), 4)
    one = packet(4, "udp", 9, source_port=40004)
    assert gate.delivered(one)
    assert not gate.delivered(one)
    with inside(gate.world.gate), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind((str(gate.world.target4), 9))
        service.sendto(b"", (str(one.source), one.source_port))
    assert gate.delivered(one)
