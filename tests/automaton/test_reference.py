"""The reference automaton, rule by rule. The kernel tests use it as the oracle."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from knockctl.automaton.reference import Automaton, Packet, Site, Verdict
from knockctl.automaton.relaxations import Relaxations
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span

ME, YOU = ip_address("192.0.2.1"), ip_address("2001:db8::1")
A, B, C = (Knock("tcp", n) for n in (101, 102, 103))
P = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (A, B, C)),),
    step_timeout=10,
    services=(Span.parse("tcp/22"),),
    grant_duration=100,
    lockout=1000,
)
OTHER = 999


def play(policy, *ports, site=None, every=1.0, source=ME):
    """Feed SYNs one after another; return ``verdict rule`` of each as a short text."""
    automaton = Automaton(site or Site((policy,)))
    now = 0.0
    said = []
    for port in ports:
        if isinstance(port, float):
            now += port
            continue
        packet = port if isinstance(port, Packet) else Packet(source, "tcp", port)
        step = automaton.feed(packet, now)
        said.append(f"{step.verdict.value} {'+'.join(step.rules)}")
        now += every
    return said


def test_the_right_sequence_lets_in_and_each_knock_is_refused():
    assert play(P, 101, 102, 103, 22, 22) == ["refuse 4"] * 3 + ["accept 2"] * 2


def test_single_use_ends_with_the_first_flow():
    assert play(replace(P, uses="single"), 101, 102, 103, 22, 22)[3:] == ["accept 2", "refuse 5"]


def test_a_grant_runs_out_exactly_at_its_deadline():
    assert play(P, 101, 102, 103, 98.9, 22)[-1] == "accept 2"
    assert play(P, 101, 102, 103, 99.0, 22)[-1] == "refuse 5"


def test_a_late_knock_finds_the_sequence_at_its_start():
    assert play(P, 101, 8.9, 102, 103, 22)[-1] == "accept 2"
    assert play(P, 101, 9.0, 102, 103, 22) == ["refuse 4", "refuse 8", "refuse 8", "refuse 5"]


def test_repeats_and_eager_clients_change_nothing():
    assert play(P, 101, 101, 102, 101, 102, 22, 103, 103, 22)[-1] == "accept 2"
    assert play(P, 101, 101)[-1] == "refuse 5"
    assert play(P, 101, 22)[-1] == "refuse 5"


@pytest.mark.parametrize(
    ("wrong", "last"), [("ignore", "accept 2"), ("reset", "refuse 5"), ("lockout", "refuse 1")]
)
def test_a_wrong_knock(wrong, last):
    policy = replace(P, wrong_knock=wrong)
    assert play(policy, 101, 102, OTHER, 103, 22)[-1] == last


def test_a_wrong_knock_while_granted_only_resets():
    policy = replace(P, wrong_knock="lockout")
    said = play(policy, 101, 102, 103, 101, OTHER, 22)
    assert said[-2:] == ["pass 7", "accept 2"]


@pytest.mark.parametrize(
    ("stray", "last"),
    [
        ("ignore", ["pass 8", "accept 2"]),
        ("revoke", ["pass 8", "refuse 5"]),
        ("lockout", ["refuse 6", "refuse 1"]),
    ],
)
def test_a_stray(stray, last):
    assert play(replace(P, stray=stray), 101, 102, 103, OTHER, 22)[-2:] == last


def test_scopes_of_a_lockout():
    policy = replace(P, wrong_knock="lockout", public=(Span.parse("tcp/80"),))
    assert play(policy, 101, OTHER, OTHER, 22, 80)[-3:] == ["refuse 1", "refuse 1", "pass 0"]
    policy = replace(policy, scope="services")
    assert play(policy, 101, OTHER, OTHER, 22, 101)[-3:] == ["pass 8", "refuse 1", "refuse 1"]


def test_traps_lock_for_the_longest_and_excuse_the_granted():
    short = ResolvedTrap((Span.parse("tcp/20-30"),), 5, unless_granted=True)
    long = ResolvedTrap((Span.parse("tcp/25"),), 50, unless_granted=False)
    policy = replace(P, traps=(short, long), lockout=None)
    assert play(policy, 23, 3.9, 101)[-1] == "refuse 1"
    assert play(policy, 23, 4.0, 101)[-1] == "refuse 4"
    assert play(policy, 25, 40.0, 101)[-1] == "refuse 1"
    assert play(policy, 101, 102, 103, 23, 22)[-2:] == ["refuse 8", "accept 2"]
    assert play(policy, 101, 102, 103, 25, 22)[-2:] == ["refuse 3", "refuse 1"]
    assert play(policy, 22, 101)[0] == "refuse 3"


def test_trusted_and_public():
    policy = replace(P, trusted=(ip_network("192.0.2.0/24"),), public=(Span.parse("tcp/80"),))
    assert play(policy, 22, 101, OTHER, 80) == ["accept 0", "pass 0", "pass 0", "pass 0"]
    assert play(policy, 80, source=YOU) == ["pass 0"]


def test_otherwise_refuse():
    assert play(replace(P, otherwise="refuse"), OTHER) == ["refuse 8"]


def test_what_is_no_event_changes_nothing():
    site = Site((P,), (ip_network("192.0.2.9/32"),), 22)
    ack = Packet(ME, "tcp", 102, opening=False)
    said = play(P, 101, ack, replace(ack, port=OTHER), 102, 103, 22, site=site)
    assert said[1:3] == ["refuse no event", "pass no event"]
    assert said[-1] == "accept 2"
    assert (
        play(P, Packet(ME, "icmp", 0), Packet(ME, "tcp", 22, loopback=True))
        == ["pass no event"] * 2
    )
    assert play(P, Packet(ip_address("192.0.2.9"), "tcp", 22), site=site) == ["accept management"]
    known = Packet(ME, "tcp", 22, known=True)
    assert play(P, known, replace(known, port=OTHER)) == ["accept known flow", "pass known flow"]


def test_a_passphrase_stands_anywhere_inside_the_datagram():
    policy = replace(P, generations=(Generation(1, (Knock("udp", 5, b"sesame"), B)),))
    right = Packet(ME, "udp", 5, payload=b"open sesame!")
    assert play(policy, right, 102, 22)[-1] == "accept 2"
    assert play(policy, replace(right, payload=b"open"), 102, 22)[-1] == "refuse 5"


def test_two_generations_run_side_by_side():
    policy = replace(P, generations=(Generation(1, (A, B)), Generation(2, (C, B))))
    assert play(policy, 101, 102, 22)[-1] == "accept 2"
    assert play(policy, 103, 102, 22)[-1] == "accept 2"
    assert play(policy, 101, 103, 102, 22)[-1] == "accept 2"


# --- several policies on one address --------------------------------------------------------

Q = replace(
    P,
    name="q",
    generations=(Generation(1, (Knock("tcp", 201), Knock("tcp", 202))),),
    wrong_knock="lockout",
    services=(Span.parse("tcp/22"), Span.parse("tcp/443")),
)


def test_another_policys_knock_is_neither_wrong_nor_stray():
    site = Site((P, Q))
    assert play(None, 201, 101, 202, 443, site=site)[-1].startswith("accept")
    assert play(None, 201, OTHER, 101, site=site)[-1] == "refuse 1"


def test_a_shared_service_is_opened_by_either_and_used_up_once():
    site = Site((replace(P, uses="single"), replace(Q, uses="single")))
    said = play(None, 101, 102, 103, 201, 202, 22, 22, 22, site=site)
    assert [one.split()[0] for one in said[-3:]] == ["accept", "accept", "refuse"]


def test_any_policy_may_refuse_what_none_governs():
    assert play(None, OTHER, site=Site((P, replace(Q, otherwise="refuse")))) == ["refuse 8+8"]


def test_a_policy_that_locks_must_say_for_how_long():
    with pytest.raises(ValueError, match="for how long"):
        play(replace(P, lockout=None, wrong_knock="lockout"), 101, OTHER)


def test_sources_do_not_disturb_each_other():
    automaton = Automaton(Site((P,)))
    for now, (source, port) in enumerate([(ME, 101), (YOU, 999), (ME, 102), (YOU, 101), (ME, 103)]):
        automaton.feed(Packet(source, "tcp", port), now)
    assert automaton.feed(Packet(ME, "tcp", 22), 6).verdict is Verdict.ACCEPT
    assert automaton.feed(Packet(YOU, "tcp", 22), 6).verdict is Verdict.REFUSE


# --- what a device may do instead -----------------------------------------------------------


def relaxed(policy, *ports, every=1.0, **bounds):
    return play(policy, *ports, site=Site((policy,), relaxed=(Relaxations(**bounds),)), every=every)


def test_without_renewal_knocks_are_quiet_while_granted():
    again = (101, 102, 103, 70.0, 101, 102, 103, 40.0, 22)
    assert play(P, *again)[-1] == "accept 2"
    assert relaxed(P, *again, renewal=True)[3:] == ["refuse 5"] * 4


@pytest.mark.parametrize("otherwise", ["pass", "refuse"])
def test_what_resets_or_revokes_is_swallowed(otherwise):
    policy = replace(P, otherwise=otherwise, stray="revoke")
    said = relaxed(policy, 101, OTHER, OTHER, 101, 102, 103, OTHER, 22, swallowed=True)
    rest = "pass 8" if otherwise == "pass" else "refuse 8"
    assert said == ["refuse 4", "refuse 7", rest, *["refuse 4"] * 3, "refuse 6", "refuse 5"]


def test_one_packet_changes_one_policy_where_the_first_shields_the_others():
    own = (Knock("tcp", 201), Knock("tcp", 202))
    two = replace(P, name="q", generations=(Generation(1, own),))
    both = Relaxations(shielded=True)
    site = Site((P, two), relaxed=(both, both))
    wrong = (101, 201, OTHER)
    assert play(P, *wrong, 102, 202, 22, site=Site((P, two)))[-1] == "refuse 5+5"
    said = play(P, *wrong, 102, 202, 22, site=site)
    assert said[2] == "pass 7+shielded"
    assert said[-1] == "accept 5+2"


def test_a_trap_shields_what_comes_before_it():
    """The longest lock-out first, whichever policy it is."""
    trap = Span.parse("tcp/666")
    one = replace(P, traps=(ResolvedTrap((trap,), 5, unless_granted=False),), scope="services")
    two = replace(
        P,
        name="q",
        generations=(Generation(1, (Knock("tcp", 201), Knock("tcp", 202))),),
        services=(Span.parse("tcp/23"),),
        traps=(ResolvedTrap((trap,), 50, unless_granted=False),),
        scope="services",
    )
    site = Site((one, two), relaxed=(Relaxations(shielded=True),) * 2)
    assert play(one, 101, 666, 102, site=site)[1:] == ["refuse shielded+3", "refuse 4+8"]
    assert play(one, 101, 666, 102, site=Site((one, two)))[1:] == ["refuse 3+3", "refuse 1+8"]


def test_a_stray_segment_is_refused_before_anything_else_where_segments_are():
    ack, known = (Packet(ME, "tcp", OTHER, opening=False, known=known) for known in (False, True))
    assert play(P, ack, known) == ["pass no event", "pass known flow"]
    assert relaxed(P, ack, known, segments=True) == ["refuse no event", "pass known flow"]
    managed = replace(ack, port=443)
    bounds = {"managers": (ip_network("192.0.2.0/24"),), "management_port": 443}
    for segments, said in ((False, "accept management"), (True, "refuse no event")):
        site = Site((P,), relaxed=(Relaxations(segments=segments),), **bounds)
        assert play(P, managed, site=site) == [said]


def test_where_no_flow_is_known_a_segment_is_judged_by_its_port():
    """ACK or RST open services; of anything else that opens nothing a grant decides."""
    ack = Packet(ME, "tcp", 22, opening=False, established=True, known=True)
    fin = replace(ack, established=False)
    knock, other = replace(ack, port=101), replace(ack, port=OTHER)
    assert play(P, fin, knock, other) == ["accept known flow", *["pass known flow"] * 2]
    said = relaxed(P, ack, fin, knock, other, 101, 102, 103, fin, stateless=True)
    assert said[:4] == ["accept no event", "refuse no event", "refuse no event", "pass no event"]
    assert said[-1] == "accept no event"
    closed = replace(P, otherwise="refuse", public=(Span.parse("tcp/80"),))
    packets = [other, replace(other, established=False), replace(other, port=80)]
    said = relaxed(closed, *packets, stateless=True)
    assert said == ["accept no event", "refuse no event", "pass no event"]


def test_where_no_flow_is_known_what_opens_one_is_judged_anew():
    again = Packet(ME, "tcp", 22, known=True)
    datagram = Packet(ME, "udp", 53, known=True)
    assert play(P, again, datagram) == ["accept known flow", "pass known flow"]
    closed = replace(P, otherwise="refuse")
    assert relaxed(closed, again, datagram, stateless=True) == ["refuse 5", "refuse 8"]


def test_whoever_is_trusted_in_part_knocks_like_anybody():
    trusting = replace(P, trusted=(ip_network("192.0.2.0/24"),), otherwise="refuse")
    assert play(trusting, 22, 101, OTHER) == ["accept 0", "pass 0", "pass 0"]
    said = relaxed(trusting, 22, 101, OTHER, partial=True)
    assert said == ["accept 0", "refuse 4", "refuse 7"]


def test_what_is_not_governed_may_go_unheard():
    strict = replace(P, stray="revoke")
    trace = (101, 102, OTHER, 103, 22, OTHER, 22)
    assert play(strict, *trace)[2:] == ["pass 7", "refuse 8", "refuse 5", "pass 8", "refuse 5"]
    said = relaxed(strict, *trace, unheard=True)
    assert said[2:] == ["pass 8", "refuse 4", "accept 2", "pass 8", "accept 2"]
    wrong = relaxed(strict, 101, 103, 102, 103, 22, unheard=True)
    assert wrong == ["refuse 4", "refuse 7", "refuse 8", "refuse 8", "refuse 5"], "a knock is heard"


def test_nothing_is_claimed_of_new_flows_before_a_change_must_show():
    automaton = Automaton(Site((P,), relaxed=(Relaxations(lag=5),)))

    def feed(port, now, **more):
        return automaton.feed(Packet(ME, "tcp", port, **more), now)

    assert feed(OTHER, 0).claimed
    assert feed(101, 0).claimed
    assert not feed(102, 4.9).claimed
    assert feed(22, 4.9, known=True).claimed
    assert feed(OTHER, 4.9, opening=False).claimed
    # What came too soon may have changed something itself: once more so long.
    assert not feed(102, 9.8).claimed
    assert feed(102, 14.9).rules == ("4",)


def test_times_run_from_when_a_change_must_show():
    slow = {"lag": 5}
    assert relaxed(P, 101, 14.9, 102, 14.9, 103, 104.9, 22, every=0.0, **slow)[-1] == "accept 2"
    assert relaxed(P, 101, 14.9, 102, 14.9, 103, 105.0, 22, every=0.0, **slow)[-1] == "refuse 5"
    assert relaxed(P, 101, 15.0, 102, every=0.0, **slow)[-1] == "refuse 8"
    trapped = replace(P, traps=(ResolvedTrap((Span.parse("tcp/666"),), 7, unless_granted=False),))
    assert relaxed(trapped, 666, 11.9, OTHER, every=0.0, **slow)[-1] == "refuse 1"
    assert relaxed(trapped, 666, 12.0, OTHER, every=0.0, **slow)[-1] == "pass 8"


def test_what_is_looked_up_late_is_noticed_late_and_steps_keep_their_time():
    def fed(*packets, **more):
        automaton = Automaton(Site((P,), relaxed=(Relaxations(lag=5, **more),)))
        steps = [automaton.feed(Packet(ME, "tcp", port), now) for port, now in packets]
        return [(one.rules[0], one.claimed) for one in steps]

    last = P.step_timeout + 1
    assert fed((101, 0), (102, last)) == [("4", True), ("4", True)]
    assert fed((101, 0), (102, last), looked_up=True)[1] != ("4", True)
    # A repeat changes nothing, but it is on its way.
    again = ((101, 0), (101, 6), (OTHER, 8))
    assert fed(*again)[2][1]
    assert not fed(*again, looked_up=True)[2][1]
