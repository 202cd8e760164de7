"""Rendering by vendor, per policy and per thousand devices; planning against the rest's size."""

from dataclasses import replace

import pytest

from knockctl.policy.loader import load_all, resolve
from knockctl_ios.placement import IosPlacement
from knockctl_ios.render.render import render as render_ios
from knockctl_iptables.config.parse import (
    Dump,
)
from knockctl_iptables.config.records import LinuxConfig
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.plan.plan import plan
from knockctl_iptables.plan.reading import (
    LinuxReading,
    read,
)
from knockctl_iptables.render.render import render
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.render.render import render as render_panos
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.render.render import render as render_routeros
from tests.bench.conftest import least
from tests.fixtures.lab import INVENTORY

pytestmark = pytest.mark.bench

VENDORS = {
    "linux": (render, lambda address: LinuxPlacement(addresses=(address,))),
    "routeros": (render_routeros, lambda address: RouterPlacement(addresses=(address,))),
    "panos": (render_panos, lambda address: PanosPlacement(addresses=(address,))),
    "ios": (
        render_ios,
        lambda address: IosPlacement(addresses=(address,), interface="GigabitEthernet0/1"),
    ),
}
"""How policies are rendered, and a placement at an address."""


def seeds():
    return {n: resolve(one, None) for n, one in load_all(INVENTORY / "policies").items()}


@pytest.mark.parametrize("vendor", VENDORS)
def test_render(figure, vendor):
    render, placement = VENDORS[vendor]
    place = placement("198.51.100.11")
    for name, policy in seeds().items():
        ms = 1000 * least(200, lambda policy=policy: render([policy], place))
        figure(f"{vendor}: render {name}: {ms:.2f} ms ({ms / 0.5:.2f} x the bar of 0.5 ms)")
    policy = seeds()["ssh-box"]
    places = [placement(f"10.0.{n // 250}.{n % 250}") for n in range(1000)]
    seconds = least(2, lambda: [render([policy], place).config.text() for place in places])
    figure(f"{vendor}: render and print 1,000 devices on one core: {seconds:.2f} s (bar 1 s)")


@pytest.mark.parametrize("vendor", ["linux", "routeros", "panos"])
def test_policies_on_one_address(figure, vendor):
    """Time follows their number; a Cisco router takes one only."""
    render, placement = VENDORS[vendor]
    place = placement("198.51.100.11")
    for count in (1, 5, 10):
        many = [replace(seeds()["ssh-box"], name=f"p{number}") for number in range(count)]
        ms = 1000 * least(5, lambda many=many: render(many, place))
        figure(f"{vendor}: render {count} policies: {ms:.1f} ms")


@pytest.mark.parametrize("foreign", [0, 500, 5000])
def test_plan(figure, foreign):
    intended = render([seeds()["globalprotect"]], LinuxPlacement()).config
    running = plan(LinuxReading(LinuxConfig()), intended, "a" * 10).intended
    rest = [f"-A INPUT -s 10.1.{n // 250}.{n % 250}/32 -j DROP" for n in range(foreign)]
    texts = {}
    for family in (4, 6):
        lines = list(running.table(family).lines())
        texts[family] = "\n".join([*lines[:-1], *rest, lines[-1]])
    sets = "".join(s.create() + "\n" for s in running.sets)

    def ours():
        assert plan(read(Dump(texts, sets)), intended, "b" * 10).changes == ()

    ms = 1000 * least(20, ours)
    figure(
        f"parse and plan beside {foreign} foreign rules in each family: {ms:.1f} ms"
        f" ({ms / 5:.2f} x the bar of 5 ms)"
    )
