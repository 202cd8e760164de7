"""Difference bounds against brute force: every half second on a small grid."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from knockctl.verify.zones import Zone

GRID = [n / 2 for n in range(13)]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["younger", "older", "reset", "elapse"]),
        st.integers(1, 2),
        st.integers(0, 4),
    ),
    max_size=6,
)


def run(steps):
    """The zone and, beside it, every valuation of two clocks on the grid."""
    zone = Zone().kept([0, 0])
    points = {(0.0, 0.0)}
    for what, clock, seconds in steps:
        place = clock - 1
        if what == "elapse":
            zone = zone.elapsed()
            points = {(a + d, b + d) for a, b in points for d in GRID if max(a, b) + d <= GRID[-1]}
        elif what == "reset":
            zone = zone.kept([0, 2] if clock == 1 else [1, 0])
            points = {(0.0, b) if clock == 1 else (a, 0.0) for a, b in points}
        elif what == "younger":
            zone = zone.younger(clock, seconds)
            points = {p for p in points if p[place] < seconds}
        else:
            zone = zone.older(clock, seconds)
            points = {p for p in points if p[place] >= seconds}
        if zone is None:
            return None, points
    return zone, points


def holds(zone, point):
    values = (0.0, *point)
    return all(
        values[i] - values[j] < (bound >> 1) or (bound & 1 and values[i] - values[j] == bound >> 1)
        for i, row in enumerate(zone.bounds)
        for j, bound in enumerate(row)
    )


@given(STEPS)
def test_a_zone_holds_just_the_ages_that_are_possible(steps):
    zone, points = run(steps)
    if zone is None:
        assert not points
        return
    assert all(holds(zone, point) for point in points)
    # Ages near the grid's end may have been cut off.
    inside = [p for p in product(GRID[:5], repeat=2) if holds(zone, p)]
    assert all(p in points for p in inside)


@given(STEPS, st.integers(0, 4), st.integers(0, 4))
def test_extrapolation_changes_no_answer(steps, one, two):
    zone, _ = run(steps)
    if zone is None:
        return
    wide = zone.extrapolated({1: one, 2: two})
    assert zone.inside(wide)
    for clock, largest in ((1, one), (2, two)):
        for seconds in range(largest + 1):
            assert (zone.younger(clock, seconds) is None) == (wide.younger(clock, seconds) is None)
            assert (zone.older(clock, seconds) is None) == (wide.older(clock, seconds) is None)


def test_a_zone_is_inside_itself_and_a_wider_one():
    narrow = Zone().kept([0]).elapsed().younger(1, 3)
    assert narrow.inside(narrow)
    assert narrow.inside(Zone().kept([0]).elapsed())
    assert not Zone().kept([0]).elapsed().inside(narrow)
