"""Firewalls: rendering, planning, and requests for 1 to 10 knocks and 1 to 50 policies."""

import contextlib
from xml.etree import ElementTree as ET

import pytest

from knockctl.contract import Credentials, Target
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl_panos.config.document import Document
from knockctl_panos.config.syntax import Branch
from knockctl_panos.driver.driver import PanosDriver
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.plan.plan import plan
from knockctl_panos.plan.reading import reading
from knockctl_panos.render.render import render
from knockctl_panos.twin.device import Appliance, Clock, Switches, served
from tests.bench.conftest import least, timed
from tests.fixtures.certificates import make_certificate, server_context

pytestmark = pytest.mark.bench

PLACE = PanosPlacement(addresses=("198.51.100.13",))
SHAPES = [(1, 1), (5, 1), (10, 1), (3, 10), (3, 50)]
"""Knocks, and policies."""
FOREIGN = (
    '<entry name="rule {number}"><from><member>any</member></from><to><member>any</member></to>'
    "<source><member>any</member></source>"
    "<destination><member>10.{high}.{low}.0/24</member></destination>"
    "<application><member>any</member></application><service><member>any</member></service>"
    "<action>allow</action></entry>"
)


def policies(knocks, count):
    """Policies whose ports don't meet."""
    return [
        ResolvedPolicy(
            name=f"p{number}",
            generations=(
                Generation(1, tuple(Knock("tcp", 1000 + 20 * number + k) for k in range(knocks))),
            ),
            step_timeout=60,
            services=(Span.single("tcp", 20000 + number),),
            grant_duration=1800,
        )
        for number in range(count)
    ]


def foreign(count):
    rules = (FOREIGN.format(number=n, high=n // 250, low=n % 250) for n in range(count))
    return "".join(rules)


@contextlib.contextmanager
def firewall(rules, folder):
    """A firewall on loopback that has so many rules of somebody else's."""
    private, public = make_certificate(folder)
    made = Appliance(Switches(commit_time=0.5), clock=Clock(start=1_780_000_000, scale=100))
    if rules:
        base = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']"
        made.load(f"{base}/rulebase/security/rules", foreign(rules))
    with served(made, server_context(private, public)) as host:
        login = Credentials(username="admin", password="admin", ca_file=public)
        yield made, Target("fw", "127.0.0.1", host.port, login)


def change(driver, config, change_id):
    """One whole change as the engine makes it; return its requests, jobs' progress left out."""
    before = driver.round_trips
    looks = []
    driver.said = lambda words: looks.append(words) if "%" in words else None
    driver.facts()
    remediation = plan(driver.read(), config, change_id)
    driver.pending()
    driver.arm(remediation, 120)
    driver.verify_armed(change_id)
    driver.apply(remediation)
    driver.read()
    driver.probe()
    driver.cancel(change_id)
    driver.persist(change_id)
    driver.forget(change_id)
    return driver.round_trips - before - len(looks), len(remediation.changes)


@pytest.mark.parametrize(("knocks", "count"), SHAPES)
def test_rendering_and_planning(figure, knocks, count):
    chosen = policies(knocks, count)
    config = render(chosen, PLACE).config
    rules = "".join(rule.text() for rule in config.rules)
    empty = ET.fromstring("<entry><rulebase><security><rules/></security></rulebase></entry>")

    def fresh():
        return plan(reading(Document(Branch(empty)), "rulebase"), config, "aaaa1111")

    runs = 20 if count < 50 else 3
    rendered, planned = least(runs, lambda: render(chosen, PLACE)), least(runs, fresh)
    figure(
        f"{count} policies of {knocks} knocks, {len(config.entries)} entries,"
        f" {len(rules) // 1024} KiB of rules: render {1000 * rendered:.1f} ms"
        f" (bar 0.5 ms for one), plan {1000 * planned:.1f} ms"
    )


@pytest.mark.parametrize("position", ["top", "bottom"])
@pytest.mark.parametrize("count", [0, 500, 5000])
def test_planning_beside_foreign_rules(figure, count, position):
    place = PanosPlacement(addresses=("198.51.100.13",), position=position)
    config = render(policies(5, 1), place).config
    vsys = ET.fromstring(
        f"<entry><rulebase><security><rules>{foreign(count)}</rules></security></rulebase></entry>"
    )

    def fresh():
        return plan(reading(Document(Branch(vsys)), "rulebase"), config, "aaaa1111")

    ms = 1000 * least(5, fresh)
    figure(f"read and plan at the {position} of {count} foreign rules: {ms:.1f} ms (bar 5 ms)")


@pytest.mark.parametrize(("knocks", "count"), SHAPES)
def test_requests_of_a_deploy(figure, tmp_path, knocks, count):
    """As many for one rule as for thousands, and one commit."""
    config = render(policies(knocks, count), PLACE).config
    with firewall(0, tmp_path) as (made, target), PanosDriver(target) as driver:
        trips = []
        seconds = timed(lambda: trips.append(change(driver, config, "aaaa1111")))
        ((asked, changes),) = trips
        commits = len(made.trees.versions) - 1
        assert commits == 1
        figure(
            f"{count} policies of {knocks} knocks: {changes} entries, {asked} requests,"
            f" {commits} commit, {seconds:.2f} s"
        )


def test_requests_beside_foreign_rules(figure, tmp_path):
    config = render(policies(5, 1), PLACE).config
    needed = set()
    for count in (0, 5000):
        folder = tmp_path / str(count)
        folder.mkdir()
        with firewall(count, folder) as (_, target), PanosDriver(target) as driver:
            trips = []
            seconds = timed(
                lambda driver=driver, trips=trips: trips.append(change(driver, config, "aaaa1111"))
            )
            ((asked, _),) = trips
            needed.add(asked)
            figure(f"deploy beside {count} foreign rules: {asked} requests, {seconds:.2f} s")
    assert len(needed) == 1
