"""The life of rows: ids, order, words that are refused, and how they are read back."""

import pytest
from librouteros.exceptions import TrapError

from tests.routeros.conftest import FILTER, LIST, refused


def order(path):
    return [row["comment"] for row in path]


def rule(**words):
    return {"chain": "input"} | {name.replace("_", "-"): value for name, value in words.items()}


def last(path):
    return {name: str(value) for name, value in tuple(path)[-1].items()}


# --- ids and order ---


def test_ids_are_hexadecimal_and_never_given_twice(rules):
    ids = [rules.add(chain="input", comment=str(number)) for number in range(12)]
    assert ids[:2] == ["*1", "*2"]
    assert ids[-1] == "*C"
    rules.remove("*C")
    assert rules.add(chain="input", comment="later") == "*D"


def test_a_row_is_added_before_another(rules):
    first = rules.add(chain="input", comment="a")
    rules.add(chain="input", comment="b", **{"place-before": first})
    assert order(rules) == ["b", "a"]


def test_a_place_that_is_not_there_is_refused(rules):
    message = refused(rules.add, chain="input", **{"place-before": "*99"})
    assert message == "failure: item referred by 'place-before' does not exist"


def test_rows_are_moved_before_another_or_to_the_end(rules):
    ids = [rules.add(chain="input", comment=name) for name in "abcd"]
    tuple(rules("move", numbers=f"{ids[3]},{ids[2]}", destination=ids[0]))
    assert order(rules) == ["d", "c", "a", "b"]
    tuple(rules("move", numbers=ids[3]))
    assert order(rules) == ["c", "a", "b", "d"]


def test_a_set_reaches_several_rows_and_keeps_their_ids(rules):
    ids = [rules.add(chain="input", comment=name) for name in "abc"]
    rules.update(**{".id": ",".join(ids[:2]), "disabled": True})
    assert [(row[".id"], row["disabled"]) for row in rules] == [
        ("*1", True),
        ("*2", True),
        ("*3", False),
    ]


def test_a_removal_is_not_undone_by_an_id_that_is_not_there(rules):
    ids = [rules.add(chain="input", comment=name) for name in "abc"]
    assert refused(rules.remove, ids[0], "*99", ids[2]) == "no such item"
    assert order(rules) == ["b", "c"]


def test_rows_are_enabled_disabled_and_commented(rules):
    number = rules.add(chain="input")
    tuple(rules("disable", **{".id": number}))
    assert next(iter(rules))["disabled"] is True
    tuple(rules("enable", numbers=number))
    tuple(rules("comment", numbers=number, comment="said"))
    assert (next(iter(rules))["disabled"], next(iter(rules))["comment"]) == (False, "said")


def test_words_are_unset_in_three_ways(rules):
    number = rules.add(**rule(src_address="10.0.0.1", dst_address="10.0.0.2", content="x"))
    tuple(rules("unset", **{".id": number, "value-name": "src-address"}))
    rules.update(**{".id": number, "!dst-address": ""})
    rules.update(**{".id": number, "content": ""})
    assert not {"src-address", "dst-address", "content"} & set(next(iter(rules)))


def test_identical_rules_are_two_rules(rules):
    rules.add(chain="input")
    rules.add(chain="input")
    assert len(tuple(rules)) == 2


def test_a_row_can_be_copied(rules):
    number = rules.add(**rule(protocol="tcp", dst_port="22", comment="a"))
    rules.add(**{"copy-from": number, "comment": "b"})
    copy = last(rules)
    assert (copy["protocol"], copy["dst-port"], copy["comment"]) == ("tcp", "22", "b")


def test_named_rows_can_be_given_by_name(api):
    scripts = api.path("system", "script")
    scripts.add(name="revert", source="")
    scripts.remove("revert")
    assert tuple(scripts) == ()


# --- what is refused ---

PORTS = "failure: ports can be specified if proto is tcp,udp,udp-lite,dccp,sctp"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (rule(dst_port="22"), PORTS),
        (rule(protocol="icmp", dst_port="22"), PORTS),
        (rule(protocol="tcp", dst_port="70000"), "value of range out of range (0..65535)"),
        (rule(protocol="tcp", dst_port="ssh"), "invalid value for argument dst-port"),
        (rule(protocol="udp", tcp_flags="syn"), "failure: tcp-flags works only with tcp"),
        (
            rule(protocol="tcp", icmp_options="8:0"),
            "failure: icmp-options can be specified if proto is icmp",
        ),
        (rule(action="explode"), "input does not match any value of action"),
        (rule(protocol="tpc"), "input does not match any value of protocol"),
        (rule(in_interface="ether9"), "input does not match any value of interface"),
        (rule(in_interface_list="DMZ"), "input does not match any value of in-interface-list"),
        (rule(connection_state="fresh"), "input does not match any value of connection-state"),
        (rule(layer7_protocol="x"), "input does not match any value of layer7-protocol"),
        (rule(src_address="10.0.0.300"), "value of range expects range of ip addresses"),
        (rule(src_address="2001:db8::1"), "value of range expects range of ip addresses"),
        (rule(address_list_timeout="soon"), "invalid value for argument address-list-timeout"),
        (rule(disabled="maybe"), "input does not match any value of disabled"),
        (rule(dscp="99"), "value of dscp out of range (0..63)"),
        (rule(dscp="x"), "invalid value for argument dscp"),
        (rule(tcp_flags="syn,fun", protocol="tcp"), "input does not match any value of tcp-flags"),
        (rule(limit="10 a minute"), "invalid value for argument limit"),
        (rule(packet_size="big"), "invalid value for argument packet-size"),
        (rule(icmp_options="x"), "invalid value for argument icmp-options"),
        (
            rule(address_list_timeout="99999w"),
            "value of address-list-timeout out of range (0..2147483647)",
        ),
        (rule(stage="1"), "unknown parameter stage"),
        ({"action": "drop"}, "missing value(s) of argument(s) chain"),
    ],
)
def test_a_rule_the_router_refuses(rules, words, message):
    assert refused(rules.add, **words) == message
    assert tuple(rules) == ()


def test_a_refused_value_is_of_category_1(rules):
    with pytest.raises(TrapError) as caught:
        rules.add(chain="input", action="explode")
    assert caught.value.category == 1


@pytest.mark.parametrize(
    ("menu", "word"),
    [
        (("ip", "firewall", "raw"), "connection-state"),
        (("ip", "firewall", "raw"), "layer7-protocol"),
        (("ipv6", "firewall", "filter"), "psd"),
        (("ipv6", "firewall", "filter"), "layer7-protocol"),
        (("ipv6", "firewall", "raw"), "connection-state"),
    ],
)
def test_a_word_another_table_has_is_unknown(api, menu, word):
    path = api.path(*menu)
    message = refused(path.add, chain="prerouting", protocol="tcp", **{word: "new"})
    assert message == f"unknown parameter {word}"


def test_a_set_is_checked_against_the_whole_row(rules):
    number = rules.add(**rule(protocol="tcp", dst_port="22"))
    assert refused(rules.update, **{".id": number, "!protocol": ""}) == PORTS
    assert last(rules)["protocol"] == "tcp"


@pytest.mark.parametrize(
    ("menu", "words"),
    [
        (("ip", "firewall", "address-list"), {"address": "10.0.0.1", "list": "a"}),
        (("ip", "firewall", "layer7-protocol"), {"name": "a"}),
        (("system", "script"), {"name": "a"}),
        (("system", "scheduler"), {"name": "a"}),
        (("interface", "list"), {"name": "a"}),
        (("interface", "list", "member"), {"list": "LAN", "interface": "ether1"}),
    ],
)
def test_the_same_entry_is_not_taken_twice(api, menu, words):
    path = api.path(*menu)
    path.add(**words)
    assert refused(path.add, **words) == "failure: already have such entry"


def test_a_builtin_interface_list_stays(api):
    assert "builtin" in refused(api.path("interface", "list").remove, "all")


# --- how words are read back ---


@pytest.mark.parametrize(
    ("sent", "word", "read"),
    [
        ({"address-list-timeout": "1000m"}, "address-list-timeout", "16h40m"),
        ({"address-list-timeout": "60"}, "address-list-timeout", "1m"),
        ({"address-list-timeout": "7d"}, "address-list-timeout", "1w"),
        ({"address-list-timeout": "30d"}, "address-list-timeout", "4w2d"),
        ({"address-list-timeout": "1d02:03:04"}, "address-list-timeout", "1d2h3m4s"),
        ({"address-list-timeout": "00:00:00"}, "address-list-timeout", "none-dynamic"),
        ({"address-list-timeout": "none-static"}, "address-list-timeout", "none-static"),
        ({}, "address-list-timeout", "none-dynamic"),
        ({"src-address": "10.0.0.1/32"}, "src-address", "10.0.0.1"),
        ({"src-address": "!10.0.0.7/24"}, "src-address", "!10.0.0.0/24"),
        ({"src-address": "10.0.0.0-10.0.0.255"}, "src-address", "10.0.0.0/24"),
        ({"src-address": "10.0.0.1-10.0.0.5"}, "src-address", "10.0.0.1-10.0.0.5"),
        ({"protocol": "6"}, "protocol", "tcp"),
        ({"protocol": "!17"}, "protocol", "!udp"),
        ({"connection-state": "new,related,established"}, "connection-state",
         "established,related,new"),
        ({"protocol": "tcp", "tcp-flags": "!ack,syn"}, "tcp-flags", "syn,!ack"),
        ({"protocol": "icmp", "icmp-options": "8:0-255"}, "icmp-options", "8:0-255"),
        ({"protocol": "icmp", "icmp-options": "8"}, "icmp-options", "8:0-255"),
        ({"protocol": "icmp", "icmp-options": "8:0"}, "icmp-options", "8:0"),
        ({"protocol": "tcp", "psd": "21,3s,3,1"}, "psd", "21,3s,3,1"),
        ({"packet-size": "100-200"}, "packet-size", "100-200"),
        ({"in-interface": "all"}, "in-interface", "all"),
        ({"dscp": "!07"}, "dscp", "!7"),
        ({"in-interface-list": "!LAN"}, "in-interface-list", "!LAN"),
        ({"log": True, "log-prefix": "kc "}, "log-prefix", "kc "),
    ],
)  # fmt: skip
def test_a_value_is_read_back_in_normal_form(rules, sent, word, read):
    rules.add(**rule(action="add-src-to-address-list", address_list="a") | sent)
    assert last(rules)[word] == read


def test_a_list_timeout_means_nothing_to_other_actions(rules):
    rules.add(**rule(action="drop", address_list_timeout="none-dynamic"))
    assert "address-list-timeout" not in last(rules)


@pytest.mark.parametrize(("version", "echoed"), [("6.49", True), ("7.20", False)])
def test_an_empty_log_prefix_is_read_back_by_older_versions(device, version, echoed):
    api = device(version=version).connect()
    rules = api.path("ip", "firewall", "filter")
    rules.add(chain="input")
    assert ("log-prefix" in next(iter(rules))) == echoed


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("10.0.0.1/32", "10.0.0.1"),
        ("192.168.0.0-192.168.1.255", "192.168.0.0/23"),
        ("knock.example.org", "knock.example.org"),
    ],
)
def test_an_address_is_listed_in_normal_form(api, sent, read):
    lists = api.path("ip", "firewall", "address-list")
    lists.add(list="a", address=sent)
    assert last(lists)["address"] == read


def test_an_ipv6_address_is_listed_with_its_mask(api):
    lists = api.path("ipv6", "firewall", "address-list")
    lists.add(list="a", address="2001:DB8::1")
    assert last(lists)["address"] == "2001:db8::1/128"


def test_a_timed_entry_counts_down_and_is_gone_at_the_very_second(router, api):
    lists = api.path("ip", "firewall", "address-list")
    lists.add(list="grant", address="10.0.0.1", timeout="30m")
    entry = last(lists)
    assert (entry["dynamic"], entry["timeout"]) == ("True", "30m")
    assert entry["creation-time"] == "2026-05-28 20:26:40"
    router.advance(61)
    assert last(lists)["timeout"] == "28m59s"
    router.advance(1738)
    assert last(lists)["timeout"] == "1s"
    router.advance(1)
    assert tuple(lists) == ()


def test_an_entry_is_timed_or_removed_over_the_api(api):
    lists = api.path("ip", "firewall", "address-list")
    number = lists.add(list="a", address="10.0.0.1")
    lists.update(**{".id": number, "timeout": "10s"})
    assert last(lists)["dynamic"] == "True"
    lists.remove(number)
    assert tuple(lists) == ()


def test_a_router_may_refuse_to_remove_timed_entries(device):
    lists = device(dynamic_removable=False).connect().path("ip", "firewall", "address-list")
    number = lists.add(list="a", address="10.0.0.1", timeout="30m")
    assert "dynamic" in refused(lists.remove, number)


def test_a_rule_whose_layer7_entry_is_gone_is_invalid(api, rules):
    layer7 = api.path("ip", "firewall", "layer7-protocol")
    layer7.add(name="pass", regexp="^x$")
    rules.add(**rule(layer7_protocol="pass"))
    assert last(rules)["invalid"] == "False"
    layer7.remove("pass")
    assert last(rules)["invalid"] == "True"


def test_the_fasttrack_row_stands_first_and_does_not_move(device):
    router = device(fasttrack_row=True)
    rules = router.connect().path("ip", "firewall", "filter")
    number = rules.add(chain="input", comment="mine")
    rows = tuple(rules)
    assert (rows[0]["chain"], rows[0]["dynamic"]) == ("forward", True)
    for call in (
        lambda: rules.remove("*1"),
        lambda: rules.add(chain="input", **{"place-before": "*1"}),
        lambda: tuple(rules("move", numbers=number, destination="*1")),
    ):
        assert "builtin" in refused(call)
    assert [row[".id"] for row in rules] == ["*1", "*2"]


def test_addresses_have_a_network_and_an_interface(api):
    row = last(api.path("ip", "address"))
    assert (row["address"], row["network"], row["interface"]) == (
        "192.0.2.12/24",
        "192.0.2.0",
        "ether2",
    )
    assert last(api.path("ipv6", "address"))["address"] == "2001:db8::12/64"


def test_packets_are_counted(router, api):
    number = api.path("ip", "firewall", "filter").add(chain="input")
    router.do(router.router.count, FILTER, int(number[1:], 16), 60)
    router.do(router.router.count, FILTER, int(number[1:], 16), 40)
    row = router.rows(FILTER)[0]
    assert (row["packets"], row["bytes"]) == ("2", "100")


def test_connections_are_listed_by_packets_and_removed_over_the_api(router, api):
    path = "/ip/firewall/connection"
    words = {"protocol": "tcp", "src-address": "10.0.0.1:4000", "dst-address": "10.0.0.2:22"}
    router.do(router.router.learn, path, words, 10)
    connections = api.path("ip", "firewall", "connection")
    assert last(connections)["src-address"] == "10.0.0.1:4000"
    connections.remove("*1")
    assert tuple(connections) == ()
    assert refused(connections.add, protocol="tcp") == "no such command"


# --- what the data plane sees ---


def test_every_committed_change_is_told_and_a_refused_one_is_not(device):
    told = []
    router = device(on_change=told.append)
    api = router.connect()
    rules = api.path("ip", "firewall", "filter")
    number = rules.add(chain="input")
    refused(rules.add, chain="input", action="explode")
    rules.update(**{".id": number, "comment": "x"})
    api.path("system", "script").add(name="a", source="")
    api.path("ip", "firewall", "address-list").add(list="a", address="10.0.0.1")
    rules.remove(number)
    assert told == [FILTER, FILTER, LIST, FILTER]


def test_packets_list_addresses_and_refresh_their_time(router):
    words = {"list": "kc-1", "address": "10.0.0.1"}
    router.do(router.router.learn, LIST, words, 30)
    router.advance(20)
    router.do(router.router.learn, LIST, words, 30)
    assert [(row[".id"], row["timeout"]) for row in router.rows(LIST)] == [("*1", "30s")]


def test_without_refresh_the_first_time_counts(device):
    router = device(refresh=False)
    words = {"list": "kc-1", "address": "10.0.0.1"}
    router.do(router.router.learn, LIST, words, 30)
    router.advance(20)
    router.do(router.router.learn, LIST, words, 30)
    assert [row["timeout"] for row in router.rows(LIST)] == ["10s"]


def test_a_static_entry_is_not_replaced_by_packets(router, api):
    words = {"list": "kc-1", "address": "10.0.0.1"}
    api.path("ip", "firewall", "address-list").add(**words)
    router.do(router.router.learn, LIST, words, 30)
    assert [row["dynamic"] for row in router.rows(LIST)] == ["false"]
