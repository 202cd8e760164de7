"""What is rendered for what a policy asks: proved, tight, and its notes."""

import random
import re
from collections import Counter
from dataclasses import replace

import pytest

from knockctl.automaton.relaxations import Relaxations
from knockctl.errors import PolicyError
from knockctl.policy import wellformed
from knockctl.policy.resolved import Generation, Knock
from knockctl.ports import Span
from knockctl.verify.prove import Status, prove
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.render.times import LONGEST
from tests.fixtures.panos_dice import TRAP, P, Q, dice
from tests.fixtures.panos_policies import (
    HERE,
    INSIDE,
    MODELLER,
    Corner,
    corner,
    mutant,
    random_corner,
    small_corner,
)
from tests.fixtures.seed import SEED

# --- proofs ---


def proved(one, *, late=False):
    """Rendered, printed, read back equal, and equal to the policies in both families."""
    config = one.rendered.config
    assert MODELLER.parse(config.text()) == config
    for family in (4, 6):
        result = prove(one.claim(family, late=late))
        assert result.status is Status.PROVED, (one, family, result.findings, result.reasons)


@pytest.mark.parametrize("count", range(1, 11))
def test_the_seed_policy_of_one_to_ten_knocks(count):
    """A wrong knock and a stray packet lock out, as in the text the scheme is from."""
    policy = replace(
        P,
        generations=(Generation(1, tuple(Knock("tcp", 1000 + n) for n in range(count))),),
        services=(Span("tcp", 443, 443), Span("udp", 4501, 4501)),
        grant_duration=86400,
        wrong_knock="lockout",
        stray="lockout",
        lockout=3600,
    )
    proved(corner(policy))
    proved(corner(policy, addresses=["192.0.2.1"]), late=True)


@pytest.mark.parametrize("number", range(14))
def test_what_is_rendered_is_what_the_policy_says(number):
    """One knock, a port that recurs, two generations that share ports, traps over services…"""
    proved(random_corner(dice(number), 1))


@pytest.mark.parametrize("number", range(4))
def test_so_it_is_where_everything_shows_late(number):
    proved(small_corner(dice(f"late {number}"), 1, tag_delay=3), late=True)


@pytest.mark.parametrize("number", range(3))
def test_several_policies_on_one_address_are_what_all_say(number):
    proved(small_corner(dice(f"several {number}"), count=2))


def test_the_placement_that_has_everything():
    policy = replace(
        P,
        generations=(
            Generation(1, (Knock("tcp", 101), Knock("udp", 102))),
            Generation(2, (Knock("tcp", 101), Knock("tcp", 103))),
        ),
        trusted=INSIDE,
        public=(Span("tcp", 80, 80),),
        traps=(TRAP,),
        otherwise="refuse",
        refuse="reject",
        uses="single",
    )
    where = {
        "from_zones": ["wan"],
        "to_zones": ["dmz"],
        "management": {"sources": ["198.51.100.0/24"]},
        "applications": {"p": ["ssh"]},
    }
    proved(corner(policy, **where))


def test_who_is_trusted_by_one_policy_only_is_judged_by_the_others():
    two = replace(Q, trusted=INSIDE, stray="revoke")
    proved(Corner((P, two), PanosPlacement.model_validate(HERE)))


@pytest.mark.soak("panos-render-{share:02}")
@pytest.mark.parametrize("share", range(16))
def test_random_policies_in_every_corner(share, note):
    """A proof that is not ended in its budget is counted, never passed."""
    seen = Counter()
    for number in range(25 * share, 25 * (share + 1)):
        one = random_corner(dice(f"soak {number}"), None if number % 5 == 0 else 1)
        late = number % 4 == 1
        for family in (4, 6):
            result = prove(one.claim(family, late=late), budget=400_000)
            assert result.status is not Status.COUNTEREXAMPLE, (one, family, result.findings)
            seen[len(one.policies), late, result.status.value] += 1
    note(f"{dict(seen)}")
    assert seen[1, False, "unknown"] <= 1


# --- relaxations, rounded times, notes ---

BOTH = Corner((P, Q), PanosPlacement.model_validate({**HERE, "addresses": ["192.0.2.1"]}))
TIGHT = {
    "renewal": (corner(P), False),
    "swallowed": (corner(P), False),
    "shielded": (BOTH, False),
    "segments": (corner(P), False),
    "lag": (corner(P), 4),
}


@pytest.mark.parametrize("name", TIGHT)
def test_each_relaxation_is_as_small_as_it_can_be(name):
    one, less = TIGHT[name]
    late = name == "lag"
    assert prove(one.claim(late=late)).status is Status.PROVED
    tighter = tuple(replace(bounds, **{name: less}) for bounds in one.rendered.relaxed)
    claim = one.claim(late=late, relaxed=tighter)
    assert prove(claim).status is Status.COUNTEREXAMPLE


def test_revoking_swallows_the_packet_that_revokes():
    one = corner(replace(P, wrong_knock="ignore", stray="revoke"))
    (bounds,) = one.rendered.relaxed
    assert prove(one.claim()).status is Status.PROVED
    tighter = one.claim(relaxed=(replace(bounds, swallowed=False),))
    assert prove(tighter).status is Status.COUNTEREXAMPLE
    # Whoever refuses everything else swallows nothing.
    (bounds,) = corner(replace(P, otherwise="refuse")).rendered.relaxed
    assert not bounds.swallowed


ROUNDED = {
    "step-timeout": {"step_timeout": 10},
    "grant-duration": {"grant_duration": 61},
    "lockout-duration": {"wrong_knock": "lockout", "lockout": 100},
    "lockout-duration of a trap": {"traps": (replace(TRAP, lockout=61),)},
    "passphrase-ignored": {
        "generations": (Generation(1, (Knock("tcp", 101), Knock("udp", 102, b"open"))),)
    },
}


@pytest.mark.parametrize("name", ROUNDED)
def test_what_is_rounded_is_said_and_the_stated_policy_is_not_what_runs(name):
    stated = replace(P, **ROUNDED[name])
    one = corner(stated)
    codes = {note.code: note for note in one.rendered.fidelity if note.kind != "approximate"}
    code = name.partition(" ")[0]
    assert codes.keys() == {code}
    assert codes[code].blocks == (code != "lockout-duration")
    assert (codes[code].cost is not None) == codes[code].blocks
    claim = one.claim()
    assert prove(claim).status is Status.PROVED
    exactly = replace(claim, site=replace(claim.site, policies=(stated,)))
    assert prove(exactly).status is Status.COUNTEREXAMPLE


def test_no_time_is_longer_than_a_tag_can_be_kept():
    days = 86400
    stated = replace(
        P,
        step_timeout=40 * days,
        grant_duration=400 * days,
        wrong_knock="lockout",
        lockout=60 * days,
        traps=(replace(TRAP, lockout=50 * days),),
    )
    one = corner(stated)
    times = [int(t) for t in re.findall(r"<timeout>(\d+)<", one.rendered.config.text())]
    assert max(times) == LONGEST
    assert min(times) > 0
    (policy,) = one.rendered.effective
    assert not wellformed.check(policy)
    assert policy.lockout == policy.traps[0].lockout == 30 * days
    directions = {(n.code, n.direction) for n in one.rendered.fidelity if n.kind == "rounded"}
    assert directions == {
        ("step-timeout", "stricter"),
        ("grant-duration", "stricter"),
        ("lockout-duration", "looser"),
    }


def test_a_grant_of_a_month_ends_in_time_for_its_attempt():
    stated = replace(P, grant_duration=30 * 86400)
    (policy,) = corner(stated).rendered.effective
    assert policy.grant_duration == (LONGEST - 2 - 3) * 60
    proved(corner(stated, addresses=["192.0.2.1"]), late=True)


def says(bounds: Relaxations, policy, place):
    """The approximations there must be, no more and no fewer."""
    return {
        "tag-delay": bounds.lag > 0,
        "no-renewal": bounds.renewal,
        "segments-dropped": bounds.segments,
        "noticed-is-refused": bounds.swallowed,
        "one-policy-notices": bounds.shielded,
        "applications": bool(place.applications.get(policy.name)),
    }


def test_each_note_appears_exactly_when_its_relaxation_does():
    seen = Counter()
    for number in range(120):
        apps = {"p0": ["ssh"]} if number % 3 == 0 else {}
        one = random_corner(dice(f"notes {number}"), applications=apps)
        rendered = one.rendered
        for policy, bounds in zip(rendered.effective, rendered.relaxed, strict=True):
            mine = [n for n in rendered.fidelity if n.policy == policy.name]
            codes = sorted(n.code for n in mine if n.kind == "approximate")
            wanted = [code for code, there in says(bounds, policy, one.place).items() if there]
            assert codes == sorted(wanted)
            assert {n.code for n in mine if n.blocks and n.kind == "approximate"} <= {
                "tag-delay",
                "one-policy-notices",
            }
            seen.update(wanted)
    assert seen.keys() == says(Relaxations(), P, PanosPlacement.model_validate(HERE)).keys()


def test_knocks_must_show_before_the_next_one_is_late():
    assert corner(P, tag_delay=59).rendered.lag == 59
    with pytest.raises(PolicyError, match="step_timeout is 1m on PAN-OS"):
        assert corner(P, tag_delay=60).rendered
    assert corner(replace(P, step_timeout=61), tag_delay=60).rendered.lag == 60
    single = replace(P, generations=(Generation(1, (Knock("tcp", 101),)),))
    assert corner(single, tag_delay=60).rendered.lag == 60


# --- mutants ---


def test_wrong_configurations_are_told_from_right_ones():
    """One thing wrong: a trace tells, or it made no difference to anybody.

    A tag that no log puts on any more might be put on by somebody else: that is said, too.
    """
    caught, rng = Counter(), random.Random(SEED)
    for _ in range(70):
        one = small_corner(rng, knocks=3, tag_delay=2)
        what, config = mutant(rng, one.rendered.config)
        result = prove(one.claim(4, config))
        if result.status is Status.UNKNOWN:
            assert all("whether somebody registers" in reason for reason in result.reasons)
        caught[what.partition(":")[0], result.status.value] += 1
    found = sum(count for (_, status), count in caught.items() if status == "counterexample")
    assert found >= 40, caught
    assert len({kind for kind, status in caught if status == "counterexample"}) >= 10, caught
