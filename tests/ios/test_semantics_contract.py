"""The model of an IOS router: what `knockctl.automaton.machine` asks of it, and proofs."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.automaton.machine import ConcreteClocks, Machine
from knockctl.automaton.packet import Scope
from knockctl.automaton.reference import Site
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl.verify import prove as verify
from knockctl.verify.explore import Explorer
from knockctl.verify.packets import Claim, senders
from knockctl.verify.prove import Status, opens, prove
from knockctl_ios import semantics
from knockctl_ios.config import syntax
from knockctl_ios.semantics.applets import Applet, compiled
from tests.fixtures.ios_cases import cases

TARGET = ip_address("198.51.100.14")
SCOPE = Scope((TARGET,), ("Gi0/0",))
CASES = cases()
ADD = "access-template"
by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


# --- the contract of `knockctl.automaton.machine` -------------------------------------------------


@by_case
def test_nothing_is_asked_that_was_not_announced(case):
    case.listens(semantics)


@pytest.mark.parametrize(
    "switches",
    [{}, {"delay": 5}, {"delay": 5, "together": True}, {"template": "idle"}],
    ids=["now", "later", "together", "idle"],
)
@by_case
def test_clocks_are_asked_only_for_what_was_declared(case, switches):
    case.keeps_time(case.model(semantics, **switches))


def case_of(name):
    return next(case for case in CASES if case.name == name)


@pytest.mark.parametrize(
    ("name", "keyed"),
    [
        ("staged-entries-open-for-who-knocks-in-order", True),
        ("all-events-must-come", False),
        ("contexts-are-kept-and-taken", True),
        ("what-is-shown-can-be-searched", False),
    ],
)
def test_what_looks_at_other_addresses_says_so(name, keyed):
    case = case_of(name)
    machine = Machine(case.model(semantics))
    alone = [s for s in case.packets if str(s.packet.source) == "203.0.113.7"]
    found = [machine.feed(sent.packet, sent.at).keyed for sent in alone]
    assert all(found) is keyed


def test_states_are_settled_when_nothing_is_left():
    case = case_of("what-applets-do-may-come-later")
    model = case.model(semantics)
    machine = Machine(model)
    for sent in case.packets:
        machine.feed(sent.packet, sent.at)
    machine.clocks.now = 1000
    assert model.settle(machine.state, machine.clocks) == model.initial


def test_equal_lines_on_their_way_are_kept_few():
    case = case_of("what-applets-do-may-come-later")
    machine = Machine(case.model(semantics))
    for number in range(50):
        machine.feed(case.packets[0].packet, number / 100)
    assert len(machine.state.waiting) == 2


def test_what_lines_seen_together_will_do_is_kept_in_their_place():
    case = case_of("what-applets-do-may-come-later")
    machine = Machine(case.model(semantics, together=True))
    for number in range(50):
        machine.feed(case.packets[0].packet, number / 100)
    assert not machine.state.waiting
    ((key, _),) = machine.state.coming.changes
    assert key[:2] == ("K2", "D2")


@by_case
def test_to_who_waits_it_makes_no_difference_whether_lines_are_seen_together(case):
    exact, together = (
        Machine(case.model(semantics, delay=5, together=one)) for one in (False, True)
    )
    for number, sent in enumerate(case.packets):
        found = exact.feed(sent.packet, 6 * number).verdict
        assert together.feed(sent.packet, 6 * number).verdict is found


@by_case
def test_lists_that_packets_are_asked_by_are_known_to_be(case):
    model = case.model(semantics)
    for sent in case.packets:
        fate = model._fate(sent.packet)
        steps = [*fate.steps]
        for classes in fate.policies:
            found = [steps for one in classes for steps, _ in one.matches]
            steps += [step for some in found if not isinstance(some, bool) for step in some]
        asked = {step.dynamic[0] for step in steps if step.dynamic}
        assert asked <= model.configured.judging


CLEARED = "clear access-template K2 D2 host $_s any"


@pytest.mark.parametrize(
    ("before", "command", "looked"),
    [
        (f'cli command "{CLEARED}"', f"{ADD} K2 D2 host $_s any timeout 1", None),
        (f'cli command "{CLEARED}"', f"{ADD} K2 D2 host $_s any", None),
        (f'cli command "{CLEARED}"', f"{ADD} K2 D2 any any", ("K2", "D2")),
        (f'set _x "{CLEARED}"', f"{ADD} K2 D2 host $_s any", ("K2", "D2")),
        (f'cli command "{CLEARED.replace("D2", "D3")}"', f"{ADD} K2 D2 host $_s any", ("K2", "D2")),
        ('cli command "enable"', f"{ADD} K2 $_d any any timeout 1", ("K2", None)),
        ('cli command "enable"', CLEARED, None),
        ('cli command "enable"', "show ip access-lists K1 | include host $_s any", ("K1", None)),
        ('cli command "enable"', "show access-lists K1", ("K1", None)),
        ('cli command "enable"', "show access-lists | include host $_s any", (None, None)),
        ('cli command "enable"', "show ip access-lists $_d", (None, None)),
        ('cli command "enable"', "show $_d K1", (None, None)),
        ('cli command "enable"', "$_d", (None, None)),
    ],
)
def test_what_commands_look_at_is_known(before, command, looked):
    """One that is cleared before it is added might as well not have been there."""
    text = f"event manager applet X\n action 1 {before}\n action 2 cli command"
    actions = compiled(syntax.read(f'{text} "{command}"\n')[0])
    assert Applet("X", (), actions, {}).examined == {looked} - {None}


# --- what an operator types ---------------------------------------------------------------------


def test_an_operator_lets_in_and_throws_out():
    case = case_of("staged-entries-open-for-who-knocks-in-order")
    model, clocks = case.model(semantics), ConcreteClocks()
    service = case.packets[-2].packet

    def judged(state):
        return model.step(state, service, clocks).verdict.value

    def typed(state, command):
        after, printed, resets = model.execute(state, command, clocks)
        clocks.reset(resets)
        return after, printed

    who = f"IN SVC host {service.source} any"
    state, printed = typed(model.initial, f"access-template {who} timeout 2")
    assert (judged(state), printed) == ("accept", "")
    _, printed = typed(state, f"access-template {who} timeout 2")
    assert "already contains" in printed
    shown = typed(state, "show access-lists IN")[1].splitlines()
    assert shown[:2] == [
        "Extended IP access list IN",
        "    10 Dynamic SVC permit tcp any any eq 22",
    ]
    assert "host 203.0.113.7 any" in shown[2]
    clocks.now = 120
    assert judged(state) == "refuse"
    clocks.now = 1
    state, _ = typed(state, f"clear access-template {who}")
    assert judged(state) == "refuse"
    assert typed(state, "access-template IN NONE any any")[1].startswith("% Invalid")
    assert typed(state, "reload")[1].startswith("% Invalid")


# --- proofs -------------------------------------------------------------------------------------

POLICY = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("udp", 1001), Knock("udp", 1002))),),
    step_timeout=60,
    services=(Span("tcp", 22, 22),),
    grant_duration=120,
    wrong_knock="ignore",
)


def claim(text, *, switches=None, policy=POLICY, whole=True, scope=SCOPE):
    document = semantics.Document(syntax.read(text), whole)
    model = semantics.IosModel(document, switches=semantics.Switches(**(switches or {})))
    return Claim(Site((policy,)), scope, model, 4, whole=whole)


def services(meeting):
    """Only services: a knock before its turn reaches the router, where nobody answers it."""
    return opens(meeting) if meeting.letter.packet.protocol == "tcp" else None


def proved(one):
    """Prove it of packets that begin flows where clients are: a list knows nothing of flows."""
    (sender, *_) = senders(one)
    letters = [
        letter
        for letter in sender.letters
        if letter.event is not None and letter.packet.flow == "fresh" and _begins(letter.packet)
    ]
    return verify._explore(one, letters, services, 20_000)


def _begins(packet):
    return packet.protocol == "udp" or (packet.protocol == "tcp" and packet.opening)


KEEPING = case_of("staged-entries-open-for-who-knocks-in-order").text
LAST = 'SVC host $_src any timeout 2"'
CLEAR = '"clear access-template K2 D2 host $_src any"'
STAGED = KEEPING.replace(LAST, f"{LAST}\n action 0045 cli command {CLEAR}")


def test_staged_entries_open_to_nobody_else():
    result = proved(claim(STAGED))
    assert result.status is Status.PROVED, result.findings
    assert result.sources == 1


def test_a_stage_that_outlives_its_attempt_is_found():
    """The first knock of the next attempt does not renew it: the attempts overlap."""
    result = proved(claim(KEEPING))
    assert result.status is Status.COUNTEREXAMPLE
    assert len(result.findings[0].trace) == 6


def test_a_grant_that_is_a_minute_too_long_is_found():
    result = proved(claim(STAGED.replace(LAST, 'SVC host $_src any timeout 3"')))
    assert result.status is Status.COUNTEREXAMPLE
    found = [row.packet for row in result.findings[0].trace]
    assert found == ["udp/1001", "udp/1002", "tcp/22 SYN"]


def test_entries_that_are_late_are_found():
    result = proved(claim(STAGED, switches={"late": 60}))
    assert result.status is Status.COUNTEREXAMPLE


def test_correlation_opens_to_whoever_comes_last():
    text = case_of("all-events-must-come").text
    bound = text.replace('pattern "', 'pattern "%SEC-6-IPACCESSLOGP: .*')
    result = proved(claim(bound))
    assert result.status is Status.COUNTEREXAMPLE
    assert result.findings[0].what == "opens"


def test_a_port_is_asked_for_that_conditions_compare_a_port_with():
    """Not those that they compare something else with."""
    text = STAGED.replace(
        'action 0030  cli command "enable"',
        'action 0025  regexp "\\(([0-9]+)\\)" "$_syslog_msg" _m _port\n action 0026  if $_port eq '
        '"4711"\n action 0027  end\n action 0030  cli command "enable"',
    )
    asked = {atom.test for atom in claim(text).model.predicates(4) if atom.field == "source_port"}
    assert ((4711, 4711),) in asked
    assert ((1, 1),) not in asked


def test_a_port_that_actions_make_something_of_is_a_guess():
    text = STAGED.replace(
        'action 0030  cli command "enable"',
        'action 0025  regexp "\\(([0-9]+)\\)" "$_syslog_msg" _m _port\n action 0027  set _x '
        '"$_port"\n action 0030  cli command "enable"',
    )
    model = claim(text).model
    assert any("makes of a port" in str(atom.test) for atom in model.predicates(4))
    assert not any("makes of a port" in str(a.test) for a in claim(STAGED).model.predicates(4))


def test_a_script_is_a_guess_for_proofs():
    text = f"{STAGED}event manager policy kc-x.tcl type user\n"
    # Of packets that no script hears of, more is known: they come through to the router.
    result = prove(claim(text), opens)
    assert result.status is Status.UNKNOWN
    assert any("event manager policy kc-x.tcl" in reason for reason in result.reasons)


def test_nothing_is_foreseen_of_scripts():
    late = {"delay": 5, "together": True}
    script = "event manager policy kc-x.tcl type user\n"
    for text, foreseen in ((STAGED, True), (STAGED + script, False)):
        assert claim(text, switches=late).model.configured.foreseeable is foreseen


def test_an_action_nobody_understands_is_named():
    text = STAGED.replace(
        'cli command "access-template K2 D2', 'cli command "no ip access-list extended K2'
    )
    asked = [str(atom.test) for atom in claim(text).model.predicates(4)]
    assert any("applet ONE: what its action 0040" in one for one in asked)


def test_foreign_applets_that_leave_lists_alone_are_left_out():
    other = """event manager applet NOTE
 event syslog pattern "%CP-6-UDP.*"
 action 1 cli command "enable"
 action 2 cli command "show version"
 action 3 mail server "m" to "a" from "b" subject "c" body "d"
event manager applet HARD
 event timer watchdog time 60
 action 1 cli command "enable"
 action 2 cli command "clear access-template IN SVC any any"
"""
    model = claim(STAGED + other).model
    assert [one.name for one in model.configured.applets] == ["ONE", "TWO"]
    assert [one.name for one in model.around.applets] == ["ONE", "TWO", "HARD"]
    assert any("applet HARD: when" in str(atom.test) for atom in model.predicates(4))


def test_thousands_of_foreign_lines_are_gone_through():
    line = " permit tcp 10.{}.{}.0 0.0.0.255 host 172.16.0.1 eq 80\n"
    routes = "".join(line.format(n // 250, n % 250) for n in range(2000))
    head = "ip access-list extended IN\n"
    text = STAGED.replace(head, f"{head}{routes}", 1)
    result = proved(claim(text))
    assert result.status is Status.PROVED, result.findings


@pytest.mark.parametrize("delay", [0, 5])
def test_states_are_few_enough_to_see_them_all(delay):
    text = case_of("an-access-lists-own-lines").text
    one = claim(text, switches={"delay": delay, "together": bool(delay), "summarised": False})
    (sender, *_) = senders(one)
    alone = [replace(x, event=None) for x in sender.letters if x.event and x.packet.flow == "fresh"]
    seen = Explorer(one.site, one.model, alone, lambda _: None).run()
    assert seen.complete
    assert 1 < seen.states < 100
