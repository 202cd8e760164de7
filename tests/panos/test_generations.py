"""Which tags a sequence has: those the firewall already uses for it, or fresh ones."""

import re
from dataclasses import replace

from knockctl.contract.generations import PLACEHOLDERS
from knockctl.policy.resolved import Generation, Knock
from knockctl_panos.config.generations import adopt
from knockctl_panos.config.records import PanosConfig
from tests.fixtures.panos_policies import corner
from tests.panos.test_render import P

OLD, NEW = P.generations[0], Generation(2, (Knock("tcp", 104), Knock("tcp", 105)))


def rendered(*generations, **more):
    return corner(replace(P, generations=generations, **more)).rendered.config


def names(config):
    return sorted(set(re.findall(r"kc-p\.([0-9a-f]{4})-", config.text())))


def test_a_fresh_sequence_has_a_name_that_tells_nothing():
    intended = rendered(OLD)
    one, two = (adopt(PanosConfig(), intended, change) for change in ("a" * 10, "b" * 10))
    assert names(intended) == [PLACEHOLDERS[0]]
    assert names(one) != names(two)
    assert not set(PLACEHOLDERS) & {*names(one), *names(two)}
    assert adopt(PanosConfig(), intended, "a" * 10) == one


def test_the_same_sequence_keeps_its_name_whatever_else_changes():
    running = adopt(PanosConfig(), rendered(OLD), "a" * 10)
    again = rendered(OLD, step_timeout=120, wrong_knock="ignore", stray="revoke")
    assert names(adopt(running, again, "b" * 10)) == names(running)
    assert adopt(running, rendered(OLD), "b" * 10) == running


def test_a_secret_sequence_is_the_same_that_was_not_secret():
    hidden = replace(OLD, knocks=tuple(replace(k, secret=True) for k in OLD.knocks))
    running = adopt(PanosConfig(), rendered(OLD), "a" * 10)
    assert names(adopt(running, rendered(hidden), "b" * 10)) == names(running)


def test_a_rotation_keeps_the_old_name_and_then_the_new_one():
    running = adopt(PanosConfig(), rendered(OLD), "a" * 10)
    (old,) = names(running)
    both = adopt(running, rendered(OLD, NEW), "b" * 10)
    (new,) = set(names(both)) - {old}
    assert names(adopt(both, rendered(NEW), "c" * 10)) == [new]
    assert names(adopt(both, rendered(NEW, OLD), "c" * 10)) == sorted([old, new])


def test_another_sequence_is_another_name_though_one_port_is_the_same():
    running = adopt(PanosConfig(), rendered(OLD), "a" * 10)
    begun = OLD.knocks[:2]
    for knocks in ((*begun, Knock("tcp", 109)), begun, (*OLD.knocks, Knock("tcp", 109))):
        other = rendered(replace(OLD, knocks=knocks))
        assert not set(names(running)) & set(names(adopt(running, other, "b" * 10)))


def test_a_sequence_of_which_an_object_is_gone_is_still_the_same():
    running = adopt(PanosConfig(), rendered(OLD), "a" * 10)
    (name,) = names(running)
    kept = [e for e in running.entries if e.name != f"kc-p.{name}-knock2"]
    assert names(adopt(PanosConfig(tuple(kept)), rendered(OLD), "b" * 10)) == [name]


def test_what_has_names_of_its_own_keeps_them():
    """A snapshot is put back as it was."""
    running = adopt(PanosConfig(), rendered(OLD), "a" * 10)
    assert adopt(PanosConfig(), running, "b" * 10) == running
