"""What foreign rules do to the policies, asked with single packets."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from knockctl.automaton.chains import Anything, Call, ChainRule, Leave, Ours, Program, Section, Stop
from knockctl.automaton.conditions import Every, Is, Open, Some, negated
from knockctl.automaton.packet import LOOPBACK, Scope
from knockctl.automaton.questions import Atom, flow, ports, protocol, within
from knockctl.automaton.reference import Site
from knockctl.automaton.relaxations import Relaxations
from knockctl.automaton.verdict import Verdict
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span
from knockctl.verify.exposures import find
from knockctl.verify.findings import Kind
from knockctl.verify.packets import Claim
from knockctl.verify.roles import Segment, postures, roles, stake

SOMEBODY = ip_address("203.0.113.7")
SSH = ResolvedPolicy(
    name="ssh",
    generations=(Generation(1, (Knock("tcp", 1001), Knock("udp", 1002))),),
    step_timeout=10,
    services=(Span.parse("tcp/22"),),
    grant_duration=60,
    traps=(ResolvedTrap((Span.parse("tcp/666"),), 60, unless_granted=False),),
    public=(Span.parse("tcp/80"),),
    trusted=(ip_network("192.0.2.0/28"),),
    lockout=60,
)
ACCEPT, REFUSE = Stop(Verdict.ACCEPT), Stop(Verdict.REFUSE)
TCP, UDP = Is(protocol("tcp")), Is(protocol("udp"))


def port(number, last=None):
    return Is(ports((number, last or number)))


def source(text):
    return Is(within("source", ip_network(text)))


def rule(action, *asked, text="r", where="INPUT", number=1, **more):
    return ChainRule(action, Every(asked), where, number, text, **more)


def program(*above, chains=None, end=Verdict.ACCEPT, **more):
    """Rules, then ours, then nothing."""
    listed = {"in": [*above, ChainRule(Ours(), ours=True)], **(chains or {})}
    return Program((Section("in", end),), listed, **more)


def found(listed, policy=SSH, scope=None, site=None, family=4):
    held = site or Site((policy,))
    return find(Claim(held, scope or Scope(), None, family, whole=True), listed)


def kinds(findings):
    return [one.kind.value for one in findings]


# --- what is at stake ---------------------------------------------------------------------------


def at_stake(policy, name, segment=Segment.OPENING, protocol=None, place=0):
    site = Site((policy,))
    some = [
        role
        for role in roles(site)
        if (role.name, role.segment) == (name, segment) and protocol in (None, role.protocol)
    ]
    return stake(site, some[place], SOMEBODY, list(postures(site)))


def test_every_port_has_its_role():
    told = [(r.name, r.segment.value, [str(s) for s in r.spans]) for r in roles(Site((SSH,)))]
    assert ("service", "opening", ["tcp/22"]) in told
    assert ("knock", "opening", ["tcp/1001"]) in told
    assert ("knock", "opening", ["udp/1002"]) in told
    assert ("trap", "bare", ["tcp/666"]) in told
    (others,) = [s for n, g, s in told if (n, g) == ("other", "opening") and s[0][:3] == "udp"]
    assert others == ["udp/0-1001", "udp/1003-65535"]


def test_where_nobody_minds_other_ports_they_have_no_role():
    quiet = replace(SSH, wrong_knock="ignore", traps=(), lockout=None)
    assert {role.name for role in roles(Site((quiet,)))} == {"service", "knock"}


def opening(site, name):
    some = (r for r in roles(site) if (r.name, r.segment) == (name, Segment.OPENING))
    return [[str(span) for span in role.spans] for role in some]


def test_ports_of_one_role_are_all_treated_alike():
    wide = replace(SSH, services=(Span.parse("tcp/21-23"),), traps=(), wrong_knock="ignore")
    site = Site((wide,), (ip_network("10.0.0.0/8"),), 22)
    assert opening(site, "service") == [["tcp/21"], ["tcp/22"], ["tcp/23"]]
    next_to_it = replace(wide, name="b", services=(Span.parse("tcp/24"),), trusted=())
    assert opening(Site((wide, next_to_it)), "service") == [["tcp/21-23"], ["tcp/24"]]
    traps = (
        ResolvedTrap((Span.parse("tcp/666"),), 60, unless_granted=False),
        ResolvedTrap((Span.parse("tcp/667"),), 60, unless_granted=True),
    )
    assert opening(Site((replace(SSH, traps=traps),)), "trap") == [["tcp/666"], ["tcp/667"]]
    closed = replace(SSH, otherwise="refuse")
    others = opening(Site((closed,), (ip_network("10.0.0.0/8"),), 9), "other")
    assert ["tcp/9"] in others
    assert any(spans[:2] == ["tcp/0-8", "tcp/10-21"] for spans in others)


def test_what_a_packet_means_in_some_posture_is_at_stake():
    assert at_stake(SSH, "service").refused
    assert at_stake(SSH, "service").accepted
    assert at_stake(SSH, "knock").knock
    assert at_stake(SSH, "knock", place=1).knock
    assert at_stake(SSH, "trap").lockout
    other = at_stake(SSH, "other")
    assert (other.refused, other.reset, other.held_off) == (False, True, True)
    assert at_stake(replace(SSH, stray="revoke"), "other").stray
    assert at_stake(replace(SSH, wrong_knock="lockout"), "other").lockout
    assert at_stake(replace(SSH, otherwise="refuse"), "other").refused
    bare = at_stake(SSH, "service", Segment.BARE)
    assert (bare.refused, bare.counts) == (True, False)


# --- exposures ----------------------------------------------------------------------------------


def test_nothing_above_ours_is_nothing_to_tell():
    assert found(program()) == []
    assert found(program(rule(ACCEPT, TCP, port(80)))) == []


def test_what_is_refused_to_whoever_is_in_is_sure():
    lets_in = ChainRule(
        Call("behind"), Every((TCP, port(22), Open("who is in", "ours"))), ours=True
    )
    chains = {"behind": [rule(REFUSE, TCP, port(22), text="shut")]}
    (one,) = found(program(lets_in, chains=chains))
    assert (one.kind, one.certain, one.why) == (Kind.SERVICE_SHUT, True, ())


def test_a_rule_in_two_parts_does_not_lead_to_itself():
    parts = {"parts": [rule(ACCEPT, TCP, port(22))]}
    (one,) = found(program(rule(Call("parts"), Open("who knows")), chains=parts))
    assert (one.via, one.rules) == ((), tuple(parts["parts"]))


def test_an_accept_for_a_service_is_told_with_its_rule():
    (one, *rest) = found(program(rule(ACCEPT, TCP, port(22), text="-p tcp --dport 22 -j ACCEPT")))
    assert not rest
    assert (one.kind, one.blocks, one.certain, one.everyone) == (Kind.EXPOSED, True, True, True)
    assert str(one) == (
        "tcp/22 is open to anyone without a knock: INPUT rule 1: -p tcp --dport 22 -j ACCEPT"
    )


def test_all_ways_in_are_told_each_with_its_own_rule():
    ways = program(
        rule(ACCEPT, TCP, port(22), source("10.0.0.0/8"), text="ten"),
        rule(ACCEPT, TCP, port(22), Is(Atom("interface", "mgmt0")), text="mgmt"),
        rule(ACCEPT, TCP, port(22), Open("the list X"), text="listed"),
        rule(ACCEPT, TCP, port(20, 25), text="rest"),
    )
    told = [one for one in found(ways) if one.kind is Kind.EXPOSED]
    assert [(str(one.rules[0].text), one.who, one.certain) for one in told] == [
        ("ten", "10.0.0.0/8", True),
        ("mgmt", "anyone but 10.0.0.0/8, 192.0.2.0/28 by mgmt0", True),
        ("listed", "anyone but 10.0.0.0/8, 192.0.2.0/28", False),
        ("rest", "anyone but 10.0.0.0/8, 192.0.2.0/28", True),
    ]
    assert "may be open to anyone but" in str(told[2])
    assert str(told[2]).endswith("(the list X)")


def test_a_rule_that_another_hides_is_not_told():
    hidden = program(rule(REFUSE, TCP, port(22)), rule(ACCEPT, TCP, port(22), text="late"))
    assert Kind.EXPOSED not in kinds(found(hidden))


def test_negations_jumps_and_returns_are_followed():
    not_lo = rule(ACCEPT, negated(Is(Atom("interface", LOOPBACK))), TCP, port(22), text="not lo")
    assert kinds(found(program(not_lo))) == ["exposed"]
    assert found(program(rule(ACCEPT, Is(Atom("interface", LOOPBACK))))) == []
    inner = {"X": [rule(Leave(), source("10.0.0.0/8")), rule(ACCEPT, where="X", text="all")]}
    (one,) = found(program(rule(Call("X"), TCP, port(22), text="jump"), chains=inner))
    assert "X rule 1: all, which is reached by INPUT rule 1: jump" in str(one)
    assert one.who == "anyone but 10.0.0.0/8, 192.0.2.0/28"


def test_what_is_never_a_first_packet_exposes_nothing():
    known = rule(ACCEPT, Is(flow("known", "related")))
    invalid = rule(REFUSE, Is(flow("invalid")))
    assert found(program(known, invalid)) == []


def test_untracked_packets_count_only_where_something_untracks():
    untracked = rule(ACCEPT, Is(flow("untracked")))
    assert found(program(untracked)) == []
    assert "exposed" in kinds(found(program(untracked, untracks=True)))


def test_segments_that_open_nothing_reveal_a_service():
    bare = rule(ACCEPT, negated(Is(Atom("flags", (23, 2)))), TCP, port(22))
    (one,) = found(program(bare))
    assert one.segments
    assert "for segments that open nothing" in str(one)


def test_trusted_sources_and_other_addresses_are_nobodys_concern():
    assert found(program(rule(ACCEPT, source("192.0.2.0/30")))) == []
    scope = Scope((ip_address("198.51.100.1"),))
    elsewhere = rule(ACCEPT, Is(within("destination", ip_network("198.51.100.2/32"))))
    assert found(program(elsewhere), scope=scope) == []
    assert found(program(rule(ACCEPT)), scope=replace(scope, only_listed=True), family=6) == []


def test_management_to_its_port_is_no_exposure_but_elsewhere_is():
    site = Site((SSH,), (ip_network("10.0.0.0/8"),), 22)
    assert found(program(rule(ACCEPT, source("10.0.0.0/8"), TCP, port(22))), site=site) == []
    listed = found(program(rule(ACCEPT, source("10.0.0.0/8"), TCP, port(1001))), site=site)
    assert "exposed" in kinds(listed)


def test_management_to_one_port_of_a_service_hides_no_other():
    wide = replace(SSH, services=(Span.parse("tcp/22-23"),))
    site = Site((wide,), (ip_network("10.0.0.0/8"),), 22)
    (one,) = found(program(rule(ACCEPT, source("10.0.0.0/8"), TCP, port(22, 23))), site=site)
    assert (one.kind, [str(span) for span in one.spans]) == (Kind.EXPOSED, ["tcp/23"])


def test_who_trusts_somebody_speaks_for_his_own_ports():
    web = replace(SSH, name="web", services=(Span.parse("tcp/23"),), trusted=(), traps=())
    web = replace(web, generations=(Generation(1, (Knock("udp", 2001),)),))
    lets_in = rule(ACCEPT, source("192.0.2.0/28"), TCP, port(22, 23))
    (one, *_) = found(program(lets_in), site=Site((SSH, web)))
    assert (one.kind, [str(span) for span in one.spans]) == (Kind.EXPOSED, ["tcp/23"])


def test_what_one_policy_makes_public_another_may_refuse():
    shut = replace(SSH, name="shut", services=(Span.parse("tcp/23"),), traps=(), public=())
    shut = replace(shut, generations=(Generation(1, (Knock("udp", 2001),)),), otherwise="refuse")
    told = found(program(rule(ACCEPT, TCP, port(80))), site=Site((SSH, shut)))
    assert (told[0].kind, [str(span) for span in told[0].spans]) == (Kind.EXPOSED, ["tcp/80"])


def test_with_the_rest_refused_every_port_is_governed():
    policy = replace(SSH, otherwise="refuse")
    (one, *_) = found(program(rule(ACCEPT, UDP, port(53))), policy)
    assert (one.kind, [str(span) for span in one.spans]) == (Kind.EXPOSED, ["udp/53"])


def test_a_run_of_rules_is_told_rule_by_rule():
    def one(number):
        asked = (Is(Atom("source", ((number, number),))), TCP, port(22))
        return rule(ACCEPT, *asked, text=f"-s {number}", number=number)

    numbers = (5, 7, 9)
    merged = Is(Atom("source", tuple((n, n) for n in numbers)))
    run = rule(ACCEPT, merged, TCP, port(22), parts=lambda: [one(n) for n in numbers])
    told = found(program(run))
    assert [str(f.rules[0].text) for f in told] == ["-s 5", "-s 7", "-s 9"]
    assert [f.who for f in told] == ["0.0.0.5/32", "0.0.0.7/32", "0.0.0.9/32"]


def test_an_action_nobody_understands_may_let_in():
    (one, *_) = found(program(rule(Anything(), TCP, port(22), text="-j WHAT")))
    assert (one.kind, one.certain, one.blocks) == (Kind.EXPOSED, False, True)
    assert "may be open" in str(one)


def test_whom_a_rule_may_let_in_besides_those_it_surely_does_is_told_apart():
    """Who accepts a rule has been told of all whom it may let in."""
    strange = rule(REFUSE, Open("-m strange", "guess"), negated(source("10.0.0.0/8")))
    sure, perhaps, *_ = found(program(strange, rule(ACCEPT, port(22), TCP, text="a", number=2)))
    assert (sure.who, sure.certain) == ("10.0.0.0/8", True)
    assert (perhaps.who, perhaps.certain) == ("anyone but 10.0.0.0/8, 192.0.2.0/28", False)
    assert sure.code != perhaps.code


def test_where_a_guess_may_refuse_before_nothing_is_certain():
    guessed = rule(REFUSE, Open("-m strange", "guess"))
    (one, *_) = found(program(guessed, rule(ACCEPT, TCP, port(22))))
    assert not one.certain


def test_what_a_rule_surely_matches_rests_on_nothing_it_may_match_besides():
    either = Some((Open("a list", "guess"), Every((TCP, port(22)))))
    (one, *_) = found(program(rule(ACCEPT, either)))
    assert (one.kind, one.certain) == (Kind.EXPOSED, True)


def test_who_is_told_by_networks_or_by_who_is_not():
    def who(*above):
        return [one.who for one in found(program(*above)) if one.kind is Kind.EXPOSED]

    net = source("203.0.113.0/25")
    assert who(rule(ACCEPT, net, TCP, port(22))) == ["203.0.113.0/25"]
    assert who(rule(ACCEPT, negated(net), TCP, port(22))) == [
        "anyone but 192.0.2.0/28, 203.0.113.0/25"
    ]
    behind = rule(ACCEPT, negated(net), TCP, port(1001)), rule(ACCEPT, TCP, port(22, 1001))
    assert who(*behind)[1] == "anyone"


def test_what_is_open_for_sure_hides_nothing_that_may_be():
    guess = rule(REFUSE, Open("u32", "guess"), port(22))
    told = [one for one in found(program(guess, rule(ACCEPT, TCP))) if one.kind is Kind.EXPOSED]
    sure, perhaps = told
    assert (sure.certain, perhaps.certain) == (True, False)
    assert "tcp/22" in [str(span) for span in perhaps.spans]
    assert sure.code != perhaps.code


def test_rules_are_told_only_for_what_they_take():
    all_of_one, some_of_another = found(
        program(
            rule(REFUSE, UDP, port(1002), text="one"),
            rule(REFUSE, source("10.0.0.0/8"), TCP, port(1001), text="two"),
        )
    )
    assert [str(r.text) for r in all_of_one.rules] == ["one"]
    assert [str(r.text) for r in some_of_another.rules] == ["two"]
    assert (all_of_one.everyone, some_of_another.everyone) == (True, False)


def test_what_happens_by_chance_happens():
    (one, *_) = found(program(rule(ACCEPT, Open("limit", "chance"), TCP, port(22))))
    assert one.certain


def test_the_end_of_the_rules_may_be_what_lets_in():
    """Ours stand in a chain that only some packets are led to."""
    listed = Program(
        (Section("in", Verdict.ACCEPT, "policy ACCEPT"),),
        {"in": [rule(Call("ours"), source("10.0.0.0/8"))], "ours": [ChainRule(Ours(), ours=True)]},
    )
    (one, *_) = [f for f in found(listed) if f.kind is Kind.EXPOSED]
    assert "policy ACCEPT" in str(one)


def test_rules_that_lead_in_circles_leave_it_unknown():
    loop = {"X": [rule(Call("Y"))], "Y": [rule(Call("X"))]}
    (one,) = found(program(rule(Call("X")), chains=loop))
    assert (one.kind, one.blocks) == (Kind.UNKNOWN, True)
    assert "leads back to itself" in str(one)


# --- losses -------------------------------------------------------------------------------------


def test_a_refusal_for_everybody_means_that_nobody_can_knock():
    told = found(program(rule(REFUSE, text="deny any any"), end=Verdict.REFUSE))
    by = {one.kind: one for one in told}
    assert by[Kind.KNOCK_LOST].blocks
    assert by[Kind.SERVICE_SHUT].blocks
    assert "nobody can knock: tcp/1001, udp/1002 never gets to the policy" in str(
        by[Kind.KNOCK_LOST]
    )


def test_a_refusal_for_some_is_told_and_stops_nothing():
    told = found(program(rule(REFUSE, source("203.0.113.0/24"), text="banned")))
    assert {one.kind for one in told} == {
        Kind.KNOCK_LOST,
        Kind.SERVICE_SHUT,
        Kind.LOCKOUT_LOST,
        Kind.RESET_LOST,
    }
    assert not any(one.blocks for one in told)
    assert all("203.0.113.0/24" in str(one) for one in told)


def test_an_accept_for_another_port_takes_a_reset_away():
    quiet = replace(SSH, lockout=None, traps=())
    (one,) = found(program(rule(ACCEPT, UDP, port(53))), quiet)
    assert (one.kind, one.blocks) == (Kind.RESET_LOST, False)
    assert "no longer count as wrong knocks" in str(one)


def test_an_accept_for_another_port_lets_those_in_who_are_locked_out():
    told = {one.kind: str(one) for one in found(program(rule(ACCEPT, UDP, port(53))))}
    assert told[Kind.LOCKOUT_LOST].startswith("who is locked out still reaches udp/53")


def test_what_a_foreign_list_remembers_refuses_for_a_reason_of_its_own():
    banned = rule(REFUSE, Open("the set banned", "theirs"), TCP)
    assert found(program(banned)) == []


def test_what_rests_on_a_guess_may_be_lost():
    told = found(program(rule(REFUSE, Open("-m strange", "guess"))))
    assert told
    for one in told:
        assert (one.certain, one.blocks, one.why) == (False, False, ("-m strange",))
        assert str(one).startswith("it may be that ")


def test_where_some_are_accepted_and_the_rest_refused_nobody_can_knock():
    above = rule(ACCEPT, source("10.0.0.0/8"), TCP), rule(REFUSE, TCP), rule(REFUSE, UDP)
    told = [one for one in found(program(*above)) if one.kind is Kind.KNOCK_LOST]
    assert all(one.everyone for one in told)
    assert any("nobody can knock" in str(one) for one in told)


def test_whom_another_foreign_rule_accepts_is_not_shut_out():
    above = rule(REFUSE, source("203.0.113.200/32"), TCP, port(22), text="one"), rule(ACCEPT)
    told = [one for one in found(program(*above)) if one.kind is Kind.SERVICE_SHUT]
    assert [(one.everyone, one.who) for one in told] == [(False, "203.0.113.200/32")]


def test_a_refusal_of_few_packets_shuts_nobody_out_whom_others_let_in():
    """Few, but from everywhere: by their source ports, say."""
    few = rule(REFUSE, Is(Atom("source_port", ((53, 53),))), TCP, port(22), text="few")
    told = [f for f in found(program(few, rule(ACCEPT))) if f.kind is Kind.SERVICE_SHUT]
    assert [(one.everyone, str(one.rules[0].text)) for one in told] == [(False, "few")]


def test_whom_foreign_rules_remember_is_nobody_to_reach_a_service():
    """Who accepts that they are let in has not accepted that a knock is for nothing."""
    friends = rule(ACCEPT, Open("the set friends"), TCP, port(22), text="friends")
    told = found(program(friends, rule(REFUSE, TCP, port(22), text="drop")))
    (shut,) = [one for one in told if one.kind is Kind.SERVICE_SHUT]
    assert (shut.everyone, shut.blocks) == (True, True)


def test_the_ports_of_a_service_that_nobody_reaches_are_told_apart():
    wide = replace(SSH, services=(Span.parse("tcp/21-23"),))
    some = rule(REFUSE, source("10.0.0.0/8"), TCP, port(21), text="some")
    above = some, rule(ACCEPT, TCP, port(21)), rule(REFUSE, TCP, port(22))
    told = [one for one in found(program(*above), wide) if one.kind is Kind.SERVICE_SHUT]
    assert [(one.everyone, [str(span) for span in one.spans]) for one in told] == [
        (True, ["tcp/22"]),
        (False, ["tcp/21"]),
    ]


def test_behind_what_nobody_understands_nothing_is_certain():
    (strange, late) = found(program(rule(Anything(), TCP), rule(ACCEPT, TCP, port(22))))[:2]
    assert (strange.certain, late.certain) == (False, False)


def test_trusted_sources_may_be_shut_out_too():
    told = found(program(rule(REFUSE, source("192.0.2.0/30"), text="deny")))
    assert [one.kind for one in told] == [Kind.SERVICE_SHUT]
    assert "192.0.2.0/30" in str(told[0])


PARTIAL = (Relaxations(partial=True),)


def test_what_is_taken_from_the_trusted_alone_is_taken_from_nobody_else():
    """They need not knock, but may, where a device trusts them for services alone."""
    denied = rule(REFUSE, source("192.0.2.0/28"), text="deny")
    for policy in (SSH, replace(SSH, trusted=(*SSH.trusted, ip_network("10.0.0.0/8")))):
        told = found(program(denied), site=Site((policy,), relaxed=PARTIAL))
        assert {one.kind for one in told} >= {Kind.SERVICE_SHUT, Kind.KNOCK_LOST}
        assert not any(one.everyone or one.blocks for one in told)
        assert all("192.0.2.0/28" in str(one) for one in told)


def test_where_nobody_can_knock_what_the_trusted_lose_is_not_why():
    lets_in = rule(ACCEPT, text="all", number=2)
    denied = rule(REFUSE, source("192.0.2.0/28"), text="deny")
    told = found(program(denied, lets_in), site=Site((SSH,), relaxed=PARTIAL))
    lost = {str(f.rules[0].text): f.everyone for f in told if f.kind is Kind.KNOCK_LOST}
    assert lost == {"deny": False, "all": True}


def test_where_only_the_trusted_get_through_nobody_can_knock():
    above = rule(REFUSE, negated(source("192.0.2.0/28")), text="deny")
    told = found(program(above), site=Site((SSH,), relaxed=PARTIAL))
    by = {one.kind: one for one in told}
    assert (by[Kind.KNOCK_LOST].blocks, by[Kind.SERVICE_SHUT].blocks) == (True, True)
    assert by[Kind.KNOCK_LOST].who == "anyone"


def test_whom_everybody_trusts_can_be_shut_out_for_good():
    everyone = replace(SSH, trusted=(ip_network("0.0.0.0/0"),))
    told = found(program(rule(REFUSE, TCP, port(22))), everyone)
    assert [(one.kind, one.everyone) for one in told] == [(Kind.SERVICE_SHUT, True)]


def test_strays_have_a_name_of_their_own():
    policy = replace(SSH, wrong_knock="ignore", stray="revoke", lockout=None, traps=())
    assert kinds(found(program(rule(ACCEPT, UDP, port(53))), policy)) == ["stray-lost"]


def test_what_stands_behind_ours_takes_nothing_away():
    ours = ChainRule(Stop(Verdict.ACCEPT), Every((TCP, port(22), Open("in", "ours"))), ours=True)
    deny = ChainRule(Stop(Verdict.REFUSE), Every((TCP, port(22))), ours=True)
    listed = Program((Section("in", Verdict.PASS),), {"in": [ours, deny, rule(REFUSE)]})
    told = found(listed, replace(SSH, wrong_knock="ignore", traps=(), lockout=None))
    assert "service-shut" not in kinds(told)


def test_an_accept_between_rules_of_ours_exposes():
    ours = ChainRule(Stop(Verdict.ACCEPT), Every((TCP, port(22), Open("in", "ours"))), ours=True)
    deny = ChainRule(Stop(Verdict.REFUSE), Every((TCP, port(22))), ours=True)
    between = Program(
        (Section("in", Verdict.PASS),), {"in": [ours, rule(ACCEPT, TCP, port(22)), deny]}
    )
    assert kinds(found(between))[0] == "exposed"


# --- acceptance ---------------------------------------------------------------------------------


def code(*above, **more):
    return found(program(*above, **more))[0].code


def test_acceptance_is_bound_to_the_rule_wherever_it_stands():
    here = rule(ACCEPT, TCP, port(22), text="one")
    moved = rule(ACCEPT, TCP, port(22), text="one", number=7)
    other = rule(ACCEPT, TCP, port(22), text="another")
    assert code(here) == code(moved) != code(other)
    assert code(here).startswith("exposed:")


def test_a_run_is_accepted_with_every_rule_in_it():
    def run(*numbers):
        asked = Is(Atom("source", tuple((n, n) for n in numbers)))
        return rule(
            REFUSE,
            negated(asked),
            text=f"{len(numbers)} such as {numbers[0]}",
            parts=lambda: [rule(REFUSE, text=f"not from {n}", number=n) for n in numbers],
        )

    assert code(run(1, 5, 9)) == code(run(1, 5, 9)) != code(run(1, 6, 9))


def test_another_way_to_the_same_rule_asks_again():
    inner = {"X": [rule(ACCEPT, where="X", text="all")]}
    one = rule(Call("X"), source("10.0.0.0/8"), TCP, port(22), text="ten")
    two = rule(Call("X"), source("11.0.0.0/8"), TCP, port(22), text="eleven")
    assert code(one, chains=inner) != code(one, two, chains=inner)


# --- several policies ---------------------------------------------------------------------------


def test_sources_that_one_of_two_policies_trusts_are_asked_about_for_the_other():
    other = replace(
        SSH,
        name="web",
        generations=(Generation(1, (Knock("tcp", 2001), Knock("udp", 2002))),),
        services=(Span.parse("tcp/443"),),
        traps=(),
        trusted=(),
    )
    site = Site((SSH, other))
    listed = program(rule(ACCEPT, source("192.0.2.0/30"), TCP, port(443)))
    assert kinds(found(listed, site=site)) == ["exposed"]
    trusted = program(rule(ACCEPT, source("192.0.2.0/30"), TCP, port(22)))
    # The other policy may lock out whom this one trusts: that is all it takes away.
    assert kinds(found(trusted, site=site)) == ["lockout-lost"]


def test_a_device_that_knows_no_flows_lets_answers_in():
    site = Site((replace(SSH, traps=(), lockout=None),), relaxed=(Relaxations(stateless=True),))
    answers = rule(ACCEPT, TCP, port(22), Is(Atom("flags", (16, 16))))
    assert found(program(answers), site=site) == []
    syns = rule(ACCEPT, TCP, port(22), Is(Atom("flags", (2, 2))))
    assert kinds(found(program(syns), site=site)) == ["exposed"]


@pytest.mark.parametrize("family", [4, 6])
def test_without_policies_there_is_nothing_to_ask(family):
    assert found(program(rule(ACCEPT)), site=Site(()), family=family) == []


# --- ours in two sections -----------------------------------------------------------------------

LOCKED = rule(REFUSE, Open("locked out", "ours"), where="early", text="ours", ours=True)
TRAPPED = rule(REFUSE, TCP, port(666), where="early", text="ours", ours=True)


def in_two(*above, early=(LOCKED, TRAPPED)):
    """Rules of ours that refuse early, then foreign ones, then the rest of ours."""
    listed = {"early": early, "in": [*above, ChainRule(Ours(), ours=True)]}
    return Program((Section("early"), Section("in", Verdict.ACCEPT)), listed)


def test_what_ours_saw_early_it_has_not_seen_all_of():
    assert found(in_two()) == []
    (lost,) = (f for f in found(in_two(rule(REFUSE, TCP))) if f.kind is Kind.KNOCK_LOST)
    assert lost.blocks
    assert kinds(found(in_two(rule(ACCEPT, TCP, port(22))))) == ["exposed"]


def test_what_is_lost_behind_ours_where_it_only_begins_is_lost():
    behind = in_two(early=(LOCKED, rule(REFUSE, TCP, port(1001), where="early")))
    assert "knock-lost" in kinds(found(behind))


def test_who_is_locked_out_early_is_out_whatever_is_accepted_later():
    accept = rule(ACCEPT, TCP, port(8080))
    assert "lockout-lost" in kinds(found(program(accept)))
    assert "lockout-lost" not in kinds(found(in_two(accept)))
    assert "lockout-lost" in kinds(found(in_two(accept, early=(rule(ACCEPT, TCP), LOCKED))))


def test_a_trap_that_ours_caught_early_is_not_lost_later():
    drop = rule(REFUSE, TCP, port(666))
    assert "lockout-lost" in kinds(found(program(drop)))
    assert "lockout-lost" not in kinds(found(in_two(drop)))
    assert "lockout-lost" in kinds(found(in_two(drop, early=(LOCKED,))))


def test_neither_rules_of_ours_nor_places_without_a_name_lead_to_a_rule():
    deep = {"deep": [rule(ACCEPT, TCP, port(22), where="deep")]}
    for call, via in (
        (rule(Call("deep")), 1),
        (rule(Call("deep"), ours=True), 0),
        (rule(Call("deep"), where=""), 0),
    ):
        assert [len(one.via) for one in found(program(call, chains=deep))][:1] == [via]
