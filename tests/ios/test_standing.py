"""What a router will run, told beforehand: what it does run once the plan was carried out."""

import pytest

from knockctl.errors import GuardError
from knockctl_ios.config import normal, syntax
from knockctl_ios.config.records import IosConfig
from knockctl_ios.driver.reader import judging
from knockctl_ios.plan.modeller import IosModeller
from knockctl_ios.plan.plan import plan
from tests.fixtures.ios_crew import ENTRIES, OPERATORS, OUTSIDE, alone, small
from tests.ios.conftest import Console, make
from tests.ios.test_plan import VERSIONS, Router

BARE = "interface GigabitEthernet0/0\n no ip unreachables\n"
OTHER = small(*ENTRIES[:5], "permit udp any host 192.0.2.14 eq 1003", ENTRIES[-1])
MEETING = OPERATORS.replace("255 any eq 22", "255 any eq 22\n permit udp any any gt 1000")


def known(lines):
    """What packets meet, whatever order it came in."""
    heads = ("ip access-list ", "class-map ", "policy-map ", "interface ", "control-plane")
    found = {}
    for line in map(normal.line, lines):
        if line.text.startswith(heads):
            below = [(one.text, one.below) for one in line.below if "remark" not in one.text]
            ordered = line.text.startswith(("ip access-list ", "policy-map "))
            found[line.text] = below if ordered else sorted(below)
    return found


def router(text=OPERATORS, **switches):
    return Router(Console(make(plane_logging=True, **switches)), text)


def foreseen(here, intended):
    there = here.read()
    text = judging(syntax.read(here.text), there.lists)
    return known(IosModeller().running(text, intended).model.document.raw)


def runs(here):
    return known(syntax.read(here.text))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("place", ["first", "last", 20, 30, 40])
def test_a_first_deploy_wherever_ours_go(version, place):
    here = router(version=version)
    wanted = foreseen(here, small(place=place))
    here.become(small(place=place))
    assert runs(here) == wanted


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("place", ["first", "last", 30])
def test_the_old_ones_are_gone(version, place):
    here = router(version=version)
    here.become(small(place=place))
    for number, intended in enumerate((OTHER, IosConfig(), small(place=place))):
        wanted = foreseen(here, intended)
        here.become(intended, f"c{number + 2}")
        assert runs(here) == wanted


def test_a_router_that_had_nothing():
    here = router(BARE)
    wanted = foreseen(here, alone())
    here.become(alone())
    assert runs(here) == wanted


def test_classes_go_before_those_that_may_take_knocks():
    here = router(MEETING, inserts_classes=True)
    wanted = foreseen(here, small())
    here.become(small())
    assert runs(here) == wanted
    assert [text for text, _ in wanted["policy-map COPP"]] == ["class kc-ssh-knock", "class THEIRS"]


def test_entries_that_came_above_ours_are_below_them_again():
    here = router()
    here.become(small())
    above = f"ip access-list resequence OUTSIDE 10 10\n{OUTSIDE}\n 1 permit tcp any any eq 22"
    here.console.configure(above)
    wanted = foreseen(here, small())
    here.become(small(), "c2")
    assert runs(here) == wanted


def test_a_place_that_is_not_there():
    here = router()
    with pytest.raises(GuardError, match="no entry 35"):
        foreseen(here, small(place=35))


def test_nothing_changes_where_nothing_would():
    here = router()
    here.become(small())
    assert not plan(here.read(), small(), "c2").changes
    assert foreseen(here, small()) == runs(here)
