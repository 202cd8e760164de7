"""The model of a PAN-OS firewall: what `knockctl.automaton.machine` asks of it, and proofs."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.automaton.machine import ConcreteClocks, Machine
from knockctl.automaton.packet import Scope, WirePacket
from knockctl.automaton.reference import Site
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl.verify import prove as verify
from knockctl.verify.explore import Explorer
from knockctl.verify.packets import Claim, senders
from knockctl.verify.prove import Status
from knockctl_panos import semantics
from tests.fixtures.panos_cases import cases, document_of

ONE_KNOCK = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("tcp", 888),)),),
    step_timeout=60,
    services=(Span("tcp", 22, 22),),
    grant_duration=1800,
)
TARGET = ip_address("198.18.0.1")
SCOPE = Scope((TARGET,), destination_type=None, only_listed=True)
by_case = pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)


# --- the contract of `knockctl.automaton.machine` -------------------------------------------------


@by_case
def test_nothing_is_asked_that_was_not_announced(case):
    case.listens(semantics)


@by_case
def test_clocks_are_asked_only_for_what_was_declared(case):
    case.keeps_time(case.model(semantics))


@by_case
def test_letters_of_one_kind_are_judged_alike_by_a_new_firewall(case):
    model = case.model(semantics)
    claim = Claim(Site((ONE_KNOCK,)), Scope(), model, case.family)
    for sender in senders(claim)[:1]:
        for letter in sender.letters[:40]:
            assert model.step(model.initial, letter.packet, ConcreteClocks()).verdict


def test_states_are_settled_when_nothing_is_left():
    (case,) = [one for one in cases() if one.name == "a-tag-comes-later"]
    model = case.model(semantics)
    machine = Machine(model)
    for sent in case.packets:
        machine.feed(sent.packet, sent.at)
    machine.clocks.now = 1000
    assert model.settle(machine.state, machine.clocks) == model.initial


def test_equal_logs_on_their_way_are_kept_few():
    (case,) = [one for one in cases() if one.name == "later-logs-count-again"]
    machine = Machine(case.model(semantics))
    for number in range(50):
        machine.feed(case.packets[0].packet, number / 100)
    assert len(machine.state.waiting) == 2


@pytest.mark.parametrize(
    ("name", "keyed"), [("a-log-tags-the-source", True), ("destinations-are-tagged-too", False)]
)
def test_what_looks_at_other_addresses_says_so(name, keyed):
    (case,) = [one for one in cases() if one.name == name]
    machine = Machine(case.model(semantics))
    assert machine.feed(case.packets[0].packet, 0).keyed is keyed


# --- proofs -------------------------------------------------------------------------------------


def config(above=(), minutes=30, **rules):
    return {
        "objects": {
            "service": {
                "knock": {"protocol": {"tcp": {"port": 888}}},
                "ssh": {"protocol": {"tcp": {"port": 22}}},
            },
            "address-group": {"in": {"dynamic": {"filter": "'in'"}}},
        },
        "logs": [{"rule": "k", "do": [f"add in {minutes}"]}],
        "rules": [
            *({"name": f"above{n}", **one} for n, one in enumerate(above)),
            {
                "name": "granted",
                "source": ["in"],
                "destination": [str(TARGET)],
                "service": ["ssh"],
                "action": "allow",
            },
            {
                "name": "k",
                "destination": [str(TARGET)],
                "service": ["knock"],
                "action": "drop",
                "log-setting": "log",
                **rules,
            },
            {
                "name": "hidden",
                "destination": [str(TARGET)],
                "service": ["ssh"],
                "action": "drop",
            },
        ],
    }


def prove(raw, **options):
    """Prove a policy of one knock; the firewall drops segments of no session before any rule."""
    model = semantics.PanosModel(document_of(raw), **options)
    claim = Claim(Site((ONE_KNOCK,)), SCOPE, model, 4)
    (sender, *_) = senders(claim)
    letters = [one for one in sender.letters if one.packet.protocol != "tcp" or one.packet.opening]
    return verify._explore(claim, letters, verify.equal, 10_000)


def test_rules_that_say_what_the_policy_says_are_proved():
    result = prove(config())
    assert result.status is Status.PROVED, result.findings


def test_a_time_that_is_wrong_by_a_minute_is_found():
    assert prove(config(minutes=29)).status is Status.COUNTEREXAMPLE
    assert prove(config(minutes=31)).status is Status.COUNTEREXAMPLE


def test_a_tag_that_is_not_renewed_is_found():
    result = prove(config(), switches=semantics.Switches(refresh=False))
    assert result.status is Status.COUNTEREXAMPLE
    packets = [row.packet for row in result.findings[0].trace]
    assert packets == ["tcp/888 SYN", "tcp/888 SYN", "tcp/22 SYN"]


def test_a_tag_that_comes_late_is_found():
    result = prove(config(), switches=semantics.Switches(delay=5))
    assert result.status is Status.COUNTEREXAMPLE
    assert [row.packet for row in result.findings[0].trace] == ["tcp/888 SYN", "tcp/22 SYN"]


def test_a_rule_nobody_can_interpret_makes_it_unknown_and_is_named():
    result = prove(config(above=[{"schedule": "nights", "action": "drop"}]))
    assert result.status is Status.UNKNOWN
    assert any("rule 'above0': what its schedule means" in why for why in result.reasons)


def test_another_family_is_not_governed():
    model = semantics.PanosModel(document_of(config()))
    claim = Claim(Site((ONE_KNOCK,)), SCOPE, model, 6)
    assert verify.prove(claim).status is Status.PROVED
    packet = WirePacket(ip_address("2001:db8::7"), ip_address("2001:db8::1"), "tcp", port=22)
    assert not SCOPE.holds(packet)


# --- a whole configuration ----------------------------------------------------------------------


def foreign(number):
    return {
        "source": [f"10.{number // 250}.{number % 250}.0/24"],
        "destination": [f"172.16.{number // 250}.{number % 250}"],
        "action": "allow",
    }


def test_thousands_of_rules_of_others_are_gone_through():
    raw = config(above=[foreign(number) for number in range(3000)])
    raw["rules"].append({"name": "rest", "action": "drop"})
    model = semantics.PanosModel(document_of(raw), whole=True)
    claim = Claim(Site((ONE_KNOCK,)), SCOPE, model, 4, whole=True)
    result = verify.prove(claim, verify.opens)
    assert result.status is Status.PROVED, result.findings


def test_an_accept_above_ours_is_found():
    raw = config(above=[{"service": ["ssh"], "source": ["192.0.2.0/24"], "action": "allow"}])
    model = semantics.PanosModel(document_of(raw), whole=True)
    claim = Claim(Site((ONE_KNOCK,)), SCOPE, model, 4, whole=True)
    result = verify.prove(claim, verify.opens)
    assert result.status is Status.COUNTEREXAMPLE
    (row,) = result.findings[0].trace
    assert (row.packet, row.rule) == ("tcp/22 SYN", "rule 'above0'")


# --- logs on their way --------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("aggregate", ["no", "rule", "source"])
def test_states_are_few_enough_to_see_them_all(together, aggregate):
    switches = semantics.Switches(delay=5, together=together, aggregate=aggregate)
    model = semantics.PanosModel(document_of(config()), switches=switches)
    claim = Claim(Site((ONE_KNOCK,)), SCOPE, model, 4)
    (sender, *_) = senders(claim)
    alone = [replace(letter, event=None) for letter in sender.letters]
    seen = Explorer(claim.site, model, alone, lambda _: None).run()
    assert seen.complete
    assert 2 < seen.states < 100
