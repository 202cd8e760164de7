"""type=config as pan-python, unmodified, meets it: both trees, merging, replacing, many at once."""

import pytest
from pan.xapi import PanXapiError

from tests.panos.conftest import VSYS, entry

TWO = (("admin", "admin", "superuser"), ("ann", "word", "deviceadmin"))
RULES = f"{VSYS}/rulebase/security/rules"
RULE = (
    "<entry name='{}'><from><member>any</member></from><to><member>any</member></to>"
    "<source><member>any</member></source><destination><member>any</member></destination>"
    "<application><member>any</member></application><service><member>any</member></service>"
    "<action>drop</action></entry>"
)


def put(api, *names):
    api.set(RULES, "".join(RULE.format(name) for name in names))


def names(api, path=f"{RULES}/entry"):
    api.get(path)
    return [node.get("name") for node in api.element_result]


@pytest.fixture
def api(device):
    return device().xapi()


def test_a_key_is_made_from_name_and_password_and_used_from_then_on(device):
    made = device()
    key = made.xapi().keygen()
    made.xapi(api_key=key).op("show system info", cmd_xml=True)
    with pytest.raises(PanXapiError, match="Invalid Credential"):
        made.xapi(password="guess").keygen()
    with pytest.raises(PanXapiError, match="Invalid Credential"):
        made.xapi(api_key="bad").op("show system info", cmd_xml=True)


def test_get_and_post_are_one(device):
    api = device().xapi(use_get=True)
    api.set(VSYS, "<tag><entry name='a'/></tag>")
    assert names(api, f"{VSYS}/tag/entry") == ["a"]


def test_what_the_candidate_lacks_is_code_7_and_what_does_not_run_no_such_node(api):
    api.get(entry("tag", "a"))
    assert (api.status, api.status_code, len(api.element_result)) == ("success", "7", 0)
    with pytest.raises(PanXapiError, match=r"^No such node$"):
        api.show(entry("tag", "a"))


def test_set_merges(api):
    api.set(entry("tag", "a"), "<comments>one</comments>")
    assert (api.status_code, api.status_detail) == ("20", "command succeeded")
    api.set(entry("tag", "a"), "<color>color1</color>")
    api.set(entry("address-group", "g"), "<static><member>192.0.2.1</member></static>")
    api.set(entry("address-group", "g"), "<static><member>192.0.2.2</member></static>")
    api.get(entry("tag", "a"))
    assert api.element_result[0].findtext("comments") == "one"
    assert api.element_result[0].findtext("color") == "color1"
    api.get(f"{entry('address-group', 'g')}/static/member")
    assert [node.text for node in api.element_result] == ["192.0.2.1", "192.0.2.2"]


def test_one_choice_takes_the_place_of_another(api):
    api.set(entry("service", "s"), "<protocol><tcp><port>1</port></tcp></protocol>")
    api.set(entry("service", "s"), "<protocol><udp><port>2</port></udp></protocol>")
    api.get(f"{entry('service', 's')}/protocol")
    assert [node.tag for node in api.element_result[0]] == ["udp"]


def test_edit_replaces_what_it_names(api):
    api.set(entry("tag", "a"), "<comments>one</comments><color>color1</color>")
    api.edit(entry("tag", "a"), "<entry name='a'><color>color2</color></entry>")
    api.get(entry("tag", "a"))
    assert [node.tag for node in api.element_result[0]] == ["color"]
    api.edit(f"{entry('tag', 'a')}/color", "<color>color3</color>")
    api.edit(entry("tag", "b"), "<entry name='b'/>")
    assert names(api, f"{VSYS}/tag/entry") == ["a", "b"]
    for other in ("<entry name='c'/>", "<color>color1</color>"):
        with pytest.raises(PanXapiError, match="edit failed"):
            api.edit(entry("tag", "a"), other)


def test_a_replaced_rule_keeps_its_place_and_its_identity(api):
    put(api, "one", "two")
    api.get(f"{RULES}/entry[@name='one']")
    identity = api.element_result[0].get("uuid")
    api.edit(f"{RULES}/entry[@name='one']", RULE.format("one"))
    assert names(api) == ["one", "two"]
    assert api.element_result[0].get("uuid") == identity
    api.edit(RULES, f"<rules>{RULE.format('two')}{RULE.format('one')}</rules>")
    assert names(api) == ["two", "one"]
    assert api.element_result[1].get("uuid") == identity


@pytest.mark.parametrize("status", ["success", "error"])
def test_deleting_what_is_not_there_is_code_7(device, status):
    api = device(delete_missing=status).xapi()
    if status == "error":
        with pytest.raises(PanXapiError, match="Object doesn't exist"):
            api.delete(entry("tag", "a"))
    else:
        api.delete(entry("tag", "a"))
    assert api.status_code == "7"


def test_deleting_by_several_names_and_by_one_member(api):
    api.set(f"{VSYS}/tag", "".join(f"<entry name='{n}'/>" for n in "abc"))
    api.delete(f"{VSYS}/tag/entry[@name='a' or @name='c' or @name='x']")
    assert names(api, f"{VSYS}/tag/entry") == ["b"]
    api.set(entry("address-group", "g"), "<static><member>192.0.2.1</member></static>")
    api.delete(f"{entry('address-group', 'g')}/static/member[text()='192.0.2.1']")
    api.get(f"{entry('address-group', 'g')}/static/member")
    assert api.status_code == "7"


@pytest.mark.parametrize("path", ["", "/entry[@name='t']"])
def test_deleting_what_is_referred_to_is_code_10(api, path):
    api.set(f"{VSYS}/tag", "<entry name='t'/>")
    api.set(entry("address", "a"), "<fqdn>a.example</fqdn><tag><member>t</member></tag>")
    with pytest.raises(PanXapiError, match="vsys1 -> address -> a -> tag"):
        api.delete(f"{VSYS}/tag{path}")
    assert api.status_code == "10"


def test_moves(api):
    put(api, "one", "two", "three")
    for name, where, dst, order in [
        ("three", "top", None, ["three", "one", "two"]),
        ("three", "bottom", None, ["one", "two", "three"]),
        ("three", "before", "two", ["one", "three", "two"]),
        ("one", "after", "three", ["three", "one", "two"]),
    ]:
        api.move(f"{RULES}/entry[@name='{name}']", where, dst)
        assert names(api) == order
    with pytest.raises(PanXapiError, match="'four' does not exist"):
        api.move(f"{RULES}/entry[@name='one']", "before", "four")
    assert api.status_code == "14"
    with pytest.raises(PanXapiError, match="Invalid value for where"):
        api.move(f"{RULES}/entry[@name='one']", "aside")
    with pytest.raises(PanXapiError, match="No such node"):
        api.move(f"{RULES}/entry[@name='four']", "top")


def test_a_clone_is_another_rule_and_a_new_name_must_be_free(api):
    put(api, "one")
    api.clone(RULES, f"{RULES}/entry[@name='one']", "two")
    assert names(api) == ["one", "two"]
    assert len({node.get("uuid") for node in api.element_result}) == 2
    for change in (
        lambda: api.rename(f"{RULES}/entry[@name='one']", "two"),
        lambda: api.clone(RULES, f"{RULES}/entry[@name='one']", "two"),
    ):
        with pytest.raises(PanXapiError, match="'two' is already in use"):
            change()
        assert api.status_code == "8"
    with pytest.raises(PanXapiError, match="at most 63 characters"):
        api.rename(f"{RULES}/entry[@name='one']", "x" * 64)


def test_references_follow_a_new_name(api):
    api.set(f"{VSYS}/tag", "<entry name='t'/>")
    put(api, "one")
    api.set(f"{RULES}/entry[@name='one']", "<tag><member>t</member></tag>")
    api.rename(entry("tag", "t"), "u")
    api.get(f"{RULES}/entry/tag/member")
    assert [node.text for node in api.element_result] == ["u"]


@pytest.mark.parametrize(
    ("xpath", "element", "said"),
    [
        (VSYS, "<bogus/>", " -> bogus unexpected here"),
        (entry("tag", "a"), "<colour>red</colour>", "tag -> a -> colour unexpected here"),
        (entry("tag", "a"), "<color>color18</color>", "color 'color18' is invalid"),
        (entry("tag", "a"), "<color><x/></color>", "x unexpected here"),
        (f"{VSYS}/tag", "<entry/>", "missing 'name'"),
        (f"{VSYS}/tag", "<item/>", "tag -> item unexpected here"),
        (f"{VSYS}/service", f"<entry name='{'s' * 64}'/>", "at most 63 characters"),
        (f"{VSYS}/service", "<entry name='$'/>", "is invalid"),
        (entry("service", "s"), "<protocol><tcp><port>x</port></tcp></protocol>", "port 'x'"),
        (entry("address-group", "g"), "<static><item/></static>", "item unexpected here"),
        (entry("address-group", "g"), "<static><member/></static>", "static '' is invalid"),
        (entry("address-group", "g"), "<static/><dynamic/>", "not allowed beside"),
        (entry("address-group", "g"), "<static/><static/>", "duplicate node"),
        (f"{RULES}/entry[@name='r']", "<action>maybe</action>", "action 'maybe' is invalid"),
        (f"{RULES}/entry[@name='r']", "<log-setting>p</log-setting>", "'p' is not a valid"),
        (f"{RULES}/entry[@name='r']", "<from><member>z</member></from>", "'z' is not a valid"),
    ],
)
def test_the_schema_refuses(api, xpath, element, said):
    with pytest.raises(PanXapiError, match=said.replace("$", r"\$")):
        api.set(xpath, element)
    assert api.status_code == "12"
    assert names(api) == []


@pytest.mark.parametrize("timeout", ["43201", "-1", "1.5", "x"])
def test_a_tag_timeout_is_whole_minutes_within_thirty_days(api, timeout):
    path = f"{VSYS}/log-settings/profiles/entry[@name='p']/match-list/entry[@name='m']"
    action = f"{path}/actions/entry[@name='a']/type/tagging"
    api.set(action, "<timeout>43200</timeout>")
    with pytest.raises(PanXapiError, match=f"timeout '{timeout}' is invalid"):
        api.set(action, f"<timeout>{timeout}</timeout>")


@pytest.mark.parametrize(
    ("version", "taken", "refused"),
    [("9.1.0", "hip-profiles", "source-hip"), ("10.0.1", "source-hip", "hip-profiles")],
)
def test_versions_differ_in_their_schema(device, version, taken, refused):
    api = device(version=version).xapi()
    put(api, "one")
    path = f"{RULES}/entry[@name='one']"
    api.set(path, f"<{taken}><member>any</member></{taken}>")
    with pytest.raises(PanXapiError, match=f"{refused} unexpected here"):
        api.set(path, f"<{refused}><member>any</member></{refused}>")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda api: api.set("/config[", "<a/>"), "6"),
        (lambda api: api.set("config", "<a/>"), "6"),
        (lambda api: api.set("/config", "<a/>"), "6"),
        (lambda api: api.set(f"{VSYS}/tag/entry", "<color>color1</color>"), "6"),
        (lambda api: api.set(f"{VSYS}/bogus/x", "<a/>"), "17"),
        (lambda api: api.set(VSYS, "<a>"), "18"),
        (lambda api: api.set(entry("tag", "a"), "words"), "18"),
        (lambda api: api.edit(f"{VSYS}/tag/entry", "<entry name='a'/>"), "6"),
        (lambda api: api.delete("/config"), "6"),
        (lambda api: api.clone(f"{VSYS}/tag", "/config/nowhere", "a"), "17"),
        (lambda api: api.set(VSYS, "<!DOCTYPE a><a/>"), "18"),
        (lambda api: api.set(VSYS), "400"),
        (lambda api: api.get(), "400"),
        (lambda api: api.ad_hoc("type=config&action=erase", modify_qs=True), "400"),
        (lambda api: api.ad_hoc("type=report", modify_qs=True), "400"),
        (lambda api: api.ad_hoc("what=ever", modify_qs=True), "400"),
        (lambda api: api.ad_hoc("type=export&category=keys", modify_qs=True), "400"),
    ],
)
def test_what_makes_no_sense_is_refused(api, change, code):
    with pytest.raises(PanXapiError):
        change(api)
    assert api.status_code == code


def test_the_candidate_says_who_changed_what_and_running_does_not(device):
    made = device(admins=TWO)
    mine, theirs = made.xapi(), made.xapi("ann", "word")
    mine.set(entry("tag", "a"), "<color>color1</color>")
    theirs.set(entry("tag", "a"), "<comments>hers</comments>")
    mine.get(entry("tag", "a"))
    (found,) = mine.element_result
    assert found.get("admin") == found.find("color").get("admin") == "admin"
    assert found.find("comments").get("admin") == "ann"
    assert found.get("time").startswith("2026/05/28 20:")
    assert int(found.get("dirtyId")) < int(found.find("comments").get("dirtyId"))
    mine.commit("<commit/>", sync=True, interval=0.02)
    mine.get(entry("tag", "a"))
    assert all(set(node.attrib) <= {"name"} for node in mine.element_result[0].iter())


def test_an_export_is_the_candidate_whatever_is_asked_for(api):
    api.set(entry("tag", "a"), "<color>color1</color>")
    api.export("configuration", "running-config.xml")
    assert api.element_root.find(".//vsys/entry/tag/entry").get("name") == "a"


# --- many changes in one request ---


def many(api, element, **more):
    query = {"type": "config", "action": "multi-config", "element": element, **more}
    api.ad_hoc(qs=query, modify_qs=True)


BOTH = (
    f'<multi-configure-request><set id="1" xpath="{VSYS}/tag"><entry name="a"/></set>'
    f'<set id="2" xpath="{VSYS}/{{}}"><entry name="b"/></set></multi-configure-request>'
)


def test_many_changes_are_one_request(api):
    put(api, "one", "two")
    move = f"{RULES}/entry[@name='two']"
    many(api, f'<m><move id="7" xpath="{move}" where="top"/>{BOTH[25:-26].format("tag")}</m>')
    inner = [(r.get("id"), r.get("status"), r.findtext("msg")) for r in api.element_root]
    assert inner == [(n, "success", "command succeeded") for n in ("7", "1", "2")]
    assert names(api) == ["two", "one"]
    assert names(api, f"{VSYS}/tag/entry") == ["a", "b"]


def test_many_changes_are_all_made_or_none(api):
    with pytest.raises(PanXapiError):
        many(api, BOTH.format("tagg"))
    inner = [(r.get("id"), r.get("status"), r.get("code")) for r in api.element_root]
    assert inner == [("1", "success", "20"), ("2", "error", "17")]
    assert names(api, f"{VSYS}/tag/entry") == []
    with pytest.raises(PanXapiError):
        many(api, "<m><explode/></m>")


def test_strict_requests_drop_ones_own_changes_and_wait_for_no_commit(device):
    made = device(admins=TWO, scale=0)
    mine, theirs = made.xapi(), made.xapi("ann", "word")
    mine.set(entry("tag", "mine"), "<color>color1</color>")
    theirs.set(entry("tag", "hers"), "<color>color1</color>")
    many(mine, BOTH.format("tag"), **{"strict-transactional": "yes"})
    assert names(mine, f"{VSYS}/tag/entry") == ["hers", "a", "b"]
    mine.commit("<commit/>")
    with pytest.raises(PanXapiError, match="Another commit/validate is in progress"):
        many(mine, BOTH.format("tag"), **{"strict-transactional": "yes"})


@pytest.mark.parametrize(("version", "after"), [("9.1.16", False), ("10.0.4", True)])
def test_older_versions_take_one_change_at_a_time_unless_enabled(device, version, after):
    api = device(version=version).xapi()
    with pytest.raises(PanXapiError, match="Multi-config is not enabled"):
        many(api, BOTH.format("tag"))
    if after:
        api.op("<request><multi-config><enabled/></multi-config></request>")
        many(api, BOTH.format("tag"))
    else:
        with pytest.raises(PanXapiError):
            api.op("<request><multi-config><enabled/></multi-config></request>")


# --- paths ---


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"{RULES}/entry[@name='kc-a']", ["kc-a"]),
        (f'{RULES}/entry[@name="kc-a"]', ["kc-a"]),
        (f"{RULES}/entry[@name=concat('kc-', \"a\")]", ["kc-a"]),
        (f"{RULES}/entry[starts-with(@name, 'kc-')]", ["kc-a", "kc-b"]),
        (f"{RULES}/entry[contains(@name,'c')]", ["kc-a", "kc-b", "c"]),
        (f"{RULES}/entry[not(starts-with(@name,'kc-'))]", ["c"]),
        (f"{RULES}/entry[@name='c' or (@name='kc-a' and action='drop')]", ["kc-a", "c"]),
        (f"{RULES}/entry[@name!='c'][2]", ["kc-b"]),
        (f"{RULES}/entry[position()='3']", ["c"]),
        (f"{RULES}/entry/@name", ["kc-a", "kc-b", "c"]),
        ("/config/devices/entry/vsys/entry/rulebase//rules/*", ["kc-a", "kc-b", "c"]),
        ("/config//rules/entry[action]/@name", ["kc-a", "kc-b", "c"]),
        (f"{RULES}/entry[.='x' or text()='x']", []),
        ("/other/x", []),
    ],
)
def test_paths(device, path, found):
    made = device()
    for name in ("kc-a", "kc-b", "c"):
        made.do(made.twin.load, RULES, RULE.format(name))
    assert names(made.xapi(), path) == found


@pytest.mark.parametrize(
    "path", ["", "/", "/config/", "/config/a[", "/config/a[@name=]", "/a/@n/b", "/a[f(x)]", "/a[{]"]
)
def test_bad_paths(api, path):
    with pytest.raises(PanXapiError):
        api.get(path)
    assert api.status_code in ("6", "400")
