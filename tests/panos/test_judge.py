"""What foreign rules on a firewall do to the policies, as the machine of what runs has it."""

import pytest

from knockctl.errors import GuardError
from knockctl.verify import exposures, prove
from knockctl.verify.findings import Kind
from knockctl.verify.prove import Status
from knockctl_panos import VENDOR
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.render.render import render
from tests.fixtures.panos_judged import (
    ADDRESS,
    CAREFUL,
    ONE,
    PATIENT,
    REVOKING,
    SEEN,
    SIX,
    SSH,
    among,
    claim_of,
    found,
    judged,
    place_of,
    running,
    text_of,
)

ALLOW, DENY = {"action": "allow"}, {"action": "deny"}
ZONES = {"from_zones": ["untrust"], "to_zones": ["dmz"]}


def exposed(*rules, **more):
    """The exposures among what is found."""
    return [one for one in found(*rules, **more) if one.kind is Kind.EXPOSED]


def kinds(*rules, **more):
    return {one.kind for one in found(*rules, **more)}


# --- exposures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"service": ["ssh"]},
        {"service": ["low"]},
        {"service": ["dns", "ssh"]},
        {"service": ["admin"]},
        {"service": ["from-high"]},
        {"source": ["192.0.2.0/24"]},
        {"source": ["192.0.2.7"]},
        {"source": ["192.0.2.1-192.0.2.9"]},
        {"source": ["office"]},
        {"source": ["offices"]},
        {"source": ["six", "office"]},
        {"source": ["friends"]},
        {"source": ["192.0.2.0/24"], "negate-source": "yes"},
        {"source": ["offices"], "negate-source": "yes"},
        {"destination": [ADDRESS]},
        {"destination": ["gateway"]},
        {"destination": ["few"]},
        {"destination": ["198.51.100.0/24"]},
        {"destination": ["203.0.113.0/24"], "negate-destination": "yes"},
        {"from": ["lan", "untrust"]},
        {"application": ["ssh"]},
        {"application": ["ping"]},
        {"rule-type": "universal"},
        {"disabled": "no"},
        {"log-setting": "seen", "log-start": "yes"},
        {"profile-setting": {"group": ["strict"]}, "description": "why", "tag": ["t"]},
        {"source-user": ["any"], "category": ["any"], "source-hip": ["any"]},
    ],
)
def test_what_lets_a_stranger_in_is_named(words):
    (one, *_) = exposed({**ALLOW, **words}, profiles=SEEN)
    assert one.certain
    assert one.blocks
    assert "without a knock: rulebase/security/rules r1: allow" in str(one)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"source": ["site"]}, "in 'site'"),
        ({"source": ["odd"]}, "in 'odd'"),
        ({"source": ["no-such-list"]}, "in 'no-such-list'"),
        ({"source": ["DE"]}, "in 'DE'"),
        ({"source": ["site"], "negate-source": "yes"}, "in 'site'"),
        ({"destination": ["site"]}, "in 'site'"),
        ({"service": ["application-default"]}, "for 'application-default'"),
        ({"schedule": "nights"}, "what its schedule means"),
        ({"source-user": ["eve"]}, "what its source-user means"),
        ({"source-hip": ["managed"]}, "what its source-hip means"),
        ({"category": ["gambling"]}, "what its category means"),
        ({"to": ["dmz"]}, "goes to 'dmz'"),
        ({"rule-type": "intrazone"}, "stays in its zone"),
        ({"rule-type": "interzone"}, "stays in its zone"),
        ({"source": ["strangers"]}, "somebody registers 'stranger'"),
        ({"action": "teleport"}, "teleport"),
    ],
)
def test_what_may_let_a_stranger_in_is_named_with_what_it_hangs_on(words, why):
    objects = {
        "address": {
            "site": {"fqdn": "vpn.example.net"},
            "odd": {"ip-wildcard": "10.0.0.1/0.0.255.0"},
        },
        "address-group": {"strangers": {"dynamic": {"filter": "'stranger'"}}},
    }
    (one, *_) = exposed({**ALLOW, **words}, objects=objects)
    assert not one.certain
    assert one.blocks
    assert "may be open to anyone" in str(one)
    assert why in str(one)


def test_what_logs_of_foreign_rules_register_is_left_open():
    (one, *_) = exposed(
        {**DENY, "service": ["dns"], "log-setting": "seen"},
        {**ALLOW, "source": ["seen"]},
        profiles=SEEN,
    )
    assert not one.certain
    assert "carries 'seen'" in str(one)


@pytest.mark.parametrize(
    "words",
    [
        {"disabled": "yes"},
        {"destination": ["203.0.113.0/24"]},
        {"destination": ["198.51.100.0/24"], "negate-destination": "yes"},
        {"destination": ["six"]},
        {"service": ["dns"]},
        {"service": ["web"]},
        {"service": ["service-https", "service-http"]},
        {"service": ["sctp"]},
        {"source": ["six"]},
        {"source": ["0.0.0.0/0"], "negate-source": "yes"},
        {"from": ["lan"]},
        {"to": ["untrust"]},
        {"rule-type": "intrazone"},
        {"from": ["lan"], "to": ["wan"], "service": ["application-default"]},
    ],
)
@pytest.mark.parametrize("action", ["allow", "deny"])
def test_what_never_meets_packets_of_ours_is_no_finding(words, action):
    assert not found({"action": action, **words}, policies=(PATIENT,), placement=ZONES)


def test_rules_below_ours_are_nobodys_concern():
    assert not found(ALLOW, DENY, position="top")


@pytest.mark.parametrize("family", [4, 6])
def test_each_family_has_its_own_exposures(family):
    assert len(exposed({**ALLOW, "source": ["six"]}, family=family)) == (family == 6)
    assert len(exposed({**ALLOW, "source": ["office"]}, family=family)) == (family == 4)
    assert len(exposed(ALLOW, family=family)) == 1


def test_a_family_without_addresses_is_not_governed():
    assert found(ALLOW, family=6, placement={"addresses": [SIX]})
    assert not found(ALLOW, family=6, placement={"addresses": [ADDRESS]})


def test_whom_it_lets_in_is_told():
    (one,) = exposed({**ALLOW, "source": ["office"]})
    assert "open to 192.0.2.0/24 without" in str(one)
    (one,) = exposed({**ALLOW, "from": ["lan"]})
    assert "by zone lan" in str(one)


def test_a_refusal_before_it_takes_its_part_away():
    (one,) = exposed({**DENY, "source": ["192.0.2.0/25"]}, {**ALLOW, "source": ["office"]})
    assert "open to 192.0.2.128/25 without" in str(one)
    assert not exposed({**DENY, "source": ["offices"]}, {**ALLOW, "source": ["office"]})


def test_a_refusal_that_may_not_match_takes_nothing_away():
    (one,) = exposed({**DENY, "source": ["site"]}, {**ALLOW, "source": ["office"]})
    assert "rules r2: allow" in str(one)
    assert "in 'site'" in str(one)


# --- every way in is listed ---------------------------------------------------------------------


def test_a_known_way_in_hides_no_other():
    rules = (
        {**ALLOW, "from": ["mgmt"]},
        {**ALLOW, "service": ["ssh"], "source": ["office"]},
        {**ALLOW, "service": ["low"]},
    )
    ways = exposed(*rules)
    assert [one.rules[0].where.split()[-1] for one in ways] == ["r1", "r2", "r3"]
    assert len({one.code for one in ways}) == 3
    assert {one.code for one in exposed(*rules[1:])} & {one.code for one in ways} == set()


def test_rules_that_are_alike_are_listed_one_by_one():
    rules = [{**ALLOW, "source": [f"203.0.113.{n}"], "service": ["ssh"]} for n in range(40)]
    ways = exposed(*rules)
    assert [one.rules[0].where.split()[-1] for one in ways] == [f"r{n}" for n in range(1, 41)]
    assert [one.who for one in ways] == [f"203.0.113.{n}/32" for n in range(40)]


@pytest.mark.parametrize("question", ["source", "destination", "service"])
def test_of_rules_that_are_alike_only_those_are_listed_that_let_in(question):
    pools = {
        "source": (["192.0.2.0/25"], ["six"], ["192.0.2.128/25"]),
        "destination": (["198.51.100.0/28"], ["198.51.100.16/28"], [ADDRESS]),
        "service": (["ssh"], ["web"], ["low"]),
    }
    rules = [{**ALLOW, "source": ["office"], question: some} for some in pools[question]]
    names = [one.rules[0].where.split()[-1] for one in exposed(*rules, policies=(PATIENT,))]
    first = ["r1", "r3"] if question == "source" else ["r1"]
    # A rule whose packets one before it has let in already lets nobody in.
    assert names == first


def test_acceptance_names_the_rule_wherever_it_stands():
    rule = {"name": "way in", **ALLOW, "source": ["office"], "service": ["ssh"]}
    other = {"name": "other", **DENY, "destination": ["203.0.113.9"]}

    def code(*rules):
        (one,) = [o for o in judged(text_of(*rules), position="bottom") if o.kind is Kind.EXPOSED]
        return one.code

    plain = code(rule)
    assert code(other, rule) == plain
    assert code({**rule, "description": "why", "tag": ["t"], "log-setting": "x"}) == plain
    assert code({**rule, "service": ["ssh"], "source-user": ["any"]}) == plain
    for words in ({"source": ["offices"]}, {"service": ["low"]}, {"negate-source": "yes"}):
        assert code({**rule, **words}) != plain


def test_members_have_no_order():
    one, two = (
        exposed({**ALLOW, "source": some, "service": ["ssh"]})[0].code
        for some in (["office", "branches"], ["branches", "office"])
    )
    assert one == two


# --- what is lost -------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["deny", "drop", "reset-client", "reset-server", "reset-both"])
def test_below_a_cleanup_rule_nobody_can_ever_knock(action):
    """Cases 29: one answer, and it stops a deploy."""
    findings = found({"action": action})
    shut = {one.kind for one in findings if one.blocks}
    assert shut == {Kind.KNOCK_LOST, Kind.SERVICE_SHUT}
    assert any("nobody can knock: tcp/1001-1003 never gets to" in str(one) for one in findings)
    assert any("nobody who is in reaches tcp/22" in str(one) for one in findings)


def test_a_refusal_of_some_is_told_and_stops_nothing():
    findings = found({**DENY, "source": ["office"]})
    assert {one.kind for one in findings} == {
        Kind.KNOCK_LOST,
        Kind.SERVICE_SHUT,
        Kind.RESET_LOST,
    }
    assert not any(one.blocks for one in findings)
    assert all("192.0.2.0/24" in str(one) for one in findings)


@pytest.mark.parametrize("action", ["allow", "deny"])
def test_a_wrong_knock_that_never_gets_to_ours_is_a_lost_reset(action):
    """Case 4, and the accept of tcp/8000 of case 29: nobody gets in by it."""
    for service in ("dns", "web"):
        (one,) = found({"action": action, "service": [service]})
        assert one.kind is Kind.RESET_LOST
        assert not one.blocks


def test_a_lost_stray_and_a_lost_lock_out_have_names_of_their_own():
    assert Kind.STRAY_LOST in kinds({**DENY, "service": ["web"]}, policies=(REVOKING,))
    trap = {"trap": {"protocol": {"tcp": {"port": "666"}}}}
    lost = kinds({**DENY, "service": ["trap"]}, policies=(CAREFUL,), objects={"service": trap})
    assert Kind.LOCKOUT_LOST in lost
    assert Kind.EXPOSED not in lost


def test_who_is_locked_out_and_let_in_all_the_same_is_told():
    findings = found({**ALLOW, "service": ["web"]}, policies=(CAREFUL,))
    assert any("locked out still reaches" in str(one) for one in findings)


def test_a_knock_that_is_accepted_elsewhere_is_lost():
    knock = {"k": {"protocol": {"tcp": {"port": "1002"}}}}
    assert Kind.KNOCK_LOST in kinds({**ALLOW, "service": ["k"]}, objects={"service": knock})


# --- good practice ------------------------------------------------------------------------------

GOOD = [
    {"name": "block lists out", "destination": ["bad-ip-list"], "to": ["untrust"], **DENY},
    {"name": "sinkhole", "destination": ["sinkhole"], **DENY},
    {"name": "lan out", "from": ["lan"], "to": ["untrust"], "source": ["10.0.0.0/8"],
     "application": ["web-browsing", "ssl"], "service": ["application-default"], **ALLOW},
    {"name": "dns out", "from": ["lan"], "to": ["untrust"], "application": ["dns"],
     "service": ["application-default"], **ALLOW},
    {"name": "guests", "from": ["guest"], "to": ["lan"], **DENY},
    {"name": "web in", "from": ["untrust"], "to": ["dmz"], "destination": ["203.0.113.80"],
     "application": ["ssl"], "service": ["service-https"], **ALLOW},
    {"name": "site to site", "from": ["vpn"], "to": ["lan"], **ALLOW},
    {"name": "old", "disabled": "yes", **ALLOW},
]  # fmt: skip
SINK = {"address": {"sinkhole": {"ip-netmask": "203.0.113.99"}}}


def test_good_practice_above_ours_is_no_finding():
    placement = {**ZONES, "position": "bottom"}
    for policy in (SSH, CAREFUL):
        assert not judged(text_of(*GOOD, objects=SINK), policy, **placement)


def test_sessions_and_strays_are_none_of_a_foreign_rules_doing():
    """Case 16: what belongs to no session is dropped by the firewall itself."""
    findings = found(ALLOW, policies=(CAREFUL,))
    assert not any(one.segments for one in findings)
    model = running(text_of({"name": "open", **ALLOW})).model
    assert model.untracks(4) is False
    assert model.program(4).untracks is False


def test_where_segments_of_no_session_are_let_through_a_foreign_rule_may_take_them():
    text = text_of({"name": "open", **ALLOW})
    model = running(text, position="bottom").model
    model.reject_non_syn = False
    assert len(model.program(4).chains["security rules"]) == 2


# --- where ours stand ---------------------------------------------------------------------------

OPEN = {"name": "open", **ALLOW, "service": ["ssh"]}
SHUT = {"name": "shut", **DENY, "destination": ["203.0.113.1"]}


@pytest.mark.parametrize(
    ("position", "above"),
    [
        ("top", False),
        ("bottom", True),
        ({"before": "open"}, False),
        ({"after": "open"}, True),
        ({"after": "shut"}, False),
        ({"before": "shut"}, False),
    ],
)
def test_ours_are_judged_where_a_plan_would_put_them(position, above):
    findings = judged(text_of(SHUT, OPEN), position=position)
    assert (Kind.EXPOSED in {one.kind for one in findings}) == above


def test_what_is_accepted_once_is_named_each_time():
    """Case 3: at the bottom, deployed, and looked at again."""
    place = place_of(position="bottom")
    config = render((SSH,), place).config
    first = judged(text_of(OPEN), position="bottom")
    deployed = text_of(OPEN, ours=config.marked("aaaa1111"), above=1)
    again = judged(deployed, position="bottom")
    assert [one.code for one in again] == [one.code for one in first]
    assert any(one.blocks for one in again)


def test_what_runs_is_judged_as_it_runs():
    config = render((SSH,), place_of()).config
    for above in (0, 1):
        there = VENDOR.modeller.running(text_of(OPEN, ours=config, above=above))
        assert there.config.same(config)
        chain = there.model.program(4).chains["security rules"]
        names = [rule.where.split()[-1] for rule in chain if not rule.ours]
        assert names == ["open"][:above]


def amid(policy, **foreign):
    """Return the findings about foreign rules, each behind one of ours."""
    model = VENDOR.modeller.running(among(policy, **foreign)).model
    return exposures.find(claim_of(model, policy), model.program(4))


def test_a_foreign_rule_among_ours_takes_only_what_comes_to_it():
    """Who is locked out, or in, was decided before; strangers are not."""
    findings = amid(CAREFUL, granted=OPEN)
    assert [one.kind for one in findings if one.blocks] == [Kind.EXPOSED]
    assert Kind.LOCKOUT_LOST not in {one.kind for one in findings}


def first_knocks(findings):
    """Return what is said of those who may reach the port of the first knock."""
    return [one for one in findings if one.kind is Kind.EXPOSED and one.spans[0].first == 1001]


def test_who_is_halfway_may_be_let_in_by_what_comes_before_his_refusal():
    everything = {"name": "all", **ALLOW}
    ((one,), (other,)) = (
        first_knocks(amid(CAREFUL, **{place: everything})) for place in ("knock1", "again1")
    )
    assert not one.certain
    assert [why.split("carries ")[1] for why in sorted(one.why)] == [
        "'kc-ssh-in' and 'kc-ssh.0000-try'",
        "'kc-ssh.0000-1' and 'kc-ssh.0000-try'",
        "'kc-ssh.0000-2' and 'kc-ssh.0000-try'",
    ]
    assert set(one.why) - set(other.why) == {sorted(one.why)[1]}


def test_behind_the_refusals_of_all_who_are_halfway_nobody_is_left():
    everything = {"name": "all", **ALLOW}
    findings = amid(CAREFUL, wrong=everything)
    assert any(one.kind is Kind.EXPOSED for one in findings)
    assert not first_knocks(findings)


def test_ours_that_are_to_go_take_no_place():
    old, new = (render((p,), place_of()).config for p in (SSH, PATIENT))
    document = VENDOR.modeller.running(text_of(OPEN, SHUT, ours=old, above=1), new).model.document
    names = [rule.name for rule in document.rules()]
    assert names == [*(rule.name for rule in new.rules), "open", "shut"]
    services = {name for name in document.found("service") if name.startswith("kc-")}
    assert services == {entry.name for entry in new.kind("service")}
    assert "ssh" in document.found("service")


def test_without_ours_all_that_runs_is_told():
    model = VENDOR.modeller.running(text_of(OPEN)).model
    chain = model.program(4).chains["security rules"]
    assert [rule.where.split()[-1] for rule in chain[1:]] == ["open"]


def test_beside_a_rule_that_is_not_there_nothing_is_judged():
    with pytest.raises(GuardError, match="which is not there"):
        judged(text_of(OPEN), position={"after": "nowhere"})


def test_what_is_switched_off_of_ours_decides_nothing():
    config = render((PATIENT,), place_of()).config
    off = text_of(OPEN, ours=config).replace("</action>", "</action><disabled>yes</disabled>")
    model = VENDOR.modeller.running(off).model
    assert not [rule for rule in model.program(4).chains["security rules"][1:] if rule.ours]


# --- Panorama -----------------------------------------------------------------------------------


def test_what_panorama_pushed_is_named_as_that():
    pushed = {"pre": [{"name": "pushed", **ALLOW}], "post": [{"name": "behind", **ALLOW}]}
    (one, *_) = judged(text_of(SHUT, pushed=pushed))
    assert one.kind is Kind.EXPOSED
    assert "Panorama's pre-rulebase/security/rules pushed: allow" in str(one)


def test_names_in_pushed_rules_are_panoramas_objects():
    pushed = {
        "pre": [{"name": "pushed", **ALLOW, "service": ["theirs"]}],
        "objects": {"service": {"theirs": {"protocol": {"tcp": {"port": "22"}}}}},
    }
    assert any(one.kind is Kind.EXPOSED and one.certain for one in judged(text_of(pushed=pushed)))


def test_words_mean_in_each_rulebase_what_they_mean_there():
    """A word in one place switches a rule off in one rulebase, and negates in the other."""
    pushed = {"pre": [{"name": "pushed", **ALLOW, "disabled": "yes"}]}
    rule = {"name": "own", **ALLOW, "destination": ["203.0.113.9"], "negate-destination": "yes"}
    (one, *_) = judged(text_of(rule, pushed=pushed), position="bottom")
    assert one.kind is Kind.EXPOSED
    assert "rules own: allow destination not 203.0.113.9" in str(one)


# --- what mends it ------------------------------------------------------------------------------


def test_the_remedy_is_in_words_the_placement_takes():
    """Case 2: "first" is refused here."""
    position = VENDOR.modeller.remedy.split("placement.position to ")[1]
    assert not judged(
        text_of(OPEN), position=PanosPlacement(addresses=(ADDRESS,), position=position).position
    )


# --- one judge ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        {"service": ["ssh"]},
        {"source": ["office"]},
        {"source": ["offices"], "negate-source": "yes"},
        {"source": ["site"]},
        {"source": ["six"]},
        {"source": ["friends"]},
        {"source": ["site", "friends"]},
        {"source": ["strangers", "office"]},
        {"service": ["application-default", "ssh"]},
        {"service": ["web"]},
        {"service": ["sctp"], "to": ["dmz"]},
        {"action": "teleport"},
        {"disabled": "yes"},
    ],
)
def test_exploration_comes_to_the_same(words):
    rule = {"name": "r1", **ALLOW, **words}
    model = running(text_of(rule), ONE, position="bottom").model
    claim = claim_of(model, ONE)
    ways = [o for o in exposures.find(claim, model.program(4)) if o.kind is Kind.EXPOSED]
    result = prove.prove(claim, prove.opens)
    if not ways:
        assert result.status is Status.PROVED
    elif any(one.certain for one in ways):
        assert result.status is Status.COUNTEREXAMPLE
    else:
        assert result.status is Status.UNKNOWN
