"""What an address is to the device."""

from ipaddress import ip_address

import pytest

from knockctl.lab.plane.local import Local
from tests.fixtures.frames import DEVICE, seen, udp


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (DEVICE[4], "LOCAL"),
        (DEVICE[6], "LOCAL"),
        ("fe80::1", "LOCAL"),
        ("198.51.100.255", "BROADCAST"),
        ("255.255.255.255", "BROADCAST"),
        ("224.0.0.1", "MULTICAST"),
        ("ff02::1", "MULTICAST"),
        ("198.51.100.99", "UNICAST"),
    ],
)
def test_a_packet_is_told_what_its_destination_is(address, kind):
    local = Local([ip_address(own) for own in DEVICE.values()], ["198.51.100.0/24"])
    packet = seen(udp(), 6 if ":" in address else 4, target=address)
    assert local.addressed(packet).packet.destination_type == kind
