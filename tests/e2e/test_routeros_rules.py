"""RouterOS rules together, translated: where one needs several of iptables, that must not show."""

import pytest

from knockctl_routeros.config.export import parse_export
from tests.fixtures.routeros_duel import RouterDuel
from tests.fixtures.world import sh

pytestmark = pytest.mark.lab

MANY = "101,103,105-106,109,111,113,115,117,119,121,123,125,127,129,131,133"
A, B = "198.18.5.1", "198.18.5.200"
LISTS = {"BOTH": ["e1", "w0"]}
FIXED = "/ip firewall address-list add address=198.18.6.0/24 list=fixed\n"


RULES = {
    "a return among several tests leaves the chain that jumped here": (
        f"""
        add action=jump chain=input jump-target="a chain with a long name, said twice"
        add action=accept chain=input protocol=udp
        add action=return chain="a chain with a long name, said twice" \
            dst-port={MANY} protocol=udp src-address-list=fixed
        add action=drop chain="a chain with a long name, said twice"
        """,
        [
            ("198.18.6.1", "udp/133", "accept"),
            ("198.18.6.1", "udp/134", "refuse"),
            (A, "udp/133", "refuse"),
            ("198.18.6.1", "tcp/133", "refuse"),
        ],
    ),
    "a return of the whole chain is as falling off it": (
        """
        add action=return chain=input src-address=198.18.5.1
        add action=drop chain=input
        """,
        [(A, "tcp/1", "pass"), (B, "tcp/1", "refuse")],
    ),
    "a jump goes on behind itself": (
        """
        add action=jump chain=input jump-target=x in-interface-list=BOTH
        add action=drop chain=input dst-port=1 protocol=tcp
        add action=jump chain=x jump-target=y
        add action=accept chain=x dst-port=2 protocol=tcp
        add action=return chain=y
        add action=drop chain=y
        """,
        [(A, "tcp/1", "refuse"), (A, "tcp/2", "accept"), (A, "tcp/3", "pass")],
    ),
    "what is put on a list is there for the next rule": (
        """
        add action=add-src-to-address-list address-list=seen address-list-timeout=30s chain=input \
            dst-port=1 protocol=tcp
        add action=accept chain=input src-address-list=seen
        """,
        [
            (A, "tcp/2", "pass"),
            (A, "tcp/1", "accept"),
            (B, "tcp/2", "pass"),
            (A, "tcp/2", "accept"),
        ],
    ),
    "what shall last is on the list with what lasts": (
        """
        add action=add-src-to-address-list address-list=fixed address-list-timeout=none-static \
            chain=input dst-port=1 protocol=tcp
        add action=add-dst-to-address-list address-list=hosts chain=input dst-port=2 protocol=tcp
        add action=accept chain=input src-address-list=fixed
        add action=drop chain=input dst-address-list=hosts
        """,
        [
            (A, "tcp/3", "pass"),
            (A, "tcp/1", "accept"),
            ("198.18.6.1", "tcp/3", "accept"),
            (B, "tcp/2", "refuse"),
            (A, "tcp/4", "accept"),
        ],
    ),
    "log, passthrough and disabled rules decide nothing": (
        """
        add action=log chain=input log-prefix="hello there"
        add action=passthrough chain=input dst-port=1-9 protocol=tcp log=yes
        add action=drop chain=input disabled=yes
        add action=drop chain=input dst-port=1 protocol=tcp log=yes
        """,
        [(A, "tcp/1", "refuse"), (A, "tcp/2", "pass")],
    ),
    "reject and tarpit refuse": (
        """
        add action=reject chain=input dst-port=1 protocol=tcp reject-with=tcp-reset
        add action=reject chain=input dst-port=1 protocol=udp reject-with=icmp-admin-prohibited
        add action=reject chain=input dst-port=2 protocol=udp
        add action=tarpit chain=input dst-port=2 protocol=tcp
        """,
        [
            (A, "tcp/1", "refuse"),
            (A, "udp/1", "refuse"),
            (A, "udp/2", "refuse"),
            (A, "tcp/2", "refuse"),
            (A, "tcp/3", "pass"),
        ],
    ),
    "raw comes before, and its accept decides for raw only": (
        """
        add action=drop chain=input dst-port=2 protocol=tcp
        add action=accept chain=input connection-state=untracked
        /ip firewall raw
        add action=accept chain=prerouting dst-port=2 protocol=tcp
        add action=notrack chain=prerouting dst-port=3 protocol=tcp
        add action=add-src-to-address-list address-list=bad chain=prerouting dst-port=4 protocol=tcp
        add action=return chain=prerouting src-address-list=!bad
        add action=drop chain=prerouting
        """,
        [
            (A, "tcp/2", "refuse"),
            (A, "tcp/3", "accept"),
            (A, "tcp/5", "pass"),
            (A, "tcp/4", "refuse"),
            (A, "tcp/3", "refuse"),
        ],
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_together(world, name):
    rows, packets = RULES[name]
    duel = RouterDuel(world, parse_export(f"{FIXED}/ip firewall filter{rows}"), 4, LISTS)
    duel.prepare()
    found = duel.verdicts([packet[:2] for packet in packets])
    assert found == [packet[2] for packet in packets]


def test_one_rule_is_one_evaluation_however_many_it_needs(world):
    rows = f"add action=log chain=input dst-port={MANY} port={MANY} protocol=udp log-prefix=once"
    duel = RouterDuel(world, parse_export(f"/ip firewall filter\n{rows}"), 4)
    duel.prepare()
    # Both ports fit: each of the two tests holds in more ways than one.
    assert duel.verdict(A, "udp", 133, 101) == "pass"
    saved = sh(f"{world.tool(4, 'save')} -c -t filter").splitlines()
    (count,) = [line.split(":")[0] for line in saved if "once" in line]
    assert count == "[1"


def test_what_is_permanent_outlives_what_is_added_for_a_time(world):
    rows = """\
    /ip firewall filter
    add action=add-src-to-address-list address-list=fixed address-list-timeout=1s chain=input
    """
    duel = RouterDuel(world, parse_export(FIXED + rows), 4)
    duel.prepare()
    duel.verdict("198.18.6.1", "tcp", 1, 20000)
    listed = sh(f"ip netns exec {world.gate} ipset list an4_fixed")
    assert "198.18.6.0/24 timeout 0" in listed
