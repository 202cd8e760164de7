"""``order: correlated``: one applet for a whole sequence, its lines of whoever sent them."""

from dataclasses import replace

import pytest

from knockctl.errors import PolicyError
from knockctl.policy.resolved import Generation, Knock
from knockctl.verify.prove import Status, prove
from knockctl_ios.config.parse import parse_text
from tests.fixtures.ios_duel import Scripted
from tests.fixtures.ios_policies import METHODS, P, claim, corner

ONE, TWO = "198.18.0.1", "198.18.0.2"
POLICY = replace(P, step_timeout=10)
KNOCKS = [("udp", 101), ("udp", 102), ("tcp", 103)]
SSH = ("tcp", 22)
by_method = pytest.mark.parametrize("method", METHODS)


def correlated(policy=POLICY, **place):
    return corner(policy, order="correlated", log_delay=2, **place)


def router(method, policy=POLICY, **place):
    return Scripted(correlated(policy, method=method, **place))


def play(here, *packets, pause=3):
    """Send packets, some time apart; return whether the last one was let through."""
    for source, (protocol, port) in packets:
        here.advance(pause)
        got = here.send(source, protocol, port)
    here.advance(pause)
    return got


def visit(source, knocks=KNOCKS):
    return [(source, knock) for knock in knocks] + [(source, SSH)]


# --- on a router ---


@by_method
def test_an_honest_client_gets_in_and_the_grant_ends(method):
    here = router(method)
    assert play(here, *visit(ONE))
    assert not play(here, (TWO, SSH))
    here.advance(POLICY.grant_duration)
    assert not play(here, (ONE, SSH))
    assert play(here, *visit(ONE)), "and once more"


@by_method
@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (2, 1, 0), (0, 1), (0, 2)])
def test_the_wrong_order_is_refused(method, order):
    here = router(method)
    assert not play(here, *visit(ONE, [KNOCKS[n] for n in order]))


@by_method
def test_two_at_once_spoil_each_others_attempt(method):
    here = router(method)
    both = [(source, knock) for knock in KNOCKS for source in (ONE, TWO)]
    assert not play(here, *both, (ONE, SSH), pause=1.5)
    here = router(method)
    assert not play(here, (ONE, KNOCKS[0]), (ONE, KNOCKS[1]), (TWO, KNOCKS[0]), *visit(ONE)[2:])
    here.advance(30)
    assert play(here, *visit(ONE)), "nobody else is there"


@by_method
def test_what_goes_elsewhere_spoils_nothing(method):
    """A source port like a knock's, another port, another address's line."""
    here = router(method)
    for number, (protocol, port) in enumerate(KNOCKS):
        here.advance(3)
        here.send(TWO, "udp", 999, sport=KNOCKS[(number + 1) % 3][1])
        here.send(ONE, protocol, port, sport=KNOCKS[number - 1][1])
    assert play(here, (ONE, SSH))


@by_method
def test_the_window_is_one_for_all_knocks(method):
    """Looser than a step's time, and no longer than all steps' together."""
    here = router(method)
    assert play(here, *visit(ONE, KNOCKS[:2])[:2]) is False
    here.advance(9)
    assert play(here, *visit(ONE, KNOCKS[2:])), "a pause longer than step_timeout"
    here = router(method)
    play(here, *visit(ONE, KNOCKS[:2])[:2])
    here.advance(20)
    assert not play(here, *visit(ONE, KNOCKS[2:]))


def test_a_single_knock_is_correlated_with_nothing():
    policy = replace(POLICY, generations=(Generation(1, (Knock("udp", 101),)),))
    one = correlated(policy)
    assert "trigger" not in one.config.text()
    assert not {"correlated", "one-window"} & {note.code for note in one.rendered.fidelity}
    here = Scripted(one)
    assert play(here, (ONE, KNOCKS[0]), (ONE, SSH))


def test_without_numbers_before_lines_nobody_gets_in():
    here = router("copp")
    here.device.load("no service sequence-numbers\n")
    assert not play(here, *visit(ONE))


def test_numbers_of_six_and_of_seven_digits_are_in_order():
    here = router("copp")
    here.device.logs.count = 1_000_000
    assert play(here, *visit(ONE))


# --- what is rendered, and said ---


def test_what_it_needs_and_what_it_is():
    one = correlated()
    assert one.config.needs == ("service sequence-numbers",)
    text = one.config.text()
    assert text.count("event manager applet") == 1
    assert " trigger period 20\n  correlate event k01 and event k02 and event k03\n" in text
    assert "-m1" not in text
    assert parse_text(text) == one.config
    codes = {note.code: note.direction for note in one.rendered.fidelity}
    assert codes["correlated"] == "stricter"
    assert codes["one-window"] == "looser"
    assert "step-timeout" not in codes


def test_a_port_twice_is_refused():
    knocks = (Knock("udp", 101), Knock("udp", 102), Knock("udp", 101))
    with pytest.raises(PolicyError, match="udp/101 is a knock twice"):
        assert correlated(replace(POLICY, generations=(Generation(1, knocks),))).rendered
    secret = tuple(replace(knock, secret=True) for knock in knocks)
    with pytest.raises(PolicyError, match="p: a port is a knock twice"):
        assert correlated(replace(POLICY, generations=(Generation(1, secret),))).rendered


def test_secret_knocks_are_masked():
    knocks = (Knock("udp", 41001, secret=True), Knock("udp", 102))
    one = correlated(replace(POLICY, generations=(Generation(1, knocks),)))
    assert "41001" in parse_text(one.config.text()).secrets()


@by_method
def test_proofs_find_what_the_notes_tell(method):
    """Not the policy: a counterexample, of times or of two sources, and no proof."""
    result = prove(claim(correlated(method=method)))
    assert result.status is Status.COUNTEREXAMPLE
