"""Routers: rendering, planning beside foreign rules, and round trips against changes."""

import contextlib
import random

import pytest

from knockctl.contract import Credentials, Target
from knockctl_routeros.config.records import MENUS, RouterConfig
from knockctl_routeros.config.table import Table
from knockctl_routeros.driver.driver import RouterDriver
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.plan.plan import plan
from knockctl_routeros.plan.reading import (
    read_tables,
)
from knockctl_routeros.render.render import render
from knockctl_routeros.twin.device import Clock, Router, Switches, served
from tests.bench.conftest import least, timed
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


def printed(config, above, below):
    """What a router that runs a config prints, with so many foreign rules around our jump."""

    def foreign(count):
        rules = (
            {"chain": "input", "action": "accept", "src-address": f"10.{n // 250}.{n % 250}.0/24"}
            for n in range(count)
        )
        return [{".id": "*1", "dynamic": "false", "comment": "somebody", **r} for r in rules]

    found = {menu: [] for menu in MENUS}
    for row in config.device_rows():
        here = row.jump and row.menu == "/ip firewall filter"
        found[row.menu] += foreign(above) if here else []
        found[row.menu].append({".id": "*1", "dynamic": "false", **dict(row.words)})
        found[row.menu] += foreign(below) if here else []
    return found


@pytest.mark.parametrize(("above", "below"), [(0, 0), (0, 500), (0, 5000), (500, 0), (5000, 0)])
def test_planning_beside_foreign_rules(figure, above, below):
    """Rules above ours are judged, each of them; those below only counted."""
    rng = random.Random(3)
    one, other = (
        render([random_policy(rng)], RouterPlacement(position=above + 1)).config for _ in range(2)
    )
    running = printed(plan(read_tables({}), one, "aaaa1111").intended, above, below)

    def whole(config):
        reading = read_tables({menu: Table(menu, rows) for menu, rows in running.items()})
        return plan(reading, config, "bbbb2222")

    assert whole(one).changes == ()
    same, changed = (
        1000 * least(5, lambda config=config: whole(config)) for config in (one, other)
    )
    figure(
        f"parse and plan beside {above} foreign rules above ours and {below} below:"
        f" {same:.1f} ms, {changed:.1f} ms for another policy (bar 5 ms)"
    )


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
