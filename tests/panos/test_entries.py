"""The entries that are rendered: in normal form, named without collisions, few enough."""

import re
from collections import Counter
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl.policy.loader import load_all, resolve
from knockctl.policy.resolved import Generation, Knock
from knockctl.ports import Span
from knockctl_panos.config.records import OWN, PROFILES, Entry
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.render.rules import PORT_LIST, services
from tests.fixtures.lab import INVENTORY
from tests.fixtures.panos_dice import TRAP, P, Q, dice
from tests.fixtures.panos_policies import (
    COMPILER,
    HERE,
    INSIDE,
    MODELLER,
    Corner,
    corner,
    random_corner,
)

GOLDEN = Path(__file__).parent / "golden"


def test_what_is_rendered_is_in_normal_form_and_ours():
    for number in range(60):
        for entry in random_corner(dice(f"normal {number}")).rendered.config.entries:
            assert Entry.of(entry.kind, entry.name, entry.node) == entry
            assert entry.ours, entry


def test_what_is_named_is_there_and_what_is_there_is_named():
    for number in range(60):
        config = random_corner(dice(f"named {number}")).rendered.config
        rules = config.rules
        groups = {e.name for e in config.kind("address-group")}
        named = {m for r in rules for m in r.members("source") if m.startswith("kc-")}
        assert named <= groups, named - groups
        used = {m for r in rules for m in r.members("service")}
        there = {e.name for e in config.kind("service")}
        assert used <= there
        assert all("-knock" in name for name in there - used)
        profiles = {e.name: e for e in config.kind(PROFILES)}
        by_profile = {(r.word("log-setting"), r.name) for r in rules if r.word("log-setting")}
        assert by_profile == {
            (n, m.name) for n, p in profiles.items() for m in p.entries("match-list")
        }
        tags = {e.name for e in config.kind("tag")} - {OWN}
        filters = " ".join(e.word("dynamic/filter") for e in config.kind("address-group"))
        assert set(re.findall(r"'([^']*)'", filters)) <= tags


def test_only_what_is_noticed_is_logged():
    """A rule that refuses without a profile writes no log; a grant of one flow logs its start."""
    policy = replace(P, uses="single", wrong_knock="lockout", lockout=60, stray="lockout")
    for rule in corner(policy).rendered.config.rules:
        noticed = rule.word("log-setting") == "kc-p"
        assert noticed or rule.word("log-end") == "no", rule.name
        starts = rule.word("log-start", "no"), rule.word("log-end", "yes")
        assert starts == ("yes", "no") if rule.name == "kc-p.granted" else starts[0] == "no"


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True) | st.sampled_from(
    ["a", "a-in", "a-out", "a-in-in", "a-wrong", "a-0000-1", "a-try", "a-most-tcp", "x" * 20]
)


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.integers(1, 12))
@settings(max_examples=40)
def test_names_are_short_and_never_meet(names, knocks):
    """Whatever two policies are called, nothing of the one has the name of something else."""
    policies = []
    for number, name in enumerate(names):
        ports = [Knock("tcp", 1000 + 100 * number + n) for n in range(knocks)]
        sequences = (Generation(1, tuple(ports)), Generation(2, tuple(ports[::-1])))
        policies.append(
            replace(
                P,
                name=name,
                generations=sequences[: 1 if knocks == 1 else 2],
                services=(Span("tcp", 20, 20 + number),),
                traps=(replace(TRAP, services=(Span("udp", 1, 9),)),),
                stray="revoke",
            )
        )
    place = PanosPlacement.model_validate(HERE)
    together = COMPILER.render(policies, place).config
    alone = [COMPILER.render([policy], place).config for policy in policies]
    assert len(together.entries) >= len({(e.kind, e.name) for e in together.entries})
    for one in together.entries:
        assert len(one.name) <= 63
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]*", one.name)
    owners = Counter((e.kind, e.name) for config in alone for e in config.entries if e.name != OWN)
    assert set(owners.values()) == {1}
    profiles = [m.name for p in together.kind(PROFILES) for m in p.entries("match-list")]
    assert max(map(len, profiles)) <= 63


def test_ports_that_are_too_many_for_one_service_fill_several():
    spans = tuple(Span("tcp", n, n) for n in range(20000, 20600, 2))
    made = services("kc-p.x", spans)
    assert [entry.name for entry in made] == ["kc-p.x-tcp", "kc-p.x-tcp2"]
    lists = [entry.word("protocol/tcp/port") for entry in made]
    assert all(len(ports) <= PORT_LIST for ports in lists)
    assert ",".join(lists).split(",") == [str(n) for n in range(20000, 20600, 2)]


def test_a_configuration_tells_itself_what_of_it_is_secret():
    hidden = (Knock("tcp", 41001, secret=True), Knock("udp", 41002, secret=True))
    policy = replace(P, generations=(Generation(1, hidden),))
    two = replace(Q, trusted=INSIDE)
    config = Corner((policy, two), PanosPlacement.model_validate(HERE)).rendered.config
    assert config.secrets() == {"41001", "41002"}
    assert MODELLER.parse(config.text()).secrets() == config.secrets()
    assert not corner(P).rendered.config.secrets()
    assert not any("4100" in entry.name for entry in config.entries)
    # Ports left out tell as much as ports put in.
    trusting = replace(policy, trusted=(ip_network("192.0.2.0/24"),))
    config = Corner((trusting, two), PanosPlacement.model_validate(HERE)).rendered.config
    for entry in config.kind("service"):
        told = any(f"4100{n}" in entry.text() for n in range(4))
        assert not told or entry.word("description").endswith(" secret"), entry.text()


def test_nothing_is_rendered_of_no_policies():
    rendered = COMPILER.render([], PanosPlacement.model_validate(HERE))
    assert rendered.config.empty
    assert rendered.lag == 0


@pytest.mark.parametrize(
    ("position", "place"),
    [
        ("top", ("top", "")),
        ("bottom", ("bottom", "")),
        ({"before": "their rule"}, ("before", "their rule")),
        ({"after": "their rule"}, ("after", "their rule")),
    ],
)
def test_where_the_rules_go(position, place):
    assert corner(P, position=position).rendered.config.place == place


# --- how it looks ---


@pytest.mark.parametrize("name", ["globalprotect", "ssh-box"])
def test_a_seed_looks_like_this(name):
    policy = resolve(load_all(INVENTORY / "policies")[name], None)
    place = PanosPlacement.model_validate({"addresses": ["198.51.100.13"], "to_zones": ["outside"]})
    text = COMPILER.render([policy], place).config.text()
    assert text == (GOLDEN / f"{name}.xml").read_text()
