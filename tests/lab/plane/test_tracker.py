"""Which flows there are."""

import pytest

from knockctl.lab.plane.tracker import Tracker
from tests.fixtures.frames import (
    ACK,
    CLIENT,
    DEVICE,
    FIN,
    RST,
    SYN,
    icmp,
    packed,
    reply,
    seen,
    tcp,
    udp,
)

TIMES = {
    "syn-sent": 5,
    "syn-received": 5,
    "established": 86_400,
    "fin-wait": 10,
    "time-wait": 10,
    "close": 10,
    "udp": 10,
    "udp-stream": 180,
    "icmp": 10,
    "icmpv6": 10,
    "generic": 600,
}


@pytest.fixture
def tracker():
    return Tracker(TIMES)


def handshake(tracker, now=0.0, sport=40000):
    tracker.accepted(seen(tcp(22, SYN, sport)), now)
    tracker.accepted(reply((6, tcp(sport, SYN | ACK, 22)[1])), now)
    tracker.accepted(seen(tcp(22, ACK, sport)), now)


def test_a_connection_is_known_once_it_was_answered(tracker):
    first, second = seen(tcp()), seen(tcp(22, ACK))
    assert tracker.flow(first, 0) == "fresh"
    tracker.accepted(first, 0)
    assert tracker.flow(first, 0.1) == "unanswered"
    tracker.accepted(reply(tcp(40000, SYN | ACK, 22)), 0.2)
    assert tracker.flow(second, 0.3) == "known"


def test_a_refused_packet_leaves_no_flow(tracker):
    assert tracker.flow(seen(tcp()), 0) == "fresh"
    assert tracker.flow(seen(tcp()), 1) == "fresh"


@pytest.mark.parametrize(
    ("flags", "flow"),
    [
        (ACK, "fresh"),
        (SYN | ACK, "invalid"),
        (RST, "invalid"),
        (FIN | ACK, "invalid"),
        (0, "invalid"),
    ],
)
def test_a_segment_of_no_flow(tracker, flags, flow):
    assert tracker.flow(seen(tcp(22, flags)), 0) == flow


def test_an_unanswered_syn_is_forgotten_after_five_seconds(tracker):
    tracker.accepted(seen(tcp()), 0)
    assert tracker.flow(seen(tcp()), 4.9) == "unanswered"
    assert tracker.flow(seen(tcp()), 5) == "fresh"


def test_an_idle_connection_lasts_a_day(tracker):
    handshake(tracker)
    assert tracker.flow(seen(tcp(22, ACK)), 86_399) == "known"
    assert tracker.flow(seen(tcp(22, FIN)), 86_400) == "invalid"


def test_a_closed_port_leaves_room_for_another_try(tracker):
    tracker.accepted(seen(tcp()), 0)
    tracker.accepted(reply(tcp(40000, RST | ACK, 22)), 0)
    assert tracker.flow(seen(tcp()), 1) == "fresh"
    assert tracker.flow(seen(tcp(22, ACK)), 1) == "known"


def test_a_closed_connection_is_over_after_ten_seconds(tracker):
    handshake(tracker)
    tracker.accepted(seen(tcp(22, FIN | ACK)), 1)
    assert [flow.state for flow in tracker.live(1)] == ["fin-wait"]
    tracker.accepted(reply(tcp(40000, FIN | ACK, 22)), 1)
    assert [flow.state for flow in tracker.live(1)] == ["time-wait"]
    assert tracker.flow(seen(tcp(22, ACK)), 10.9) == "known"
    assert tracker.flow(seen(tcp(22, SYN)), 2) == "fresh"
    assert not list(tracker.live(11))


def test_datagrams_become_a_stream_after_two_seconds(tracker):
    tracker.accepted(seen(udp(53)), 0)
    assert tracker.flow(seen(udp(53)), 9.9) == "unanswered"
    assert tracker.flow(seen(udp(53)), 10) == "fresh"
    tracker.accepted(reply(udp(40000, 53)), 1)
    assert tracker.flow(seen(udp(53)), 10.9) == "known"
    tracker.accepted(seen(udp(53)), 3.5)
    assert tracker.flow(seen(udp(53)), 183) == "known"
    assert tracker.flow(seen(udp(53)), 183.5) == "fresh"


def test_what_the_router_began_is_known_when_it_is_answered(tracker):
    tracker.accepted(reply(udp(40000, 53)), 0)
    assert tracker.flow(seen(udp(53)), 1) == "known"


@pytest.mark.parametrize(("family", "ask", "answer"), [(4, 8, 0), (6, 128, 129)])
def test_an_echo_begins_a_flow_and_its_answer_none(tracker, family, ask, answer):
    assert tracker.flow(seen(icmp(answer, family), family), 0) == "invalid"
    assert tracker.flow(seen(icmp(ask, family), family), 0) == "fresh"
    tracker.accepted(reply(icmp(ask, family), family), 0)
    assert tracker.flow(seen(icmp(answer, family), family), 0) == "known"


def test_listener_reports_are_not_tracked(tracker):
    assert tracker.flow(seen(icmp(143, 6, bytes(8)), 6), 0) == "untracked"


def test_an_error_is_related_to_a_flow_or_invalid(tracker):
    inner = bytes(packed(udp(40000, 53), source=DEVICE[4], target=CLIENT[4]))
    error = seen(icmp(3, data=bytes(4) + inner))
    assert tracker.flow(error, 0) == "invalid"
    tracker.accepted(seen(udp(53)), 0)
    assert tracker.flow(error, 0) == "related"
    tracker.accepted(error, 0)
    assert len(list(tracker.live(0))) == 1, "an error is no flow of its own"


def test_flows_that_are_over_are_swept_away(tracker):
    for sport in range(1000, 1100):
        tracker.accepted(seen(udp(53, sport)), 0)
    tracker.accepted(seen(udp(53)), 100)
    assert len(tracker._flows) == 1


def test_a_strict_tracker_takes_up_no_connection_in_the_middle():
    strict = Tracker(TIMES, loose=False)
    assert strict.flow(seen(tcp(22, ACK)), 0) == "invalid"
    assert strict.accepted(seen(tcp(22, ACK)), 0) is None
    assert strict.flow(seen(tcp(22, SYN)), 0) == "fresh"


def test_a_flow_remembers_the_rule_that_let_it_in(tracker):
    tracker.accepted(seen(tcp()), 0, "the rule")
    flow = tracker.accepted(reply(tcp(40000, SYN | ACK, 22)), 0.2)
    assert (flow.by, flow.answered) == ("the rule", True)
