"""What foreign rules on a router do to the policies, as the machine of what runs has it."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from knockctl.change.case import Case
from knockctl.verify.findings import Kind
from knockctl_routeros import VENDOR
from tests.fixtures.routeros_judged import (
    CAREFUL,
    CLOSED,
    FACTORY,
    FILTER,
    LISTS,
    MEMBERS,
    PLAIN,
    RAW,
    REVOKING,
    SIX,
    SSH,
    found,
    judged,
    running,
    table,
)

ACCEPT = "action=accept dst-port=22 protocol=tcp"
WEB = "action=accept dst-port=80 protocol=tcp"


def exposed(*rules, **more):
    """The exposures among what is found, by their sentences."""
    return [str(one) for one in found(*rules, **more) if one.kind is Kind.EXPOSED]


def kinds(*rules, **more):
    return {one.kind for one in found(*rules, **more)}


# --- exposures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        "action=accept",
        "log=no",
        "action=accept protocol=tcp",
        "action=accept protocol=6",
        "action=accept protocol=!udp",
        "action=accept dst-port=20-25 protocol=tcp",
        "action=accept dst-port=80,22 protocol=tcp",
        "action=accept dst-port=!80 protocol=tcp",
        "action=accept port=22 protocol=tcp",
        "action=accept protocol=tcp src-port=1024-65535",
        "action=accept src-address=198.51.100.0/24",
        "action=accept src-address=198.51.100.7-198.51.100.9",
        "action=accept src-address=!192.0.2.0/24",
        "action=accept dst-address=!127.0.0.1",
        "action=accept in-interface=ether1",
        "action=accept in-interface=!ether1",
        "action=accept in-interface-list=all",
        "action=accept connection-state=new,established",
        "action=accept connection-state=!established",
        "action=accept connection-state=invalid",
        "action=accept dst-address-type=local",
        "action=accept src-address-type=!local",
        "action=accept protocol=tcp tcp-flags=syn,!ack",
        "action=accept limit=3/1m,5:packet protocol=tcp",
        "action=accept protocol=tcp random=30",
        "action=accept src-address-list=!nobody",
        "action=return protocol=tcp",
    ],
)
def test_what_lets_a_stranger_in_is_named(rule):
    (sentence,) = exposed(rule)[:1]
    assert "without a knock" in sentence
    assert "may be" not in sentence


@pytest.mark.parametrize(
    "rule",
    [
        "action=accept protocol=tcp psd=21,3s,3,1",
        "action=accept in-interface-list=LAN",
        "action=accept in-interface=all-ppp",
        "action=accept dst-port=ssh protocol=tcp",
        "action=accept dst-port=22",
        "action=something-new",
        "action=add-src-to-address-list address-list=kc-ssh.grant dst-port=7 protocol=tcp",
        "action=jump jump-target=loop",
    ],
)
def test_what_may_let_a_stranger_in_is_named_and_said_to_be_unsure(rule):
    loop = "action=jump chain=loop jump-target=loop"
    (sentence,) = exposed(rule, loop)[:1]
    assert "may be open" in sentence


@pytest.mark.parametrize(
    "rule",
    [
        "action=accept connection-state=established,related,untracked",
        "action=accept connection-state=!new,invalid",
        "action=drop connection-state=invalid",
        "action=accept protocol=icmp",
        "action=accept protocol=gre",
        "action=accept dst-address=127.0.0.1",
        "action=accept src-address=127.0.0.0/8",
        "action=accept in-interface=lo",
        WEB,
        "action=accept dst-port=53 protocol=udp",
        "action=accept dst-port=!22,1001-1003 protocol=tcp",
        f"{ACCEPT} disabled=yes",
        f"{ACCEPT} invalid=yes",
        f"{ACCEPT} chain=forward",
        "action=accept dst-address-type=!local",
        "action=accept in-interface-list=none",
        "action=accept src-address-list=nobody",
        "action=fasttrack-connection connection-state=established,related",
        "action=log",
        "action=passthrough",
        "action=drop",
        "action=reject",
        "action=tarpit protocol=tcp",
        "action=add-src-to-address-list address-list=seen",
        "action=jump jump-target=nowhere",
        "action=jump jump-target=polite",
        "action=jump jump-target=kc-_gate",
    ],
)
def test_what_lets_nobody_in_is_not(rule):
    assert exposed(rule, "action=return chain=polite") == []


def test_an_exposure_says_what_to_whom_and_by_which_rule():
    (sentence,) = exposed(WEB, f'{ACCEPT} comment="a b" src-address=198.51.100.0/24')
    assert sentence == (
        "tcp/22 is open to 198.51.100.0/24 without a knock: /ip firewall filter input rule 2:"
        ' action=accept comment="a b" dst-port=22 protocol=tcp src-address=198.51.100.0/24'
    )


def test_a_rule_of_many_that_differ_in_one_thing_is_named_alone():
    many = [f"action=accept dst-port=8000 protocol=tcp src-address=10.0.{n}.0/24" for n in range(9)]
    many[4:4] = ["action=accept dst-port=22 protocol=tcp src-address=10.0.4.0/24"]
    (sentence,) = exposed(*many)
    assert "input rule 5: action=accept dst-port=22" in sentence
    assert len(exposed(*(m.replace("8000", "22") for m in many[:3]))) == 3


def test_of_rules_that_differ_in_one_thing_each_is_named_with_what_is_left_to_it():
    wide, narrow = (f"{ACCEPT} src-address=10.{rest}" for rest in ("0.0.0/8", "1.0.0/16"))
    (sentence,) = exposed(wide, narrow)
    assert "rule 1" in sentence
    assert len(exposed(narrow, wide)) == 2
    (sentence,) = exposed("action=accept", "action=accept")
    assert "rule 1" in sentence


def test_of_rules_that_accept_the_first_is_named_whatever_stands_between():
    some, other = (f"{ACCEPT} src-address=1{n}.0.0.0/8" for n in (0, 1))
    first, second = exposed(some, "action=accept src-address=11.0.0.0/8", other)
    assert "10.0.0.0/8" in first
    assert "rule 2" in second
    assert "11.0.0.0/8" in second
    between = "action=accept protocol=udp src-address=11.0.0.0/8"
    first, second = exposed(some, between, other, policies=(PLAIN,))
    assert "rule 3" in second


@pytest.mark.parametrize("menu", [FILTER, SIX])
def test_each_family_is_judged_by_its_own_rules(menu):
    other = {FILTER: SIX, SIX: FILTER}[menu]
    assert len(exposed(ACCEPT, menu=menu, more=table(WEB, menu=other))) == 1
    assert exposed(WEB, menu=menu, more=table(ACCEPT, menu=other)) == []


CHAINS = (
    "chain=web dst-port=80 protocol=tcp",
    "action=drop chain=web src-address=10.0.0.0/8",
    "action=jump chain=deep jump-target=web",
    f"chain=deep {ACCEPT}",
    "action=return chain=early protocol=tcp",
    "action=accept chain=early",
)


def test_a_way_in_through_chains_is_named_with_the_rules_that_lead_there():
    (sentence,) = exposed("action=jump jump-target=deep", *CHAINS)
    assert "/ip firewall filter deep rule 2: action=accept dst-port=22" in sentence
    assert "reached by /ip firewall filter input rule 1: action=jump jump-target=deep" in sentence


def test_a_chain_that_is_left_before_the_accept_lets_nobody_in():
    assert exposed("action=jump jump-target=early", *CHAINS) == []
    assert exposed("action=jump jump-target=web", *CHAINS) == []


def test_a_drop_before_an_accept_counts():
    drop, accept = "action=drop src-address=10.0.0.0/8", f"{ACCEPT} src-address=10.1.0.0/16"
    assert exposed(drop, accept) == []
    assert len(exposed(accept, drop)) == 1


def test_all_ways_in_are_listed():
    """A known or harmless one hides no other (case 15)."""
    ways = ["action=accept in-interface=mgmt", ACCEPT]
    assert len(exposed(*ways)) == 2
    assert len(exposed("action=jump jump-target=deep", *ways, *CHAINS)) == 2


def test_a_portless_chain_that_packets_open_is_found_beside_a_known_accept():
    """Case 15: three SYNs to tcp/22 open, by lists of its own."""
    adding = "action=add-src-to-address-list address-list-timeout=10s chain=gate"
    chain = (
        "action=accept chain=gate src-address-list=C",
        f"{adding} address-list=C src-address-list=B",
        f"{adding} address-list=B src-address-list=A",
        f"{adding} address-list=A",
        "action=drop chain=gate",
    )
    knocking = "action=jump dst-port=22 jump-target=gate protocol=tcp"
    (alone,) = exposed(knocking, *chain)
    beside = exposed("action=accept in-interface=mgmt", knocking, *chain)
    assert len(beside) == 2
    assert "gate rule 1" in alone
    assert "may be open" in alone
    assert any("gate rule 1" in sentence for sentence in beside)


LISTING = "action=add-src-to-address-list address-list=seen"


@pytest.mark.parametrize("menu", [FILTER, SIX])
@pytest.mark.parametrize("asked", ["", "protocol=tcp", "dst-port=22 protocol=tcp", "random=30"])
def test_whom_a_rule_lists_the_rules_behind_find_on_the_list(asked, menu):
    """Fact sheet 1.1: of the same packet, too."""
    accept, drop = (f"action={does} src-address-list=seen" for does in ("accept", "drop"))
    (sentence,) = exposed(f"{LISTING} {asked}", accept, menu=menu)[:1]
    assert "tcp/22" in sentence
    assert "may be" not in sentence
    lost = found(f"{LISTING} {asked}", drop, menu=menu)
    shut = [one for one in lost if one.kind is Kind.SERVICE_SHUT]
    assert [one.certain for one in shut] == [True]
    assert [one.everyone for one in shut] == [asked != "random=30"]


def test_whom_a_rule_lists_a_rule_for_others_does_not_meet():
    others = "action={} src-address-list=!seen"
    assert found(LISTING, others.format("drop"), policies=(PLAIN,)) == []
    assert found(LISTING, others.format("accept"), policies=(PLAIN,)) == []
    assert exposed(f"{LISTING} dst-port=80 protocol=tcp", others.format("accept")) != []


def test_who_is_on_another_list_may_be_listed():
    """Only earlier packets could have put him there: what follows is unsure, and no loss."""
    for test in ("src-address-list=other", "dst-port=7 protocol=tcp"):
        first = "action=add-src-to-address-list address-list=other dst-port=7 protocol=tcp"
        (sentence,) = exposed(first, f"{LISTING} {test}", "action=accept src-address-list=seen")
        assert "may be open" in sentence
    lost = found(first, f"{LISTING} src-address-list=other", "action=drop src-address-list=seen")
    assert not any(one.blocks for one in lost)


def test_who_is_off_another_list_is_listed_unless_earlier_packets_put_him_there():
    first = "action=add-src-to-address-list address-list=other dst-port=7 protocol=tcp"
    listing = f"{LISTING} src-address-list=!other"
    assert found(first, listing, "action=drop src-address-list=!seen", policies=(PLAIN,)) == []
    (sentence,) = exposed(first, listing, "action=accept src-address-list=!seen")
    assert "may be open" in sentence


def test_one_packet_climbs_lists_that_are_filled_first_to_last():
    adding = "action=add-src-to-address-list dst-port=22 protocol=tcp address-list"
    stages = (f"{adding}=A", f"{adding}=B src-address-list=A", "action=accept src-address-list=B")
    (sentence,) = exposed(*stages)[:1]
    assert "tcp/22 is open to anyone" in sentence
    (sentence,) = exposed(stages[1], stages[0], stages[2])
    assert "may be open" in sentence


def test_lists_that_many_rules_fill_are_no_tangle():
    lists = [
        f"action=add-src-to-address-list address-list=L{n} dst-port={port} protocol=tcp random=30"
        for n in range(6)
        for port in ("22", "!22", "1-9000")
    ]
    asked = [f"action=accept src-address-list=L{n} dst-port=80 protocol=tcp" for n in range(6)]
    assert Kind.UNKNOWN not in kinds(*lists, *asked)


# --- where ours will stand ----------------------------------------------------------------------

OURS = "action=jump comment=knockctl:jump jump-target=kc-x"


def test_where_our_jump_was_left_standing_what_is_above_it_is_judged():
    """Case 2: placed at 3, then an accept put above."""
    rules = [ACCEPT, "protocol=icmp", "connection-state=established", OURS]
    (one,) = (f for f in judged(table(*rules), position=3) if f.kind is Kind.EXPOSED)
    assert "input rule 1" in str(one)


def test_where_ours_is_to_be_first_it_is_moved_there_and_nothing_is_exposed():
    text = table(ACCEPT, OURS)
    assert judged(text) == []
    assert judged(text, position=2) != []


def test_a_first_deploy_is_judged_where_it_will_stand():
    text = table("protocol=icmp", ACCEPT, "action=drop")
    assert judged(text) == []
    assert judged(text, position=2) == []
    assert Kind.EXPOSED in {one.kind for one in judged(text, position=3)}
    assert Kind.KNOCK_LOST in {one.kind for one in judged(text, position=4)}


def test_without_anything_of_ours_nothing_is_ours_to_find():
    model = VENDOR.modeller.running(table(WEB)).model
    (section, last) = model.program(4).sections
    assert (section.chain, last.chain) == ("raw prerouting", "filter")
    assert running(table(WEB), SSH).config.empty


def test_what_mends_an_exposure_mends_it():
    assert "placement.position to first" in VENDOR.modeller.remedy
    assert Kind.EXPOSED in {one.kind for one in judged(table(ACCEPT), position=2)}
    assert judged(table(ACCEPT), position="first") == []


def test_the_forward_chain_is_judged_where_hosts_behind_are_protected():
    place = {"chain": "forward", "addresses": ["198.51.100.9"]}
    accept = f"{ACCEPT} chain=forward"
    assert len(exposed(accept, ACCEPT, **place)) == 1
    assert exposed(f"{accept} dst-address=198.51.100.8", ACCEPT, **place) == []
    assert exposed(f"{accept} dst-address=198.51.100.0/28", **place) != []


def test_only_the_interfaces_we_protect_matter():
    lists = f"{MEMBERS}\nadd interface=bridge list=LAN\nadd interface=ether1 list=WAN\n"
    lan = "action=accept in-interface-list=LAN"
    assert exposed(lan, more=lists, interface_list="WAN") == []
    assert exposed("action=accept in-interface=ether2", interface="ether1") == []
    assert exposed("action=accept in-interface=!ether2", interface="ether1") != []
    assert exposed("action=accept in-interface-list=!LAN", more=lists, interface_list="WAN") != []


@pytest.mark.parametrize("family", [4, 6])
def test_a_rule_about_one_interface_of_the_list_we_protect_is_not_missed(family):
    lists = f"{MEMBERS}\nadd interface=ether1 list=WAN\nadd interface=ether2 list=WAN\n"
    lists += "add interface=ether1 list=some\nadd interface=ether3 list=LAN\n"
    menu = FILTER if family == 4 else SIX
    place = {"more": lists, "interface_list": "WAN", "menu": menu}
    for rule in ("in-interface=ether2", "in-interface=!ether1", "in-interface-list=some"):
        (sentence,) = exposed(f"{ACCEPT} {rule}", **place)
        assert "tcp/22 is open to anyone" in sentence
    for rule in ("in-interface=ether3", "in-interface-list=LAN", "in-interface=ether4"):
        assert exposed(f"{ACCEPT} {rule}", **place) == []
    both = "in-interface=!ether1 in-interface-list=some"
    assert exposed(f"{ACCEPT} {both}", **place) == []
    assert exposed(f"{ACCEPT} {both}", **{**place, "interface_list": None}) == []


def test_what_a_device_is_held_against_knows_the_members_of_the_list_we_protect():
    lists = f"{MEMBERS}\nadd interface=ether1 list=WAN\nadd interface=ether2 list=WAN\n"
    place = VENDOR.placement.model_validate({"interface_list": "WAN"})
    case = Case(VENDOR, place, VENDOR.compiler.render((SSH,), place))
    for rule, expected in (
        (ACCEPT, ("ether-of-WAN",)),
        (f"{ACCEPT} in-interface=ether2", ("ether1", "ether2")),
    ):
        model = VENDOR.modeller.running(table(rule) + lists, case.rendered.config).model
        assert case.claim(model, 4, whole=True).scope.interfaces == expected


def test_whom_every_policy_trusts_and_who_manages_need_no_knock():
    trusting = replace(SSH, trusted=(ip_network("10.0.0.0/8"),))
    assert exposed(f"{ACCEPT} src-address=10.0.0.0/8", policies=(trusting,)) == []
    assert exposed(f"{ACCEPT} src-address=10.0.0.0/7", policies=(trusting,)) != []


# --- foreign hands on our lists and chains ------------------------------------------------------


DEPLOYED = VENDOR.compiler.render((SSH,), VENDOR.placement.model_validate({})).config.text()


@pytest.mark.parametrize(
    ("name", "certain"),
    [("kc-ssh.grant", True), ("kc-ssh.0000-2", False), ("kc-ssh.0000-1", False)],
)
def test_whom_a_row_puts_on_a_list_of_ours_is_exposed(name, certain):
    (one,) = judged(f"{LISTS}\nadd address=203.0.113.0/24 list={name}\n{DEPLOYED}")
    assert one.kind is Kind.EXPOSED
    assert one.certain is certain
    assert f"/ip firewall address-list {name}: address=203.0.113.0/24" in str(one)
    assert "203.0.113.0/24 without a knock" in str(one)
    assert "tcp/22 " in str(one)


@pytest.mark.parametrize(
    "row",
    [
        "address=203.0.113.0/24 list=kc-ssh.grant disabled=yes",
        "address=203.0.113.0/24 list=kc-elsewhere.grant",
        "address=203.0.113.0/24 list=somebodys",
    ],
)
def test_other_rows_let_nobody_in(row):
    assert judged(f"{LISTS}\nadd {row}\n") == []


def test_who_is_locked_out_for_good_is_told_and_stops_nothing():
    found_ = judged(f"{LISTS}\nadd address=203.0.113.0/24 list=kc-ssh.lock\n", CAREFUL)
    assert found_
    assert not any(one.blocks for one in found_)
    assert {one.kind for one in found_} <= {Kind.KNOCK_LOST, Kind.SERVICE_SHUT, *LOST}


def test_a_row_that_holds_for_a_while_or_names_a_host_is_unsure():
    for row in ("address=203.0.113.9 timeout=4h", "address=host.example"):
        (one,) = judged(f"{LISTS}\nadd {row} list=kc-ssh.grant\n")
        assert one.kind is Kind.EXPOSED
        assert not one.certain


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ACCEPT, True),
        ("action=accept protocol=icmp", False),
        (f"{ACCEPT} src-address=198.51.100.1", True),
    ],
)
def test_a_foreign_rule_inside_our_chain_is_judged_where_it_stands(rule, expected):
    first, rest = DEPLOYED.split("add ", 1)
    text = f"{first}add {rule} chain=kc-_gate\nadd {rest}"
    sentences = [str(f) for f in judged(text) if f.kind is Kind.EXPOSED]
    assert bool(sentences) is expected
    assert all("kc-_gate rule 1" in sentence for sentence in sentences)


def test_a_drop_inside_our_chain_that_ours_would_have_made_is_nothing():
    assert judged(f"{DEPLOYED}{table('action=drop chain=kc-ssh')}") == []


# --- what is lost -------------------------------------------------------------------------------

LOST = {Kind.RESET_LOST, Kind.STRAY_LOST, Kind.KNOCK_LOST, Kind.LOCKOUT_LOST, Kind.SERVICE_SHUT}


@pytest.mark.parametrize(
    ("rule", "kind", "policy"),
    [
        ("action=accept dst-port=53 protocol=udp", Kind.RESET_LOST, SSH),
        ("action=drop dst-port=1002 protocol=tcp", Kind.KNOCK_LOST, SSH),
        ("action=accept dst-port=1002 protocol=tcp", Kind.KNOCK_LOST, SSH),
        ("action=drop dst-port=22 protocol=tcp", Kind.SERVICE_SHUT, SSH),
        ("action=reject dst-port=22 protocol=tcp", Kind.SERVICE_SHUT, SSH),
        ("action=tarpit dst-port=22 protocol=tcp", Kind.SERVICE_SHUT, SSH),
        ("action=drop dst-port=666 protocol=tcp", Kind.LOCKOUT_LOST, CAREFUL),
        ("action=accept dst-port=8080 protocol=tcp", Kind.STRAY_LOST, REVOKING),
    ],
)
def test_what_is_lost_has_a_name_of_its_own(rule, kind, policy):
    assert kind in kinds(rule, policies=(policy,))


def test_a_lost_reset_is_no_way_in():
    """Case 4."""
    assert kinds("action=accept dst-port=53 protocol=udp") == {Kind.RESET_LOST}
    assert found("action=accept dst-port=53 protocol=udp", policies=(PLAIN,)) == []


# --- raw ----------------------------------------------------------------------------------------


def test_what_raw_refuses_is_found():
    (one,) = (
        f
        for f in found(more=table("action=drop chain=prerouting protocol=tcp", menu=RAW))
        if f.kind is Kind.KNOCK_LOST
    )
    assert "/ip firewall raw prerouting rule 1" in str(one)
    assert one.blocks


def test_an_accept_in_raw_decides_nothing():
    assert found(more=table("action=accept chain=prerouting", menu=RAW)) == []


NOTRACK = "action=notrack chain=prerouting dst-port=22 protocol=tcp"
UNTRACKED = "action=accept connection-state=untracked"


@pytest.mark.parametrize("behind", [(), ("action=accept chain=prerouting",)])
def test_what_raw_exempts_from_tracking_is_followed(behind):
    assert exposed(UNTRACKED) == []
    (sentence,) = exposed(UNTRACKED, more=table(NOTRACK, *behind, menu=RAW))
    assert "tcp/22 is open" in sentence
    assert "1001" not in sentence
    assert exposed(UNTRACKED, more=table(f"{NOTRACK} disabled=yes", menu=RAW)) == []
    assert exposed(UNTRACKED, more=table(NOTRACK.replace("22", "123"), menu=RAW)) == []


def test_of_rules_that_differ_in_one_thing_each_sees_what_raw_has_changed():
    """Every one asks for untracked packets, which none is when it comes in."""
    rules = [f"{UNTRACKED} src-address=1{n}.0.0.0/8" for n in range(3)]
    sentences = exposed(*rules, more=table(NOTRACK, menu=RAW))
    assert len(sentences) == 3
    assert "tcp/22 is open to 12.0.0.0/8" in sentences[2]


def test_whether_raw_goes_on_behind_notrack_is_unsure():
    drop = "action=drop chain=prerouting dst-port=22 protocol=tcp"
    (sentence,) = exposed(UNTRACKED, more=table(NOTRACK, drop, menu=RAW))
    assert "may be open" in sentence


def test_nothing_is_untracked_on_its_way_in():
    model = running(table(UNTRACKED)).model
    assert not model.untracks(4)
    assert not model.program(4).untracks


@pytest.mark.parametrize("policy", [CAREFUL, CLOSED], ids=["careful", "closed"])
def test_lock_outs_in_raw_hide_nothing_that_is_lost_behind(policy):
    """What ours has seen in raw it has not seen all of."""
    assert found(policies=(policy,), raw=True) == []
    lost = found("action=drop dst-port=1002 protocol=tcp", policies=(policy,), raw=True)
    assert [one.blocks for one in lost if one.kind is Kind.KNOCK_LOST] == [True]
    assert len(exposed(ACCEPT, policies=(policy,), raw=True)) == 1


def test_whom_a_row_locks_out_leaves_raw_before_the_traps():
    """What foreign rules accept of him then, ours have not refused before."""
    row = f"{LISTS}\nadd address=203.0.113.9 list=kc-ssh.lock\n"
    accept = "action=accept dst-port=666 protocol=tcp tcp-flags=syn,!ack,!rst,!fin"
    policy = replace(CAREFUL, scope="services", stray="ignore", wrong_knock="lockout")
    assert exposed(accept, policies=(policy,), raw=True) == []
    (sentence,) = exposed(accept, policies=(policy,), raw=True, more=row)
    assert "tcp/666 is open to 203.0.113.9/32" in sentence


def test_what_raw_refuses_behind_ours_is_lost():
    more = table("action=drop chain=prerouting dst-port=1002 protocol=tcp", menu=RAW)
    findings = found(policies=(CAREFUL,), raw=True, position=1, more=more)
    assert [one.blocks for one in findings if one.kind is Kind.KNOCK_LOST] == [True]


def test_a_trap_that_raw_has_caught_is_not_lost_behind():
    """Segments that open nothing come through raw: ours would refuse them."""
    for action, lost in (("action=accept", Kind.EXPOSED), ("action=drop", Kind.LOCKOUT_LOST)):
        trap = f"{action} dst-port=666 protocol=tcp"
        opening = [f for f in found(trap, policies=(CAREFUL,)) if not f.segments]
        assert lost in {one.kind for one in opening}
        early = [f for f in found(trap, policies=(CAREFUL,), raw=True) if not f.segments]
        assert early == []


# --- good practice: no finding ------------------------------------------------------------------


@pytest.mark.parametrize("policy", [SSH, CAREFUL, CLOSED, REVOKING], ids=lambda p: p.stray)
@pytest.mark.parametrize("family", [4, 6])
def test_the_factory_rules_above_our_jump_are_no_finding(policy, family):
    """Case 16: above the last one, which refuses what does not come from LAN."""
    findings = judged(FACTORY, policy, family=family, position=5 if family == 4 else 4)
    assert findings == []


def test_behind_the_factorys_last_rule_nobody_can_knock_from_outside():
    findings = judged(FACTORY, interface_list="WAN", position=6)
    assert {one.kind for one in findings if one.blocks} == {Kind.KNOCK_LOST, Kind.SERVICE_SHUT}
    assert not any(one.kind is Kind.EXPOSED for one in findings)


BRUTE_FORCE = [
    "action=drop dst-port=22 protocol=tcp src-address-list=ssh_blacklist",
    *(
        f"action=add-src-to-address-list connection-state=new dst-port=22 protocol=tcp {asked}"
        f" address-list={name} address-list-timeout={time}"
        for name, time, asked in (
            ("ssh_blacklist", "10d", "src-address-list=ssh_stage3"),
            ("ssh_stage3", "1m", "src-address-list=ssh_stage2"),
            ("ssh_stage2", "1m", "src-address-list=ssh_stage1"),
            ("ssh_stage1", "1m", ""),
        )
    ),
]


def test_brute_force_prevention_exposes_nothing_and_stops_nothing():
    findings = found(*BRUTE_FORCE)
    assert not any(one.blocks for one in findings)
    assert {one.kind for one in findings} <= {Kind.SERVICE_SHUT}


def test_a_block_list_of_thousands_stops_nothing():
    rows = "".join(f"add address=10.{n >> 8}.{n & 255}.0/24 list=bad\n" for n in range(2000))
    more = f"{LISTS}\n{rows}{table('action=drop chain=prerouting src-address-list=bad', menu=RAW)}"
    findings = found(more=more)
    assert {one.kind for one in findings} <= LOST
    assert not any(one.blocks for one in findings)


# --- acceptance names the rule ------------------------------------------------------------------


def test_acceptance_is_bound_to_the_rule_and_not_to_its_number():
    def codes(*rules):
        return [one.code for one in found(*rules) if one.kind is Kind.EXPOSED]

    assert codes(ACCEPT) == codes(WEB, ACCEPT)
    assert codes(ACCEPT) == codes("action=accept dst-port=22 protocol=6")
    assert codes(ACCEPT) != codes(f"{ACCEPT} src-address=!10.0.0.0/8")
    first, second = codes(f"{ACCEPT} src-address=10.0.0.0/8", ACCEPT)
    assert first != second


def test_acceptance_is_bound_to_the_rules_that_lead_there():
    def codes(jump):
        return [f.code for f in found(jump, *CHAINS) if f.kind is Kind.EXPOSED]

    assert codes("action=jump jump-target=deep") != codes(
        "action=jump jump-target=deep src-address=!10.0.0.0/8"
    )


# --- nesting ------------------------------------------------------------------------------------


def test_chains_that_call_each_other_twice_are_walked_once_each():
    chains = [
        f"action=jump chain=c{n} jump-target=c{n + 1}{more}"
        for n in range(17)
        for more in (" protocol=tcp", " dst-port=!80 protocol=tcp")
    ]
    sentences = exposed("action=jump jump-target=c0", *chains, f"chain=c17 {ACCEPT}")
    assert len(sentences) == 1


def test_jumps_that_lead_back_are_unsure():
    (sentence,) = exposed(
        "action=jump jump-target=a",
        "action=jump chain=a jump-target=b",
        "action=jump chain=b jump-target=a",
    )
    assert "may be open" in sentence
