"""What firewalls, Panorama and libraries print, read into the one form of a config."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl_panos.config.document import Document
from knockctl_panos.config.parse import parse_text
from knockctl_panos.config.records import (
    KINDS,
    OWN,
    PROFILES,
    RULES,
    Entry,
    PanosConfig,
    load,
)
from knockctl_panos.config.syntax import NotXml

# --- parse and text -----------------------------------------------------------------------------

_TEXT = st.text(string.ascii_letters + " '\"<>&;:äß\n", min_size=1, max_size=12).map(str.strip)
_NAME = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=6).map("kc-{}".format)
_LIST = st.lists(st.sampled_from(["any", "a", "b", "10.0.0.1"]), max_size=3)
_SWITCH = st.sampled_from(["yes", "no"])
_PORTS = st.lists(st.integers(1, 65535).map(str), min_size=1, max_size=4).map(",".join)


def _some(**words):
    return st.fixed_dictionaries({}, optional={k.replace("_", "-"): v for k, v in words.items()})


_TAGGING = _some(
    action=st.sampled_from(["add-tag", "remove-tag"]),
    target=st.sampled_from(["source-address", "destination-address"]),
    tags=st.lists(_NAME, min_size=1, max_size=2),
    timeout=st.integers(0, 9).map(str),
    registration=st.just({"localhost": True}),
)
_MATCH = _some(
    filter=_TEXT,
    log_type=st.just("traffic"),
    send_to_panorama=_SWITCH,
    actions=st.lists(
        st.tuples(_NAME, _TAGGING.map(lambda words: {"type": {"tagging": words}})), max_size=3
    ),
)
_CONTENT = {
    "tag": _some(comments=_TEXT.map("knockctl {}".format), color=st.just("color3")),
    "address-group": _some(dynamic=st.fixed_dictionaries({"filter": _TEXT}), description=_TEXT),
    "service": _some(
        protocol=st.fixed_dictionaries({"tcp": _some(port=_PORTS, override=st.just({"no": True}))})
    ),
    PROFILES: _some(
        description=_TEXT.map("knockctl {}".format),
        match_list=st.lists(st.tuples(_NAME, _MATCH), max_size=3),
    ),
    RULES: _some(
        source=_LIST,
        destination=_LIST,
        disabled=_SWITCH,
        negate_source=_SWITCH,
        action=st.sampled_from(["allow", "drop"]),
        log_end=_SWITCH,
        rule_type=st.sampled_from(["universal", "intrazone"]),
        description=_TEXT,
    ),
}


@st.composite
def entries(draw):
    kind = draw(st.sampled_from(KINDS))
    words = draw(_CONTENT[kind])
    if kind in ("tag", PROFILES):
        words.setdefault("comments" if kind == "tag" else "description", "knockctl")
    else:
        words["tag"] = [OWN]
    return Entry.of(kind, draw(_NAME), words)


BEARER = Entry.of("tag", OWN, {"comments": "knockctl"})
CONFIGS = st.builds(
    lambda found, mark: PanosConfig((*found, BEARER), mark),
    st.lists(entries(), max_size=6),
    st.none() | st.just("0a1b2c"),
)


@settings(max_examples=60)
@given(CONFIGS)
def test_what_is_printed_is_read_back(config):
    assert all(entry.ours for entry in config.entries)
    assert parse_text(config.text()) == config
    assert load(config.dump()) == config


@settings(max_examples=30)
@given(entries())
def test_reading_twice_changes_nothing(entry):
    assert Entry.of(entry.kind, entry.name, entry.node) == entry


# --- what devices print -------------------------------------------------------------------------

RULE = """
<entry name="kc-1"{attributes}>{more}
  <to><member>any</member></to><from><member>any</member></from>
  <source><member>b</member><member>a</member></source>
  <destination><member>198.51.100.4</member></destination>
  <source-user><member>any</member></source-user>
  <category><member>any</member></category>
  <application><member>any</member></application>
  <service><member>kc-s</member></service>
  <action>drop</action><log-setting>kc-p</log-setting>
  <tag><member>knockctl</member></tag>
</entry>"""
SERVICE = """
<entry name="kc-s"><protocol><tcp>{more}<port>1234</port></tcp></protocol>
<tag><member>knockctl</member></tag></entry>"""
HIP_91 = "<hip-profiles><member>any</member></hip-profiles>"
HIP_100 = HIP_91.replace("hip-profiles", "source-hip") + HIP_91.replace(
    "hip-profiles", "destination-hip"
)
THEIRS = '<entry name="theirs"><action>allow</action></entry>'


def vsys(name="vsys1", more="", attributes="", override="", rules=None):
    rule = RULE.format(more=more, attributes=attributes)
    listed = rule if rules is None else rules
    return (
        f'<entry name="{name}"><zone/><service>{SERVICE.format(more=override)}</service>'
        f"<rulebase><security><rules>{listed}{THEIRS}</rules></security></rulebase></entry>"
    )


def config(*systems, shared=""):
    device = f'<entry name="localhost.localdomain"><vsys>{"".join(systems)}</vsys></entry>'
    above = f"<shared>{shared}</shared>"
    return f'<config version="10.2.0" urldb="x">{above}<devices>{device}</devices></config>'


def answer(content, attributes=""):
    return f'<response status="success" code="19"><result{attributes}>{content}</result></response>'


PLAIN = parse_text(vsys())


def test_ours_is_found():
    assert [entry.name for entry in PLAIN.entries] == ["kc-s", "kc-1"]
    assert PLAIN.place == ("top", "")
    assert PLAIN.rules[0].members("source") == ("a", "b")


@pytest.mark.parametrize(
    "printed",
    [
        vsys(attributes=' uuid="0a-1b" loc="vsys1"'),
        vsys(attributes=' admin="bob" dirtyId="4" time="2026/03/02 15:17:31"'),
        vsys(more=HIP_91),
        vsys(more=HIP_100),
        vsys(more="<disabled>no</disabled><rule-type>universal</rule-type>"),
        vsys(more="<negate-source>no</negate-source><log-end>yes</log-end>"),
        vsys(override="<override><no/></override>"),
        answer(vsys(), ' total-count="1" count="1"'),
        f'<?xml version="1.0"?>\n{answer(config(vsys()))}',
        config(vsys()),
        config(vsys("vsys1", rules=" "), vsys("vsys2", more="<x/>")).replace("<x/>", ""),
    ],
    ids=[
        *("uuid", "candidate", "9.1", "10.0", "defaults", "more-defaults", "pan-os-python"),
        *("answer", "running", "config", "two-systems"),
    ],
)
def test_however_it_is_printed_it_is_the_same(printed):
    if "vsys2" in printed:
        assert parse_text(printed, "vsys2") == PLAIN
    else:
        assert parse_text(printed) == PLAIN


def test_the_system_that_is_asked_for_counts():
    two = config(vsys("vsys1"), vsys("vsys2", rules=" "))
    assert parse_text(two) == PLAIN
    assert parse_text(two, "vsys1") == PLAIN
    assert not parse_text(two, "vsys2").rules
    with pytest.raises(NotXml, match="vsys3"):
        parse_text(two, "vsys3")


def test_the_system_that_has_ours_is_taken_for_meant():
    found = config('<entry name="vsys1"/>', vsys("vsys2"))
    assert parse_text(found) == PLAIN


@pytest.mark.parametrize(
    ("printed", "kinds"),
    [
        (f"<rules>{RULE.format(more='', attributes='')}</rules>", {RULES}),
        (f"<service>{SERVICE.format(more='')}</service>", {"service"}),
        (f"<result><service>{SERVICE.format(more='')}</service><tag/></result>", {"service"}),
        ("<response status='success' code='7'><result/></response>", set()),
        (config(shared=f"<service>{SERVICE.format(more='')}</service>"), {"service"}),
    ],
    ids=["rules", "services", "several", "missing", "shared"],
)
def test_a_part_is_read_too(printed, kinds):
    assert {entry.kind for entry in parse_text(printed).entries} == kinds


def test_an_error_is_no_configuration():
    with pytest.raises(NotXml, match="without a configuration"):
        parse_text('<response status="error"><msg><line>No such node</line></msg></response>')


def group(name, base, rules):
    rulebase = f"<{base}><security><rules>{rules}</rules></security></{base}>"
    return f'<entry name="{name}">{rulebase}</entry>'


def panorama(*groups, shared=""):
    listed = f"<device-group>{''.join(groups)}</device-group>"
    devices = f'<devices><entry name="localhost.localdomain">{listed}</entry></devices>'
    return f"<config><shared>{shared}</shared>{devices}</config>"


OURS = RULE.format(more="", attributes="")


@pytest.mark.parametrize("base", ["pre", "post"])
def test_rules_of_a_device_group(base):
    text = panorama(
        group("all", "pre-rulebase", THEIRS), group("branches", f"{base}-rulebase", OURS)
    )
    found = parse_text(text, "branches")
    assert found.rules == PLAIN.rules
    assert parse_text(text) == found
    assert parse_text(text, "branches", rulebase=base) == found
    assert parse_text(text, "branches", rulebase="post" if base == "pre" else "pre").empty


def named(name):
    return f'<entry name="{name}"/>'


def test_rules_are_judged_from_the_outside_in_and_out_again():
    shared = "".join(
        f"<{base}><security><rules>{named(f'shared-{base[:3]}')}</rules></security></{base}>"
        for base in ("pre-rulebase", "post-rulebase")
    )
    text = panorama(
        group("all", "pre-rulebase", named("all")),
        group("own", "pre-rulebase", named("own")),
        shared=shared,
    )
    names = [node.name for node in Document.read(text, "own").rules()]
    assert names == ["shared-pre", "all", "own", "shared-pos"]


def test_what_panorama_pushed_stands_around_the_firewalls_own():
    pushed = "".join(
        f"<{base}><security><rules>{named(base[:3])}</rules></security></{base}>"
        for base in ("pre-rulebase", "post-rulebase")
    )
    text = config(vsys(rules=named("local"))).replace(
        "</shared>",
        f'</shared><panorama><vsys><entry name="vsys1">{pushed}'
        f"<service>{named('pushed')}</service></entry></vsys></panorama>",
    )
    document = Document.read(text)
    assert [node.name for node in document.rules()] == ["pre", "local", "theirs", "pos"]
    assert "pushed" in document.found("service")


def test_of_device_groups_without_ours_the_innermost_is_meant():
    text = panorama(group("all", "pre-rulebase", named("all")), group("own", "pre-rulebase", ""))
    document = Document.read(text)
    assert document.own.name == "own"
    assert [node.name for node in document.rules()] == ["all"]
