"""Render and plan: per policy, per thousand devices, and against the size of the rest."""

import pytest

from knockctl.policy.loader import load_all, resolve
from knockctl_iptables.config import LinuxConfig
from knockctl_iptables.parse import Dump, LinuxReading, parse
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.plan import plan
from knockctl_iptables.render import render
from tests.bench.conftest import interleaved, timed
from tests.fixtures.lab import INVENTORY

pytestmark = pytest.mark.bench


def seeds():
    return {n: resolve(one, None) for n, one in load_all(INVENTORY / "policies").items()}


def test_render(figure):
    place = LinuxPlacement()
    for name, policy in seeds().items():
        found = interleaved(200, render=lambda policy=policy: render([policy], place))
        ms = found["render"] * 1000
        figure(f"render {name}, both families: {ms:.2f} ms ({ms / 0.5:.2f} x the bar of 0.5 ms)")
    policy = seeds()["ssh-box"]
    places = [LinuxPlacement(addresses=(f"10.0.{n // 250}.{n % 250}",)) for n in range(1000)]
    seconds = timed(lambda: [render([policy], place).config.text() for place in places])
    figure(f"render and print 1,000 devices on one core: {seconds:.2f} s (bar 1 s)")


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
        assert plan(parse(Dump(texts, sets)), intended, "b" * 10).changes == ()

    ms = interleaved(20, ours=ours)["ours"] * 1000
    figure(
        f"parse and plan beside {foreign} foreign rules in each family: {ms:.1f} ms"
        f" ({ms / 5:.2f} x the bar of 5 ms)"
    )
