"""The naive reading of foreign rules, and the native ones' machine, against the real kernel."""

import json
import os
import random
import shutil
from dataclasses import replace
from ipaddress import ip_address, ip_network
from types import SimpleNamespace

import pytest

from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import FLAGS, WirePacket
from knockctl.automaton.verdict import Verdict
from knockctl_iptables.semantics import LinuxModel, read_native, saved
from tests.fixtures.chained import Walk
from tests.fixtures.gate import MARKER, Gate
from tests.fixtures.iptables_foreign import FLAGS as FLAG_WORDS
from tests.fixtures.iptables_foreign import ODD_FLAGS, TARGET, Wire, World, fate, foreign, read
from tests.fixtures.iptables_native import native_rules
from tests.fixtures.seed import SEED
from tests.fixtures.world import sh

pytestmark = [pytest.mark.lab, pytest.mark.no_cover]

needs_nft = pytest.mark.skipif(
    shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin") is None, reason="nft is not installed"
)
HERE = {4: "198.18.0.1", 6: "2001:db8:7::1"}
NETWORKS = {
    4: ("203.0.113.0/25", "203.0.113.128/25", "10.1.0.0/16", "10.1.2.3/32", "10.2.0.0/16"),
    6: ("2001:db8:113::/64", "2001:db8:113:1::/64", "fd00:1::/112", "fd00:1::3/128", "fd00:2::/64"),
}
PORTS = (22, 80, 1001, 1002, 1003, 666, 5000)
KINDS = dict.fromkeys((*FLAG_WORDS, *ODD_FLAGS), "INVALID") | {"SYN": "NEW", "ACK": "NEW"}
"""What conntrack says of a segment to no flow: an ACK may belong to one it hasn't seen begin."""


@pytest.fixture(scope="module", params=["nft", "legacy"])
def gate(request):
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = Gate(request.param)
    yield made
    made.close()


def wires(rng, family, count):
    """Packets of sources that send no second one, but for where rules know one by address."""
    seen = set()
    while len(seen) < count:
        network = ip_network(rng.choice(NETWORKS[family]))
        source = network[rng.randrange(min(network.num_addresses, 2**16))]
        if source in seen:
            continue
        seen.add(source)
        protocol = rng.choice(["tcp", "tcp", "udp"])
        flags = rng.choice(list(KINDS)) if protocol == "tcp" else "SYN"
        yield Wire(
            str(source),
            HERE[family],
            protocol,
            rng.choice(PORTS),
            rng.choice([500, 30000 + len(seen)]),
            flags,
            KINDS[flags],
            "w0",
        )


def on_the_wire(wire, family):
    flags = sum(FLAGS[one.lower()] for one in wire.flags.split(",") if one)
    return WirePacket(
        ip_address(wire.source),
        ip_address(HERE[family]),
        wire.protocol,
        wire.port,
        wire.source_port,
        flags,
        interface="w0",
    )


def with_marker(text, family):
    """Let the packet by that follows every other one, in the tables before ``filter``, too."""
    let = f"-A PREROUTING -s {MARKER[family]} -p udp -m udp --dport 7 -j ACCEPT"
    return text.replace(":PREROUTING ACCEPT [0:0]\n", f":PREROUTING ACCEPT [0:0]\n{let}\n")


def as_loaded(text, printed):
    """Read what the tools print of a text, as from a host, but for what they don't print.

    Of two ``--tcp-flags`` in one rule iptables 1.8.9 loads both and, by nft, prints the last.
    """
    tables = read(printed)
    for table, chains in read(text).items():
        for chain, (_, rules) in chains.items():
            for back, words in enumerate(reversed(rules), start=1):
                if words.count("--tcp-flags") > 1:
                    # The marker's rule may stand before all of them.
                    tables[table][chain][1][-back] = words
    return tables


def play(gate, rng, rounds, packets):
    """Load rule sets whose way to ours ends in a drop; compare what arrives."""
    seen = {True: 0, False: 0}
    for number in range(rounds):
        made = foreign(rng, family=(4, 6)[number % 2], plain=True)
        head, _, last = made.text(jump=True).rpartition("COMMIT\n")
        text = with_marker(f"{head}-A KC_INPUT -j DROP\nCOMMIT\n{last}", made.family)
        here = text.replace(TARGET[made.family], HERE[made.family])
        gate.load(SimpleNamespace(family=made.family, rules=here, sets=made.sets))
        printed = sh(gate.world.tool(made.family, "save"))
        tables, world = as_loaded(here, printed), World(lambda _: False)
        for wire in wires(rng, made.family, packets):
            verdict, place = fate(tables, wire, world, made.family)
            arrived = gate.delivered(on_the_wire(wire, made.family))
            assert arrived == (verdict == "accept"), (place, wire, printed)
            seen[arrived] += 1
    return seen


def test_the_naive_reading_is_the_kernels(gate):
    seen = play(gate, random.Random(20261210), 16, 15)
    assert min(seen.values()) > 15


@pytest.mark.soak("judge-iptables-kernel-{gate}")
def test_the_naive_reading_is_the_kernels_in_ten_thousand(gate):
    play(gate, random.Random(SEED), 10_000, 10)


# --- native nftables ----------------------------------------------------------------------------


def machine_of(gate):
    """Return the machine of what runs beside iptables, as it would be read from a host."""
    inside = f"ip netns exec {gate.world.gate}"
    listed = sh(f"{inside} nft -j list ruleset")
    texts = {family: sh(gate.world.tool(family, "save")) for family in (4, 6)}
    by_nft = gate.world.back_end == "nft"
    printed = [
        (family, line[1:])
        for family in texts
        for line in texts[family].splitlines()
        if line.startswith("*") and by_nft
    ]
    return LinuxModel(saved(texts, "", read_native(listed, printed)))


def play_native(gate, rng, rounds, packets):
    seen = {True: 0, False: 0}
    inside = f"ip netns exec {gate.world.gate}"
    for _ in range(rounds):
        gate.load(SimpleNamespace(family=4, rules="*filter\nCOMMIT\n", sets=""))
        gate.load(SimpleNamespace(family=6, rules="*filter\nCOMMIT\n", sets=""))
        script = native_rules(rng, HERE)
        sh(f"{inside} nft -f -", script)
        model = machine_of(gate)
        for family in (4, 6):
            for wire in wires(rng, family, packets):
                packet = on_the_wire(wire, family)
                flow = {"NEW": "fresh", "INVALID": "invalid"}[wire.state]
                packet = replace(packet, flow=flow)
                got = Machine(model).feed(packet, 0.0)
                arrived = gate.delivered(packet)
                assert arrived == (got.verdict is Verdict.ACCEPT), (got.rules, wire, script)
                if "priority 10;" not in script:
                    # What comes behind ours is nobody's quick question.
                    quick, rule = Walk(model.program(family), packet, {}).run()
                    assert arrived == (quick is Verdict.ACCEPT), (rule, wire, script)
                seen[arrived] += 1
        sh(f"{inside} nft -f -", "delete table inet site\n")
    return seen


@needs_nft
def test_native_rules_are_followed_as_the_kernel_does(gate):
    seen = play_native(gate, random.Random(20261203), 6, 12)
    assert min(seen.values()) > 20


@needs_nft
@pytest.mark.soak("judge-nft-kernel-{gate}")
def test_native_rules_are_followed_as_the_kernel_does_in_thousands(gate):
    play_native(gate, random.Random(SEED), 2_000, 10)


@needs_nft
def test_iptables_own_tables_are_no_native_ones(gate):
    gate.load(SimpleNamespace(family=4, rules="*filter\n-A INPUT -j DROP\nCOMMIT\n", sets=""))
    assert machine_of(gate).rules.native.empty
    listed = sh(f"ip netns exec {gate.world.gate} nft -j list ruleset")
    assert json.loads(listed)["nftables"]
