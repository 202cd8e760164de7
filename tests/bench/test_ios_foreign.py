"""Routers: reading and planning beside 0 to 10,000 lines of others, and the way over SSH.

The other contender is what one has without our reader: the whole configuration as text, before and
after, and the lines that differ.
"""

import difflib

import pytest

from knockctl_ios.config import listing, syntax
from knockctl_ios.config.parse import parse_text
from knockctl_ios.plan.plan import plan
from knockctl_ios.plan.reading import reading
from knockctl_ios.twin.device import served
from tests.bench.conftest import interleaved, timed
from tests.fixtures.ios_crew import ADDRESS, OPERATORS, IosOperator, small
from tests.fixtures.ios_foreign import foreign
from tests.ios.conftest import Console, make

pytestmark = pytest.mark.bench

FOREIGN = (0, 1000, 10_000)


def router(lines, **switches):
    """A router with its operator's lines, and so many of others; and with a change of ours."""
    here = {"addresses": ((f"{ADDRESS}/24", "GigabitEthernet0/0"),), "plane_logging": True}
    twin = make(**here, **switches)
    twin.load(f"{OPERATORS}service sequence-numbers\n{foreign(lines) if lines else ''}")
    return twin


def read(text, shown):
    return reading(syntax.read(text), listing.read(shown))


@pytest.mark.parametrize("lines", FOREIGN)
def test_planning_beside_foreign_lines(figure, lines):
    console = Console(router(lines))
    before, shown = console.running(), console.say("show ip access-lists OUTSIDE")
    there = read(before, shown)
    way = plan(there, small(), "c1")
    console.type(f"configure terminal\n{way.text}")
    after = console.running()
    seconds = interleaved(
        5,
        read=lambda: read(before, shown),
        plan=lambda: plan(there, small(), "c1"),
        ours=lambda: parse_text(way.intended.text()),
        difflib=lambda: list(difflib.unified_diff(before.splitlines(), after.splitlines())),
    )
    ms = {name: 1000 * value for name, value in seconds.items()}
    part = ms["ours"] + ms["plan"]
    figure(
        f"beside {lines} foreign lines: parse of ours and plan {part:.1f} ms (bar 5 ms);"
        f" to read all {ms['read']:.0f} ms, difflib on two texts {ms['difflib']:.0f} ms"
        f" ({ms['difflib'] / part:.1f} times ours)"
    )


@pytest.mark.parametrize("lines", FOREIGN)
def test_over_ssh(figure, tmp_path, lines):
    from napalm import get_network_driver

    with served(router(lines)) as host:
        login = {"username": "admin", "password": "admin", "verify_host_key": False}
        ann = IosOperator("ann", host.port, tmp_path / "ann.db", login=login)
        options = {"port": host.port, "conn_timeout": 20}
        napalm = get_network_driver("ios")("127.0.0.1", "admin", "admin", optional_args=options)
        napalm.open()
        with ann.driver() as driver:
            seconds = interleaved(
                3,
                ours=driver.read,
                napalm=lambda: napalm.get_config(retrieve="running"),
            )
        napalm.close()
        deploy = timed(lambda: ann.run("deploy", small()))
        remove = timed(lambda: ann.run("remove"))
    figure(
        f"beside {lines} foreign lines: read over SSH {seconds['ours']:.2f} s"
        f" ({seconds['ours'] / seconds['napalm']:.2f} times NAPALM's get_config);"
        f" deploy {deploy:.2f} s, remove {remove:.2f} s"
    )
