"""What is rendered for what a policy asks: entered without a complaint, named, said, marked."""

import random
import re
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl.contract import Reading
from knockctl.errors import PolicyError
from knockctl.policy.loader import load_all, resolve
from knockctl.policy.resolved import Generation, Knock, ResolvedTrap
from knockctl.ports import Span
from knockctl_ios.config.generations import adopt
from knockctl_ios.config.parse import parse_text
from knockctl_ios.config.records import own
from knockctl_ios.config.syntax import read
from knockctl_ios.placement import IosPlacement
from knockctl_ios.render.times import LONGEST
from tests.fixtures.ios_policies import (
    COMPILER,
    HERE,
    INSIDE,
    METHODS,
    P,
    corner,
    random_corner,
)
from tests.fixtures.lab import INVENTORY

GOLDEN = Path(__file__).parent / "golden"
SECRET = replace(
    P,
    generations=(Generation(1, (Knock("udp", 41001, secret=True), Knock("tcp", 41002))),),
)
TWO = replace(P, generations=(*P.generations, Generation(2, P.generations[0].knocks[::-1])))


def dice(number):
    return random.Random(f"ios {number}")


# --- what a router makes of it ---

OPERATORS = """\
ip access-list extended OUTSIDE
 permit ip any any
interface GigabitEthernet0/0
 ip access-group OUTSIDE in
"""


def lines(config):
    return [line for line in config.text().splitlines() if not line.startswith("!")]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("version", ["15.7(3)M", "17.9.4"])
def test_a_router_takes_all_of_it_and_gives_it_back(console, version, number):
    # IOS-XE has no control-plane logging.
    method = {"method": "acl-log"} if version.startswith("17") else {}
    config = random_corner(dice(number), **method).config
    there = console(version=version)
    there.configure(OPERATORS)
    said = there.configure("\n".join(lines(config)))
    assert "%" not in said, said
    found = own(read(there.running()))
    assert found.same(config)


def test_a_list_and_a_policy_of_our_own_where_there_is_none(console):
    config = corner(access_list=None).config
    there = console()
    assert "%" not in there.configure("\n".join(lines(config)))
    assert own(read(there.running())).same(config)
    # What we don't judge must not end at the end of our list.
    assert config.get("ip access-list extended kc-in").below[-1].text == "permit ip any any"
    assert corner().config.get("ip access-list extended kc-in") is None


@pytest.mark.parametrize("method", METHODS)
def test_the_commands_of_applets_do_what_they_are_for(console, method):
    """Run by hand: a first knock, the next ones, the grant and its lists."""
    one = corner(method=method)
    there = console()
    there.configure(OPERATORS)
    there.configure("\n".join(lines(one.config)))
    source = "203.0.113.7"
    made = [c.replace("$kc_source", source) for c in one.commands()]
    first, second = [c for c in made if c.startswith("access-template kc-p-")]
    (grant,) = [c for c in made if c.startswith("access-template OUTSIDE")]
    shown = f"permit ip host {source} any"
    for command in (first, second):
        name = command.split()[1]
        assert "%" not in there.say(command)
        looked = next(c for c in made if c.startswith("show ") and f" {name} " in c)
        assert shown in there.say(looked.partition(" |")[0])
        there.say(next(c for c in made if c.startswith(f"clear access-template {name} ")))
        assert shown not in there.say(looked.partition(" |")[0])
    assert "%" not in there.say(grant)
    assert f"host {source} host 198.51.100.14" in there.say("show ip access-lists OUTSIDE")


# --- the text itself ---


def test_lines_are_short_and_need_no_question_mark():
    """254 characters are a line's end on IOS, and a question mark asks for help."""
    long = {"access_list": "A" * 64, "addresses": ["198.151.100.114", "198.151.100.115"]}
    seven = tuple(Knock("udp", 60001 + n) for n in range(7))
    policy = replace(P, name="x" * 20, generations=(Generation(1, seven), Generation(2, seven)))
    for method in METHODS:
        texts = corner(policy, method=method, **long).texts()
        assert max(map(len, texts)) <= 250
        assert not any("?" in text for text in texts)
        classes = [t.split()[-1] for t in texts if t.startswith(("class-map", "policy-map"))]
        assert all(len(name) <= 40 for name in classes)
        dynamic = [text.split()[1] for text in texts if text.startswith("dynamic ")]
        assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name) for name in dynamic)
        assert len(set(dynamic)) == len(dynamic)


def test_labels_sort_as_they_run_and_blocks_are_closed():
    for number in range(20):
        for applet in random_corner(dice(number)).config.objects:
            actions = [c.text.split() for c in applet.below if c.text.startswith("action ")]
            assert [a[1] for a in actions] == sorted(a[1] for a in actions)
            depth = 0
            for action in actions:
                depth += (action[2] == "if") - (action[2] == "end")
                assert depth >= 0
            assert depth == 0


def test_what_is_rendered_reads_back_equal():
    for number in range(30):
        config = random_corner(dice(number)).config
        assert parse_text(config.text()) == config
        assert COMPILER.load(config.dump()) == config
        assert config.same(own(config.lines()))


def test_every_list_has_one_dynamic_list_and_all_that_is_named_is_there():
    for number in range(30):
        one = random_corner(dice(number))
        lists = {
            p.text.split()[-1]: [c.text.split()[1] for c in p.below if c.text.startswith("dyn")]
            for p in one.config.lines()
            if p.text.startswith("ip access-list ")
        }
        assert all(len(dynamic) <= 1 for dynamic in lists.values())
        for command in one.commands():
            words = command.removeprefix("clear ").split()
            if words[0] == "access-template":
                assert lists[words[1]] == [words[2]]
            elif words[0] == "show":
                assert lists[words[3]]


def test_a_retransmission_of_another_flow_is_no_knock():
    """Of TCP, a knock is a SYN alone: what has ACK, RST or FIN never comes to the log."""
    texts = corner(method="acl-log").texts()
    at = texts.index("deny tcp any host 198.51.100.14 eq 103 syn log kc-p-3")
    head = "deny tcp any host 198.51.100.14 eq 103"
    assert texts[at - 2 : at] == [f"{head} established", f"{head} fin"]
    assert texts[at + 1] == head


def test_ports_that_are_closed_leave_public_ones_to_others():
    policy = replace(P, otherwise="refuse", public=(Span("tcp", 80, 80),))
    texts = corner(policy).texts()
    to = "tcp any host 198.51.100.14 range"
    closed = [f"deny {to} 0 79", f"deny {to} 81 65535"]
    assert [t for t in texts if t.startswith(f"deny {to}")] == closed
    assert "deny udp any host 198.51.100.14" in texts
    opened = [f"permit {to} 0 79 established", f"permit {to} 81 65535 established"]
    assert [t for t in texts if t.startswith(f"permit {to}")] == opened


def test_whoever_manages_or_is_trusted_comes_before_everything():
    policy = replace(P, trusted=INSIDE)
    texts = corner(policy, management={"sources": ["192.0.2.1/32", "2001:db8::/64"]}).texts()
    at = texts.index("remark knockctl begin p")
    assert texts[at + 1 : at + 4] == [
        "permit tcp host 192.0.2.1 host 198.51.100.14 eq 22",
        "permit tcp 203.0.113.0 0.0.0.127 host 198.51.100.14 eq 22",
        "permit udp 203.0.113.0 0.0.0.127 host 198.51.100.14 eq 443",
    ]
    both = replace(P, trusted=(ip_network("0.0.0.0/0"),))
    texts = corner(both, management={"sources": ["0.0.0.0/0"]}).texts()
    assert texts.count("permit tcp any host 198.51.100.14 eq 22") == 1


def test_where_lines_go():
    assert dict(corner(position="last").config.place) == {"ip access-list extended OUTSIDE": "last"}
    one = corner(position={"before": 30}, policy_map="THEIRS")
    assert dict(one.config.place) == {
        "ip access-list extended OUTSIDE": 30,
        "policy-map THEIRS": "first",
    }
    inserted = one.config.within("policy-map THEIRS")
    assert [i.line.text for i in inserted] == ["class kc-p-knocks"]
    assert one.config.get("policy-map kc-copp") is None
    assert one.config.bound == (("GigabitEthernet0/0", "OUTSIDE"),)
    plane = corner(control_plane="aggregate").config
    assert "control-plane" in plane.parents
    assert "control-plane host" not in plane.parents


def test_authorization_of_applets():
    headers = [t for t in corner().texts() if t.startswith("event manager applet ")]
    assert all(header.endswith(" authorization bypass") for header in headers)
    named = corner(authorization={"username": "eem"})
    assert named.config.needs == ("event manager session cli username eem",)
    assert "bypass" not in named.config.text()


def test_acl_log_needs_no_control_plane():
    text = corner(method="acl-log").config.text()
    assert not re.search(r"class-map|policy-map|control-plane", text)
    # Every log line has one applet.
    tags = re.findall(r" log (\S+)", text)
    assert sorted(tags) == sorted(re.findall(r"^event manager applet (\S+)", text, re.MULTILINE))


# --- secrets ---


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("access_list", [None, "OUTSIDE"])
def test_a_configuration_tells_itself_what_of_it_is_secret(method, access_list):
    config = corner(SECRET, method=method, access_list=access_list).config
    assert config.secrets() == {"41001"}
    assert parse_text(config.text()).secrets() == {"41001"}
    assert not corner(method=method).config.secrets()
    for line in config.text().splitlines():
        named = line.removeprefix("event manager applet ").startswith("kc-")
        assert not (named and "4100" in line)


# --- what can't be ---


def test_one_policy_fits_on_a_router():
    other = replace(P, name="q", services=(Span("tcp", 23, 23),))
    with pytest.raises(PolicyError, match=r"q: IOS honours one dynamic list .* is p's"):
        COMPILER.render([P, other], IosPlacement.model_validate(HERE))


def test_a_knock_that_is_a_service_is_dropped_by_the_control_plane():
    policy = replace(P, services=(Span("tcp", 100, 110),))
    with pytest.raises(PolicyError, match="the knock tcp/103 is a service, too"):
        assert corner(policy).rendered
    assert corner(policy, method="acl-log").rendered
    hidden = replace(P.generations[0].knocks[2], secret=True)
    secret = replace(policy, generations=(Generation(1, (*P.generations[0].knocks[:2], hidden)),))
    with pytest.raises(PolicyError, match="p: a knock is a service"):
        assert corner(secret).rendered
    managed = {"sources": ["192.0.2.0/24"], "port": 103}
    with pytest.raises(PolicyError, match="is the management port, too"):
        assert corner(management=managed).rendered
    assert corner(management=managed, method="acl-log").rendered


def test_knocks_must_show_before_the_next_one_is_late():
    assert corner(log_delay=59).rendered.lag == 59
    with pytest.raises(PolicyError, match="step_timeout is 1m on IOS"):
        assert corner(log_delay=60).rendered
    single = replace(P, generations=(Generation(1, (Knock("tcp", 101),)),))
    assert corner(single, log_delay=60).rendered.lag == 60


def test_nothing_is_rendered_of_no_policies():
    rendered = COMPILER.render([], IosPlacement.model_validate(HERE))
    assert rendered.config.empty
    assert rendered.config == COMPILER.empty()


# --- notes ---

ALWAYS = {"stateless", "whole-device-revert", "log-delay"}
NOTES = {
    "step-timeout": {"step_timeout": 10},
    "grant-duration": {"grant_duration": 61},
    "wrong-knock": {"wrong_knock": "reset"},
    "stray": {"stray": "revoke"},
    "single-use": {"uses": "single"},
    "traps": {"traps": (ResolvedTrap((Span("tcp", 300, 300),), 60, unless_granted=False),)},
    "trusted-services": {"trusted": INSIDE},
    "passphrase-ignored": {
        "generations": (Generation(1, (Knock("tcp", 101), Knock("udp", 102, b"open"))),)
    },
}


@pytest.mark.parametrize("code", NOTES)
def test_what_is_otherwise_than_the_policy_is_said(code):
    stated = replace(P, **NOTES[code])
    rendered = corner(stated).rendered
    found = {note.code: note for note in rendered.fidelity}
    assert found.keys() == ALWAYS | {code}
    assert found[code].blocks == (code != "trusted-services")
    assert (found[code].cost is not None) == found[code].blocks
    (effective,), (bounds,) = rendered.effective, rendered.relaxed
    assert (effective == stated) == (code == "trusted-services")
    assert bounds.partial == (code == "trusted-services")
    assert {n.code for n in corner().rendered.fidelity} == ALWAYS


def test_without_delay_nothing_is_said_of_it():
    rendered = corner(log_delay=0).rendered
    assert {n.code for n in rendered.fidelity} == ALWAYS - {"log-delay"}
    assert rendered.lag == 0


def test_no_time_is_longer_than_an_entry_can_be_kept():
    stated = replace(P, step_timeout=40 * 86400, grant_duration=40 * 86400)
    one = corner(stated)
    times = [int(t) for t in re.findall(r"timeout (\d+)", one.config.text())]
    assert set(times) == {LONGEST, LONGEST + 1}
    directions = {n.code: n.direction for n in one.rendered.fidelity if n.kind == "rounded"}
    assert directions == {"step-timeout": "stricter", "grant-duration": "stricter"}


# --- generations ---


def generation(config):
    return set(re.findall(r"kc-p-([0-9a-f]{4})-", config.text()))


def test_a_sequence_keeps_its_lists_and_a_new_one_gets_fresh_ones():
    nothing = COMPILER.empty()
    first = adopt(nothing, corner().config, "change-1")
    assert len(generation(first)) == 1
    assert not generation(first) & {"0000", "0001"}
    assert adopt(first, corner().config, "change-2") == first
    longer = adopt(first, corner(replace(P, step_timeout=120)).config, "change-2")
    assert generation(longer) == generation(first)
    other = replace(P, generations=(Generation(2, P.generations[0].knocks[::-1]),))
    assert not generation(adopt(first, corner(other).config, "change-2")) & generation(first)
    both = adopt(first, corner(TWO).config, "change-2")
    assert generation(both) > generation(first)
    # Nothing but names is changed.
    assert len(both.objects) == len(corner(TWO).config.objects)
    assert adopt(both, corner(TWO).config, "change-3") == both


def test_what_runs_already_needs_no_change():
    first = COMPILER.plan(Reading(COMPILER.empty()), corner().config, "change-1")
    assert first.changes
    again = COMPILER.plan(Reading(first.intended), corner().config, "change-2")
    assert not again.changes
    assert again.keeps_grants


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True) | st.sampled_from(
    ["in", "log", "copp", "p-0000", "p-0000-m1", "a-knocks", "x" * 20]
)


@given(NAMES, st.integers(1, 8))
@settings(max_examples=25)
def test_names_never_meet(name, knocks):
    ports = tuple(Knock("udp", 1000 + n) for n in range(knocks))
    one = corner(replace(P, name=name, generations=(Generation(1, ports),)), access_list=None)
    heads = [line.text for line in one.config.objects]
    assert len(set(heads)) == len(heads)
    renamed = adopt(COMPILER.empty(), one.config, "change")
    assert len(renamed.objects) == len(heads)
    assert parse_text(renamed.text()) == renamed


# --- how it looks ---


@pytest.mark.parametrize("name", METHODS)
def test_the_seed_looks_like_this(name):
    policy = resolve(load_all(INVENTORY / "policies")["branch-support"], None)
    place = IosPlacement.model_validate({**HERE, "method": name})
    assert COMPILER.render([policy], place).config.text() == (GOLDEN / f"{name}.cfg").read_text()
