"""Proofs and counterexamples: policies in the nasty corners, rendered, read back, mutated."""

import random
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import Scope, WirePacket
from knockctl.automaton.reference import Automaton, Site
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl.verify import prove as verify
from knockctl.verify.explore import Explorer
from knockctl.verify.gaps import gaps
from knockctl.verify.packets import Claim, senders
from knockctl.verify.prove import Status, decide, equal, prove
from knockctl_iptables.config.parse import parse_text
from knockctl_iptables.config.records import LinuxConfig, Rule
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.render.render import render
from knockctl_iptables.semantics import LinuxModel, ours, saved
from tests.fixtures.duel import random_policies

P = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("tcp", 101), Knock("udp", 102), Knock("tcp", 103))),),
    step_timeout=3,
    services=(Span("tcp", 22, 22),),
    grant_duration=10,
)


def rendered(policies, place=None):
    """Policies to text, text to config: what a proof goes through."""
    result = render(policies, place or LinuxPlacement())
    return result.effective, parse_text(result.config.text())


def claim(policies, config, family=4, place=None):
    management = place.management if place else None
    site = Site(
        tuple(policies),
        management.sources if management else (),
        management.port if management else None,
    )
    scope = Scope(place.addresses, place.interfaces) if place else Scope()
    return Claim(site, scope, LinuxModel(ours(config)), family)


SEEDS = st.integers(0, 10**9)


@pytest.mark.no_cover
@given(SEEDS)
@settings(max_examples=60)
def test_what_is_rendered_is_what_the_policies_say(seed):
    """One knock, a port that recurs, traps over services, several policies, two generations…"""
    policies = random_policies(random.Random(seed))
    effective, config = rendered(policies)
    for family in (4, 6):
        assert prove(claim(effective, config, family)).status is Status.PROVED


@pytest.mark.no_cover
@given(SEEDS)
@settings(max_examples=15)
def test_placements_are_proved_too(seed):
    rng = random.Random(seed)
    place = LinuxPlacement.model_validate(
        {
            "addresses": ["192.0.2.1", "2001:db8::1"],
            "interfaces": rng.choice([[], ["eth0"], ["eth+", "wan0"]]),
            "management": {"sources": ["198.51.100.0/24", "2001:db8:5::/48"], "port": 101},
        }
    )
    inside = (ip_network("203.0.113.0/25"), ip_network("2001:db8:7::/64"))
    policies = [
        replace(p, trusted=inside, public=(Span("udp", 300, 300),)) for p in random_policies(rng)
    ]
    effective, config = rendered(policies, place)
    for family in (4, 6):
        result = prove(claim(effective, config, family, place))
        assert result.status is Status.PROVED, result.findings


def mutated(rng, config):
    table = config.table(4)
    chain = rng.choice([c for c in table.chains if table.chains[c]])
    rules = list(table.chains[chain])
    place = rng.randrange(len(rules))
    if rng.random() < 0.5 or place == 0:
        del rules[place]
    else:
        rules[place - 1], rules[place] = rules[place], rules[place - 1]
    return LinuxConfig(
        {4: replace(table, chains={**table.chains, chain: tuple(rules)})}, config.sets
    )


@given(SEEDS)
@settings(max_examples=60)
def test_with_times_and_without_the_answer_is_the_same(seed):
    """The quick way and the zone graph decide alike; every counterexample really happens."""
    rng = random.Random(seed)
    effective, config = rendered([random_policies(rng)[0]])
    one = claim(effective, mutated(rng, config))
    for sender in senders(one):
        result = decide(one, sender.letters, equal, 100_000)
        assert result.status is not Status.UNKNOWN
        timed = Explorer(one.site, one.model, sender.letters, equal, timed=True).run()
        assert bool(timed.mismatches) == (result.status is Status.COUNTEREXAMPLE)
        for finding in result.findings:
            last = finding.trace[-1]
            assert last.expected != last.got
            assert [row.at for row in finding.trace] == sorted({row.at for row in finding.trace})


@given(SEEDS)
@settings(max_examples=40)
def test_no_random_trace_escapes_a_proof(seed):
    """What is proved equal stays equal on concrete traces at concrete times."""
    rng = random.Random(seed)
    effective, config = rendered(random_policies(rng))
    one = claim(effective, config)
    (sender,) = senders(one)
    automaton, machine, now = Automaton(one.site), Machine(one.model), 0.0
    for _ in range(60):
        now += rng.choice([0.01, 0.3, 0.9, 1.3, 2.1, 3.7])
        letter = rng.choice(sender.letters)
        expected = automaton.feed(letter.event, now).verdict.value if letter.event else "pass"
        assert machine.feed(letter.packet, now).verdict.value == expected


def test_the_shortest_trace_is_shown_with_the_rule_that_did_it():
    effective, config = rendered([replace(P, uses="single")])
    table = config.table(4)
    chains = {**table.chains, "KC_p_in": table.chains["KC_p_in"][1:]}
    broken = LinuxConfig({4: replace(table, chains=chains)}, config.sets)
    result = prove(claim(effective, broken))
    (finding,) = result.findings
    assert [row.packet for row in finding.trace] == [
        "tcp/101 SYN",
        "udp/102",
        "tcp/103 SYN",
        "tcp/22 SYN",
        "tcp/22 SYN",
    ]
    assert finding.trace[-1].rule == "iptables KC_p_in rule 1: -j ACCEPT"
    assert (finding.trace[-1].expected, finding.trace[-1].got) == ("refuse", "accept")


def test_a_wrong_time_is_found_at_the_time_it_shows():
    effective, config = rendered([P])
    table = config.table(4)
    rules = tuple(
        Rule(tuple("30" if w == "10" and "_grant" in str(r) else w for w in r.words))
        for r in table.chains["KC_p_open"]
    )
    late = LinuxConfig(
        {4: replace(table, chains={**table.chains, "KC_p_open": rules})}, config.sets
    )
    (finding,) = prove(claim(effective, late)).findings
    assert finding.what == "refuse expected, accept found"
    assert 10 < finding.trace[-1].at - finding.trace[-2].at < 30


def whole(policies, text, family=4, sets="", managers=()):
    model = LinuxModel(saved({4: text, 6: ""}, sets))
    return Claim(Site(tuple(policies), managers, 22), Scope(), model, family, whole=True)


SYN = "--tcp-flags FIN,SYN,RST,ACK SYN"
DROP_ALL = ":INPUT DROP [0:0]\n"


def filter_table(*rules):
    return "*filter\n" + DROP_ALL + "".join(f"-A INPUT {rule}\n" for rule in rules) + "COMMIT\n"


def test_nobody_gets_in_where_everything_is_refused():
    assert prove(whole([P], filter_table()), verify.opens).status is Status.PROVED
    assert prove(whole([P], filter_table()), verify.closes).status is Status.COUNTEREXAMPLE


def test_an_allow_list_is_found_by_one_of_its_members():
    text = filter_table("-s 198.51.100.9/32 -p tcp -m tcp --dport 22 -j ACCEPT")
    (finding,) = prove(whole([P], text), verify.opens).findings
    assert finding.trace[0].source == "198.51.100.9"
    named_set = filter_table("-m set --match-set friends src -p tcp -m tcp --dport 22 -j ACCEPT")
    (finding,) = prove(whole([P], named_set), verify.opens).findings
    assert finding.trace[0].packet == "tcp/22 SYN [in the set friends]"


def test_what_cannot_be_interpreted_is_unknown_only_where_it_matters():
    accepting = filter_table("-p tcp -m u32 --u32 0>>22&0x3C@12=0 -j ACCEPT")
    result = prove(whole([P], accepting), verify.opens)
    assert result.status is Status.UNKNOWN
    assert result.reasons[0].startswith("can't be interpreted: iptables INPUT rule 1")
    refusing = filter_table("-p tcp -m u32 --u32 0>>22&0x3C@12=0 -j DROP", "-j DROP")
    assert prove(whole([P], refusing), verify.opens).status is Status.PROVED
    queue = filter_table("-p tcp -m tcp --dport 22 -j NFQUEUE --queue-num 1")
    assert prove(whole([P], queue), verify.opens).status is Status.UNKNOWN


def test_state_that_sources_share_is_explored_with_two():
    text = filter_table(
        "-m addrtype ! --dst-type LOCAL -j DROP",
        "-m conntrack --ctstatus CONFIRMED -j ACCEPT",
        f"-p tcp -m tcp --dport 101 {SYN} -m recent --set --name A"
        " --mask 255.255.255.0 --rsource -j DROP",
        f"-p tcp -m tcp --dport 22 {SYN} -m recent --rcheck --seconds 10 --name A"
        " --mask 255.255.255.0 --rsource -j ACCEPT",
    )
    one = replace(P, generations=(Generation(1, (Knock("tcp", 101),)),))
    result = prove(whole([one], text), verify.opens)
    assert result.sources == 2
    (finding,) = result.findings
    assert len({row.source for row in finding.trace}) == 2
    alone = text.replace("255.255.255.0", "255.255.255.255")
    assert prove(whole([one], alone), verify.opens).status is Status.PROVED


def test_a_rule_that_locks_management_out_is_found():
    managers = (ip_network("198.51.100.0/24"),)
    text = filter_table(
        "-s 198.51.100.13/32 -j DROP", "-s 198.51.100.0/24 -p tcp -m tcp --dport 22 -j ACCEPT"
    )
    (finding,) = prove(whole([P], text, managers=managers), verify.keeps_management).findings
    assert finding.trace[-1].source == "198.51.100.13"
    fine = filter_table("-s 198.51.100.0/24 -p tcp -m tcp --dport 22 -j ACCEPT")
    result = prove(whole([P], fine, managers=managers), verify.keeps_management)
    assert result.status is Status.PROVED


def test_a_spent_budget_is_unknown_never_proved():
    effective, config = rendered([P])
    result = prove(claim(effective, config), budget=10)
    assert result.status is Status.UNKNOWN
    assert "budget of 10 packets" in result.reasons[0]


def test_gaps_are_told_apart_and_each_by_its_plainest_trace():
    text = filter_table(
        "-p tcp -m tcp --dport 101 -m recent --set --name A --mask 255.255.255.255 --rsource"
        " -j DROP",
        "-p tcp -m tcp --dport 22 -m recent --remove --name A --mask 255.255.255.255 --rsource"
        " -j ACCEPT",
    )
    one = replace(P, generations=(Generation(1, (Knock("tcp", 101),)),))
    result = gaps(whole([one], text))
    found = {(f.what, *(row.packet for row in f.trace)) for f in result.findings}
    # The tag never runs out, and is spent by the first use.
    assert ("closes", "tcp/101 SYN", "tcp/22 SYN", "tcp/22 SYN") in found
    assert any(f.what == "opens" and f.trace[-1].at > 10 for f in result.findings)


def test_what_the_model_asks_must_have_been_declared():
    class Forgetful(LinuxModel):
        def thresholds(self, state):
            return dict.fromkeys(super().thresholds(state), (99,))

    text = filter_table(
        "-p tcp -m tcp --dport 101 -m recent --set --name A --mask 255.255.255.255 --rsource",
        "-p tcp -m tcp --dport 22 -m recent --rcheck --seconds 7 --name A"
        " --mask 255.255.255.255 --rsource -j DROP",
    )
    wrong = replace(whole([P], text), model=Forgetful(saved({4: text})))
    with pytest.raises(LookupError, match="were declared"):
        prove(wrong, verify.opens)


def test_a_packet_prints_as_people_write_it():
    packet = WirePacket(ip_address("203.0.113.7"), ip_address("192.0.2.1"), "tcp", port=22)
    assert str(packet) == "tcp/22 SYN"
    assert str(replace(packet, flags=0, flow="known")) == "tcp/22 no flags (known flow)"
    odd = replace(
        packet, protocol="udp", payload=b"abc", interface="lo", destination_type="BROADCAST"
    )
    assert str(odd) == "udp/22 with 3 bytes over lo to a broadcast address"
