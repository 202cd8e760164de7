"""Readings: what is ours, what is foreign, and what of it is judged before ours."""

from dataclasses import replace

import pytest

from knockctl_routeros.config.export import parse_export
from knockctl_routeros.config.parse import (
    by_menu,
    parse_text,
)
from knockctl_routeros.config.records import RouterConfig, Row
from knockctl_routeros.config.table import Table, static
from knockctl_routeros.plan.plan import plan
from knockctl_routeros.plan.reading import (
    api_rows,
    read,
    read_tables,
)

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
    assert reading.places == {}


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


# --- where ours stands ------------------------------------------------------------------------


def test_without_a_rule_of_ours_in_a_chain_nothing_is_above_it():
    text = f"{FILTER}\nadd chain=input\n{OURS}"
    assert read(by_menu(parse_export(text))).places == {}


def test_the_first_of_two_rules_of_ours_is_where_we_stand():
    other = JUMP.replace("=WAN", "=LTE")
    text = f"{FILTER}\nadd action=log chain=input\n{JUMP}\nadd chain=input\n{other}\n{OURS}"
    assert read(by_menu(parse_export(text))).places == {(FILTER, "input"): 1}


def test_what_is_no_rule_stands_nowhere():
    text = (
        "/ip firewall address-list\nadd address=10.0.0.1 list=theirs\n"
        "/ip firewall layer7-protocol\nadd name=theirs regexp=^a\n"
        f"add comment=knockctl:p1:passphrase name=kc-p1.pass1 regexp=^b\n{FILTER}\n{JUMP}\n{OURS}"
    )
    assert set(read(by_menu(parse_export(text))).places) == {(FILTER, "input")}


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


def test_foreign_rules_are_only_glanced_at():
    foreign = {".id": "*1", "chain": "input", "action": "drop", "src-address": "10.0.0.0/8"}
    above, below, elsewhere = (
        Asked({**foreign, "chain": chain}) for chain in ("input", "input", "forward")
    )
    ours = [dict(row.words) for row in parse_export(f"{JUMP}\n{OURS}", FILTER)]
    rows = [above, ours[0], below, elsewhere, *ours[1:]]
    reading = read_tables({FILTER: Table(FILTER, rows)})
    plan(reading, reading.config, "bbbb2222")
    plan(reading, RouterConfig(), "bbbb2222")
    glance = {"dynamic", "comment", "chain"}
    assert above.keys_asked == glance | {"action"}
    assert (below.keys_asked, elsewhere.keys_asked) == (glance, glance)
    assert len(reading.foreign) == 3
