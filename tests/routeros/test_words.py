"""Words of rows: one form for one meaning, however they were written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockctl_routeros.config import normal
from knockctl_routeros.config.records import MENUS, Row

FILTER = "/ip firewall filter"
RAW = "/ip firewall raw"
LIST = "/ip firewall address-list"


def rule(menu=FILTER, **words):
    return Row.of(menu, {key.replace("_", "-"): value for key, value in words.items()})


def word(key, value, menu=FILTER):
    return Row.of(menu, {key: value}).get(key, None)


# --- durations ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("60s", "1m"),
        ("1000m", "16h40m"),
        ("24h", "1d"),
        ("7d", "1w"),
        ("30d", "4w2d"),
        ("30", "30s"),
        ("90", "1m30s"),
        ("00:30:00", "30m"),
        ("16:40:00", "16h40m"),
        ("1d02:03:04", "1d2h3m4s"),
        ("1w1d00:00:01", "1w1d1s"),
        ("100ms", "100ms"),
        ("00:00:00.100", "100ms"),
        ("0.5", "500ms"),
        ("none-static", "none-static"),
        ("1d30", "1d30"),
        ("soon", "soon"),
        ("", ""),
    ],
)
def test_a_duration_is_printed_with_its_largest_units_first(written, printed):
    assert word("address-list-timeout", written) == printed
    assert word("timeout", written, LIST) == printed


@given(st.integers(min_value=1, max_value=10**8))
def test_a_duration_is_the_same_in_every_form(seconds):
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    weeks, d = divmod(days, 7)
    forms = (
        f"{seconds}",
        f"{seconds}s",
        f"{seconds}000ms",
        f"{minutes}m{s}s",
        f"{hours:02}:{m:02}:{s:02}",
        f"{days}d{h:02}:{m:02}:{s:02}",
        f"{weeks}w{d}d{h}h{m}m{s}s",
    )
    assert len({normal.duration(form) for form in forms}) == 1
    assert normal.microseconds(normal.duration(forms[0])) == seconds * 1_000_000


@pytest.mark.parametrize("written", ["none-dynamic", "0s", "00:00:00", "0", 0])
def test_no_timeout_is_the_default_of_rules_that_list_an_address(written):
    listing = {"action": "add-src-to-address-list", "address-list": "kc-x", "chain": "input"}
    assert Row.of(FILTER, {**listing, "address-list-timeout": written}) == Row.of(FILTER, listing)


# --- what libraries make of values ----------------------------------------------------------


def test_numbers_that_a_library_made_are_words_again():
    assert rule(src_address_list=888, dst_port=22) == rule(src_address_list="888", dst_port="22")


def test_truths_that_a_library_made_are_yes_and_no():
    assert rule(disabled=True, log=True) == rule(disabled="yes", log="true")
    assert rule(disabled=False, log=False) == rule(disabled="false", log="no") == rule()
    assert rule(address_list=True).get("address-list") == "yes"
    assert rule(address_list="true").get("address-list") == "true"
    assert rule(comment=False).get("comment") == "no"


# --- defaults -------------------------------------------------------------------------------


def test_the_sample_row_of_a_device():
    row = Row.of(
        FILTER,
        {
            ".id": "*2E",
            "action": "accept",
            "bytes": 0,
            "chain": "input",
            "comment": "defconf: accept",
            "connection-state": "established,related",
            "disabled": False,
            "dynamic": False,
            "in-interface-list": "all",
            "log": False,
            "log-prefix": "",
            "packets": 0,
            "src-address": "0.0.0.0/0",
        },
    )
    assert row.text() == (
        'add action=accept chain=input comment="defconf: accept" \\\n'
        "    connection-state=established,related in-interface-list=all"
    )


def test_a_rule_says_its_action_and_a_list_entry_has_none():
    assert rule(chain="input").get("action") == "accept"
    assert rule(RAW, chain="prerouting").get("action") == "accept"
    assert Row.of(LIST, {"list": "kc-x", "address": "192.0.2.1"}).get("action") == ""


def test_empty_comments_and_defaults_are_left_out():
    assert rule(comment="", log="no", log_prefix="", disabled="no").words == (("action", "accept"),)
    assert rule(dst_address="0.0.0.0/0").words == rule().words
    assert rule("/ipv6 firewall filter", src_address="::/0").get("src-address") == ""
    assert rule(src_address="!0.0.0.0/0").get("src-address") == "!0.0.0.0/0"
    assert Row.of(LIST, {"address": "0.0.0.0/0"}).get("address") == "0.0.0.0/0"


def test_only_the_known_default_of_reject_with_is_left_out():
    default = rule(action="reject", reject_with="icmp-network-unreachable")
    assert default == rule(action="reject")
    assert rule(action="reject", reject_with="tcp-reset") != default
    six = rule("/ipv6 firewall filter", action="reject", reject_with="icmp-no-route")
    assert six.get("reject-with") == "icmp-no-route"


def test_what_is_not_known_stays_as_it_is():
    assert word("some-new-matcher", "B,a  ,,") == "B,a  ,,"
    assert word("content", "0.0.0.0/0") == "0.0.0.0/0"
    assert word("src-address-list", "") == ""


# --- lists, ports, addresses ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "written", "printed"),
    [
        ("connection-state", "related,established", "established,related"),
        ("connection-state", "!new,invalid", "!invalid,new"),
        ("connection-state", "new,!invalid", "new,!invalid"),
        ("tcp-flags", "!ack,syn", "syn,!ack"),
        ("tcp-flags", "!rst,!ack,!fin,!syn", "!fin,!syn,!rst,!ack"),
        ("tcp-flags", "xyz,cwr,ece", "ece,cwr,xyz"),
        ("protocol", "6", "tcp"),
        ("protocol", "!17", "!udp"),
        ("protocol", "gre", "gre"),
        ("dst-port", "8291,22,23,21", "21-23,8291"),
        ("dst-port", "10-20,15-30,31", "10-31"),
        ("dst-port", "!22,21", "!21-22"),
        ("dst-port", "22,70000", "22,70000"),
        ("dst-port", "22-21", "22-21"),
        ("dst-port", "ssh", "ssh"),
        ("src-address", "192.0.2.1/32", "192.0.2.1"),
        ("src-address", "!192.0.2.1/32", "!192.0.2.1"),
        ("src-address", "192.0.2.77/24", "192.0.2.0/24"),
        ("src-address", "192.168.0.0-192.168.1.255", "192.168.0.0/23"),
        ("src-address", "192.0.2.1-192.0.2.1", "192.0.2.1"),
        ("src-address", "192.0.2.1-192.0.2.3", "192.0.2.1-192.0.2.3"),
        ("src-address", "2001:DB8:0::1/128", "2001:db8::1"),
        ("src-address", "my-host.example", "my-host.example"),
        ("src-address", "192.0.2.1-2001:db8::1", "192.0.2.1-2001:db8::1"),
        ("fragment", "true", "yes"),
    ],
)
def test_one_meaning_has_one_form(key, written, printed):
    assert word(key, written) == printed
    assert word(key, printed) == printed


def test_a_range_on_a_list_reads_back_as_a_prefix():
    assert word("address", "192.168.0.0-192.168.1.255", LIST) == "192.168.0.0/23"


VALUES = st.one_of(
    st.text(st.sampled_from("0123456789!,-:/.ahdmsw"), max_size=12),
    st.text(max_size=12),
    st.integers(),
    st.booleans(),
)
KEYS = st.sampled_from(sorted(normal._FORMS)) | st.sampled_from(
    ("comment", "content", "reject-with")
)


@given(st.sampled_from(MENUS), st.dictionaries(KEYS, VALUES))
def test_the_normal_form_of_a_normal_form_is_itself(menu, words):
    row = Row.of(menu, words)
    assert Row.of(menu, dict(row.words)) == row
