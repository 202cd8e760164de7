"""Which interfaces are in which list: members, those that lists include, and those nobody tells."""

import pytest

from knockctl_routeros import VENDOR
from knockctl_routeros.plan.members import InterfaceLists
from tests.fixtures.routeros_bench import Bench
from tests.fixtures.routeros_judged import FILTER

MEMBERS = """\
/interface list member
add interface=ether1 list=WAN
add comment="the \\"old\\" one" disabled=yes interface=ether9 list=WAN
add interface="my bridge" list="my LAN"
/interface bridge port
add bridge=x interface=ether7 list=WAN
"""


def lists(more=""):
    return InterfaceLists.of(more + MEMBERS)


def test_members_are_those_of_the_member_menu_that_are_on():
    found = lists()
    assert found.members("WAN") == {"ether1"}
    assert found.members("my LAN") == {"my bridge"}
    assert found.members("none of these") == set()
    assert found.whole("WAN")
    assert not found.whole("none of these")


def test_a_command_may_stand_behind_its_menu():
    text = "/interface list member add interface=a list=X\n/interface/list/member\n"
    text += "add interface=b list=X"
    assert InterfaceLists.of(text).members("X") == {"a", "b"}
    assert InterfaceLists.of("/ip firewall filter\nadd chain=input\n").direct == {}


@pytest.mark.parametrize(
    ("words", "members", "whole"),
    [
        ("include=WAN name=X", {"ether1"}, True),
        ('include="WAN,my LAN" name=X', {"ether1", "my bridge"}, True),
        ('exclude=WAN include="WAN,my LAN" name=X', {"my bridge"}, True),
        ("include=none name=X", set(), True),
        ("include=WAN,dynamic name=X", {"ether1"}, False),
        ("exclude=static include=WAN name=X", {"ether1"}, False),
        ("include=X,WAN name=X", {"ether1"}, False),
    ],
)
def test_a_list_includes_and_excludes_others(words, members, whole):
    found = lists(f"/interface list\nadd {words}\n")
    assert found.members("X") == members
    assert found.whole("X") is whole


def test_lists_that_include_each_other_end():
    found = lists("/interface list\nadd include=Y name=X\nadd include=X,WAN name=Y\n")
    assert found.members("X") == found.members("Y") == {"ether1"}
    assert not found.whole("X")


def like(more, rule):
    text = f"{more}{MEMBERS}{FILTER}\nadd chain=input {rule}\n"
    return VENDOR.modeller.running(text).model.rules.interface_lists


def test_one_interface_stands_for_members_until_a_rule_tells_them_apart():
    assert like("", "protocol=tcp")["WAN"] == ("ether-of-WAN",)
    assert like("", "in-interface=!ether1")["WAN"] == ("ether1",)
    more = "/interface list\nadd include=WAN name=X\nadd include=WAN,all name=Y\n"
    assert like(more, "protocol=tcp")["X"] == like(more, "protocol=tcp")["WAN"]
    assert like(more, "in-interface=ether1")["X"] == ("ether1",)
    assert like(more, "in-interface=ether1")["Y"] == ("ether-of-Y", "ether1")
    assert like("/interface list\nadd name=empty\n", "protocol=tcp")["empty"] == ()


def test_a_driver_reads_what_lists_include(site):
    here = site()
    here.device.do(here.router.load, "/interface list add name=mine include=WAN")
    here.device.do(here.router.load, "/interface list member add list=WAN interface=ether2")
    here.device.do(
        here.router.load,
        "/ip firewall filter add chain=input in-interface-list=mine in-interface=!ether1",
    )
    found = InterfaceLists.of(Bench(here).driver.read().text)
    assert found.members("mine") == {"ether1", "ether2"}
    assert found.whole("mine")
