"""Readings: what is ours, what is foreign, and what of it is judged before ours."""

from dataclasses import replace

import pytest

from knockctl_routeros.config import RouterConfig, Row
from knockctl_routeros.export import parse_export
from knockctl_routeros.parse import api_rows, by_menu, parse_text, read, read_tables, static
from knockctl_routeros.plan import plan
from knockctl_routeros.table import Table

FILTER = "/ip firewall filter"

JUMP = (
    'add action=jump chain=input comment="knockctl:jump 7f3a" in-interface-list=WAN'
    " jump-target=kc-in"
)
OURS = """\
add action=add-src-to-address-list address-list=kc-p1-1 address-list-timeout=30s chain=kc-in \
comment=knockctl:p1:s1 dst-port=1001 protocol=tcp
add action=accept chain=kc-in comment=knockctl:p1:grant dst-port=22 protocol=tcp \
src-address-list=kc-p1-open
add action=drop chain=kc-in comment=knockctl:p1:hide dst-port=22,1001 protocol=tcp
add action=drop chain=kc-in comment=knockctl:p1:noise dst-port=2001-2005 protocol=udp
"""
CHAINS = """\
add action=accept chain=web dst-port=80 protocol=tcp
add action=drop chain=web src-address=10.0.0.0/8
add action=return chain=web
add action=jump chain=deep jump-target=web
add action=accept chain=deep protocol=tcp
add action=jump chain=loop jump-target=loop
add action=return chain=polite
"""


def around(rule, more=""):
    text = f"{FILTER}\n{rule}\n{JUMP}\nadd action=accept chain=input\n{OURS}{CHAINS}{more}"
    return read(by_menu(parse_export(text)))


def effects(rule, more=""):
    return [neighbour.effect for neighbour in around(rule, more).neighbours]


# --- rows of the API ------------------------------------------------------------------------

REPLY = [
    {
        ".id": "*FFFFFF",
        "chain": "forward",
        "action": "passthrough",
        "dynamic": True,
        "comment": "special dummy rule to show fasttrack counters",
    },
    {".id": "*1", "chain": "input", "action": "accept", "src-address-list": 888, "dynamic": False},
    {".id": "*2", "chain": "input", "action": "drop", "dynamic": "false", "disabled": "true"},
    {".id": "*3", "chain": "input", "action": "drop", "dynamic": "true"},
]


def test_dynamic_rows_are_no_configuration():
    assert api_rows(FILTER, REPLY) == (
        Row.of(FILTER, {"chain": "input", "src-address-list": "888"}),
        Row.of(FILTER, {"chain": "input", "action": "drop", "disabled": "yes"}),
    )
    assert [row[".id"] for row in static(REPLY)] == ["*1", "*2"]


def test_a_timed_list_entry_is_no_configuration():
    entry = {
        ".id": "*C69D",
        "address": "192.0.2.1",
        "comment": "knockctl:p1",
        "creation-time": "jun/19/2024 18:13:17",
        "disabled": False,
        "dynamic": True,
        "list": "kc-p1-open",
        "timeout": "30m",
    }
    assert api_rows("/ip firewall address-list", [entry]) == ()


# --- ours and foreign -----------------------------------------------------------------------


def test_a_reading_tells_ours_from_foreign():
    reading = around("add action=drop chain=input src-address-list=blacklist")
    assert reading.config == parse_text(f"{FILTER}\n{OURS}{JUMP}\n")
    assert reading.config.revision == "7f3a"
    assert len(reading.foreign) == 2 + len(CHAINS.splitlines())
    assert reading.places == {(FILTER, "input"): 1}
    assert reading.duplicates == ()


def test_an_empty_router():
    reading = read({})
    assert reading.config.empty
    assert reading.neighbours == ()


def test_a_name_of_ours_found_twice_is_told():
    one = 'add action=log chain=kc-in comment="knockctl:p1:s1 #7f3a.1"\n'
    other = 'add action=log chain=kc-in comment="knockctl:p1:s1 #7f3a.2"\n'
    reading = around(JUMP, one + other + one)
    assert reading.duplicates == parse_export(one + one, FILTER)


def test_jumps_of_several_changes_are_no_revision():
    reading = around(f"{JUMP}\n{JUMP.replace('7f3a', '0000')}")
    assert reading.config.revision is None
    assert reading.places == {(FILTER, "input"): 0}


def test_what_is_turned_off_is_no_part_of_what_runs():
    reading = around(JUMP, 'add action=log chain=kc-in comment="knockctl:p1:s1" disabled=yes\n')
    assert [row.get("comment") for row in reading.off] == ["knockctl:p1:s1"]
    assert not any(row.off for row in reading.config.rows)


# --- neighbours -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        "add action=accept chain=input connection-state=established,related,untracked",
        "add action=accept chain=input connection-state=!new,invalid",
        "add action=drop chain=input connection-state=invalid",
        "add action=accept chain=input protocol=icmp",
        "add action=accept chain=input dst-address=127.0.0.1",
        "add action=accept chain=input in-interface=lo",
        "add action=accept chain=input in-interface-list=!WAN",
        "add action=accept chain=input dst-port=80 protocol=tcp",
        "add action=accept chain=input dst-port=53 protocol=udp",
        "add action=accept chain=input dst-port=!22,1001 protocol=tcp",
        "add action=accept chain=input disabled=yes",
        "add action=accept chain=forward",
        "add action=log chain=input",
        "add action=passthrough chain=input",
        "add action=add-src-to-address-list address-list=seen chain=input",
        "add action=jump chain=input jump-target=loop",
        "add action=jump chain=input jump-target=polite",
        "add action=jump chain=input jump-target=nowhere",
        "add action=jump chain=input jump-target=kc-in",
    ],
)
def test_no_concern(rule):
    assert effects(rule) == []


@pytest.mark.parametrize(
    ("rule", "effect"),
    [
        ("add chain=input", "accepts"),
        ("add chain=input protocol=tcp", "accepts"),
        ("add chain=input protocol=6", "accepts"),
        ("add chain=input protocol=!tcp", "accepts"),
        ("add chain=input dst-port=20-25 protocol=tcp", "accepts"),
        ("add chain=input dst-port=53,2003 protocol=udp", "accepts"),
        ("add chain=input dst-port=!22 protocol=tcp", "accepts"),
        ("add chain=input dst-port=ssh protocol=tcp", "accepts"),
        ("add chain=input port=53 protocol=udp", "accepts"),
        ("add chain=input src-address=198.51.100.0/24", "accepts"),
        ("add chain=input src-address-list=trusted", "accepts"),
        ("add chain=input in-interface-list=LAN", "accepts"),
        ("add chain=input connection-state=new,established", "accepts"),
        ("add chain=input connection-state=invalid", "accepts"),
        ("add chain=input connection-state=!established", "accepts"),
        ("add action=fasttrack-connection chain=input", "accepts"),
        ("add action=jump chain=input jump-target=deep", "accepts"),
        ("add action=jump chain=input jump-target=web", "refuses"),
        ("add action=drop chain=input src-address-list=blacklist", "refuses"),
        ("add action=reject chain=input", "refuses"),
        ("add action=tarpit chain=input protocol=tcp", "refuses"),
        ("add action=return chain=input", "unknown"),
        ("add action=add-src-to-address-list address-list=kc-p1-open chain=input", "unknown"),
        ("add action=something-new chain=input", "unknown"),
    ],
)
def test_what_may_become_of_packets_of_ours(rule, effect):
    reading = around(rule)
    assert [neighbour.effect for neighbour in reading.neighbours] == [effect]
    assert bool(reading.shadows) == (effect != "refuses")


def test_a_neighbour_is_named_by_its_place_and_words():
    (neighbour,) = around(
        'add chain=input comment="from  the\\$ office" src-address=198.51.100.7'
    ).neighbours
    assert neighbour.place == "/ip firewall filter input rule 1"
    assert neighbour.text == (
        'add action=accept chain=input comment="from  the\\$ office" src-address=198.51.100.7'
    )


def test_of_two_interfaces_a_packet_comes_in_by_one():
    jump = "add action=jump chain=input comment=knockctl:jump in-interface=ether1 jump-target=kc-in"

    def effect(interface):
        text = f"{FILTER}\nadd chain=input in-interface={interface}\n{jump}\n{OURS}"
        return [n.effect for n in read(by_menu(parse_export(text))).neighbours]

    assert effect("ether2") == []
    assert effect("!ether1") == []
    assert effect("ether1") == ["accepts"]
    assert effect("!ether2") == ["accepts"]


def test_untracked_packets_matter_where_a_rule_exempts_some():
    accept = "add chain=input connection-state=established,related,untracked"
    notrack = "/ip firewall raw\nadd action=notrack chain=prerouting"
    assert effects(accept, notrack) == ["accepts"]
    assert effects(accept, f"{notrack} disabled=yes") == []
    assert effects(accept, notrack.replace("/ip ", "/ipv6 ")) == []


def test_a_foreign_rule_inside_our_chain_is_a_neighbour_wherever_it_stands():
    assert effects("add chain=input protocol=icmp", "add chain=kc-in protocol=tcp\n") == ["accepts"]
    assert effects("add chain=input protocol=icmp", "add action=return chain=kc-in\n") == [
        "unknown"
    ]


def test_without_a_rule_of_ours_in_a_chain_nothing_is_above_it():
    text = f"{FILTER}\nadd chain=input\n{OURS}"
    reading = read(by_menu(parse_export(text)))
    assert reading.neighbours == ()
    assert reading.places == {}


def test_between_two_rules_of_ours_a_foreign_one_is_above_the_second():
    other = JUMP.replace("=WAN", "=LTE")
    text = f"{FILTER}\n{JUMP}\nadd chain=input\n{{}}\n{OURS}"

    def found(second):
        return read(by_menu(parse_export(text.format(second))))

    assert [n.effect for n in found(other).neighbours] == ["accepts"]
    assert found(other).places == {(FILTER, "input"): 0}
    assert found(JUMP).neighbours == ()


def test_a_rule_above_two_of_ours_is_told_once():
    other = JUMP.replace("=WAN", "=LTE")
    text = f"{FILTER}\nadd chain=input\n{JUMP}\n{other}\n{OURS}"
    assert len(read(by_menu(parse_export(text))).neighbours) == 1


def test_families_are_judged_apart():
    six = (
        "/ipv6 firewall filter\nadd chain=input dst-port=22 protocol=tcp\n"
        "add action=jump chain=input comment=knockctl:jump jump-target=kc-in\n"
        "add action=drop chain=kc-in comment=knockctl:p1:hide dst-port=23 protocol=tcp\n"
    )
    assert effects("add chain=input protocol=icmp", six) == []
    assert effects("add chain=input protocol=icmp", six.replace("=23", "=22")) == ["accepts"]


def test_what_is_no_rule_stands_above_nothing():
    """Patterns and lists are in no order: somebody else's are no neighbours, wherever they are."""
    text = (
        "/ip firewall address-list\nadd address=10.0.0.1 list=theirs\n"
        "/ip firewall layer7-protocol\nadd name=theirs regexp=^a\n"
        f"add comment=knockctl:p1:passphrase name=kc-p1.pass1 regexp=^b\n{FILTER}\n{JUMP}\n{OURS}"
    )
    reading = read(by_menu(parse_export(text)))
    assert reading.neighbours == ()
    assert set(reading.places) == {(FILTER, "input")}
    assert plan(reading, reading.config, "bbbb2222").shadows == ()


@pytest.mark.parametrize("place", [None, 2, 9])
def test_planning_leaves_a_reading_as_it_is(place):
    foreign = "add chain=input src-address=10.0.0.{}\n"
    text = f"{FILTER}\n{foreign.format(1)}{foreign.format(2)}add action=drop chain=input\n{CHAINS}"
    goal = replace(parse_text(f"{FILTER}\n{OURS}{JUMP}\n"), place=place, revision=None)
    reading = read(by_menu(parse_export(text)))
    before = reading.table(FILTER).theirs("input")
    found = [plan(reading, goal, "bbbb2222") for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert reading.table(FILTER).theirs("input") == before
    listed = [f"{FILTER} input rule {n}" for n in range(1, min(place or 1, 3))]
    assert [n.place for n in found[0].shadows] == listed


# --- thousands of foreign rules ---------------------------------------------------------------


class Asked(dict):
    """A row that remembers what it was asked for."""

    def __init__(self, words):
        super().__init__(words)
        self.keys_asked = set()

    def get(self, key, default=None):
        self.keys_asked.add(key)
        return super().get(key, default)

    def items(self):
        self.keys_asked |= set(self)
        return super().items()


def test_only_rules_above_ours_are_looked_at_closely():
    foreign = {".id": "*1", "chain": "input", "action": "accept", "src-address": "10.0.0.0/8"}
    above, below, elsewhere = (
        Asked({**foreign, "chain": chain}) for chain in ("input", "input", "forward")
    )
    ours = [dict(row.words) for row in parse_export(f"{JUMP}\n{OURS}", FILTER)]
    rows = [above, ours[0], below, elsewhere, *ours[1:]]
    tables = {FILTER: Table(FILTER, rows)}
    reading = read_tables(tables)
    assert [n.place for n in reading.neighbours] == [f"{FILTER} input rule 1"]
    plan(reading, reading.config, "bbbb2222")
    plan(reading, RouterConfig(), "bbbb2222")
    assert "src-address" in above.keys_asked
    glance = {"dynamic", "comment", "chain"}
    assert (below.keys_asked, elsewhere.keys_asked) == (glance, glance)
    assert len(reading.foreign) == 3
