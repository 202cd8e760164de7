"""Access on a firewall: who is in, let in, thrown out, forgiven; and what is forgotten."""

from ipaddress import ip_address, ip_network

import pytest

from knockctl.change.job import Result
from knockctl.errors import GuardError
from knockctl_panos.twin.device.sessions import Session
from tests.fixtures.panos_crew import ADDRESS, OTHER, SSH, WEB, policy
from tests.panos.conftest import START

SOURCES = {4: ip_address("198.51.100.7"), 6: ip_address("2001:db8:51::7")}
each_family = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture
def gate(site):
    """A firewall that runs a policy, its time like ours, and an operator."""
    here = site(scale=1, commit_time=0.01)
    ann = here.operator()
    assert ann.deploy(SSH).result is Result.CONFIRMED
    return here, ann


def learn(here, source, *tags, minutes=10):
    """Tag a source as log forwarding does."""
    for tag in tags:
        here.device.do(here.twin.tags.apply, "vsys1", str(source), "add-tag", tag, minutes)


def tagged(here, source):
    return set(here.device.do(here.twin.tags.tags, "vsys1", str(source)))


def stage(here, what):
    """Return the tag of a stage, or of a sound attempt."""
    return next(name for name in here.device.running("tag") if name.endswith(f"-{what}"))


def found(driver):
    return {access.state: access.seconds_left for access in driver.access().sources()}


@each_family
def test_who_knocked_is_listed_with_the_time_left_as_the_log_has_it(gate, family):
    here, ann = gate
    learn(here, SOURCES[family], "kc-ssh-in", minutes=5)
    learn(here, SOURCES[family], stage(here, "1"), stage(here, "try"))
    with ann.driver() as driver:
        seen = found(driver)
    assert seen.keys() == {"granted", "knocking"}
    assert 280 <= seen["granted"] <= 300
    assert 580 <= seen["knocking"] <= 600


def test_without_the_log_the_time_is_not_known(gate):
    here, ann = gate
    learn(here, SOURCES[4], "kc-ssh-out")
    here.device.do(here.twin.logs._kept["iptag"].clear)
    with ann.driver() as driver:
        assert found(driver) == {"locked": None}


def test_a_grant_without_a_sound_attempt_is_none(gate):
    here, ann = gate
    learn(here, SOURCES[4], "kc-ssh-in", stage(here, "1"))
    with ann.driver() as driver:
        assert found(driver) == {}


@each_family
def test_who_is_admitted_is_in_for_just_so_long(gate, family):
    here, ann = gate
    source = SOURCES[family]
    learn(here, source, "kc-ssh-in", "kc-ssh-out", minutes=100)
    with ann.driver() as driver:
        driver.access().admit(source, "ssh", 300)
        seen = found(driver)
    assert seen.keys() == {"granted"}
    assert 280 <= seen["granted"] <= 300
    assert tagged(here, source) == {"kc-ssh-in", stage(here, "try")}


def test_who_is_expelled_has_neither_grant_nor_attempt_nor_sessions(gate):
    here, ann = gate
    learn(here, SOURCES[4], "kc-ssh-in", stage(here, "1"), stage(here, "try"), "kc-ssh-out")
    rows = [
        Session(n, source, ADDRESS, 6, 1024, port, "ssh", "r", "w", "l", START)
        for n, source, port in (
            (1, str(SOURCES[4]), 22),
            (2, str(SOURCES[4]), 80),
            (3, "1.1.1.1", 22),
        )
    ]
    here.device.do(here.twin.sessions.rows.extend, rows)
    with ann.driver() as driver:
        assert driver.access().expel(SOURCES[4], keep_sessions=True) == 0
        assert driver.access().expel(SOURCES[4], "ssh", keep_sessions=False) == 1
    assert tagged(here, SOURCES[4]) == {"kc-ssh-out"}
    assert [row.number for row in here.twin.sessions.listed()] == [2, 3]


@each_family
def test_who_is_unlocked_may_knock_again(gate, family):
    here, ann = gate
    learn(here, SOURCES[family], "kc-ssh-out", "somebody-elses")
    with ann.driver() as driver:
        assert driver.access().unlock(SOURCES[family])
        assert not driver.access().unlock(SOURCES[family])
    assert tagged(here, SOURCES[family]) == {"somebody-elses"}


def test_a_policy_that_is_not_there(gate):
    _, ann = gate
    with ann.driver() as driver, pytest.raises(GuardError, match="policies that do: ssh"):
        driver.access().admit(SOURCES[4], "web", 60)


def test_more_than_a_page_of_addresses(gate):
    here, ann = gate
    for number in range(600):
        learn(here, ip_address("10.0.0.0") + number, "kc-ssh-out")
    with ann.driver() as driver:
        assert len(driver.access().sources()) == 600


# --- what is remembered of configurations that are gone -------------------------------------------


def test_tags_of_what_was_removed_are_forgotten_and_others_not(gate):
    here, ann = gate
    learn(here, SOURCES[4], "kc-ssh-in", stage(here, "try"), "somebody-elses")
    assert ann.deploy(WEB).result is Result.CONFIRMED
    assert tagged(here, SOURCES[4]) == {"somebody-elses"}


def test_grants_survive_a_change_that_keeps_the_sequence_and_locks_any(gate):
    here, ann = gate
    learn(here, SOURCES[4], "kc-ssh-in", stage(here, "try"))
    learn(here, SOURCES[6], "kc-ssh-out")
    said = ann.deploy(policy(grant_duration=1200))
    assert said.message == "deployed and confirmed"
    with ann.driver() as driver:
        assert set(found(driver)) == {"granted", "locked"}
    said = ann.deploy(OTHER)
    assert "live grants ended with it" in said.message


def test_what_was_remembered_of_who_is_trusted_now_is_forgotten(gate):
    here, ann = gate
    locks = {"wrong_knock": "lockout", "lockout": 3600}
    assert ann.deploy(policy(**locks)).result is Result.CONFIRMED
    learn(here, SOURCES[4], "kc-ssh-out", "somebody-elses")
    learn(here, SOURCES[6], "kc-ssh-out")
    trusted = (ip_network("198.51.100.0/24"),)
    assert ann.deploy(policy(**locks, trusted=trusted)).result is Result.CONFIRMED
    assert tagged(here, SOURCES[4]) == {"somebody-elses"}
    assert tagged(here, SOURCES[6]) == {"kc-ssh-out"}


def test_what_is_taken_back_is_forgotten(gate):
    here, ann = gate
    learn(here, SOURCES[4], "kc-ssh-in", stage(here, "try"))

    def knock(device, step, phase):
        del device
        if (step.name, phase) == ("PROBE", "after"):
            learn(here, SOURCES[6], "kc-web-in")

    both = frozenset(("tag-delay", "one-policy-notices"))
    said = ann.deploy(SSH, WEB, observer=knock, options={"confirm_within": 1, "accept": both})
    assert said.result is Result.ROLLED_BACK, said
    assert tagged(here, SOURCES[6]) == set()
    assert tagged(here, SOURCES[4]) == {"kc-ssh-in", stage(here, "try")}
