"""The model of a RouterOS firewall: what `knockctl.automaton.machine` asks of it, and proofs."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.automaton.machine import ConcreteClocks
from knockctl.automaton.packet import Scope, WirePacket
from knockctl.automaton.questions import UNINTERPRETED, Of
from knockctl.automaton.reference import Site
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl.verify import prove
from knockctl.verify.packets import Claim, senders
from knockctl.verify.prove import Status
from knockctl_routeros import semantics
from tests.fixtures.routeros import cases, rows_of

ONE_KNOCK = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("tcp", 888),)),),
    step_timeout=30,
    services=(Span("tcp", 22, 22),),
    grant_duration=1800,
)
by_case = pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)


# --- the contract of `knockctl.automaton.machine` -------------------------------------------------


@by_case
def test_nothing_is_asked_that_was_not_announced(case):
    model = case.model(semantics)
    announced = set(model.predicates(case.family))
    for packet in _packets(case, model):
        asked = _Recording(Of(packet))
        for verdict in (True, False):
            model.signature(case.family, asked, verdict=verdict)
        assert asked.atoms <= announced


@by_case
def test_packets_of_one_signature_are_treated_alike(case):
    """Two packets of a case that look alike get one verdict and leave the same behind."""
    model, seen = case.model(semantics), {}
    for packet in _packets(case, model):
        likes = replace(packet, source=ip_address("198.18.9.9" if case.family == 4 else "2001::9"))
        signature = model.signature(case.family, Of(likes))
        got = model.step((), likes, ConcreteClocks())
        assert seen.setdefault(signature, (got.verdict, got.state, got.resets)) == (
            got.verdict,
            got.state,
            got.resets,
        )


@by_case
def test_where_the_verdict_is_nobodys_concern_the_same_is_left_behind(case):
    """Packets that differ in what they leave differ in the signature without verdicts, too."""
    model, seen = case.model(semantics), {}
    for packet in _packets(case, model):
        likes = replace(packet, source=ip_address("198.18.9.9" if case.family == 4 else "2001::9"))
        signature = model.signature(case.family, Of(likes), verdict=False)
        assert seen.setdefault(signature, model.step((), likes, ConcreteClocks()).state) == (
            model.step((), likes, ConcreteClocks()).state
        )


@by_case
def test_a_state_declares_every_clock_it_asks_for(case):
    model = case.model(semantics)
    state, clocks = model.initial, _Declared()
    for packet in _packets(case, model):
        clocks.declared = model.thresholds(state)
        reaction = model.step(state, packet, clocks)
        clocks.declared = model.thresholds(reaction.state)
        assert model.settle(reaction.state, clocks) == reaction.state
        state = reaction.state


@by_case
def test_every_kind_of_packet_can_be_played(case):
    model = case.model(semantics)
    claim = Claim(Site((ONE_KNOCK,)), Scope(), model, case.family)
    for sender in senders(claim):
        for letter in sender.letters:
            assert model.step(model.initial, letter.packet, ConcreteClocks()).verdict


class _Recording:
    def __init__(self, ask):
        self.ask, self.atoms = ask, set()

    def __call__(self, atom, /):
        self.atoms.add(atom)
        return self.ask(atom)

    def refutes(self, atom, /):
        self.atoms.add(atom)
        return self.ask.refutes(atom)


class _Declared:
    """Clocks that never run out, and know what may be asked of them."""

    def __init__(self, declared=None):
        self.declared = declared or {}

    def younger(self, name, seconds):
        assert seconds in self.declared[name]
        return True


def _packets(case, model):
    """Yield a case's packets, as they are and with everything that may happen to be so."""
    chances = [a.test for a in model.predicates(case.family) if a.field == "chance"]
    for packet in dict.fromkeys(sent.packet for sent in case.packets[:40]):
        for flow in ("fresh", "known", "untracked"):
            yield replace(packet, flow=flow)
            yield replace(packet, flow=flow, chances=frozenset(chances))
            yield from (replace(packet, flow=flow, chances=frozenset((c,))) for c in chances)


# --- what a reaction tells ----------------------------------------------------------------------


def _step(rules, packet, **options):
    model = semantics.RouterModel(semantics.Ruleset.of(rows_of(rules), **options))
    return model.step(model.initial, packet, ConcreteClocks())


KNOCK = WirePacket(ip_address("198.18.5.1"), ip_address("198.18.0.1"), "tcp", 888)
ADDING = """/ip firewall filter
add action=add-src-to-address-list address-list=A address-list-timeout=30s chain=input
"""


def test_a_clock_is_named_by_list_and_address():
    reaction = _step(ADDING, KNOCK)
    assert reaction.resets == {("A", "198.18.5.1")}
    assert reaction.state == ((("A", "198.18.5.1"), 30),)
    assert reaction.keyed


def test_an_address_whose_time_is_over_is_gone_before_anybody_has_settled():
    rows = "/ip firewall filter\nadd action=drop chain=input src-address-list=A\n"
    rows += ADDING.replace("chain=input", "chain=forward")
    model = semantics.RouterModel(semantics.Ruleset.of(rows_of(rows), whole=True))
    listed, clocks = ((("A", "198.18.5.1"), 30),), ConcreteClocks(now=30.0)
    clocks.started["A", "198.18.5.1"] = 0.5
    assert model.step(listed, KNOCK, clocks).verdict.value == "refuse"
    clocks.started["A", "198.18.5.1"] = 0.0
    assert model.step(listed, KNOCK, clocks).verdict.value == "accept"
    assert model.settle(listed, clocks) == ()


@pytest.mark.parametrize(
    ("rule", "keyed"),
    [
        ("add action=drop chain=input src-address-list=A", True),
        ("add action=drop chain=input dst-address-list=A", False),
        ("add action=drop chain=input dst-address-list=B", True),
        ("add action=add-dst-to-address-list address-list=C chain=input", False),
        ("add action=add-src-to-address-list address-list=B chain=input", True),
    ],
)
def test_only_what_belongs_to_the_source_alone_is_keyed(rule, keyed):
    """List B is configuration: whoever is on it, no packet put him there."""
    rows = f"/ip firewall address-list\nadd address=198.18.0.0/30 list=B\n{ADDING}{rule}\n"
    assert _step(rows, KNOCK).keyed is keyed


def test_rules_are_named_as_the_router_prints_them():
    disabled = "add action=drop chain=input disabled=yes\n"
    rows = f'{ADDING}{disabled}add action=drop chain=input comment="a b"\n'
    added = "action=add-src-to-address-list address-list=A address-list-timeout=30s"
    assert _step(rows, KNOCK, whole=True).rules == (
        f"/ip firewall filter input rule 1: {added}",
        '/ip firewall filter input rule 3: action=drop comment="a b"',
    )
    assert _step(ADDING, KNOCK, whole=True).rules[-1] == (
        "the end of /ip firewall filter input, which accepts"
    )


def test_what_is_not_understood_is_named():
    rows = rows_of("/ip firewall filter\nadd action=drop chain=input psd=21,3s,3,1\n")
    model = semantics.RouterModel(semantics.Ruleset.of(rows))
    assert UNINTERPRETED + "/ip firewall filter input rule 1: action=drop psd=21,3s,3,1" in [
        atom.test for atom in model.predicates(4)
    ]


def test_jumps_in_all_directions_come_to_an_end():
    names = [f"c{n}" for n in range(40)]
    rules = "".join(
        f"add action=jump chain={a} jump-target={b}\n" for a in ("input", *names) for b in names
    )
    assert _step(f"/ip firewall filter\n{rules}", KNOCK, whole=True).verdict.value == "accept"


# --- proofs -------------------------------------------------------------------------------------

KNOCKED = """
/ip firewall filter
add action=jump chain=input dst-address-type=local in-interface=!lo jump-target=kc
{above}
add action=accept chain=kc connection-state=established dst-port=22 protocol=tcp
add action=return chain=kc connection-state=established
add action=accept chain=kc dst-port=22 protocol=tcp src-address-list=open \\
    tcp-flags=syn,!ack,!fin,!rst
add action=add-src-to-address-list address-list=open address-list-timeout={time} chain=kc \\
    dst-port=888 protocol=tcp tcp-flags=syn,!ack,!fin,!rst
add action=drop chain=kc dst-port=22,888 protocol=tcp
"""


def _proof(above="", time="30m", **options):
    """Prove a policy of one knock, retransmissions of accepted SYNs apart.

    RouterOS calls them ``new``, whatever became of the first one.
    """
    rows = rows_of(KNOCKED.format(above=above, time=time))
    model = semantics.RouterModel(semantics.Ruleset.of(rows), **options)
    claim = Claim(Site((ONE_KNOCK,)), Scope(), model, 4)
    (sender, *_) = senders(claim)
    letters = [one for one in sender.letters if one.packet.flow != "unanswered"]
    return prove._explore(claim, letters, prove.equal, 10_000)


def test_rules_that_say_what_the_policy_says_are_proved():
    assert _proof().status is Status.PROVED


def test_a_time_that_is_wrong_by_a_second_is_found():
    assert _proof(time="29m59s").status is Status.COUNTEREXAMPLE


def test_a_list_that_does_not_refresh_is_found():
    result = _proof(refresh=False)
    assert result.status is Status.COUNTEREXAMPLE
    assert [row.packet for row in result.findings[0].trace] == [
        "tcp/888 SYN",
        "tcp/888 SYN",
        "tcp/22 SYN",
    ]


def test_a_rule_nobody_can_interpret_makes_it_unknown_and_is_named():
    result = _proof(above="add action=drop chain=kc packet-size=100 protocol=tcp")
    assert result.status is Status.UNKNOWN
    assert any("/ip firewall filter kc rule 1: action=drop" in why for why in result.reasons)


def test_a_rule_that_depends_on_load_is_a_counterexample():
    above = "add action=drop chain=kc dst-port=22 limit=!10,5:packet protocol=tcp"
    assert _proof(above=above).status is Status.COUNTEREXAMPLE
