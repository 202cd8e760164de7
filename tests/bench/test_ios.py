"""Cisco routers: a deploy against NAPALM alone doing the same, and ways to bring a file there."""

import contextlib
import statistics
from dataclasses import dataclass
from functools import cache

import pytest

from knockctl.contract import Credentials, Target, vendor_for
from knockctl.policy.loader import load_all, resolve
from knockctl_ios.config.syntax import read
from knockctl_ios.driver.driver import IosDriver
from knockctl_ios.placement import IosPlacement
from knockctl_ios.plan.plan import plan
from knockctl_ios.plan.reading import reading
from knockctl_ios.twin.device import Clock, Device, Faults, Switches, served
from tests.bench.conftest import interleaved, timed
from tests.fixtures.lab import INVENTORY

pytestmark = pytest.mark.bench

WAN, PLACE = "GigabitEthernet0/0", "198.51.100.14"
BASE = f"""\
ip access-list extended outside-in
 deny ip 10.0.0.0 0.255.255.255 any
 permit ip any any
interface {WAN}
 ip access-group outside-in in
 no ip unreachables
"""
SAID = {"addresses": [PLACE], "interface": WAN, "access_list": "outside-in", "log_delay": 2}
ENTRY = " permit tcp any host 10.{high}.{low}.9 eq 80\n"
RUNS = 3


@dataclass(slots=True)
class Counted(Faults):
    """Nothing goes wrong, and typed lines are counted."""

    lines: int = 0

    def fate(self):
        """Count a line."""
        self.lines += 1
        return super(Counted, self).fate()


@contextlib.contextmanager
def router(foreign=0, **switches):
    """A router on loopback whose operator has written so many entries."""
    counted = Counted()
    made = Device(
        Switches(addresses=((f"{PLACE}/24", WAN),), **switches),
        clock=Clock(start=1_780_000_000, scale=1),
        faults=counted,
    )
    entries = "".join(ENTRY.format(high=n // 250, low=n % 250) for n in range(foreign))
    made.load(BASE + f"ip access-list extended LONG\n{entries}" * bool(foreign))
    with served(made) as host:
        login = Credentials(username="admin", password="admin", verify_host_key=False)
        yield made, Target("router", "127.0.0.1", host.port, login, placement=SAID)


@cache
def policy():
    return resolve(load_all(INVENTORY / "policies")["branch-support"], None)


def rendered(**placement):
    place = IosPlacement(**SAID, **placement)
    return vendor_for("cisco_ios").compiler.render([policy()], place).config


def there(device):
    """What the device runs, read without wires; entries with numbers of their own."""
    return reading(read(device.text()))


def change(target, config):
    """One whole change as the engine makes it, from connecting to hanging up."""
    with IosDriver(target) as driver:
        driver.facts()
        way = vendor_for("cisco_ios").compiler.plan(driver.read(), config, "aaaa1111")
        driver.pending()
        driver.arm(way, 120)
        driver.verify_armed("aaaa1111")
        driver.apply(way)
        driver.read()
        driver.probe()
        assert driver.cancel("aaaa1111") == "cancelled"
        driver.persist("aaaa1111")
        driver.forget("aaaa1111")
        return driver.round_trips


@contextlib.contextmanager
def napalm(target, **options):
    from napalm import get_network_driver

    optional = {"port": target.port, **options}
    driver = get_network_driver("ios")(target.host, "admin", "admin", optional_args=optional)
    driver.open()
    try:
        yield driver
    finally:
        driver.close()


def napalms(target, text, **options):
    """The same job by NAPALM: no reading back, no new connection, no refused line seen."""
    with napalm(target, **options) as driver:
        driver.get_config(retrieve="running")
        driver.load_merge_candidate(config=text)
        assert driver.compare_config()
        driver.commit_config(revert_in=120)
        driver.confirm_commit()


def test_rendering_and_planning(figure):
    config = rendered()
    device = Device(Switches(), clock=Clock(start=1_780_000_000, scale=1))
    device.load(BASE)
    before = there(device)
    found = interleaved(20, render=rendered, plan=lambda: plan(before, config, "aaaa1111"))
    figure(
        f"five knocks, {len(config.text().splitlines())} lines: render"
        f" {1000 * found['render']:.2f} ms (bar 0.5 ms), plan {1000 * found['plan']:.1f} ms"
        " (bar 5 ms)"
    )


@pytest.mark.parametrize("foreign", [0, 500, 5000])
def test_planning_beside_foreign_entries(figure, foreign):
    config = rendered()
    with router(foreign) as (made, _):
        text = made.text()
    found = interleaved(5, both=lambda: plan(reading(read(text)), config, "aaaa1111"))
    figure(f"parse and plan beside {foreign} foreign entries: {1000 * found['both']:.1f} ms")


def test_a_deploy_against_napalm_alone(figure):
    config = rendered(method="acl-log")
    seconds, typed, text = {}, {}, ""

    def run(name, work):
        with router() as (made, target):
            made.faults.lines = 0
            seconds.setdefault(name, []).append(timed(lambda: work(target)))
            typed[name] = made.faults.lines
            assert "kc-branch-support" in made.startup

    with router() as (made, _):
        text = plan(there(made), config, "aaaa1111").text
    for _ in range(RUNS):
        run("ours", lambda target: change(target, config))
        run("NAPALM, SCP", lambda target: napalms(target, text))
        run("NAPALM, inline", lambda target: napalms(target, text, inline_transfer=True))
    ours = statistics.median(seconds["ours"])
    for name, values in seconds.items():
        median = statistics.median(values)
        figure(
            f"deploy of {len(text.splitlines())} lines, {name}: {typed[name]} lines typed,"
            f" {median:.2f} s, {median / ours:.2f} x ours"
        )


def line_by_line(target, text):
    from netmiko import ConnectHandler

    connection = ConnectHandler(
        host=target.host,
        port=target.port,
        device_type="cisco_ios",
        username="admin",
        password="admin",
    )
    connection.send_config_set(text.splitlines()[:-1])
    connection.disconnect()


def test_transport_of_the_file(figure):
    """From an open session on; for lines that are typed, with carrying them out."""
    config = rendered(method="acl-log")
    with router() as (made, _):
        text = plan(there(made), config, "aaaa1111").text
    numbered = iter(range(1000))

    def fresh():
        # Equal files are not sent again.
        return f"event manager environment _bench {next(numbered)}\n{text}"

    with (
        router() as (_, target),
        IosDriver(target) as driver,
        napalm(target) as scp,
        napalm(target, inline_transfer=True) as inline,
    ):
        found = interleaved(
            RUNS,
            ours=lambda: driver._session.upload(fresh()),
            scp=lambda: scp.load_merge_candidate(config=fresh()),
            inline=lambda: inline.load_merge_candidate(config=fresh()),
            typed=lambda: line_by_line(target, text),
        )
    names = {
        "ours": "SCP, ours",
        "scp": "SCP, NAPALM's",
        "inline": "inline, NAPALM's",
        "typed": "line by line, netmiko's",
    }
    for key, seconds in found.items():
        figure(
            f"{len(text)} bytes by {names[key]}: {seconds:.2f} s,"
            f" {seconds / found['ours']:.1f} x ours"
        )
