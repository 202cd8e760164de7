"""Remarks in access lists: whom they belong to, with what numbers, and when they go."""

import pytest

from knockctl_ios.twin.device import Switches
from knockctl_ios.twin.device.configure import read
from knockctl_ios.twin.device.render import lines

LIST = "ip access-list extended A\n"
XE = "17.9.4"


def inside(device):
    return [line.strip() for line in device.running("extended A").split("\n")[1:]]


def numbers(device):
    return [int(line.split()[0]) for line in device.say("show access-lists A").splitlines()[1:]]


def test_a_remark_waits_for_the_next_entry_whatever_its_number(console):
    device = console()
    device.configure(f"{LIST}permit ip host 10.0.0.1 any\nremark at the end\nremark still there")
    assert inside(device)[1:] == ["remark at the end", "remark still there"]
    device.configure(f"{LIST}5 permit ip host 10.0.0.5 any\npermit ip host 10.0.0.9 any")
    assert inside(device) == [
        "remark at the end",
        "remark still there",
        "permit ip host 10.0.0.5 any",
        "permit ip host 10.0.0.1 any",
        "permit ip host 10.0.0.9 any",
    ]
    assert numbers(device) == [5, 10, 20]


def test_an_entry_has_each_remark_once_and_others_may_have_it_too(console):
    device = console()
    said = device.configure(f"{LIST}remark x\nremark x\npermit ip host 10.0.0.1 any\nremark x")
    assert said == "Duplicate remark statement\n"
    device.configure(f"{LIST}permit ip host 10.0.0.2 any")
    assert inside(device).count("remark x") == 2
    device.configure(f"{LIST}no remark x")
    assert inside(device)[0] == "permit ip host 10.0.0.1 any"
    assert inside(device)[1] == "remark x"


def test_remarks_go_with_their_entry(console):
    text = f"{LIST}remark one\npermit ip host 10.0.0.1 any\nremark two\npermit ip any any"
    for how in ("no permit ip host 10.0.0.1 any", "no 10"):
        device = console()
        device.configure(f"{text}\n{how}")
        assert inside(device) == ["remark two", "permit ip any any"]
    own = console(remarks="numbered")
    own.configure(f"{text}\nno permit ip host 10.0.0.1 any")
    assert inside(own) == ["remark one", "remark two", "permit ip any any"]
    assert numbers(own) == [40]


def test_numbered_they_stand_before_the_entry_of_their_number(console):
    device = console(version=XE)
    device.configure(f"{LIST}20 permit ip any any\n20 remark b\n10 remark alone\n20 remark c")
    shown = ["10 remark alone", "20 remark b", "20 remark c", "20 permit ip any any"]
    assert inside(device) == shown
    device.configure(f"{LIST}10 permit ip host 10.0.0.1 any\nno 20 remark")
    shown = ["10 remark alone", "10 permit ip host 10.0.0.1 any", "20 permit ip any any"]
    assert inside(device) == shown
    device.configure("ip access-list resequence A 100 10")
    assert [line.split()[0] for line in inside(device)] == ["100", "100", "110"]
    assert "% Invalid" in console(numbered_remarks=False).configure(f"{LIST}10 remark x")
    assert "% Invalid" in console(numbered_dynamic=False).configure(
        f"{LIST}10 dynamic D permit ip any any"
    )


@pytest.mark.parametrize("version", ["15.7(3)M8", XE])
@pytest.mark.parametrize("remarks", ["attached", "numbered"])
def test_what_is_printed_is_read_back_to_the_same(console, version, remarks):
    device = console(version=version, remarks=remarks)
    device.configure(
        f"{LIST}remark one\npermit ip host 10.0.0.1 any\n5 remark ahead\nremark two\n"
        "permit ip any any\nremark at the end"
    )
    switches = Switches(version=version, remarks=remarks)
    once = device.running().splitlines()
    said = []
    again = read(once, switches, report=said.append)
    assert list(lines(again, switches)) == once
    assert said == []
