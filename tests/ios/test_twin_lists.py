"""Access lists, classes and policies: numbers, versions, and what the device refuses."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl_ios.twin.device import Switches
from knockctl_ios.twin.device.configure import read
from knockctl_ios.twin.device.render import lines

ACL = "ip access-list extended A\n permit udp any any eq 46543\n deny tcp any any eq 22\n"


def entries(device):
    return device.say("show access-lists A").splitlines()[1:]


def test_entries_are_numbered_by_ten_and_can_be_put_between(console):
    device = console()
    device.configure(f"{ACL}15 permit tcp 10.1.2.3 0.0.0.255 host 1.2.3.4 range 80 443 established")
    assert entries(device) == [
        "    10 permit udp any any eq 46543",
        "    15 permit tcp 10.1.2.0 0.0.0.255 host 1.2.3.4 range www 443 established",
        "    20 deny tcp any any eq 22",
    ]
    device.configure("ip access-list extended A\n permit ip any any")
    assert entries(device)[-1] == "    30 permit ip any any"


def test_entries_go_by_number_or_by_their_words(console):
    device = console()
    device.configure(f"{ACL}no 10\nno deny tcp any any eq 22\nremark left")
    assert device.running("extended A") == "ip access-list extended A\n remark left"


def test_a_number_is_taken_once_and_the_same_entry_is_no_error(console):
    device = console()
    said = device.configure(f"{ACL}10 permit ip any any\npermit udp any any eq 46543")
    assert said == "% Duplicate sequence number\n"
    assert len(entries(device)) == 2


def test_a_list_can_be_numbered_anew(console):
    device = console()
    device.configure(f"{ACL}15 permit ip any any\nip access-list resequence A 100 5")
    assert [line.split()[0] for line in entries(device)] == ["100", "105", "110"]
    assert "does not exist" in device.configure("ip access-list resequence B 10 10")


@pytest.mark.parametrize(
    ("version", "printed"),
    [
        ("15.7(3)M8", [" permit udp any any eq 46543", " deny   tcp any any eq 22"]),
        ("17.9.4", [" 10 permit udp any any eq 46543", " 20 deny   tcp any any eq 22"]),
    ],
)
def test_the_running_configuration_hides_numbers_or_shows_them(console, version, printed):
    device = console(version=version)
    device.configure(ACL)
    assert device.running("extended A").split("\n")[1:] == printed


def test_padding_is_a_matter_of_taste(console):
    device = console(deny_padding=False, group_padding=False)
    device.configure(f"{ACL}object-group service G\n tcp eq 22")
    assert " deny tcp any any eq 22\n" in device.running()
    assert "object-group service G\n" in device.running()


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("permit ip 192.0.2.1 0.0.0.0 0.0.0.0 255.255.255.255", "permit ip host 192.0.2.1 any"),
        (
            "permit udp any eq 53 host 1.1.1.1 eq 514",
            "permit udp any eq domain host 1.1.1.1 eq syslog",
        ),
        ("permit tcp any any eq 514", "permit tcp any any eq cmd"),
        ("permit icmp any any echo", "permit icmp any any echo"),
        ("permit udp any any eq 7000 log knock1", "permit udp any any eq 7000 log knock1"),
        ("permit 47 any any", "permit 47 any any"),
    ],
)
def test_addresses_and_ports_are_printed_in_one_form(console, typed, printed):
    device = console()
    assert device.configure(f"ip access-list extended A\n{typed}") == ""
    assert entries(device) == [f"    10 {printed}"]


def test_dynamic_lists_are_named_once(console):
    device = console()
    line = "dynamic D permit tcp any any eq 22"
    said = device.configure(f"ip access-list extended A\n{line}\nip access-list extended B\n{line}")
    assert "% Dynamic list D already exists in A" in said
    loose = console(dynamic_names_global=False)
    assert (
        loose.configure(f"ip access-list extended A\n{line}\nip access-list extended B\n{line}")
        == ""
    )


COPP = """
ip access-list extended A
 permit udp any any eq 7000
class-map match-any C
 match access-group name A
policy-map P
 class C
  drop
control-plane
 service-policy input P
"""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no class-map C", "% Class-map C is being used"),
        ("no policy-map P", "% Policy-map P is in use"),
        ("no ip access-list extended A", "% Access-list A is in use"),
        ("control-plane\nservice-policy input Q", "% policy map Q not configured"),
        ("policy-map Q\ncontrol-plane\nservice-policy input Q", "P is already attached"),
        ("control-plane\nservice-policy input", "% Incomplete command"),
        ("policy-map P\nclass X", "% class map X not configured"),
        ("no control-plane", "% Control-plane cannot be removed"),
    ],
)
def test_what_is_in_use_stays_and_what_is_missing_cannot_be_used(console, line, said):
    device = console()
    assert device.configure(COPP) == ""
    before = device.running()
    assert said in device.configure(line)
    assert device.running().replace("policy-map Q\n!\n", "").replace("policy-map Q\n", "") == before


def test_everything_goes_in_the_reverse_order(console):
    device = console()
    before = device.running()
    device.configure(COPP)
    undo = "control-plane\nno service-policy input P\nno policy-map P\nno class-map C\n"
    assert device.configure(f"{undo}no ip access-list extended A") == ""
    assert device.running() == before


@pytest.mark.parametrize("shown", [False, True])
def test_a_plane_that_nothing_is_attached_to(console, shown):
    device = console(empty_planes_shown=shown)
    device.configure("policy-map P\ncontrol-plane host\nservice-policy input P")
    assert "control-plane host\n service-policy input P\n" in device.running()
    device.configure("control-plane host\nno service-policy input P")
    assert ("control-plane host" in device.running()) is shown
    assert "\ncontrol-plane\n" in device.running()


def test_a_class_can_be_put_before_another(console):
    device = console(inserts_classes=True)
    device.configure(
        "class-map A\nclass-map B\npolicy-map P\nclass A\npolice 8000\nclass class-default"
    )
    device.configure("policy-map P\nclass B insert-before A\ndrop")
    assert device.running("policy-map").split("\n") == [
        "policy-map P",
        " class B",
        "  drop",
        " class A",
        "  police 8000",
        " class class-default",
    ]


def test_an_object_group_in_use_is_neither_deleted_nor_emptied(console):
    device = console()
    group = "object-group service G\nudp eq 7000\n"
    assert "does not exist" in device.configure(
        "ip access-list ext A\npermit object-group G any any"
    )
    device.configure(f"{group}ip access-list ext A\npermit object-group G any any")
    assert "is in use" in device.configure("no object-group service G")
    assert "cannot be emptied" in device.configure("object-group service G\nno udp eq 7000")
    assert device.configure("object-group service G\nudp eq 7001\nno udp eq 7000") == ""
    assert device.running("object-group service") == "object-group service G \n udp eq 7001"
    assert device.say("show object-group") == "Service object group G\n udp eq 7001\n\n"


@pytest.mark.parametrize(
    "line",
    ["class-map type logging match-any L", "policy-map type logging L", "control-plane host"],
)
def test_ios_xe_has_no_control_plane_logging(console, line):
    assert console().configure(line) == ""
    assert "% Invalid input detected" in console(version="17.9.4").configure(line)


def test_what_the_control_plane_has_counted(console):
    device = console()
    device.configure(COPP)
    drop = device.device.running.child("policy-map P").child("class C")
    for _ in range(5):
        device.device.counters.add(drop.id, 60)
    assert device.say("show policy-map control-plane") == (
        "Control Plane\n\n"
        "  Service-policy input: P\n\n"
        "    Class-map: C (match-any)\n"
        "      5 packets, 300 bytes\n"
        "      5 minute offered rate 0000 bps, drop rate 0000 bps\n"
        "      Match: access-group name A\n"
        "      drop\n\n"
        "    Class-map: class-default (match-any)\n"
        "      0 packets, 0 bytes\n"
        "      5 minute offered rate 0000 bps, drop rate 0000 bps\n"
        "      Match: any\n\n"
    )
    assert device.say("show policy-map control-plane host") == ""
    assert device.say("show class-map C") == " class-map match-any C\n  match access-group name A\n"


def test_what_is_guarded_and_what_is_there_can_be_switched(console):
    device = console(guarded=frozenset(), plane_logging=False, numbers_shown=True)
    device.configure(COPP)
    assert " 10 permit udp any any eq 7000\n" in device.running()
    assert "% Invalid input" in device.configure("control-plane host")
    said = device.configure("no class-map C\nno policy-map P\nno ip access-list extended A")
    assert said == ""
    assert "policy-map" not in device.running()
    assert console(version="17.9.4", plane_logging=True).configure("control-plane host") == ""


PROTOCOLS = st.sampled_from(("ip", "gre", "icmp", "47"))
NUMBERS = st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))
SIDES = st.one_of(st.just("any"), NUMBERS.map("host {}".format), st.just("10.1.0.0 0.0.255.255"))
PORTS = st.one_of(
    st.just(""),
    st.integers(0, 65535).map("eq {}".format),
    st.integers(0, 65535).map("gt {}".format),
    st.just("range 20 1024"),
)
ENTRIES = st.one_of(
    st.tuples(PROTOCOLS, SIDES, SIDES),
    st.tuples(st.sampled_from(("tcp", "udp")), SIDES, PORTS, SIDES, PORTS, st.just("log")),
).map(lambda parts: " ".join(" ".join(parts).split()))


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(("permit", "deny")), ENTRIES), max_size=6))
def test_what_is_printed_of_a_list_is_read_back_to_the_same(found):
    text = ["ip access-list extended A", *(f" {action} {entry}" for action, entry in found)]
    said = []
    for switches in (Switches(), Switches(version="17.9.4")):
        once = list(lines(read(text, switches, report=said.append), switches))
        assert list(lines(read(once, switches, report=said.append), switches)) == once
    assert said == []
