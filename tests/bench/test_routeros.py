"""Routers: rendering, planning beside foreign rules, and round trips against changes."""

import contextlib
import random

import pytest

from knockctl.vendor import Credentials, Target
from knockctl_routeros.config import MENUS, RouterConfig
from knockctl_routeros.driver import RouterDriver
from knockctl_routeros.parse import read_tables
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.plan import plan
from knockctl_routeros.render import render
from knockctl_routeros.table import Table
from knockctl_routeros.twin import Clock, Router, Switches, served
from tests.bench.conftest import interleaved, timed
from tests.fixtures.duel import random_policy

pytestmark = pytest.mark.bench

FOREIGN = (
    "/ip firewall filter\n"
    'add action=accept chain=input src-address=10.{high}.{low}.0/24 comment="somebody {number}"\n'
)


@contextlib.contextmanager
def router(foreign):
    """A router on loopback that has so many rules of somebody else's."""
    made = Router(Switches(), clock=Clock(start=1_780_000_000, scale=1))
    for number in range(foreign):
        made.load(FOREIGN.format(high=number // 250, low=number % 250, number=number))
    with served(made, None) as host:
        login = Credentials(username="admin", password="", tls=False)
        yield made, Target("router", "127.0.0.1", host.port, login)


def change(driver, config, change_id):
    """One whole change as the engine makes it; return what it took for each rule touched."""
    before = driver.round_trips
    driver.facts()
    remediation = plan(driver.read(), config, change_id)
    driver.arm(remediation, 120)
    driver.verify_armed(change_id)
    driver.apply(remediation)
    driver.read()
    driver.probe()
    driver.cancel(change_id)
    driver.forget(change_id)
    return driver.round_trips - before, len(remediation.changes)


def test_rendering(figure):
    policy = random_policy(random.Random(3))
    seconds = interleaved(200, one=lambda: render([policy], RouterPlacement()))["one"]
    rows = len(render([policy], RouterPlacement()).config.rows)
    figure(f"render one policy, both families, {rows} rows: {1000 * seconds:.2f} ms (bar 0.5 ms)")


@pytest.mark.parametrize("foreign", [0, 500, 5000])
def test_planning_beside_foreign_rules(figure, foreign):
    config = render([random_policy(random.Random(3))], RouterPlacement()).config
    with router(foreign) as (made, _):
        raw = {menu: made.rows("/" + menu.strip("/").replace(" ", "/")) for menu in MENUS}

    def whole():
        reading = read_tables({menu: Table(menu, rows) for menu, rows in raw.items()})
        return plan(reading, config, "aaaa1111")

    seconds = interleaved(5, both=whole)["both"]
    figure(f"parse and plan beside {foreign} foreign rules: {1000 * seconds:.1f} ms")


def test_a_deploy_beside_foreign_rules(figure):
    config = render([random_policy(random.Random(3))], RouterPlacement()).config
    for foreign in (0, 5000):
        with router(foreign) as (_, target), RouterDriver(target) as driver:
            trips = []
            seconds = timed(
                lambda driver=driver, trips=trips: trips.append(change(driver, config, "aaaa1111"))
            )
            ((asked, changes),) = trips
            figure(
                f"deploy of {changes} rules beside {foreign}: {seconds:.2f} s,"
                f" {asked} round trips, {asked / changes:.2f} for each rule"
            )


def test_round_trips_follow_the_changes(figure):
    rng = random.Random(5)
    with router(200) as (_, target), RouterDriver(target) as driver:
        for number in range(4):
            config = render([random_policy(rng)], RouterPlacement()).config
            asked, changes = change(driver, config, f"aaaa111{number}")
            figure(f"{changes} rules added, moved or removed: {asked} round trips")
        asked, changes = change(driver, RouterConfig(), "bbbb2222")
        figure(f"{changes} rules removed: {asked} round trips")
