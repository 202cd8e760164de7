"""Tags: who gives them to addresses, how many, for how long, and which groups follow."""

import pytest
from pan.xapi import PanXapiError

from tests.panos.conftest import MESSAGE, VSYS, register, registered, send


def test_one_message_registers_and_unregisters(still):
    api = still.xapi()
    register(api, "192.0.2.1", "a")
    register(api, "192.0.2.1", "b", persistent="0")
    assert registered(api) == {"192.0.2.1": ["a", "b"]}
    assert api.element_result.find("entry").get("persistent") == "1"
    both = "<unregister><entry ip='192.0.2.1'/></unregister>"
    send(
        api,
        both + "<register><entry ip='192.0.2.2'><tag><member>c</member></tag></entry></register>",
    )
    assert registered(api) == {"192.0.2.2": ["c"]}


def test_addresses_are_read_by_tag_by_address_and_by_page(still):
    api = still.xapi()
    for ip, tag in [("192.0.2.1", "a"), ("192.0.2.2", "a"), ("192.0.2.3", "b")]:
        register(api, ip, tag)
    assert list(registered(api, "<tag><entry name='a'/></tag>")) == ["192.0.2.1", "192.0.2.2"]
    assert list(registered(api, "<ip>192.0.2.3</ip>")) == ["192.0.2.3"]
    page = registered(api, "<limit>2</limit><start-point>2</start-point>")
    assert list(page) == ["192.0.2.2", "192.0.2.3"]
    assert api.element_result.findtext("count") == "2"
    assert registered(api, vsys="vsys2") == {}
    with pytest.raises(PanXapiError, match="limit is invalid"):
        registered(api, "<limit>many</limit>")


@pytest.mark.parametrize(
    ("ip", "tag", "timeout", "said"),
    [
        ("192.0.2.300", "a", "0", "invalid ip"),
        ("192.0.2.1", "", "0", "is invalid"),
        ("192.0.2.1", "a", "2592001", "timeout 2592001 is invalid"),
        ("192.0.2.1", "a", "soon", "timeout soon is invalid"),
    ],
)
def test_what_cannot_be_registered(still, ip, tag, timeout, said):
    api = still.xapi()
    with pytest.raises(PanXapiError, match=said):
        register(api, ip, tag, timeout)
    assert registered(api) == {}


def test_an_address_has_thirty_two_tags_at_most(still):
    api = still.xapi()
    for number in range(32):
        register(api, "192.0.2.1", f"t{number}")
    with pytest.raises(PanXapiError, match="more than 32 tags"):
        register(api, "192.0.2.1", "one-too-many")


@pytest.mark.parametrize(("version", "taken"), [("9.1.0", False), ("10.1.3", True)])
def test_ranges_can_be_registered_since_ten(device, version, taken):
    api = device(version=version).xapi()
    for ip in ("10.0.0.0/24", "10.0.0.1-10.0.0.9"):
        if taken:
            register(api, ip, "a")
        else:
            with pytest.raises(PanXapiError, match="invalid ip"):
                register(api, ip, "a")


@pytest.mark.parametrize(("refreshes", "left"), [(False, []), (True, ["192.0.2.1"])])
def test_a_duplicate_may_or_may_not_have_its_time_anew(device, refreshes, left):
    made = device(scale=0, register_refreshes=refreshes)
    api = made.xapi()
    register(api, "192.0.2.1", "a", "60")
    made.advance(40)
    with pytest.raises(PanXapiError, match="already exists, ignore"):
        register(api, "192.0.2.1", "a", "60")
    made.advance(40)
    assert list(registered(api)) == left


@pytest.mark.parametrize(
    "cmd", ["<x/>", "<uid-message/>", MESSAGE.format("3.0", ""), MESSAGE.format("1.0", "")[:-1]]
)
def test_messages_of_other_forms_are_refused(still, cmd):
    with pytest.raises(PanXapiError):
        still.xapi().user_id(cmd)


def test_other_payloads_are_taken_and_change_nothing(still):
    api = still.xapi()
    send(api, "<login><entry name='ann' ip='192.0.2.1'/></login>", version="1.0")
    assert registered(api) == {}


def test_actions_of_profiles_tag_for_minutes_and_are_watched(still):
    seen, tags = [], still.twin.tags
    still.do(tags.watchers.append, lambda vsys, ip: seen.append((vsys, ip)))
    assert still.do(tags.apply, "vsys1", "192.0.2.1", "add-tag", "a", 1)
    assert still.do(tags.tagged, "vsys1", "a") == ["192.0.2.1"]
    still.advance(30)
    assert not still.do(tags.apply, "vsys1", "192.0.2.1", "add-tag", "a", 1)
    still.advance(59)
    assert still.do(tags.tagged, "vsys1", "a") == ["192.0.2.1"]
    still.advance(1)
    assert still.do(tags.tagged, "vsys1", "a") == []
    assert not still.do(tags.apply, "vsys1", "192.0.2.1", "remove-tag", "a")
    assert seen == [("vsys1", "192.0.2.1")] * 3


def test_an_action_without_a_time_tags_for_ever_and_need_not_refresh(device):
    still = device(scale=0, action_refreshes=False)
    tags = still.twin.tags
    still.do(tags.apply, "vsys1", "192.0.2.1", "add-tag", "a", 1)
    assert not still.do(tags.apply, "vsys1", "192.0.2.1", "add-tag", "a", 5)
    still.do(tags.apply, "vsys1", "192.0.2.1", "add-tag", "b")
    still.advance(60)
    assert list(still.do(tags.tags, "vsys1", "192.0.2.1")) == ["b"]
    still.advance(86_400 * 60)
    assert list(still.do(tags.tags, "vsys1", "192.0.2.1")) == ["b"]


def test_a_group_holds_the_addresses_whose_tags_fulfil_its_filter(still):
    api = still.xapi()
    for name, text in [("g", "'a' and ('b' or 'c')"), ("h", "a or 'b' and 'c'")]:
        made = f"<dynamic><filter>{text}</filter></dynamic>"
        still.do(still.twin.load, f"{VSYS}/address-group/entry[@name='{name}']", made)
    still.do(
        still.twin.load,
        f"{VSYS}/address-group/entry[@name='s']",
        "<static><member>192.0.2.9</member></static>",
    )
    for ip, tags in [("192.0.2.1", "a"), ("192.0.2.2", "ac"), ("192.0.2.3", "bc")]:
        for tag in tags:
            register(api, ip, tag)
    api.op("<show><object><dynamic-address-group><all/></dynamic-address-group></object></show>")
    found = {
        entry.findtext("group-name"): [e.get("name") for e in entry.findall("member-list/entry")]
        for entry in api.element_result.findall("dyn-addr-grp/entry")
    }
    assert found == {"g": ["192.0.2.2"], "h": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]}
