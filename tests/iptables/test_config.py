"""The config: what is rendered is read back, by both back ends; what is planned is reached."""

import random
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl.contract import Reading
from knockctl_iptables import VENDOR
from knockctl_iptables.config.parse import (
    Dump,
    parse_text,
)
from knockctl_iptables.config.records import FAMILIES, LinuxConfig, StageName, load
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.plan.plan import plan
from knockctl_iptables.plan.reading import (
    LinuxReading,
    read,
)
from knockctl_iptables.render.render import render
from tests.fixtures.duel import random_policies
from tests.fixtures.world import World, sh

seeds = st.integers(min_value=0, max_value=2**32)


def config_of(seed):
    rng = random.Random(seed)
    return render(random_policies(rng), LinuxPlacement()).config


@given(seeds)
@settings(max_examples=100)
def test_what_is_rendered_is_parsed_back(seed):
    config = config_of(seed)
    assert parse_text(config.text()).same(config)
    assert load(config.dump()).same(config)


@given(seeds)
@settings(max_examples=50)
def test_nothing_is_planned_where_nothing_differs(seed):
    config = config_of(seed)
    first = plan(LinuxReading(LinuxConfig()), config, "aaaaaaaaaa").intended
    again = plan(LinuxReading(first), config, "bbbbbbbbbb")
    assert again.changes == ()
    assert again.forward.files == {}
    assert again.intended.revision == "aaaaaaaaaa"


@given(seeds, seeds)
@settings(max_examples=50)
def test_a_stage_of_an_old_sequence_never_counts_in_a_new_one(one, two):
    before = plan(LinuxReading(LinuxConfig()), config_of(one), "aaaaaaaaaa").intended
    after = plan(LinuxReading(before), config_of(two), "bbbbbbbbbb").intended
    for name in stages(before) & stages(after):
        assert moving(before, name) == moving(after, name)


def stages(config):
    return {s.name for s in config.sets if StageName.of(s.name)}


def moving(config, name):
    return [
        rule
        for table in config.tables.values()
        for rules in table.chains.values()
        for rule in rules
        if name in rule.words and "--add-set" in rule.words
    ]


def test_a_sequence_that_stays_keeps_its_stages():
    rng = random.Random(3)
    policies = random_policies(rng)
    before = plan(
        LinuxReading(LinuxConfig()), render(policies, LinuxPlacement()).config, "aaaaaaaaaa"
    ).intended
    moved = LinuxPlacement(interfaces=("eth0",))
    after = plan(LinuxReading(before), render(policies, moved).config, "bbbbbbbbbb")
    assert after.changes
    assert stages(after.intended) == stages(before)
    assert after.keeps_grants


def test_the_compiler_fulfils_the_contract():
    compiler = VENDOR.compiler
    assert compiler.empty().empty
    assert compiler.plan(Reading(compiler.empty()), compiler.empty(), "aaaaaaaaaa").changes == ()


@pytest.fixture(params=["nft", "legacy"])
def world(request):
    if shutil.which("iptables-nft") is None:
        pytest.skip("no iptables here")
    if subprocess.run(["ip", "netns", "list"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespaces here")
    with World(request.param) as made:
        yield made


def runs(world):
    def save(family):
        return sh(f"{world.tool(family, 'save')} -t filter")

    return read(Dump({f: save(f) for f in FAMILIES}, sh(f"ip netns exec {world.gate} ipset save")))


def write(world, payload):
    if payload.sets_before:
        sh(f"ip netns exec {world.gate} ipset -exist restore", payload.sets_before)
    for family in (6, 4):
        if family in payload.files:
            sh(f"{world.tool(family, 'restore')} --noflush", payload.files[family])
    for name in payload.sets_after:
        sh(f"ip netns exec {world.gate} ipset destroy {name}")


FOREIGN = """*filter
:INPUT DROP [0:0]
:f2b-sshd - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 8080 -m comment --comment "our web \\"app\\"" -j ACCEPT
-A f2b-sshd -s 203.0.113.9/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-sshd -j RETURN
COMMIT
"""


def without_counters(text):
    return [line.split(" [")[0] for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.lab
def test_both_back_ends_print_what_was_rendered_and_go_there_and_back(world):
    rng = random.Random(11)
    sh(f"{world.tool(4, 'restore')}", FOREIGN)
    sh(f"{world.tool(6, 'restore')}", "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")
    state = without_counters(sh(world.tool(4, "save")))
    first = runs(world)
    for number in range(12):
        intended = render(random_policies(rng), LinuxPlacement()).config
        before = runs(world)
        remediation = plan(before, intended, f"change{number:04}")
        write(world, remediation.forward)
        after = runs(world)
        assert after.config.same(remediation.intended)
        assert after.config.revision == f"change{number:04}"
        assert plan(after, intended, "another000").changes == ()
        if number % 3 == 0:
            write(world, remediation.backward)
            assert runs(world).config == before.config
            write(world, remediation.forward)
    gone = plan(runs(world), LinuxConfig(), "changelast")
    write(world, gone.forward)
    assert runs(world).config.empty
    assert first.config.empty
    assert without_counters(sh(world.tool(4, "save"))) == state


@pytest.mark.lab
def test_of_two_writers_one_wins(world):
    for family in FAMILIES:
        sh(world.tool(family, "restore"), "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")
    one = plan(runs(world), config_of(1), "aaaaaaaaaa")
    two = plan(runs(world), config_of(2), "bbbbbbbbbb")
    write(world, one.forward)
    with pytest.raises(AssertionError):
        write(world, two.forward)
    assert runs(world).config.same(one.intended)
    write(world, plan(runs(world), config_of(3), "cccccccccc").forward)
    with pytest.raises(AssertionError):
        write(world, one.backward)
    assert runs(world).config.revision == "cccccccccc"


@pytest.mark.lab
def test_a_foreign_accept_gets_above_ours_and_our_jump_is_moved_back(world):
    for family in FAMILIES:
        sh(world.tool(family, "restore"), "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")
    intended = config_of(5)
    write(world, plan(runs(world), intended, "aaaaaaaaaa").forward)
    sh(f"ip netns exec {world.gate} iptables-{world.back_end} -I INPUT -j ACCEPT")
    remediation = plan(runs(world), intended, "bbbbbbbbbb")
    assert [str(c) for c in remediation.changes] == [
        "~ iptables INPUT: -m comment --comment knockctl -j KC_INPUT to the first place"
    ]
    write(world, remediation.forward)
    assert plan(runs(world), intended, "cccccccccc").changes == ()
