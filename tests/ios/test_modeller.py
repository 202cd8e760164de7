"""Device text as machines: scope, our lines alone, everything that runs."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from knockctl.automaton.machine import ConcreteClocks, Machine
from knockctl.automaton.packet import WirePacket
from knockctl_ios.placement import IosPlacement
from knockctl_ios.plan.modeller import IosModeller

TEXT = (Path(__file__).parent / "running" / "15.cfg").read_text()
ROUTER = ip_address("198.51.100.14")
PLACE = IosPlacement(addresses=(ROUTER,), interface="GigabitEthernet0/0", access_list="OUTSIDE")
MODELLER = IosModeller()


def packet(protocol="tcp", port=22, interface="GigabitEthernet0/0", to=ROUTER):
    return WirePacket(ip_address("203.0.113.7"), to, protocol, port=port, interface=interface)


def judged(model, one):
    return model.step(model.initial, one, ConcreteClocks()).verdict.value


def test_addresses_and_the_interface_are_the_scope():
    scope = MODELLER.scope(PLACE)
    assert scope.holds(packet())
    assert not scope.holds(packet(interface="GigabitEthernet0/1"))
    assert not scope.holds(packet(to=ip_address("198.51.100.15")))


def test_our_lines_alone_leave_the_rest_undecided():
    model = MODELLER.model(MODELLER.parse(TEXT))
    assert judged(model, packet()) == "refuse"
    assert judged(model, packet(port=23)) == "pass"
    assert judged(model, packet(interface="GigabitEthernet0/1")) == "pass"
    assert judged(model, packet("udp", 46543)) == "refuse"


def test_what_a_config_prints_makes_the_same_machine():
    config = MODELLER.parse(TEXT)
    again = MODELLER.model(MODELLER.parse(config.text()))
    for one in (packet(), packet(port=23), packet("udp", 46543), packet("udp", 123)):
        assert judged(again, one) == judged(MODELLER.model(config), one)


def test_all_that_runs_decides():
    running = MODELLER.running(TEXT)
    assert running.config == MODELLER.parse(TEXT)
    assert judged(running.model, packet(port=23)) == "refuse"
    assert judged(running.model, packet(port=23, interface="GigabitEthernet0/1")) == "accept"


@pytest.mark.parametrize("whole", [False, True])
def test_a_knock_opens(whole):
    model = MODELLER.running(TEXT).model if whole else MODELLER.model(MODELLER.parse(TEXT))
    machine = Machine(model)
    sent = [packet(), packet("udp", 46543), packet()]
    found = [machine.feed(one, at).verdict.value for at, one in enumerate(sent)]
    assert found == ["refuse", "refuse", "accept"]


def test_a_placements_delay_and_style_are_those_of_the_machines():
    place = PLACE.model_copy(update={"log_delay": 7, "log_style": "tight"})
    switches = IosModeller().placed(place).switches
    assert (switches.delay, switches.style, switches.together) == (7, "tight", True)


def test_no_packet_to_an_address_of_the_router_is_for_somebody_else():
    """Where nobody knows the addresses, a list judges such a packet as any other."""
    lines = (
        "ip access-list extended outer\n deny udp any any eq 1001 log kc-1\n permit ip any any\n"
        'event manager applet one authorization bypass\n event syslog pattern "kc-1"\n'
        ' action 1 cli command "enable"\n'
        ' action 2 cli command "access-template outer door host 192.0.2.1 any timeout 1"\n'
        "interface GigabitEthernet0/0\n ip access-group outer in\n"
    )
    away = WirePacket(
        ip_address("198.51.100.7"),
        ip_address("198.51.100.14"),
        "udp",
        1001,
        interface="GigabitEthernet0/0",
        destination_type="BROADCAST",
    )
    known = " ip address 198.51.100.14 255.255.255.0\n"
    for more, judged_there in ((" ip address dhcp\n", "refuse"), (known, "pass")):
        model = IosModeller().running(lines + more).model
        for kind, verdict in (("BROADCAST", judged_there), ("LOCAL", "refuse")):
            one = replace(away, destination_type=kind)
            assert model.step(model.initial, one, ConcreteClocks()).verdict.value == verdict
