"""Operating access on a router: who is in, let in, thrown out, forgiven."""

from ipaddress import ip_address

import pytest

from knockctl.contract import Credentials, Target
from knockctl.errors import GuardError
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl_routeros.driver.driver import RouterDriver
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.plan.plan import plan
from knockctl_routeros.render.render import render
from tests.routeros.conftest import LIST

SOURCES = {4: ip_address("198.51.100.7"), 6: ip_address("2001:db8:51::7")}
LISTS = {4: LIST, 6: "/ipv6/firewall/address-list"}


def policy(name="gate", *ports):
    return ResolvedPolicy(
        name=name,
        generations=(Generation(1, (Knock("tcp", 1000), Knock("tcp", 2000), Knock("tcp", 3000))),),
        step_timeout=10,
        services=tuple(Span.single("tcp", port) for port in ports or (22, 443)),
        grant_duration=1800,
        uses="single",
    )


@pytest.fixture
def gate(device):
    """A router that runs a policy, and a driver connected to it."""
    made = device()
    credentials = Credentials(username="admin", password="", tls=False)
    with RouterDriver(Target("m1", "127.0.0.1", made.host.port, credentials)) as driver:
        config = render([policy()], RouterPlacement(), driver.facts()).config
        change = plan(driver.read(), config, "aaaa1111")
        driver.arm(change, 120)
        driver.apply(change)
        driver.cancel("aaaa1111")
        yield made, driver


def learn(device, family, name, seconds):
    words = {"list": name, "address": str(SOURCES[family])}
    device.do(device.router.learn, LISTS[family], words, seconds)


def seen(driver):
    return {(a.policy, str(a.source.network_address), a.state) for a in driver.access().sources()}


def stage(driver, number):
    lists = [row.get("address-list") for row in driver.read().config.rows]
    return next(name for name in lists if name.endswith(f"-{number}"))


@pytest.mark.parametrize("family", [4, 6])
def test_who_knocked_is_listed_with_the_time_left(gate, family):
    device, driver = gate
    learn(device, family, "kc-gate.grant", 600)
    learn(device, family, stage(driver, 1), 10)
    found = {access.state: access.seconds_left for access in driver.access().sources()}
    assert found == {"granted": 600, "knocking": 10}


@pytest.mark.parametrize("family", [4, 6])
def test_what_is_overruled_by_a_marker_is_not_listed(gate, family):
    device, driver = gate
    for name in ("kc-gate.grant", "kc-gate.spent", "kc-gate.void", stage(driver, 1)):
        learn(device, family, name, 60)
    assert not seen(driver)


@pytest.mark.parametrize("family", [4, 6])
def test_who_is_admitted_is_in_for_just_so_long(gate, family):
    device, driver = gate
    for name in ("kc-gate.grant", "kc-gate.spent", "kc-gate.lock"):
        learn(device, family, name, 9000)
    driver.access().admit(SOURCES[family], "gate", 300)
    (access,) = driver.access().sources()
    assert (access.state, access.seconds_left) == ("granted", 300)


@pytest.mark.parametrize("family", [4, 6])
def test_who_is_expelled_has_neither_grant_nor_attempt(gate, family):
    device, driver = gate
    learn(device, family, "kc-gate.grant", 600)
    learn(device, family, stage(driver, 2), 10)
    learn(device, family, "kc-gate.lock", 10)
    assert driver.access().expel(SOURCES[family], keep_sessions=True) == 0
    assert {state for _, _, state in seen(driver)} == {"locked"}


def by_hand(device, family, name, address):
    menu = "/ip firewall" if family == 4 else "/ipv6 firewall"
    device.do(device.router.load, f"{menu} address-list add list={name} address={address}")


@pytest.mark.parametrize("family", [4, 6])
def test_who_was_let_in_by_hand_is_listed_without_an_end_and_can_be_expelled(gate, family):
    device, driver = gate
    by_hand(device, family, "kc-gate.grant", SOURCES[family])
    (access,) = driver.access().sources()
    assert (access.state, access.seconds_left) == ("granted", None)
    driver.access().expel(SOURCES[family], keep_sessions=True)
    assert not driver.access().sources()


def test_who_is_let_in_with_others_by_hand_is_not_said_to_be_out(gate):
    device, driver = gate
    by_hand(device, 4, "kc-gate.grant", "198.51.100.0/24")
    by_hand(device, 4, "kc-gate.grant", "203.0.113.1-203.0.113.9")
    (access,) = driver.access().sources()
    assert str(access.source) == "198.51.100.0/24"
    with pytest.raises(GuardError, match=r"198\.51\.100\.0/24 is on kc-gate\.grant") as told:
        driver.access().expel(SOURCES[4], keep_sessions=True)
    assert "remove that entry" in told.value.hint
    driver.access().expel(ip_address("203.0.113.200"), keep_sessions=True)


def test_others_stay_in(gate):
    device, driver = gate
    learn(device, 4, "kc-gate.grant", 600)
    device.do(device.router.learn, LIST, {"list": "kc-gate.grant", "address": "198.51.100.70"}, 600)
    driver.access().expel(SOURCES[4], keep_sessions=True)
    assert seen(driver) == {("gate", "198.51.100.70", "granted")}


@pytest.mark.parametrize("family", [4, 6])
def test_a_lock_out_can_be_ended(gate, family):
    device, driver = gate
    learn(device, family, "kc-gate.lock", 600)
    access = driver.access()
    assert access.unlock(SOURCES[family])
    assert not access.unlock(SOURCES[family])
    assert not access.sources()


def test_a_policy_that_does_not_run_is_named_with_those_that_do(gate):
    _, driver = gate
    with pytest.raises(GuardError, match="nothere does not run there") as told:
        driver.access().admit(SOURCES[4], "nothere", 60)
    assert "gate" in told.value.hint


def test_the_sessions_of_who_is_expelled_end_and_nobody_elses(gate):
    device, driver = gate
    menu = "/ip/firewall/connection"
    flows = [
        ("198.51.100.7:40000", "198.51.100.12:22"),
        ("198.51.100.7:40001", "198.51.100.12:80"),
        ("198.51.100.70:40000", "198.51.100.12:22"),
    ]
    for source, target in flows:
        words = {"src-address": source, "dst-address": target, "protocol": "tcp"}
        device.do(device.router.learn, menu, words, 600)
    assert driver.access().expel(SOURCES[4], keep_sessions=False) == 1
    assert [row["src-address"] for row in device.rows(menu)] == [flow[0] for flow in flows[1:]]
