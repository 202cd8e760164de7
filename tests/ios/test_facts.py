"""What is said of a router before anything is deployed there."""

import pytest

from knockctl_ios.config import syntax
from knockctl_ios.driver.facts import warnings
from knockctl_ios.placement import IosPlacement
from tests.fixtures.ios_crew import ADDRESS, OPERATORS

PLACE = {"addresses": [ADDRESS], "interface": "GigabitEthernet0/0", "access_list": "OUTSIDE"}
COARSE = "logging buffered 4096 warnings\nno logging console\nlogging monitor 5\n"


def said(text, **placement):
    return list(warnings(syntax.read(text), IosPlacement(**{**PLACE, **placement})))


def test_nothing_is_said_of_a_router_that_has_all():
    assert said(OPERATORS) == []
    assert said(OPERATORS, control_plane="aggregate", method="acl-log") == []
    # What lies elsewhere is no matter.
    assert said(OPERATORS + "interface GigabitEthernet0/1\n ip address 192.0.2.1 /24\n") == []


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        (OPERATORS.replace(" no ip unreachables\n", ""), {}, "no ip unreachables"),
        (OPERATORS.replace(" ip access-group OUTSIDE in\n", ""), {}, "does not judge"),
        (OPERATORS, {"access_list": "MGMT"}, "access list MGMT does not judge"),
        (OPERATORS, {"control_plane": "aggregate"}, "control-plane host has service-policy input"),
        (OPERATORS + "no logging on\n", {}, "logging is off"),
        (OPERATORS + COARSE, {}, "neither buffer, console nor monitor"),
        (OPERATORS + "logging rate-limit 10\n", {}, "beyond 10 a second"),
        (OPERATORS + "logging rate-limit all 10 except warnings\n", {}, "beyond 10 a second"),
        (
            OPERATORS + "ip access-list logging interval 500\n",
            {"method": "acl-log"},
            "one packet in 500 ms",
        ),
    ],
)
def test_what_makes_policies_fare_badly_is_said(text, place, part):
    (one,) = said(text, **place)
    assert part in one


@pytest.mark.parametrize(
    "line",
    [
        "logging rate-limit 10 except informational",
        "logging rate-limit 10 except 7",
        "logging rate-limit console 10",
        "ip access-list logging interval 500",
        COARSE.replace("4096 warnings", "4096"),
        COARSE.replace("4096 warnings", "informational"),
        COARSE.replace("no logging console\n", ""),
    ],
)
def test_what_does_no_harm_is_not_said(line):
    assert said(f"{OPERATORS}{line}\n") == []
