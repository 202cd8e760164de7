"""What makes one policy, or several on one address, make no sense (design, section 3)."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.policy.wellformed import check, check_together
from knockctl.ports import Span

numbers = st.integers(1, 9)
spans = st.builds(
    lambda protocol, a, b: Span(protocol, min(a, b), max(a, b)),
    st.sampled_from(["tcp", "udp"]),
    numbers,
    numbers,
)
sequences = st.lists(
    st.builds(Knock, st.sampled_from(["tcp", "udp"]), numbers, st.sampled_from([None, b"w"])),
    min_size=1,
    max_size=4,
).map(tuple)
policies = st.builds(
    lambda several, services, traps, public, uses, wrong, stray, lockout: ResolvedPolicy(
        "p",
        tuple(Generation(number, knocks) for number, knocks in enumerate(several, start=1)),
        10,
        tuple(services),
        60,
        uses=uses,
        wrong_knock=wrong,
        stray=stray,
        lockout=lockout,
        traps=tuple(ResolvedTrap((span,), 60, unless_granted=True) for span in traps),
        public=tuple(public),
    ),
    st.lists(sequences, min_size=1, max_size=2),
    st.lists(spans, min_size=1, max_size=2),
    st.lists(spans, max_size=1),
    st.lists(spans, max_size=1),
    st.sampled_from(["unlimited", "single"]),
    st.sampled_from(["ignore", "reset", "lockout"]),
    st.sampled_from(["ignore", "revoke", "lockout"]),
    st.sampled_from([None, 60]),
)


def ports(several):
    return {(s.protocol, port) for s in several for port in range(s.first, s.last + 1)}


def makes_sense(policy):
    """The rules as the design words them, port by port."""
    sequences = [g.knocks for g in policy.generations]
    knocks, services = ports(policy.knock_ports), ports(policy.services)
    traps, public = ports(policy.trap_ports), ports(policy.public)
    firsts = {knocks[0].span for knocks in sequences}
    locks = "lockout" in (policy.wrong_knock, policy.stray)
    return (
        all(a.span != b.span for s in sequences for a, b in zip(s, s[1:], strict=False))
        and all(len(s) == 1 or s[-1].span not in firsts for s in sequences)
        and not (policy.uses == "single" and any(len(s) == 1 for s in sequences))
        and not traps & knocks
        and not public & (knocks | services | traps)
        and all(k.protocol == "udp" for s in sequences for k in s if k.payload is not None)
        and (policy.lockout is not None or not locks)
    )


@given(policies)
def test_a_policy_is_complained_about_just_when_a_rule_is_broken(policy):
    assert (check(policy) == []) == makes_sense(policy)


@given(policies, policies)
def test_two_policies_are_refused_just_when_they_claim_a_port_for_different_ends(one, two):
    one, two = replace(one, name="one"), replace(two, name="two")
    collide = ports(one.knock_ports) & ports(two.knock_ports)
    for a, b in permutations((one, two)):
        knocks, services = ports(a.knock_ports), ports(a.services)
        collide |= knocks & (ports(b.services) | ports(b.trap_ports) | ports(b.public))
        collide |= services & (ports(b.trap_ports) | ports(b.public))
    assert bool(check_together([one, two])) == bool(collide)
    assert len(check_together([one, two])) == len(check_together([two, one]))


@given(policies)
def test_no_message_names_a_secret_port(policy):
    hidden = replace(
        policy,
        generations=tuple(
            replace(g, knocks=tuple(replace(k, port=k.port + 47000, secret=True) for k in g.knocks))
            for g in policy.generations
        ),
        traps=(ResolvedTrap((Span("tcp", 46000, 48000),), 60, unless_granted=False),),
        public=(Span("udp", 46000, 48000),),
    )
    inline = replace(
        hidden,
        name="inline",
        traps=(),
        public=(),
        generations=tuple(
            replace(g, knocks=tuple(replace(k, secret=False) for k in g.knocks))
            for g in hidden.generations
        ),
    )
    both = [reason for reason in check_together([hidden, inline]) if "is a knock of" in reason]
    assert both
    assert not any("470" in message for message in (*both, *(f.message for f in check(hidden))))


A = ResolvedPolicy(
    "a", (Generation(1, (Knock("tcp", 1), Knock("tcp", 2))),), 10, (Span("tcp", 22, 22),), 60
)
B = ResolvedPolicy(
    "b", (Generation(1, (Knock("tcp", 5), Knock("tcp", 6))),), 10, (Span("tcp", 23, 23),), 60
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"services": (Span("tcp", 2, 2),)}, "knock 2 (tcp/2) of a is a service of b"),
        (
            {"traps": (ResolvedTrap((Span("tcp", 1, 1),), 60, unless_granted=False),)},
            "knock 1 (tcp/1) of a is in a trap of b",
        ),
        (
            {"traps": (ResolvedTrap((Span("tcp", 20, 22),), 60, unless_granted=False),)},
            "the service tcp/22 of a is in a trap of b",
        ),
        ({"public": (Span("tcp", 2, 3),)}, "knock 2 (tcp/2) of a is public of b"),
        ({"public": (Span("tcp", 22, 22),)}, "the service tcp/22 of a is public of b"),
    ],
)
def test_why_two_policies_do_not_go_together(change, said):
    reasons = check_together([A, replace(B, **change)])
    assert reasons == [f"{said}; on one address a port can't be both: change one of the policies"]
    assert check_together([A, B]) == []
