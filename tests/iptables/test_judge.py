"""What foreign rules on a Linux host do to the policies, as the machine of what runs has it."""

import json

import pytest

from knockctl.errors import DeviceError
from knockctl.verify.findings import Kind
from knockctl_iptables import VENDOR
from tests.fixtures.iptables_judged import (
    CAREFUL,
    REVOKING,
    SSH,
    found,
    judged,
    running,
    saved,
    text_of,
)

LOST = {Kind.RESET_LOST, Kind.STRAY_LOST, Kind.KNOCK_LOST, Kind.LOCKOUT_LOST, Kind.SERVICE_SHUT}


def exposed(*rules, **more):
    """The exposures among what is found, by their sentences."""
    return [str(one) for one in found(*rules, **more) if one.kind is Kind.EXPOSED]


def kinds(*rules, **more):
    return {one.kind for one in found(*rules, **more)}


# --- exposures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        "-j ACCEPT",
        "-p tcp -j ACCEPT",
        "-p tcp -m tcp --dport 22 -j ACCEPT",
        "-p tcp -m tcp --dport 20:25 -j ACCEPT",
        "-p tcp -m multiport --dports 80,22 -j ACCEPT",
        "-p tcp -m tcp ! --dport 80 -j ACCEPT",
        "! -p udp -j ACCEPT",
        "! -i lo -p tcp -m tcp --dport 22 -j ACCEPT",
        "-i eth+ -j ACCEPT",
        "-s 198.51.100.0/24 -j ACCEPT",
        "! -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT",
        "-d 198.51.100.11/32 -p tcp -m tcp --dport 22 -j ACCEPT",
        "-m iprange --src-range 10.0.0.1-10.0.0.9 -j ACCEPT",
        "-m addrtype --dst-type LOCAL -j ACCEPT",
        "-p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -j ACCEPT",
        "-m conntrack ! --ctstate ESTABLISHED -j ACCEPT",
        "-m state --state NEW,ESTABLISHED -j ACCEPT",
        "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
        "-p tcp -m limit --limit 3/min -m tcp --dport 22 -j ACCEPT",
        "-p tcp -m recent --set --name SEEN --mask 255.255.255.255 --rsource -j ACCEPT",
        "-m mark --mark 0x0 -j ACCEPT",
        "-m mark ! --mark 0x1 -j ACCEPT",
        "-p tcp -m tcp --sport 1024:65535 -j ACCEPT",
        "-p tcp -j RETURN",
    ],
)
def test_what_lets_a_stranger_in_is_named(rule):
    (sentence,) = exposed(rule)[:1]
    assert "without a knock" in sentence
    assert f"iptables INPUT rule 1: {rule}" in sentence
    assert "may be" not in sentence


@pytest.mark.parametrize(
    "rule",
    [
        "-p tcp -m recent --rcheck --name SEEN --mask 255.255.255.255 --rsource -j ACCEPT",
        '-p tcp -m u32 --u32 "0x0&0x1=0x1" -j ACCEPT',
        "-j NFQUEUE --queue-num 0",
        "-s 0.0.0.7/0.0.0.255 -p tcp -m tcp --dport 22 -j ACCEPT",
        "-p tcp -m set --match-set W src --return-nomatch -j ACCEPT",
        "-p tcp -m tcp --dport 5555 -j SET --add-set KC4_ssh_grant src --exist",
    ],
)
def test_what_may_let_a_stranger_in_is_named_and_said_to_be_unsure(rule):
    (sentence,) = exposed(rule)[:1]
    assert "may be open" in sentence
    assert rule in sentence


@pytest.mark.parametrize(
    "rule",
    [
        "-i lo -j ACCEPT",
        "-p icmp -j ACCEPT",
        "! -p tcp -j ACCEPT",
        "-p tcp -m tcp --dport 80 -j ACCEPT",
        "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-m conntrack ! --ctstate NEW,INVALID,UNTRACKED -j ACCEPT",
        "-j DROP",
        "-j LOG",
        "-m mark --mark 0x1 -j ACCEPT",
        "-m addrtype ! --dst-type LOCAL -j ACCEPT",
        "-m comment --comment count",
        "-j SET --add-set seen src --exist",
    ],
)
def test_what_lets_nobody_in_is_not(rule):
    assert exposed(rule) == []


@pytest.mark.parametrize("family", [4, 6])
def test_each_family_is_judged_by_its_own_rules(family):
    text = text_of(
        {
            family: saved(["-p tcp -m tcp --dport 22 -j ACCEPT"]),
            10 - family: saved(["-p tcp -m tcp --dport 80 -j ACCEPT"]),
        }
    )
    assert [one.kind for one in judged(text, family=family, position=9)][:1] == [Kind.EXPOSED]
    other = judged(text, family=10 - family, position=9)
    assert Kind.EXPOSED not in {one.kind for one in other}
    assert VENDOR.modeller.running(text).families == (4, 6)


CHAINS = """\
-A web -p tcp -m tcp --dport 80 -j ACCEPT
-A web -s 10.0.0.0/8 -j DROP
-A deep -j web
-A deep -p tcp -m tcp --dport 22 -j ACCEPT
-A early -p tcp -j RETURN
-A early -j ACCEPT
-A out -p tcp -m tcp --dport 80 -j ACCEPT
"""


def test_a_way_in_through_chains_is_named_with_the_rules_that_lead_there():
    (sentence,) = exposed("-j deep", chains=CHAINS)
    assert "iptables deep rule 2: -p tcp -m tcp --dport 22 -j ACCEPT" in sentence
    assert "reached by iptables INPUT rule 1: -j deep" in sentence


def test_a_chain_that_is_left_before_the_accept_lets_nobody_in():
    assert exposed("-j early", chains=CHAINS) == []
    assert exposed("-j web", chains=CHAINS) == []


def test_the_end_of_a_chain_that_was_gone_to_is_the_policys():
    (sentence, *_) = exposed("-p tcp -g out", chains=CHAINS)
    assert "iptables INPUT's policy" in sentence
    assert exposed("-p tcp -g out", chains=CHAINS, policy="DROP") == []


def test_a_drop_before_an_accept_counts():
    drop, accept = "-s 10.0.0.0/8 -j DROP", "-s 10.1.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT"
    assert exposed(drop, accept) == []
    assert len(exposed(accept, drop)) == 1


@pytest.mark.parametrize(
    ("one", "other", "who"),
    [
        (
            "! -s 10.1.0.0/16 -p tcp -m iprange --src-range 10.1.0.0-10.1.255.255 -j ACCEPT",
            "! -s 10.2.0.0/16 -p tcp -m iprange --src-range 10.1.0.0-10.1.255.255 -j ACCEPT",
            "is open to 10.1.0.0/16",
        ),
        (
            "-p tcp -m tcp ! --dport 22 -m multiport --dports 22 -j ACCEPT",
            "-p tcp -m tcp ! --dport 80 -m multiport --dports 22 -j ACCEPT",
            "tcp/22 is open to anyone",
        ),
    ],
    ids=["source", "port"],
)
def test_a_rule_that_asks_for_what_it_denies_is_no_pattern_for_the_next(one, other, who):
    """The first matches nothing; the second is of the same words but for what it denies."""
    assert exposed(one) == []
    (sentence,) = exposed(one, other)
    assert who in sentence
    assert "INPUT rule 2" in sentence


IN_SET, NOT_IN_SET = "-m set --match-set W src", "-m set ! --match-set W src"


@pytest.mark.parametrize(
    ("rules", "ways"),
    [
        ([f"-p tcp {IN_SET} {NOT_IN_SET} -j ACCEPT"], 0),
        ([f"-p tcp {IN_SET} -j DROP", f"-p tcp {IN_SET} -j ACCEPT"], 0),
        ([f"-p tcp {NOT_IN_SET} -j DROP", f"-p tcp {IN_SET} -j ACCEPT"], 1),
        ([f"-p tcp {IN_SET} -j ACCEPT", f"-p tcp {NOT_IN_SET} -j ACCEPT"], 2),
        ([f"-p tcp {IN_SET} -j DROP", "-p tcp -m set --match-set W dst -j ACCEPT"], 1),
    ],
)
def test_who_is_in_a_set_of_unknown_members_is_so_for_every_rule(rules, ways):
    found_ = exposed(*rules, sets="create W hash:ip family inet hashsize 64 maxelem 9\n")
    assert len(found_) == ways
    assert not any("may be" in sentence for sentence in found_)


def test_where_a_packet_was_led_elsewhere_a_set_may_hold_another_answer():
    by_port = "-m set --match-set P dst"
    before = (
        "*nat\n:PREROUTING ACCEPT [0:0]\n"
        f"-A PREROUTING -p tcp -m tcp --dport 22 {by_port} -j REDIRECT --to-ports 5000\nCOMMIT\n"
    )
    behind = "-p tcp -m tcp --dport 5000 -m set ! --match-set P dst -j ACCEPT"
    assert any(behind in way for way in exposed(behind, before=before))


def test_all_ways_in_are_listed():
    """A known or harmless one hides no other (case 15)."""
    ways = ["-i mgmt0 -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT"]
    assert [way for way in ways if any(way in s for s in exposed(*ways))] == ways
    assert len(exposed("-j deep", *ways, chains=CHAINS)) == 2


def test_a_portless_chain_that_packets_open_is_found_beside_a_known_accept():
    """Case 15: three SYNs to tcp/22 open, by lists of its own."""
    chain = (
        "-A gate -m recent --rcheck --seconds 10 --name B --mask 255.255.255.255 --rsource"
        " -j ACCEPT\n"
        "-A gate -m recent --rcheck --seconds 10 --name A --mask 255.255.255.255 --rsource"
        " -m recent --set --name B --mask 255.255.255.255 --rsource -j DROP\n"
        "-A gate -m recent --set --name A --mask 255.255.255.255 --rsource -j DROP\n"
    )
    (alone,) = exposed("-p tcp -m tcp --dport 22 -j gate", chains=chain)
    beside = exposed("-i mgmt0 -j ACCEPT", "-p tcp -m tcp --dport 22 -j gate", chains=chain)
    assert len(beside) == 2
    assert "gate rule 1" in alone
    assert any("gate rule 1" in sentence for sentence in beside)


def test_where_our_jump_was_left_standing_what_is_above_it_is_judged():
    """Case 2: placed at 3, then an accept put above."""
    accept = "-p tcp -m tcp --dport 22 -j ACCEPT"
    jump = "-m comment --comment knockctl -j KC_INPUT"
    text = text_of({4: saved([accept, "-i lo -j ACCEPT", "-p icmp -j ACCEPT", jump])})
    (one,) = (f for f in judged(text, position=3) if f.kind is Kind.EXPOSED)
    assert "iptables INPUT rule 1" in str(one)


def test_where_ours_is_to_be_first_it_is_moved_there_and_nothing_is_exposed():
    accept = "-p tcp -m tcp --dport 22 -j ACCEPT"
    jump = "-m comment --comment knockctl -j KC_INPUT"
    text = text_of({4: saved([accept, jump])})
    assert judged(text) == []


def test_a_first_deploy_is_judged_where_it_will_stand():
    rules = ["-i lo -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT"]
    text = text_of({4: saved(rules)})
    assert judged(text) == []
    assert judged(text, position=2) == []
    assert Kind.EXPOSED in {one.kind for one in judged(text, position=3)}


def test_what_mends_an_exposure_mends_it():
    text = text_of({4: saved(["-p tcp -m tcp --dport 22 -j ACCEPT"])})
    assert "placement.position to first" in VENDOR.modeller.remedy
    assert Kind.EXPOSED in {one.kind for one in judged(text, position=2)}
    assert judged(text, position="first") == []


# --- what is lost -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "kind", "policy"),
    [
        ("-p udp -m udp --dport 53 -j ACCEPT", Kind.RESET_LOST, SSH),
        ("-p tcp -m tcp --dport 1002 -j DROP", Kind.KNOCK_LOST, SSH),
        ("-p tcp -m tcp --dport 1002 -j ACCEPT", Kind.KNOCK_LOST, SSH),
        ("-p tcp -m tcp --dport 22 -j DROP", Kind.SERVICE_SHUT, SSH),
        ("-p tcp -m tcp --dport 22 -j REJECT", Kind.SERVICE_SHUT, SSH),
        ("-p tcp -m tcp --dport 666 -j DROP", Kind.LOCKOUT_LOST, CAREFUL),
        ("-p tcp -m tcp --dport 8080 -j ACCEPT", Kind.STRAY_LOST, REVOKING),
    ],
)
def test_what_is_lost_has_a_name_of_its_own(rule, kind, policy):
    assert kind in kinds(rule, policies=(policy,))


def test_a_lost_reset_is_no_way_in():
    """Case 4."""
    assert kinds("-p udp -m udp --dport 53 -j ACCEPT") == {Kind.RESET_LOST}


@pytest.mark.parametrize("table", ["raw", "mangle", "nat"])
def test_what_refuses_in_an_earlier_table_is_found(table):
    before = f"*{table}\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j DROP\nCOMMIT\n"
    (one,) = (f for f in found(before=before) if f.kind is Kind.KNOCK_LOST)
    assert f"iptables -t {table} PREROUTING rule 1" in str(one)
    assert one.blocks


def test_a_knock_is_lost_behind_a_rule_that_matches_by_a_list_and_a_guess():
    """Past it come not only those that the list remembers."""
    list_ = "-m recent ! --rcheck --name SEEN --mask 255.255.255.255 --rsource"
    accept = f'-p tcp {list_} -m u32 --u32 "0x0&0x1=0x1" -j ACCEPT'
    lost = found(accept, "-p tcp -m tcp --dport 1002 -j DROP")
    (one,) = (f for f in lost if f.kind is Kind.KNOCK_LOST and "rule 2" in str(f))
    assert not one.certain
    assert "u32" in " ".join(one.why)


def test_an_earlier_tables_accept_decides_nothing():
    before = "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j ACCEPT\nCOMMIT\n"
    assert found(before=before) == []


def test_a_mark_of_an_earlier_table_is_followed():
    before = (
        "*mangle\n:PREROUTING ACCEPT [0:0]\n"
        "-A PREROUTING -p tcp -m tcp --dport 22 -j MARK --set-xmark 0x1/0xffffffff\nCOMMIT\n"
    )
    (sentence,) = exposed("-m mark --mark 0x1 -j ACCEPT", before=before)
    assert "tcp/22 is open" in sentence
    assert "1001" not in sentence


@pytest.mark.parametrize(
    "target",
    [
        "REDIRECT --to-ports 8080",
        "DNAT --to-destination 10.0.0.9:22",
        "DNAT --to-destination 10.0.0.9",
        "DNAT --to-destination 10.0.0.1-10.0.0.9",
    ],
)
def test_a_translation_of_a_governed_port_is_named(target):
    nat = f"*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 22 -j {target}\n"
    (sentence,) = exposed(before=f"{nat}COMMIT\n")[:1]
    assert "iptables -t nat PREROUTING rule 1" in sentence


def test_a_packet_that_is_not_tracked_is_asked_about_where_a_rule_untracks():
    raw = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j CT --notrack\nCOMMIT\n"
    rule = "-m conntrack --ctstate UNTRACKED -j ACCEPT"
    assert exposed(rule) == []
    (sentence,) = exposed(rule, before=raw)[:1]
    assert rule in sentence


def test_only_what_a_rule_untracks_is_untracked():
    raw = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j CT --notrack\nCOMMIT\n"
    assert exposed("-p tcp -m conntrack --ctstate UNTRACKED -j ACCEPT", before=raw) == []
    model = running(text_of({4: saved([], before=raw)})).model
    assert not model.untracks(4)


# --- good practice: no finding ------------------------------------------------------------------

PRACTICE = [
    "-i lo -j ACCEPT",
    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-m conntrack --ctstate INVALID -j DROP",
]


@pytest.mark.parametrize("policy", [SSH, CAREFUL], ids=["ssh", "careful"])
def test_good_practice_above_our_jump_is_no_finding(policy):
    """Case 16."""
    assert found(*PRACTICE, policies=(policy,)) == []
    assert found(*PRACTICE, policies=(policy,), policy="DROP") == []


UFW = [
    *(f"-A INPUT -j ufw-{name}" for name in ("before-logging-input", "before-input")),
    "-A INPUT -m comment --comment knockctl -j KC_INPUT",
    *(f"-A INPUT -j ufw-{name}" for name in ("after-input", "after-logging-input", "reject-input")),
    "-A INPUT -j ufw-track-input",
    "-A ufw-before-input -i lo -j ACCEPT",
    "-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A ufw-before-input -m conntrack --ctstate INVALID -j ufw-logging-deny",
    "-A ufw-before-input -m conntrack --ctstate INVALID -j DROP",
    "-A ufw-before-input -p icmp -m icmp --icmp-type 3 -j ACCEPT",
    "-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT",
    "-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT",
    "-A ufw-before-input -j ufw-not-local",
    "-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT",
    "-A ufw-before-input -d 239.255.255.250/32 -p udp -m udp --dport 1900 -j ACCEPT",
    "-A ufw-logging-deny -m conntrack --ctstate INVALID -m limit --limit 3/min -j RETURN",
    '-A ufw-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW] "',
    "-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN",
    "-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN",
    "-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN",
    "-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny",
    "-A ufw-not-local -j DROP",
]
FIREWALLD = [
    "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
    "-A INPUT -i lo -j ACCEPT",
    "-A INPUT -m comment --comment knockctl -j KC_INPUT",
    "-A INPUT -j INPUT_direct",
    "-A INPUT -j INPUT_ZONES",
    "-A INPUT -m conntrack --ctstate INVALID -j DROP",
    "-A INPUT -j REJECT --reject-with icmp-host-prohibited",
    "-A INPUT_ZONES -i eth0 -g IN_public",
    "-A INPUT_ZONES -g IN_public",
    "-A IN_public -j IN_public_allow",
    "-A IN_public_allow -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT",
]
FAIL2BAN = [
    "-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd",
    "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A INPUT -m comment --comment knockctl -j KC_INPUT",
    "-A f2b-sshd -j RETURN",
]
DOCKER = """\
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.17.0.2:80
COMMIT
"""


def whole(lines, *, policy="DROP", before=""):
    names = dict.fromkeys(word for line in lines for word in line.split()[1:2])
    called = [line.split(" -j ")[1].split()[0] for line in lines if " -j " in line]
    known = [*names, *(name for name in called if name.startswith("ufw-") or "direct" in name)]
    own = "".join(f":{name} - [0:0]\n" for name in dict.fromkeys(known) if name != "INPUT")
    return f"{before}*filter\n:INPUT {policy} [0:0]\n{own}" + "\n".join(lines) + "\nCOMMIT\n"


@pytest.mark.parametrize(
    ("lines", "blocking"),
    [(UFW, 0), (FIREWALLD, 0), (FAIL2BAN, 0), (["-A INPUT -j ACCEPT"], 0)],
    ids=["ufw", "firewalld", "fail2ban", "nothing"],
)
def test_what_common_tools_write_exposes_nothing(lines, blocking):
    findings = judged(text_of({4: whole(lines)}))
    assert sum(one.blocks for one in findings) == blocking


def test_ufw_takes_away_no_more_than_packets_that_lease_addresses():
    """A reset is lost where udp/68 from udp/67 is let in: said, and stopping nothing."""
    assert {one.kind for one in judged(text_of({4: whole(UFW)}))} <= {Kind.RESET_LOST}


def test_docker_publishes_a_port_of_its_own_and_exposes_none_of_ours():
    text = text_of({4: whole(["-A INPUT -i docker0 -j ACCEPT"], before=DOCKER)})
    assert [one for one in judged(text) if one.blocks] == []
    published = DOCKER.replace("--dport 8000", "--dport 22")
    assert judged(text_of({4: whole([], before=published)}))[0].kind is Kind.EXPOSED


def test_an_address_that_fail2ban_has_banned_loses_its_knocks_and_that_stops_nothing():
    banned = ["-A f2b-sshd -s 203.0.113.9/32 -j REJECT --reject-with icmp-port-unreachable"]
    findings = judged(text_of({4: whole([*banned, *FAIL2BAN])}))
    assert {one.kind for one in findings} == {Kind.SERVICE_SHUT}
    assert not any(one.blocks for one in findings)


# --- acceptance names the rule ------------------------------------------------------------------


def test_acceptance_is_bound_to_the_rule_and_not_to_its_number():
    accept, other = "-p tcp -m tcp --dport 22 -j ACCEPT", "-p tcp -m tcp --dport 22:23 -j ACCEPT"

    def codes(*rules):
        return [one.code for one in found(*rules) if one.kind is Kind.EXPOSED]

    assert codes(accept) == codes("-p icmp -j ACCEPT", accept)
    assert codes(accept) != codes(other)


# --- native nftables ----------------------------------------------------------------------------


def listed(*objects):
    return json.dumps({"nftables": [{"metainfo": {"json_schema_version": 1}}, *objects]})


def table(*rules, hook="input", prio=-10, policy="accept", family="inet", extra=()):
    """One native table `site` with one base chain `in`."""
    base = {"type": "filter", "hook": hook, "prio": prio, "policy": policy}
    place = {"family": family, "table": "site"}
    return listed(
        {"table": {"family": family, "name": "site", "handle": 1}},
        {"chain": {**place, "name": "in", "handle": 1, **base}},
        *extra,
        *(
            {"rule": {**place, "chain": "in", "handle": 9 + number, "expr": list(expr)}}
            for number, expr in enumerate(rules)
        ),
    )


def payload(protocol, field, right, op="=="):
    left = {"payload": {"protocol": protocol, "field": field}}
    return {"match": {"op": op, "left": left, "right": right}}


DROP, ACCEPT = {"drop": None}, {"accept": None}


def test_a_native_chain_that_drops_by_policy_lets_nobody_knock():
    """Case 7."""
    (one,) = (f for f in found(native=table(policy="drop")) if f.kind is Kind.KNOCK_LOST)
    assert one.blocks
    assert "nft inet site in's policy" in str(one)


def test_a_native_chain_that_lets_the_knocks_by_takes_nothing():
    spans = payload("tcp", "dport", {"set": [22, {"range": [1001, 1003]}]})
    kept = table([spans, {"counter": {"packets": 0, "bytes": 0}}, ACCEPT], policy="drop")
    assert kinds(native=kept) == {Kind.RESET_LOST}


@pytest.mark.parametrize("family", [4, 6])
def test_a_native_accept_opens_nothing_that_ours_refuses(family):
    assert found(native=table([ACCEPT]), family=family) == []


def test_a_native_rule_that_is_not_understood_is_named():
    odd = [{"match": {"op": "==", "left": {"osf": {"key": "name"}}, "right": "Linux"}}, DROP]
    findings = found(native=table(odd))
    assert any("nft inet site in rule 1" in str(one) for one in findings)


@pytest.mark.parametrize(
    ("family", "hook"), [("netdev", "ingress"), ("inet", "ingress"), ("bridge", "prerouting")]
)
def test_a_hook_that_is_not_followed_is_named(family, hook):
    findings = found(native=table([DROP], hook=hook, family=family))
    assert any("hook" in str(one) and one.blocks and not one.certain for one in findings)


def test_hooks_that_no_packet_for_the_host_meets_matter_to_nobody():
    for hook in ("forward", "output", "postrouting"):
        assert found(native=table([DROP], hook=hook)) == []


def test_tables_that_iptables_prints_are_read_once():
    """The list of nftables holds them, too, and says less."""
    drop = [{"xt": {"type": "match", "name": "set"}}, DROP]
    text = table(drop, family="ip").replace('"site"', '"filter"')
    assert found(native=text) == []


def test_a_broken_list_is_an_error_and_no_empty_host():
    for text in ("{", '{"nftables": [{"rule": {}}]}', "[]", '{"nftables": 3}'):
        with pytest.raises(DeviceError, match="can't be read"):
            found(native=text)


def test_a_table_that_iptables_cannot_print_is_named_as_the_cause():
    """Case 8."""
    text = text_of({4: "# Table `filter' is incompatible, use 'nft' tool.\n"})
    with pytest.raises(DeviceError) as caught:
        VENDOR.modeller.running(text)
    assert "iptables can't print its table filter" in caught.value.message
    assert "nft -a list table ip filter" in caught.value.hint


def test_where_nft_is_missing_that_is_said():
    text = text_of({4: saved([])}) + "# nft is not installed\n"
    assert "nft is not installed" in VENDOR.modeller.running(text).warnings[0]
    assert VENDOR.modeller.running(text_of({4: saved([])})).warnings == ()
