"""Running configurations of three trains read as one config, and what we print read back."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl_ios.config import syntax
from knockctl_ios.config.parse import parse_text
from knockctl_ios.config.records import Insert, IosConfig, key
from knockctl_ios.config.syntax import Line

FOLDER = Path(__file__).parent
TRAINS = ("12.4T", "15", "17")
READ = {train: parse_text((FOLDER / "running" / f"{train}.cfg").read_text()) for train in TRAINS}


@pytest.mark.parametrize("train", TRAINS)
def test_all_trains_print_the_same_config(train):
    assert READ[train] == READ["15"]
    assert READ[train].text().partition("\n")[2] == READ["15"].text().partition("\n")[2]


def test_only_what_is_ours_is_taken():
    config = READ["15"]
    assert [key(one) for one in config.objects] == [
        "object-group service kc-knocks",
        "ip access-list extended kc-copp",
        "class-map match-all kc-other",
        "class-map match-any kc-knock",
        "class-map type logging match-any kc-log",
        "policy-map type logging kc-log",
        "event manager environment _kc_ports_secret",
        "event manager applet kc-branch-ssh-1",
    ]
    assert config.parents == (
        "ip access-list extended OUTSIDE",
        "policy-map PM_CoPP",
        "control-plane host",
    )
    assert config.revision == "0a1b2c"


def test_our_lines_stand_in_the_operators_list_between_our_remarks():
    lines = [one.line.text for one in READ["12.4T"].within("ip access-list extended OUTSIDE")]
    assert lines == [
        "remark knockctl begin branch-ssh secret",
        "dynamic kc-branch-ssh timeout 60 permit tcp any host 198.51.100.14 eq 22",
        "deny tcp any host 198.51.100.14 eq 22",
        "permit object-group kc-knocks any host 198.51.100.14",
        "remark knockctl end",
    ]


def test_numbers_are_kept_beside_where_the_device_shows_them():
    def numbers(train):
        return [one.number for one in READ[train].within("ip access-list extended OUTSIDE")]

    assert numbers("17") == [11, 12, 13, 14, 15]
    assert numbers("15") == [0] * 5


def test_it_is_told_where_our_lines_act():
    assert READ["12.4T"].bound == (("FastEthernet0/0", "OUTSIDE"),)
    assert READ["17"].bound == (("GigabitEthernet1", "OUTSIDE"),)


def test_what_came_from_a_reference_is_told_by_the_device():
    assert READ["17"].secrets() == {"46543", "22", "123", "1000", "1010"}


@pytest.mark.parametrize("train", TRAINS)
def test_what_is_printed_is_read_back(train):
    config = READ[train]
    again = parse_text(config.text())
    assert again == config
    assert again.bound == config.bound
    assert again.text() == config.text()


def test_a_begin_without_an_end_holds_nothing_but_what_names_tell():
    text = """ip access-list extended A
 remark knockctl begin x
 permit udp any any eq 1
 dynamic kc-x permit tcp any any eq 22
 remark knockctl begin y
 permit udp any any eq 2
 remark knockctl end
 permit udp any any eq 3
"""
    assert [one.line.text for one in parse_text(text).inserts] == [
        "remark knockctl begin x",
        "dynamic kc-x permit tcp any any eq 22",
        "remark knockctl begin y",
        "permit udp any any eq 2",
        "remark knockctl end",
    ]


def test_a_page_without_indentation_is_read_like_one_with_it():
    lines = syntax.read((FOLDER / "seed.cfg").read_text())
    assert [one.text.split()[0] for one in lines].count("event") == 3
    applet = next(one for one in lines if "applet" in one.text)
    assert len(applet.below) == 5 + 1 + 29
    assert applet.child("trigger").below[0].text.startswith("correlate event _knock_Tag_E1")
    policy = next(one for one in lines if one.text == "policy-map PM_CoPP")
    assert policy.below == (Line("class CM_CoPP_Knock"),)
    assert parse_text((FOLDER / "seed.cfg").read_text()).empty


def test_foreign_lines_by_the_thousand_change_nothing():
    text = (FOLDER / "running" / "15.cfg").read_text()
    routes = "".join(
        f"ip route 10.{n // 250}.{n % 250}.0 255.255.255.0 Null0\n" for n in range(9999)
    )
    assert parse_text(text.replace("hostname r1\n", f"hostname r1\n{routes}")) == READ["15"]


# --- what is made is read back ------------------------------------------------------------------

PORT = st.integers(1, 65535)
NAME = st.from_regex(r"kc-[a-z][a-z0-9-]{0,8}", fullmatch=True)
SIDE = st.one_of(
    st.just("any"),
    st.builds("host 192.0.2.{}".format, st.integers(0, 255)),
    st.builds("192.0.{}.0 0.0.0.255".format, st.integers(0, 255)),
)
PORTS = st.one_of(
    st.just(""),
    PORT.map(lambda port: f" eq {port}"),
    st.tuples(PORT, PORT).map(lambda two: f" range {min(two)} {max(two)}"),
)
ENTRY = st.builds(
    "{} {} {} {}{}{}".format,
    st.sampled_from(["permit", "deny"]),
    st.sampled_from(["tcp", "udp"]),
    SIDE,
    SIDE,
    PORTS,
    st.sampled_from(["", " log kc-tag"]),
)
ENTRIES = st.lists(ENTRY, min_size=1, max_size=4, unique=True)
LIST = st.builds(
    lambda name, entries: Line(f"ip access-list extended {name}", tuple(map(Line, entries))),
    NAME,
    ENTRIES,
)
PATTERN = st.from_regex(r"%CP-6-(UDP|TCP): \.\*-> \?\[0-9\.\]\+\\\([1-9]{1,4}\\\)", fullmatch=True)
APPLET = st.builds(
    lambda name, pattern, label, text: Line(
        f"event manager applet {name} authorization bypass",
        (
            Line(f'event syslog pattern "{pattern}"'),
            Line(f'action {label:04} cli command "{text}"'),
        ),
    ),
    NAME,
    PATTERN,
    st.integers(0, 9999),
    st.from_regex(r"[a-z]+( [a-z$_]+){0,3}", fullmatch=True),
)
INSERTS = ENTRIES.map(
    lambda entries: tuple(
        Insert("ip access-list extended THEIRS", Line(text))
        for text in ("remark knockctl begin p", *entries, "remark knockctl end")
    )
)


@settings(max_examples=50)
@given(st.lists(st.one_of(LIST, APPLET), max_size=4), INSERTS, st.sampled_from([None, "0a1b2c"]))
def test_every_config_is_read_back(objects, inserts, revision):
    config = IosConfig(tuple(objects), inserts, revision)
    assert parse_text(config.text()) == config
