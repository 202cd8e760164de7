"""What is rendered, brought onto a simulated router by its plans, changed and removed."""

from dataclasses import replace

import pytest

from knockctl.policy.resolved import Generation
from knockctl_ios.config import listing, syntax
from knockctl_ios.plan.reading import reading
from tests.fixtures.ios_policies import COMPILER, METHODS, P, corner

OPERATORS = """\
ip access-list extended OUTSIDE
 permit tcp any any eq www
 permit icmp any any
 deny ip any any
interface GigabitEthernet0/0
 ip access-group OUTSIDE in
"""
LONGER = replace(P, step_timeout=120)
ROTATED = replace(P, generations=(Generation(2, P.generations[0].knocks[::-1]),))
BOTH = replace(P, generations=(*P.generations, *ROTATED.generations))


def read(there):
    shown = listing.read(there.say("show ip access-lists"))
    return reading(syntax.read(there.running()), shown)


def become(there, intended, change_id):
    way = COMPILER.plan(read(there), intended, change_id)
    said = "".join(there.say(line) for line in ["configure terminal", *way.text.splitlines()])
    assert "%" not in said, (said, way.text)
    found = read(there)
    assert found.config.same(way.intended)
    assert not COMPILER.plan(found, intended, f"{change_id}-again").changes
    return way


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("access_list", ["OUTSIDE", None])
def test_there_and_onward_and_back(console, method, access_list):
    there = console(plane_logging=True)
    operators = OPERATORS if access_list else "interface GigabitEthernet0/0\n"
    assert "%" not in there.configure(operators)
    before = there.running()
    for number, policy in enumerate((P, LONGER, BOTH, ROTATED)):
        one = corner(policy, method=method, access_list=access_list)
        become(there, one.config, f"change-{number}")
    become(there, COMPILER.empty(), "change-9")
    left = [line for line in there.running().splitlines() if "kc-" in line or "knockctl" in line]
    assert not left
    assert _lines(there.running()) == _lines(before)


def _lines(text):
    """All lines but headers, which tell sizes and times, and places that stay when empty."""
    skipped = ("!", "Current", "Building", "control-plane")
    return [line for line in text.splitlines() if not line.startswith(skipped)]


def test_knocks_in_the_operators_policy_need_no_place_before_what_is_no_knock(console):
    there = console()
    said = there.configure(
        f"{OPERATORS}ip access-list extended MGMT\n permit tcp any any eq 22\n"
        "class-map THEIRS\n match access-group name MGMT\n"
        "policy-map COPP\n class THEIRS\n  police 8000\n"
        "control-plane host\n service-policy input COPP\n"
    )
    assert "%" not in said
    one = corner(P, method="copp", access_list="OUTSIDE", policy_map="COPP")
    way = become(there, one.config, "change-1")
    assert "insert-before" not in way.text
    become(there, COMPILER.empty(), "change-2")
