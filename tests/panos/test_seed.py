"""The seed's own rules, read as a firewall would, against what its page says they are for."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from knockctl.automaton.events import event_of
from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.reference import Automaton, Site
from knockctl.policy.loader import load_all, resolve
from knockctl.verify.gaps import oddity
from knockctl.verify.packets import Claim
from knockctl.verify.prove import Status, closes, opens, prove
from knockctl_panos.config.document import Document
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.plan.modeller import PanosModeller
from knockctl_panos.semantics import PanosModel, Switches
from tests.fixtures.lab import INVENTORY

SEED = (Path(__file__).parent / "seed.xml").read_text()
# What the page leaves to its reader: the gateway is in its clients' own zone, which is let in.
DROP = """<entry name="rest"><from><member>any</member></from><to><member>any</member></to>
<source><member>any</member></source><destination><member>any</member></destination>
<application><member>any</member></application><service><member>any</member></service>
<action>drop</action></entry></rules>"""
CLOSED = SEED.replace("</rules>", DROP)
GATEWAY = ip_address("198.51.100.4")
ZONES = (((ip_network(GATEWAY),), frozenset({"untrust"})),)
PLACE = PanosPlacement(addresses=(GATEWAY,), from_zones=("untrust",), to_zones=("untrust",))
SCOPE = PanosModeller().scope(PLACE)
INTENT = replace(
    resolve(load_all(INVENTORY / "policies")["globalprotect"], None), otherwise="refuse"
)
DOORS = [f"tcp/{knock.port}" for knock in INTENT.generations[0].knocks]
HOUR = 3600


def model(text=CLOSED, delay=0):
    return PanosModel(
        Document.read(text), whole=True, destinations=ZONES, switches=Switches(delay=delay)
    )


def play(*sent, delay=0, step=10.0, text=CLOSED):
    """What becomes of packets ten seconds apart, or at their own times: (meant, done)."""
    automaton, machine = Automaton(Site((INTENT,))), Machine(model(text, delay))
    now, found = 0.0, []
    for number, one in enumerate(sent):
        now, target = one if isinstance(one, tuple) else (now + step, one)
        kind, _, port = target.partition("/")
        packet = WirePacket(
            ip_address("203.0.113.7"),
            GATEWAY,
            kind,
            port=int(port or 0),
            source_port=30000 + number,
            interface="zone untrust",
        )
        expected = automaton.feed(event_of(packet, SCOPE), now)
        found.append((expected.verdict.value, machine.feed(packet, now).verdict.value))
    return found


SERVICE = "tcp/443"


def test_it_opens_to_those_who_knock():
    assert play(*DOORS, SERVICE, delay=5) == [("refuse", "refuse")] * 5 + [("accept", "accept")]


def test_without_a_last_drop_nobody_needs_to_knock():
    """The gateway is in the zone its clients come from: the last rule lets them in."""
    assert play(SERVICE, text=SEED) == [("refuse", "accept")]


@pytest.mark.parametrize(
    ("gap", "sent"),
    [
        ("a retransmitted SYN locks out", [DOORS[0], DOORS[0], *DOORS[1:], SERVICE]),
        ("a ping locks out", [DOORS[0], "icmp", *DOORS[1:], SERVICE]),
        ("an eager client locks itself out", [*DOORS[:4], SERVICE, DOORS[4], SERVICE]),
        ("whoever is in and pings is out", [*DOORS, "icmp", SERVICE]),
        ("whoever is in and repeats a knock is out", [*DOORS, DOORS[4], SERVICE]),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_honest_clients_are_thrown_out(gap, sent):
    assert play(*sent)[-1] == ("accept", "refuse"), gap


def test_with_a_delay_even_a_quick_client_is():
    """The second door is knocked on before the first one's tag is there: nobody hears it."""
    assert play(*DOORS, SERVICE, step=1.0, delay=5)[-1] == ("accept", "refuse")


def test_a_burst_at_the_last_door_outlives_the_lock_out():
    """All of it is judged at the fourth door; the grant stays a day, the lock-out an hour."""
    four = [(10.0 * number, door) for number, door in enumerate(DOORS[:4])]
    burst = [(40 + number / 1000, f"tcp/{port}") for number, port in enumerate(range(38600, 38610))]
    found = play(*four, *burst, (50, SERVICE), (40 + 2 * HOUR, SERVICE), delay=5)
    assert found[-2:] == [("refuse", "accept"), ("refuse", "accept")]
    # Without a delay the first wrong port ends it.
    found = play(*four, *burst, (50, SERVICE), (40 + 2 * HOUR, SERVICE))
    assert found[-2:] == [("refuse", "refuse"), ("refuse", "refuse")]


def test_a_lock_out_does_not_end_a_grant():
    """Nothing drops who is locked out: the tag only keeps him from the first door."""
    document = Document.read(CLOSED)
    used = [node.name for node in document.rules() if "Gr_Locked_out" in node.members("source")]
    assert used == ["Door 1"]


def shortest(judge, text=CLOSED):
    """The shortest trace of honest packets on which rules and page differ."""

    def wrong(meeting):
        return None if oddity(meeting.letter) else judge(meeting)

    result = prove(Claim(Site((INTENT,)), SCOPE, model(text), 4, whole=True), wrong)
    assert result.status is Status.COUNTEREXAMPLE, result.reasons
    return [row.packet for row in result.findings[0].trace]


def test_the_exploration_finds_the_shortest():
    """Any packet twice at some door: a repeat of the first knock is among them."""
    found = shortest(closes)
    assert found[-1] in ("tcp/443 SYN", "udp/443", "udp/4501")
    assert len(found) == 7
    assert shortest(opens, SEED)[0] in ("tcp/443 SYN", "udp/443", "tcp/9999 SYN")
