"""Random foreign rules: the quick answer, a plain reading, and full exploration agree."""

import pytest

from knockctl.verify import prove
from knockctl.verify.prove import Status
from tests.fixtures.panos_dice import dice
from tests.fixtures.panos_foreign import invented, missed, surroundings
from tests.fixtures.panos_judged import ONE


def plainly(number):
    one = surroundings(dice(f"foreign {number}"))
    assert not (found := list(missed(one))[:3]), (number, found, one.text)
    assert not (found := list(invented(one))[:3]), (number, found, one.text)


@pytest.mark.no_cover
@pytest.mark.parametrize("part", range(10))
def test_a_plain_reading_of_packets_finds_no_more_and_no_less(part):
    for number in range(30 * part, 30 * (part + 1)):
        plainly(number)


@pytest.mark.soak("panos-foreign")
@pytest.mark.parametrize("part", range(10))
def test_a_plain_reading_of_many_packets_finds_no_more_and_no_less(part):
    for number in range(1000 * part, 1000 * (part + 1)):
        plainly(f"soak {number}")


def explored(number):
    """What the quick question calls certain, exploration shows; what that shows, is found."""
    one = surroundings(dice(f"explored {number}"), ONE, most=4)
    ways = [f for f in one.findings if f.kind in ("exposed", "lockout-lost")]
    result = prove.prove(one.claim, prove.opens)
    said = number, result, one.findings, one.text
    if any(way.certain for way in ways):
        assert result.status is Status.COUNTEREXAMPLE, said
    if result.status is Status.UNKNOWN:
        assert one.findings, said
    if result.status is Status.COUNTEREXAMPLE:
        trace = next(f.trace for f in result.findings if not f.guesses)
        knocked = any(row.expected_rule == "4" for row in trace)
        assert knocked or any(way.certain for way in ways), said
    return result.status


@pytest.mark.no_cover
@pytest.mark.parametrize("part", range(4))
def test_exploration_finds_no_more_and_no_less(part):
    seen = {explored(number) for number in range(10 * part, 10 * (part + 1))}
    assert len(seen) > 1


@pytest.mark.soak("panos-foreign-explored-{part}")
@pytest.mark.parametrize("part", range(10))
def test_long_exploration_finds_no_more_and_no_less(part):
    for number in range(1000 * part, 1000 * (part + 1)):
        explored(f"soak {number}")
