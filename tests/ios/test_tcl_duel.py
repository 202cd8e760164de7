"""A script's evidence: rendered, run by a real interpreter, against the reference automaton."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from knockctl_ios.semantics.tcl import Interpreter
from tests.fixtures.ios_duel import duel, random_script
from tests.fixtures.ios_policies import INSIDE, METHODS, corner
from tests.ios.test_tcl import FULL


@pytest.fixture(scope="module")
def interpreter():
    """One process for all of them."""
    one = Interpreter()
    yield one
    one.close()


def scripts(numbers, interpreter):
    seen = Counter()
    for number in numbers:
        rng = random.Random(f"tcl duel {number}")
        one = random_script(rng)
        tally = duel(one, rng, interpreter)
        assert not tally.wrong, tally.wrong[0]
        seen += Counter(verdicts=tally.verdicts, granted=tally.granted, locked=tally.locked)
        seen[one.place.method] += 1
    return seen


def test_what_a_script_does_is_what_the_policy_says(interpreter):
    seen = scripts(range(16), interpreter)
    print(seen)
    assert seen["granted"] > seen["verdicts"] / 20
    assert seen["locked"] > seen["verdicts"] / 100
    assert min(seen["copp"], seen["acl-log"]) > 3


WRONG = {
    "no reset": ("    forget $source\n    set again", "    set again"),
    "no lock-out": ("[lindex $lock 0] > $now", "0"),
    "a grant that stays": ("    set commands [closing $source]\n    forget", "    forget"),
    "no repeats": ("if {$service || [repeated $source $protocol $port]}", "if {$service}"),
    "twice the time": ("$now + $kc(step)", "$now + 2 * $kc(step)"),
    "any order": ("[lindex $sequences($generation) $made] $knock", "$knock $knock"),
    "a knock left out": ("            incr made\n", "            incr made 2\n"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_script_is_told_from_a_right_one(name, interpreter):
    """One line of the program wrong: some trace tells."""
    right, wrong = WRONG[name]

    def wronged(one):
        (file,) = one.config.files
        assert file.text.count(right) == 1
        return replace(one.config, files=(replace(file, text=file.text.replace(right, wrong)),))

    one = corner(FULL, order="tcl", method=random.Random(name).choice(METHODS), log_delay=2)
    for number in range(24):
        if duel(one, random.Random(f"{name} {number}"), interpreter, config=wronged(one)).wrong:
            return
    raise AssertionError("nothing told it")


@pytest.mark.parametrize("name", ["unheard", "partial"])
def test_each_relaxation_is_needed(name, interpreter):
    policy = replace(FULL, otherwise="pass", trusted=INSIDE)
    one = corner(policy, order="tcl", method="acl-log", log_delay=2)
    (bounds,) = one.rendered.relaxed
    tighter = replace(bounds, **{name: False})
    for number in range(24):
        rng = random.Random(f"{name} {number}")
        if duel(one, rng, interpreter, relaxed=tighter).wrong:
            return
    raise AssertionError("nothing needs it")


@pytest.mark.soak
def test_so_it_is_for_many(interpreter, note):
    note(scripts(range(16, 1500), interpreter))
