"""The duel of a router's rows: rows by hand that are a policy, and some that no longer are."""

import random

import pytest

from knockctl.automaton.reference import Site
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl_routeros.config.export import parse_export
from tests.fixtures.duel import sources
from tests.fixtures.routeros_duel import RouterDuel

pytestmark = pytest.mark.lab

POLICY = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("tcp", 101), Knock("tcp", 102))),),
    step_timeout=2,
    services=(Span("tcp", 103, 103),),
    grant_duration=3,
    uses="unlimited",
    stray="ignore",
    wrong_knock="ignore",
    lockout=1,
    scope="services",
    traps=(),
    public=(),
    trusted=(),
    otherwise="pass",
    log=False,
)
OTHERS = [("nft", 6), ("legacy", 4)]
SYN = "protocol=tcp tcp-flags=syn,!ack,!fin,!rst"
ROWS = f"""\
firewall filter
add chain=input action=jump jump-target=kc-p
add chain=kc-p connection-state=established,related
add chain=kc-p dst-port=103 src-address-list=open {SYN}
add chain=kc-p action=add-src-to-address-list address-list=open address-list-timeout=3s \
    dst-port=102 src-address-list=first {SYN}
add chain=kc-p action=add-src-to-address-list address-list=first address-list-timeout=2s \
    dst-port=101 {SYN}
add chain=kc-p action=drop dst-port=101-103 protocol=tcp
"""


def tally(world, rows, family, enough=None):
    rows = parse_export(f"/{'ip' if family == 4 else 'ipv6'} {rows}")
    site = Site((POLICY,), (), None)
    duel = RouterDuel(world, rows, family, site=site, policies=(POLICY,))
    duel.prepare()
    rng = random.Random(1)
    return duel.duel(rng, sources(rng, 40, family), 6, enough=enough)


@pytest.mark.parametrize(
    ("world", "family"),
    [("nft", 4), ("legacy", 6), *(pytest.param(*x, marks=pytest.mark.soak) for x in OTHERS)],
    indirect=["world"],
)
def test_rows_that_are_the_policy_agree(world, family):
    found = tally(world, ROWS, family)
    assert not found.disagreements, found.disagreements[0]
    assert found.discarded <= 0.02 * (found.verdicts + found.discarded)
    assert found.granted >= 0.2 * found.traces


WRONG = {
    "a time too short": ("timeout=3s", "timeout=1s"),
    "a service that needs no knock": ("dst-port=103 src-address-list=open", "dst-port=103"),
    "a service let through": ("101-103", "101-102"),
}


@pytest.mark.parametrize("world", ["nft"], indirect=True)
@pytest.mark.parametrize("name", WRONG)
def test_rows_that_are_not_do_not(world, name):
    assert tally(world, ROWS.replace(*WRONG[name]), 4, enough=1).disagreements
