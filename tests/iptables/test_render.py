"""What is rendered for what a policy asks, and what is said where the kernel can't hold it."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from knockctl.contract import Facts, Management
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span
from knockctl_iptables.config.parse import (
    parse_text,
)
from knockctl_iptables.config.records import Rule, load
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.plan.plan import plan
from knockctl_iptables.plan.reading import (
    LinuxReading,
)
from knockctl_iptables.render.render import LONGEST_TIMEOUT, render

POLICY = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("tcp", 1001), Knock("udp", 1002))),),
    step_timeout=10,
    services=(Span.parse("tcp/22"),),
    grant_duration=60,
)


def rendered(policy=POLICY, facts=None, **placement):
    return render([policy], LinuxPlacement(**placement), facts)


def chain(config, name, family=4):
    return [str(rule) for rule in config.table(family).chains[name]]


def test_nothing_is_rendered_of_no_policies():
    assert render([], LinuxPlacement()).config.empty


def test_a_host_without_ipv6_gets_none():
    config = rendered(facts=Facts("host", details={"families": "4"})).config
    assert not config.table(4).empty
    assert config.table(6).empty
    assert all(s.family == 4 for s in config.sets)


def test_addresses_and_interfaces_narrow_what_is_ours():
    config = rendered(addresses=("192.0.2.7",), interfaces=("eth0", "wan+")).config
    assert chain(config, "KC_INPUT")[2:4] == [
        "-d 192.0.2.7/32 -i eth0 -p tcp -g KC_GATE",
        "-d 192.0.2.7/32 -i eth0 -p udp -g KC_GATE",
    ]
    assert chain(config, "KC_INPUT", 6)[2] == "-i eth0 -p tcp -g KC_GATE", "IPv6 is gated whole"


def test_management_comes_first_and_everywhere_means_everywhere():
    place = Management(sources=(ip_network("0.0.0.0/0"), ip_network("2001:db8::/32")), port=2222)
    config = rendered(management=place).config
    assert chain(config, "KC_GATE")[0] == "-p tcp -m tcp --dport 2222 -j ACCEPT"
    assert chain(config, "KC_GATE", 6)[0].startswith("-s 2001:db8::/32 -p tcp")


def test_refusing_by_rejecting_answers_as_a_closed_port_does():
    config = rendered(replace(POLICY, refuse="reject", otherwise="refuse")).config
    assert chain(config, "KC_REJECT") == [
        "-p tcp -j REJECT --reject-with tcp-reset",
        "-j REJECT --reject-with icmp-port-unreachable",
    ]
    assert chain(config, "KC_REJECT", 6)[1].endswith("icmp6-port-unreachable")
    assert chain(config, "KC_GATE")[-1] == "-j KC_REJECT"


def test_times_the_kernel_cannot_hold_are_capped_and_said():
    long = LONGEST_TIMEOUT + 1
    trap = ResolvedTrap((Span.parse("tcp/9"),), long, unless_granted=False)
    result = rendered(replace(POLICY, grant_duration=long, traps=(trap,)))
    assert [(n.code, n.direction, n.blocks) for n in result.fidelity] == [
        ("timeout-capped", "stricter", False),
        ("timeout-capped", "looser", True),
    ]
    assert result.effective[0].grant_duration == LONGEST_TIMEOUT
    # The bound is exact: one second less is held as it is.
    assert rendered(replace(POLICY, grant_duration=LONGEST_TIMEOUT)).fidelity == ()


def test_a_passphrase_is_not_checked_and_said_so():
    knocks = (Knock("udp", 5, b"open"), Knock("tcp", 6))
    result = rendered(replace(POLICY, generations=(Generation(1, knocks),)))
    assert [(n.code, n.blocks) for n in result.fidelity] == [("payload-ignored", True)]
    assert result.effective[0].generations[0].knocks[0].payload is None


def test_more_ports_than_a_rule_holds_take_more_rules():
    spans = tuple(Span("tcp", 3 * n, 3 * n + 1) for n in range(10, 30))
    config = rendered(replace(POLICY, services=spans)).config
    for rule in (rule for rules in config.table(4).chains.values() for rule in rules):
        if "--dports" in rule.words:
            ports = rule.words[rule.words.index("--dports") + 1]
            assert ports.count(",") + ports.count(":") + 1 <= 15


def test_names_fit_whatever_the_policy_is_called():
    name = "a" + "-" * 18 + "z"
    trap = ResolvedTrap((Span.parse("tcp/9"),), 5, unless_granted=False)
    knocks = tuple(Knock("tcp", 100 + n, secret=True) for n in range(20))
    policy = replace(
        POLICY,
        name=name,
        generations=(Generation(1, knocks),),
        traps=(trap,),
        uses="single",
        public=(Span.parse("tcp/80"),),
        trusted=(ip_network("192.0.2.0/24"),),
        lockout=5,
        wrong_knock="lockout",
        scope="services",
    )
    config = rendered(policy).config
    assert max(len(chain) for chain in config.table(4).chains) <= 28
    assert max(len(s.name) for s in config.sets) <= 31
    words = [w for rules in config.table(4).chains.values() for rule in rules for w in rule.words]
    assert max(len(word) for word in words if word.startswith("KC a")) <= 29


def test_the_config_itself_says_which_ports_are_secret():
    hidden = (Generation(1, (Knock("tcp", 41001, secret=True), Knock("udp", 41002, secret=True))),)
    config = rendered(replace(POLICY, generations=hidden)).config
    assert config.secrets() == {"41001", "41002"}
    assert parse_text(config.text()).secrets() == {"41001", "41002"}
    assert rendered().config.secrets() == frozenset()


def test_words_with_blanks_survive_printing():
    rule = Rule(("-m", "comment", "--comment", 'a "quoted" \\ word', "-j", "ACCEPT"))
    assert Rule.parse(str(rule)) == rule
    assert Rule(("-m", "comment")).target is None


def test_torn_and_doubled_leftovers_are_planned_away():
    before = plan(LinuxReading(rendered().config.marked(None)), rendered().config, "a" * 10)
    assert before.changes[0].place == "KC_MARK"
    text = rendered().config.marked("bbbbbbbbbb").text()
    jump = "-A INPUT -m comment --comment knockctl -j KC_INPUT\n"
    mark = "-A KC_MARK -m comment --comment knockctl:bbbbbbbbbb\n"
    torn = parse_text(text.replace(jump, jump * 2).replace(mark, mark * 2))
    assert torn.revision is None
    again = plan(LinuxReading(torn), rendered().config, "c" * 10)
    assert "-D INPUT" in again.forward.files[4]
    assert again.forward.files[4].count("-D KC_MARK") == 2
    assert load(torn.dump()) == torn


@pytest.mark.parametrize("header", [{"maxelem": 10}, {"timeout": None}, {"type": "hash:net"}])
def test_a_set_with_another_header_is_exchanged_in_place(header):
    config = plan(LinuxReading(rendered().config.renamed({})), rendered().config, "a" * 10).before
    drifted = replace(
        config,
        sets=frozenset(replace(s, **header) if "_grant" in s.name else s for s in config.sets),
    )
    payload = plan(LinuxReading(drifted), config, "b" * 10).forward
    assert payload.sets_before.count("swap KC") == 2
