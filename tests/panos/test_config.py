"""A firewall's configuration as typed entries: normal form, ownership, the mark, secrets."""

import pytest

from knockctl_panos.config import syntax
from knockctl_panos.config.document import Document
from knockctl_panos.config.records import (
    OWN,
    PROFILES,
    RULES,
    Entry,
    PanosConfig,
    entries_of,
    load,
)
from knockctl_panos.config.syntax import NotXml, read

BEARER = Entry.of("tag", OWN, {"comments": "knockctl"})
SERVICE = Entry.of(
    "service",
    "kc-admin.1a2b-1",
    {"protocol": {"tcp": {"port": "1234"}}, "tag": [OWN], "description": "knockctl admin secret"},
)


def rule(name="kc-admin.1a2b-1", **words):
    return Entry.of(RULES, name, {"source": ["any"], "action": "drop", "tag": [OWN], **words})


def profile(*actions, **words):
    match = {"filter": "(rule eq 'kc-r')", "actions": actions}
    return Entry.of(
        PROFILES,
        "kc-admin",
        {"description": "knockctl admin", "match-list": [("m", match)], **words},
    )


def tagging(**words):
    return {"type": {"tagging": {"action": "add-tag", "tags": ["t"], **words}}}


ADD = ("add", tagging())
REMOVE = ("remove", tagging(action="remove-tag"))


# --- normal form --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {"disabled": "no"},
        {"negate-source": "no", "negate-destination": "no"},
        {"rule-type": "universal"},
        {"log-start": "no", "log-end": "yes"},
        {"icmp-unreachable": "no"},
        {"source-user": ["any"], "category": ["any"]},
        {"hip-profiles": ["any"]},
        {"source-hip": ["any"], "destination-hip": ["any"]},
        {"from": ["any"], "to": ["any"], "destination": ["any"]},
        {"application": ["any"], "service": ["any"]},
        {"profile-setting": {"group": []}},
        {"description": ""},
    ],
    ids=",".join,
)
def test_what_a_rule_needs_not_say_means_nothing(said):
    assert rule(**said) == rule()


@pytest.mark.parametrize(
    "said",
    [
        {"disabled": "yes"},
        {"negate-source": "yes"},
        {"rule-type": "intrazone"},
        {"log-start": "yes"},
        {"log-end": "no"},
        {"source": ["any", "a"]},
        {"service": ["application-default"]},
        {"source-user": ["known-user"]},
        {"description": "x"},
        {"action": "deny"},
    ],
    ids=",".join,
)
def test_everything_else_a_rule_says_counts(said):
    assert rule(**said) != rule()


def test_a_rule_says_its_action_and_where_it_applies():
    found = Entry.of(RULES, "r", {})
    assert found.word("action") == "allow"
    assert {path: found.members(path) for path in ("from", "to", "source", "service")} == {
        "from": ("any",),
        "to": ("any",),
        "source": ("any",),
        "service": ("any",),
    }


def test_the_order_of_members_means_nothing():
    assert rule(source=["b", "a"]) == rule(source=["a", "b", "a"])
    assert rule(source=["b", "a"]).members("source") == ("a", "b")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("80", "80"),
        ("90,80", "80,90"),
        ("80-80", "80"),
        ("80,81,82", "80-82"),
        ("1-10, 5-20", "1-20"),
        ("0-65535", "0-65535"),
        ("70000", "70000"),
        ("nonsense,1", "nonsense,1"),
    ],
)
def test_ports_are_a_set(written, meant):
    found = Entry.of("service", "s", {"protocol": {"udp": {"port": written}}})
    assert found.word("protocol/udp/port") == meant


def test_an_override_that_is_off_means_nothing():
    """pan-os-python always writes it: fact sheet 3."""
    plain = {"port": "1", "source-port": "2"}
    off = Entry.of("service", "s", {"protocol": {"tcp": {**plain, "override": {"no": True}}}})
    on = Entry.of("service", "s", {"protocol": {"tcp": {**plain, "override": {"yes": True}}}})
    assert off == Entry.of("service", "s", {"protocol": {"tcp": plain}})
    assert on != off


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("quarantine", "'quarantine'"),
        ("Door 1", "'Door 1'"),
        ("'a'  and\n('b' or  'c  d')", "'a' and ('b' or 'c  d')"),
        ("a or b", "a or b"),
    ],
)
def test_the_filter_of_a_dynamic_group(written, meant):
    found = Entry.of("address-group", "g", {"dynamic": {"filter": written}})
    assert found.word("dynamic/filter") == meant


def test_actions_say_whom_they_tag_and_where():
    """The schema's defaults: fact sheet 2.1."""
    said = tagging(target="source-address", registration={"localhost": True}, timeout="0")
    assert profile(("add", said)) == profile(ADD)
    assert profile(("add", tagging(timeout="1"))) != profile(ADD)
    assert profile(("add", tagging(target="destination-address"))) != profile(ADD)
    assert profile(("add", tagging(registration={"panorama": True}))) != profile(ADD)


def test_what_a_profile_needs_not_say_means_nothing():
    said = {
        "log-type": "traffic",
        "send-to-panorama": "no",
        "quarantine": "no",
        "filter": "(rule  eq 'kc-r')",
        "actions": [ADD],
    }
    found = {"description": "knockctl admin", "match-list": [("m", said)]}
    assert Entry.of(PROFILES, "kc-admin", found) == profile(ADD)
    assert profile(ADD, **{"enhanced-application-logging": "no"}) == profile(ADD)


def test_actions_happen_in_their_order():
    assert profile(ADD, REMOVE) != profile(REMOVE, ADD)


def test_normal_form_is_one():
    for entry in (BEARER, SERVICE, rule(), profile(ADD, REMOVE)):
        assert Entry.of(entry.kind, entry.name, entry.node) == entry
        (read_back,) = entries_of(PanosConfig((entry,)).node())
        assert read_back == entry


# --- ownership ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "ours"),
    [
        (BEARER, True),
        (Entry.of("tag", "kc-admin-in", {"comments": "knockctl"}), True),
        (Entry.of("tag", "kc-admin-in", {"comments": "somebody's"}), False),
        (Entry.of("tag", "kc-admin-in", {"comments": "knockctlx"}), False),
        (Entry.of("tag", "admin", {"comments": "knockctl"}), False),
        (rule(), True),
        (rule("admin"), False),
        (rule(tag=["somebody"]), False),
        (SERVICE, True),
        (profile(), True),
        (profile(description="mine"), False),
    ],
    ids=lambda value: value.name if isinstance(value, Entry) else "",
)
def test_ours_has_our_name_and_says_so(entry, ours):
    assert entry.ours is ours


def own(*entries):
    return Document(PanosConfig(entries).node()).config()


def test_of_all_entries_only_ours_are_kept():
    theirs = rule("theirs")
    found = own(BEARER, theirs, rule("kc-1"), rule("kc-2"), rule("below"))
    assert [entry.name for entry in found.entries] == [OWN, "kc-1", "kc-2"]
    assert found.place == ("after", "theirs")
    assert own(rule("kc-1"), theirs).place == ("top", "")
    assert own(theirs).empty


# --- the config ---------------------------------------------------------------------------------


def config(revision=None):
    return PanosConfig((rule("kc-2"), rule("kc-1"), SERVICE, profile(ADD), BEARER), revision)


def test_rules_stay_in_their_order_behind_all_others():
    assert [entry.name for entry in config().entries] == [
        OWN,
        "kc-admin.1a2b-1",
        "kc-admin",
        "kc-2",
        "kc-1",
    ]
    assert [entry.name for entry in config().rules] == ["kc-2", "kc-1"]
    swapped = PanosConfig((rule("kc-1"), rule("kc-2"), SERVICE, profile(ADD), BEARER))
    assert not swapped.same(config())


def test_the_mark_stands_in_the_comments_of_one_tag():
    marked = config("0a1b")
    assert marked.get("tag", OWN).word("comments") == "knockctl revision 0a1b"
    assert marked.revision == "0a1b"
    assert PanosConfig(marked.device_entries()) == marked
    assert marked != config()
    assert marked.same(config())
    assert marked.marked("ffff").revision == "ffff"
    assert marked.marked(None) != marked
    assert PanosConfig((rule(),), "0a1b").revision is None


def test_a_mark_that_is_asked_for_takes_the_place_of_the_one_that_is_there():
    assert PanosConfig(config("0a1b").device_entries(), "ffff") == config("ffff")


def test_a_dump_loses_nothing():
    one = PanosConfig(
        config("0a1b").device_entries(),
        secret_words=frozenset({"word"}),
        place=("before", "somebody's"),
    )
    back = load(one.dump())
    assert back == one
    assert (back.secret_words, back.place) == (one.secret_words, one.place)
    assert load(PanosConfig().dump()) == PanosConfig()


def test_an_entry_tells_itself_that_its_ports_are_secret():
    assert PanosConfig((SERVICE,)).secrets() == {"1234"}
    words = {"protocol": {"udp": {"port": "1-6,8"}}, "tag": [OWN], "description": "knockctl secret"}
    assert PanosConfig((Entry.of("service", "kc-x", words),)).secrets() == {"1-6", "8"}
    assert not PanosConfig((Entry.of("service", "theirs", words),)).secrets()
    words["description"] = "knockctl"
    assert not PanosConfig((Entry.of("service", "kc-x", words),)).secrets()


def test_the_text_is_xml_as_people_read_it():
    assert PanosConfig((SERVICE, BEARER), "0a1b").text() == (
        """\
<vsys>
  <tag>
    <entry name="knockctl">
      <comments>knockctl revision 0a1b</comments>
    </entry>
  </tag>
  <service>
    <entry name="kc-admin.1a2b-1">
      <description>knockctl admin secret</description>
      <protocol>
        <tcp>
          <port>1234</port>
        </tcp>
      </protocol>
      <tag>
        <member>knockctl</member>
      </tag>
    </entry>
  </service>
</vsys>
"""
    )


# --- nodes --------------------------------------------------------------------------------------


def test_bookkeeping_and_space_are_forgotten():
    found = read(
        """<entry name="a" admin="bob" dirtyId="3" time="2013/03/02 15:17:31" uuid="1" loc="x">
             <!-- somebody's --><tag> <member admin="bob">b</member> </tag>
           </entry>"""
    )
    assert found == syntax.Node.of("entry", {"tag": ["b"]}, "a")


def test_every_text_survives_printing():
    for text in ("a & b", "<b>", "line\none", "line\r\none", "'\"", "ü", " x "):
        node = syntax.Node("entry", 'a"&<', children=(syntax.Node("comments", text=text),))
        assert read(syntax.printed(node)) == node
        assert syntax.of_element(syntax.element_of(node)) == node


@pytest.mark.parametrize(
    "text", ["", "<a>", "set rulebase", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>']
)
def test_what_no_device_prints_is_refused(text):
    with pytest.raises(NotXml):
        read(text)
