"""Which packets are the policies' at all, and that explorations see it the same way."""

from ipaddress import ip_address

import pytest

from knockctl.automaton.packet import Scope, WirePacket
from knockctl.automaton.questions import Of
from knockctl.automaton.reference import Site
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl.verify.packets import perceive

FOUR, SIX = ip_address("198.51.100.4"), ip_address("2001:db8::4")
SITE = Site(
    (
        ResolvedPolicy(
            name="p",
            generations=(Generation(1, (Knock("tcp", 888),)),),
            step_timeout=60,
            services=(Span("tcp", 22, 22),),
            grant_duration=1800,
        ),
    )
)


def packet(to, kind="LOCAL"):
    source = ip_address("203.0.113.7" if to.version == 4 else "2001:db8:113::7")
    return WirePacket(source, to, "tcp", port=22, destination_type=kind)


@pytest.mark.parametrize(
    ("scope", "one", "held"),
    [
        (Scope((FOUR,)), packet(FOUR), True),
        (Scope((FOUR,)), packet(SIX), True),
        (Scope((FOUR,), only_listed=True), packet(FOUR), True),
        (Scope((FOUR,), only_listed=True), packet(SIX), False),
        (Scope((FOUR,), only_listed=True), packet(ip_address("198.51.100.5")), False),
        (Scope((FOUR,)), packet(FOUR, "UNICAST"), False),
        (Scope((FOUR,), destination_type="UNICAST"), packet(FOUR, "UNICAST"), True),
        (Scope((FOUR,), destination_type=None), packet(FOUR, "UNICAST"), True),
        (Scope((FOUR,), destination_type=None), packet(FOUR, "LOCAL"), True),
    ],
)
def test_whose_a_packet_is(scope, one, held):
    assert scope.holds(one) is held
    seen = next(perceive(SITE, scope, one.family, Of(one)))
    assert (seen != "elsewhere") is held
