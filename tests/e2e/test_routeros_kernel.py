"""RouterOS rows, translated, against the real kernel: what the seed's lines do to real packets."""

import time
from pathlib import Path

import pytest

from knockctl_routeros.config.export import parse_export
from knockctl_routeros.config.records import Row
from tests.fixtures.routeros_duel import RouterDuel
from tests.fixtures.world import nft_and_in_soak_legacy, sh

pytestmark = pytest.mark.lab

SEED = parse_export(
    (Path(__file__).parents[1] / "routeros" / "seed.rsc").read_text(), "/ip firewall filter"
)
ESTABLISHED = parse_export(
    "/ip firewall filter add chain=input connection-state=established,related"
)
GUARD = parse_export("/ip firewall filter add action=drop chain=input in-interface-list=WAN")
WAN = {"WAN": ["w0"]}


def enabled(row):
    return Row.of(row.menu, {key: word for key, word in row.words if key != "disabled"})


def top(row):
    """The manual places this one at the very top."""
    return row.get("action") == "drop"


HARDENED = sorted(map(enabled, SEED), key=top, reverse=True)
FULL = [*HARDENED[:1], *ESTABLISHED, *HARDENED[1:], *GUARD]


class Client:
    """Somebody outside, at an address of his own, with a port of its own for each packet."""

    def __init__(self, duel, source="198.18.3.3"):
        self.duel, self.source, self.sport = duel, source, 20000

    def knock(self, *ports):
        for port in ports:
            self.sport += 1
            verdict = self.duel.verdict(self.source, "tcp", port, self.sport)
        return verdict

    def open(self, port=2222):
        return self.knock(port) == "accept"


@pytest.fixture
def client(world):
    duel = RouterDuel(world, FULL, 4, WAN, faster=10)
    duel.prepare()
    return Client(duel)


def test_without_knocks_it_is_closed(client):
    assert not client.open()


def test_the_right_order_opens_everything(client):
    client.knock(888, 555, 222)
    assert client.open()
    assert client.open(22)


def test_a_wrong_order_opens_nothing_and_does_no_harm(client):
    client.knock(555, 888, 222)
    assert not client.open()
    client.knock(888, 555, 222)
    assert client.open()


def test_knocks_too_far_apart_open_nothing(client):
    client.knock(888)
    time.sleep(3.3)
    client.knock(555, 222)
    assert not client.open()


@nft_and_in_soak_legacy
def test_knocks_may_be_as_far_apart_as_the_timeout(client):
    for port in (888, 555, 222):
        client.knock(port)
        time.sleep(2.5)
    assert client.open()


def test_a_wrong_port_between_does_no_harm(client):
    client.knock(888, 777, 555, 777, 222)
    assert client.open()


def test_a_bad_port_locks_out(client):
    client.knock(666, 888, 555, 222)
    assert not client.open()


@nft_and_in_soak_legacy
def test_a_slow_port_locks_out_for_a_while(client):
    client.knock(22, 888, 555, 222)
    assert not client.open()
    time.sleep(6.2)
    client.knock(888, 555, 222)
    assert client.open()


PROBED = sorted({*range(1, 1001, 37), 21, 22, 23, 222, 555, 666, 777, 888})


def test_an_ascending_scan_is_locked_out(client):
    client.knock(*PROBED)
    assert not client.open()


def test_without_bad_ports_a_descending_scan_opens_the_door(client):
    client.knock(*(port for port in reversed(PROBED) if port not in {21, 22, 23, 666}))
    assert client.open()


def test_with_them_it_is_locked_out(client):
    client.knock(*reversed(PROBED))
    assert not client.open()
    gate = client.duel.world.gate
    assert client.source in sh(f"ip netns exec {gate} ipset list al4_blacklist")
    assert client.source not in sh(f"ip netns exec {gate} ipset list al4_secured")


def test_a_knock_again_begins_its_time_anew(client):
    client.knock(888)
    time.sleep(2)
    client.knock(888)
    time.sleep(2)
    client.knock(555, 222)
    assert client.open()


def test_without_a_time_an_address_stays(world):
    rows = parse_export(
        "/ip firewall filter add action=add-src-to-address-list address-list=all chain=input"
        " address-list-timeout=none-dynamic"
    )
    duel = RouterDuel(world, rows, 4)
    duel.prepare()
    assert Client(duel).knock(1) == "pass"
    assert "198.18.3.3 timeout 0" in sh(f"ip netns exec {world.gate} ipset list al4_all")


def test_the_seed_as_printed_closes_nothing(world):
    duel = RouterDuel(world, SEED, 4, WAN, faster=10)
    duel.prepare()
    client = Client(duel)
    assert client.knock(2222) == client.knock(666, 2222) == "pass"
    client.knock(888, 555, 222)
    assert client.open()
