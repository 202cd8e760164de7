"""What two configs mean to a router, and what is ours of one."""

import pytest

from knockctl_ios.config import normal
from knockctl_ios.config.parse import parse_text
from knockctl_ios.config.records import BEARER, Insert, IosConfig, load, ours
from knockctl_ios.config.syntax import Line

LIST = Line("ip access-list extended kc-a", (Line("permit udp any any eq 1"),))
CONFIG = IosConfig(
    (LIST,),
    (
        Insert("ip access-list extended OUT", Line("12 dynamic kc-x permit tcp any any eq 22"), 12),
        Insert("policy-map PM", Line("class kc-x", (Line("drop"),))),
    ),
    "0a1b2c",
    bound=(("Gi0/0", "OUT"),),
    needs=("service sequence-numbers",),
    place=(("ip access-list extended OUT", 20), ("policy-map PM", "first")),
    secret_words=frozenset({"1"}),
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("deny   tcp any any eq 22", "deny tcp any any eq 22"),
        ("10 permit tcp any any eq www", "permit tcp any any eq 80"),
        ("permit 17 any any eq ntp", "permit udp any any eq 123"),
        ("permit udp any any range 5 5", "permit udp any any eq 5"),
        ("permit tcp any any eq 443 22", "permit tcp any any eq 22 443"),
        ("permit tcp 192.0.2.1 0.0.0.0 any", "permit tcp host 192.0.2.1 any"),
        ("permit tcp 0.0.0.0 255.255.255.255 any", "permit tcp any any"),
        ("permit tcp 192.0.2.9 0.0.0.7 any", "permit tcp 192.0.2.8 0.0.0.7 any"),
        ("permit tcp any eq telnet any gt 1023", "permit tcp any eq 23 any gt 1023"),
        (
            "20 dynamic kc-d timeout 5 permit tcp any any eq smtp",
            "dynamic kc-d timeout 5 permit tcp any any eq 25",
        ),
        ("permit tcp any any eq 22 sequence 30", "permit tcp any any eq 22"),
        ("sequence 30 permit tcp any any eq 22", "permit tcp any any eq 22"),
    ],
)
def test_entries_that_mean_the_same_are_equal(one, other):
    assert normal.entry(one).text == normal.entry(other).text == other
    assert normal.entry(other).text == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("permit tcp any any eq www", "permit udp any any eq www"),
        ("permit tcp any any eq 22", "permit tcp any eq 22 any"),
        ("permit tcp any any eq 22 established", "permit tcp any any eq 22"),
    ],
)
def test_entries_that_differ_are_not(one, other):
    assert normal.entry(one).text != normal.entry(other).text


def lines(text, *below):
    return normal.line(Line(text, tuple(Line(one) for one in below)))


def test_a_class_map_matches_all_unless_it_says_otherwise():
    assert lines("class-map kc-x").text == "class-map match-all kc-x"
    assert lines("class-map type logging kc-x").text == "class-map type logging match-all kc-x"
    assert lines("class-map match-any kc-x").text == "class-map match-any kc-x"


def test_order_counts_in_lists_and_policies_alone():
    assert lines("class-map a", "match a", "match b") == lines("class-map a", "match b", "match a")
    one = lines("object-group service a", "tcp eq www", "udp eq 1")
    assert one == lines("object-group service a ", "udp eq 1", "tcp eq 80")
    for head in ("policy-map a", "ip access-list extended a"):
        assert lines(head, "class a", "class b") != lines(head, "class b", "class a")


def test_actions_run_by_their_labels_and_what_is_entered_again_counts():
    one = lines(
        "event manager applet kc-a",
        "action 0020 exit",
        'action 0010 cli command "a"',
        "event tag b syslog pattern b",
        'event tag a syslog pattern "a b" maxrun 20 occurs 1',
        "action 0010  cli command enable",
    )
    assert [child.text for child in one.below] == [
        'event tag a syslog pattern "a b"',
        'event tag b syslog pattern "b"',
        'action 0010 cli command "enable"',
        "action 0020 exit",
    ]


def test_fractions_that_are_none_and_defaults_are_left_out():
    one = lines("event manager applet kc-a", "trigger occurs 1 period 10.000")
    assert one.below[0].text == "trigger period 10"


def test_normal_form_is_idempotent():
    for line in CONFIG.lines():
        assert normal.line(line) == line


@pytest.mark.parametrize(
    ("text", "mine"),
    [
        ("ip access-list extended kc-a", True),
        ("ip access-list extended OUT", False),
        ("event manager environment _kc_x 1", True),
        ("event manager environment x kc-a", False),
        ("event manager applet kc-a authorization bypass", True),
        ("event manager policy kc-a.tcl type user", True),
        ("class-map type logging match-any kc-a", True),
        ("interface kc-a", False),
    ],
)
def test_names_tell_what_is_ours(text, mine):
    assert ours(Line(text)) is mine


def test_the_mark_is_an_environment_variable():
    marked = IosConfig((LIST, Line(f"{BEARER} 0a1b2c")))
    assert marked.revision == "0a1b2c"
    assert marked.objects == (LIST,)
    assert f"{BEARER} 0a1b2c\n" in marked.text()
    assert marked.same(marked.marked(None))
    assert marked != marked.marked("1")
    assert BEARER not in marked.marked(None).text()


def test_nothing_is_empty():
    assert IosConfig().empty
    assert IosConfig().text() == ""
    assert not IosConfig(revision="1").empty
    assert not CONFIG.empty


def test_a_dump_loses_nothing():
    again = load(CONFIG.dump())
    assert again == CONFIG
    for name in ("bound", "needs", "place", "secret_words"):
        assert getattr(again, name) == getattr(CONFIG, name)
    assert [one.number for one in again.inserts] == [12, 0]


def test_what_is_named_stands_before_what_names_it():
    text = CONFIG.text()
    places = [text.index(word) for word in ("kc-a", "policy-map PM", BEARER)]
    assert places == sorted(places)
    assert text.startswith("! bound to Gi0/0: OUT\n")


def test_objects_are_found_by_what_they_configure():
    assert CONFIG.get("ip access-list extended kc-a") == LIST
    assert CONFIG.get("ip access-list extended kc-b") is None
    assert CONFIG.parents == ("ip access-list extended OUT", "policy-map PM")


def test_a_pattern_is_left_as_it_is():
    applet = 'event manager applet kc-a\n event syslog pattern "192.0.2.14" maxrun 30.000\n'
    (line,) = parse_text(applet).objects
    assert line.below[0].text == 'event syslog pattern "192.0.2.14" maxrun 30'
