"""The script of ``order: tcl``: what is rendered, and what can be shown of it."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.automaton.machine import Machine, delayed
from knockctl.automaton.packet import WirePacket
from knockctl.policy.resolved import Generation, Knock, ResolvedTrap
from knockctl.ports import Span
from knockctl.verify.prove import Status, equal, opens, prove
from knockctl_ios import VENDOR
from knockctl_ios.config import records as configs
from knockctl_ios.config.generations import adopt
from knockctl_ios.config.parse import parse_text
from knockctl_ios.config.records import IosConfig
from knockctl_ios.plan.modeller import IosModeller
from knockctl_ios.twin.device import Shell, exec_commands
from knockctl_ios.twin.plane.switches import Switches as Plane
from tests.fixtures.ios_duel import Scripted
from tests.fixtures.ios_policies import INSIDE, METHODS, P, claim, corner

HOME, ONE, TWO = "198.51.100.14", "198.18.0.1", "198.18.0.2"
TRAP = ResolvedTrap((Span("tcp", 20, 25), Span("udp", 300, 300)), 60, unless_granted=True)
FULL = replace(
    P,
    step_timeout=10,
    wrong_knock="reset",
    stray="lockout",
    lockout=60,
    traps=(TRAP,),
    public=(Span("tcp", 80, 80),),
    otherwise="refuse",
)
PASSING = replace(FULL, otherwise="pass")
KNOCKS = [("udp", 101), ("udp", 102), ("tcp", 103)]
by_method = pytest.mark.parametrize("method", METHODS)


def tcl(policy=FULL, **place):
    return corner(policy, order="tcl", **place)


def play(here, source, *packets, pause=3):
    for protocol, port in packets:
        got = here.send(source, protocol, port)
        here.advance(pause)
    return got


# --- on a router: what a reader looks for; the duel tells the rest ---


@by_method
def test_knocks_resets_traps_and_strays(method):
    here = Scripted(tcl(method=method, log_delay=1))
    assert not play(here, ONE, ("udp", 443), *KNOCKS[:2], ("udp", 443))
    assert play(here, ONE, KNOCKS[2], ("udp", 443)), "services and repeats reset nothing"
    assert play(here, TWO, ("tcp", 80)), "public"
    assert not play(here, TWO, *KNOCKS[:2], ("tcp", 9), KNOCKS[2], ("udp", 443)), "a wrong knock"
    assert not play(here, TWO, ("tcp", 22), *KNOCKS, ("udp", 443)), "a trap that is a service"
    assert play(here, ONE, ("tcp", 22), ("udp", 443)), "none for who is in"
    assert not play(here, ONE, ("tcp", 9), ("udp", 443), *KNOCKS, ("udp", 443)), "a stray"
    here.advance(60)
    for source in (ONE, TWO):
        assert play(here, source, *KNOCKS, ("udp", 443)), "when the lock-out is over"
    here.advance(120)
    assert not play(here, ONE, ("udp", 443)), "when the grant is"


LINES = {
    "copp": "%CP-6-UDP: DROP {}(4711) -> {}(101)",
    "acl-log": "%SEC-6-IPACCESSLOGP: list OUTSIDE denied udp {}(4711) -> {}(101), 1 packet",
}


@by_method
@pytest.mark.parametrize("told", ["{}", "%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: {}]"])
def test_what_somebody_has_the_router_log_is_no_knock(method, told):
    here = Scripted(tcl(method=method, log_delay=1))
    here.device.log(told.format(LINES[method].format(ONE, HOME)))
    here.advance(3)
    assert play(here, ONE, *KNOCKS[1:], ("udp", 443)) is (told == "{}")


@by_method
def test_seconds_between_knocks(method):
    here = Scripted(tcl(method=method, log_delay=1))
    assert play(here, ONE, *KNOCKS, ("udp", 443), pause=8)
    here.advance(200)
    assert not play(here, ONE, *KNOCKS, ("udp", 443), pause=11)


@by_method
def test_what_the_access_list_leaves_to_others_is_not_heard_of(method):
    here = Scripted(tcl(PASSING, method=method, log_delay=1))
    assert play(here, ONE, *KNOCKS[:2], ("tcp", 9)), "it is the operator's to decide"
    assert play(here, ONE, KNOCKS[2], ("udp", 443))
    assert not play(here, TWO, *KNOCKS[:1], KNOCKS[2], *KNOCKS[1:], ("udp", 443)), "a knock"


def test_who_is_locked_out_is_shown_and_let_off():
    here = Scripted(tcl(method="copp", log_delay=1))
    play(here, ONE, ("tcp", 20))
    shell = Shell(here.device, exec_commands, "admin", 15)
    shown = shell.answer("show ip access-lists kc-p-out")
    assert f"permit ip host {ONE} any (time left 1" in shown
    assert not play(here, ONE, *KNOCKS, ("udp", 443))
    shell.answer(f"clear access-template kc-p-out kc-p-locked host {ONE} any")
    assert play(here, ONE, *KNOCKS, ("udp", 443))
    here.advance(200)
    # Who was let in by hand is locked out like anybody.
    shell.answer(f"access-template OUTSIDE kc-p host {TWO} host {HOME} timeout 2")
    assert play(here, TWO, ("udp", 443))
    assert not play(here, TWO, ("tcp", 20), ("udp", 443))
    assert f"host {TWO} host" not in shell.answer("show ip access-lists OUTSIDE")


def test_what_was_begun_with_another_sequence_counts_no_more():
    one = tcl(method="copp", log_delay=1)
    here = Scripted(one)
    assert not play(here, ONE, *KNOCKS[:2])
    assert not play(here, TWO, ("tcp", 20), ("udp", 443))
    fresh = adopt(IosConfig(), one.config, "another")
    (file,) = fresh.files
    here.device.flash.write(file.name, file.text.encode())
    (old,) = one.config.files
    here.device.load(f"no event manager policy {old.name}\n{fresh.text()}")
    assert not play(here, ONE, KNOCKS[2], ("udp", 443))
    assert not play(here, TWO, *KNOCKS, ("udp", 443)), "who is locked out stays so"
    assert play(here, ONE, *KNOCKS, ("udp", 443))


# --- what the notes tell, on a router ---


@by_method
def test_who_is_locked_out_is_so_of_what_the_policy_governs(method):
    here = Scripted(tcl(PASSING, method=method, log_delay=1))
    assert not play(here, ONE, ("tcp", 20), *KNOCKS, ("udp", 443))
    assert play(here, ONE, ("tcp", 9)), "scope: all would refuse it"


def test_a_flow_is_heard_of_once_in_a_while():
    here = Scripted(tcl(method="copp", log_delay=1))
    for knock in (("tcp", 9), *KNOCKS[:2], ("tcp", 9), KNOCKS[2], ("udp", 443)):
        got = here.send(ONE, *knock, sport=7777 if knock == ("tcp", 9) else None)
        here.advance(3)
    assert got, "a wrong knock by a flow that was logged before resets nothing"


def test_a_second_is_all_that_the_clock_tells():
    here = Scripted(tcl(method="copp", log_delay=1))
    here.router.switch(Plane(latency=(0.5, 0.5)))
    here.advance(0.4)
    assert not play(here, ONE, *KNOCKS, ("udp", 443), pause=9.5), "0.9 and 10.4 are ten seconds"


# --- what is rendered ---


@by_method
def test_it_reads_back_equal(method):
    config = tcl(method=method).config
    assert parse_text(config.text()) == config
    assert configs.load(config.dump()) == config
    assert config.same(parse_text(config.text()))
    (file,) = config.files
    assert file.lines[0].startswith("::cisco::eem::event_register_syslog pattern {^[^%]*%")
    assert f"event manager policy {file.name} authorization bypass type user" in config.text()
    # No longer than what a terminal shows without a break.
    assert max(map(len, file.lines)) < 250
    assert not config.same(replace(config, files=()))


def test_what_of_it_is_secret_is_said_inside():
    knocks = (Knock("udp", 41001, secret=True), Knock("udp", 102), Knock("udp", 41003, secret=True))
    policy = replace(FULL, generations=(Generation(1, knocks),))
    for method in METHODS:
        config = tcl(policy, method=method).config
        assert config.secrets() == {"41001", "41003"}

        assert set(parse_text(config.text()).files[0].secrets()) == {"41001", "41003"}
        assert "4100" not in config.files[0].lines[0]


def test_sequences_and_files_keep_their_names_as_long_as_they_are_the_same():
    first = adopt(IosConfig(), tcl().config, "one")
    assert adopt(first, tcl().config, "two") == first
    longer = adopt(first, tcl(replace(FULL, step_timeout=20)).config, "three")
    assert longer.files[0].name != first.files[0].name
    assert [*longer.files[0].knocks()] == [*first.files[0].knocks()]
    swapped = replace(FULL, generations=(Generation(1, FULL.generations[0].knocks[::-1]),))
    other = adopt(first, tcl(swapped).config, "four")
    assert {g for g, _ in other.files[0].knocks()}.isdisjoint(
        {g for g, _ in first.files[0].knocks()}
    )
    for config in (first, longer, other):
        (file,) = config.files
        assert "0000" not in file.name
        assert file.name in config.text()
        assert "knock 0000" not in file.text


def test_what_a_plan_says_of_a_script_is_its_policys():
    compiler = VENDOR.compiler
    reading = compiler.plan(_nothing(), tcl().config, "one")
    said = "\n".join(map(str, reading.changes))
    assert "knock " in said
    assert "set kc(step) 10" in said
    assert "proc judge" not in said
    assert reading.sent == reading.intended.files
    assert "event manager directory user policy flash:/" in reading.text


def _nothing():
    from knockctl_ios.plan.reading import IosReading

    return IosReading(IosConfig(), ())


# --- notes ---

ALWAYS = {note.code for note in corner().rendered.fidelity}
"""What is noted of every policy."""
NOTES = [
    (replace(P, step_timeout=10), {"flow-log", "clock-seconds"}),
    (replace(P, wrong_knock="reset"), {"unheard", "flow-log", "clock-seconds"}),
    (replace(P, stray="revoke"), {"unheard", "flow-log", "clock-seconds"}),
    (replace(P, stray="revoke", otherwise="refuse"), {"flow-log", "clock-seconds"}),
    (replace(P, traps=(TRAP,)), {"lockout-scope", "flow-log", "clock-seconds"}),
    (replace(P, traps=(TRAP,), scope="services"), {"flow-log", "clock-seconds"}),
    (replace(P, traps=(TRAP,), otherwise="refuse"), {"flow-log", "clock-seconds"}),
    (replace(P, uses="single"), {"single-use", "flow-log", "clock-seconds"}),
    (replace(P, grant_duration=61), {"grant-duration", "flow-log", "clock-seconds"}),
    (replace(P, trusted=INSIDE), {"trusted-services", "flow-log", "clock-seconds"}),
]


@pytest.mark.parametrize(("policy", "codes"), NOTES, ids=[",".join(sorted(c)) for _, c in NOTES])
def test_each_difference_has_a_note(policy, codes):
    rendered = tcl(policy, method="acl-log").rendered
    assert {note.code for note in rendered.fidelity} == codes | ALWAYS
    (relaxed,) = rendered.relaxed
    assert relaxed.unheard == ("unheard" in codes)
    quiet = {note.code for note in tcl(P, method="copp").rendered.fidelity}
    assert quiet == ALWAYS | {"clock-seconds"}, "of knocks alone the control plane tells all"
    wrong = tcl(replace(P, wrong_knock="reset"), method="copp").rendered.fidelity
    assert "flow-log" not in {note.code for note in wrong}


def test_what_runs_is_what_is_stated_but_for_the_notes():
    (effective,) = tcl(FULL).rendered.effective
    assert effective == FULL
    (effective,) = tcl(PASSING).rendered.effective
    assert effective == replace(PASSING, scope="services")


# --- machines ---


def packet(source, protocol, port, sport):
    return WirePacket(
        ip_address(source),
        ip_address(HOME),
        protocol,
        port,
        sport,
        flags=2 if protocol == "tcp" else 0,
        interface="GigabitEthernet0/0",
    )


@pytest.mark.parametrize("lag", [0, 5])
@by_method
def test_a_machine_runs_it_where_time_is_a_number(method, lag):
    config = parse_text(tcl(method=method).config.text())
    machine = Machine(delayed(IosModeller().model(config), lag))
    now, verdicts = 100.0, []
    for number, (protocol, port) in enumerate([*KNOCKS[:2], ("tcp", 9), *KNOCKS, ("udp", 443)]):
        now += 6
        verdicts.append(machine.feed(packet(ONE, protocol, port, 5000 + number), now).verdict)
    assert [one.value for one in verdicts[:-1]] == ["refuse"] * 6
    assert verdicts[-1].value == "accept"
    later = machine.feed(packet(ONE, "udp", 443, 6000), now + 126)
    assert later.verdict.value == "refuse"


@by_method
def test_proofs_do_not_know_what_it_does_and_say_so(method):
    one = tcl(method=method)
    for judge in (equal, opens):
        result = prove(claim(one), judge)
        assert result.status is Status.UNKNOWN
        assert any("event manager policy kc-p-0000.tcl" in reason for reason in result.reasons)
