"""Exploration: states a second, and how it grows with knocks, policies and foreign rules."""

import itertools
import random
from dataclasses import replace

import pytest

from knockctl.automaton.packet import Scope
from knockctl.automaton.reference import Site
from knockctl.change.proof import prove_rendered
from knockctl.contract import vendor_for
from knockctl.inventory.load import load
from knockctl.policy.loader import load_all, resolve
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl.verify import prove as verify
from knockctl.verify.explore import Explorer
from knockctl.verify.packets import Claim, senders
from knockctl.verify.prove import Status, equal, prove
from knockctl_iptables.config.parse import parse_text
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.render.render import render
from knockctl_iptables.semantics import LinuxModel, ours, saved
from tests.bench.conftest import interleaved, timed
from tests.fixtures import ios_policies
from tests.fixtures.lab import INVENTORY

pytestmark = pytest.mark.bench


def policy(number, knocks):
    ports = [Knock("tcp", 1000 * (number + 1) + place) for place in range(knocks)]
    return ResolvedPolicy(
        name=f"p{number}",
        generations=(Generation(1, tuple(ports)),),
        step_timeout=10,
        services=(Span.single("tcp", 20 + number),),
        grant_duration=1800,
    )


def claim(policies, family=4):
    done = render(policies, LinuxPlacement())
    model = LinuxModel(ours(parse_text(done.config.text())))
    return Claim(Site(done.effective), Scope(), model, family)


def test_the_seeds(figure):
    for name, one in load_all(INVENTORY / "policies").items():
        whole = resolve(one, None)
        seconds = interleaved(
            5, both=lambda whole=whole: [prove(claim([whole], family)) for family in (4, 6)]
        )["both"]
        figure(f"prove {name}, both families: {seconds:.3f} s ({seconds / 1:.3f} x the bar of 1 s)")


def test_states_a_second_and_the_zone_graph(figure):
    """The honest alternative to forgetting times first is to keep them all along."""
    one = claim([policy(0, 5)])
    (sender,) = senders(one)

    def explore(*, times):
        seen = Explorer(one.site, one.model, sender.letters, equal, timed=times).run()
        assert seen.complete
        return seen

    found = interleaved(5, free=lambda: explore(times=False), zones=lambda: explore(times=True))
    for name, times in (("free", False), ("zones", True)):
        seen = explore(times=times)
        figure(
            f"five knocks, {name}: {seen.states} states, {seen.steps / found[name]:,.0f} packets"
            f" judged a second, {seen.states / found[name]:,.0f} states a second"
        )
    figure(f"the zone graph takes {found['zones'] / found['free']:.1f} x as long")


@pytest.mark.parametrize("knocks", range(2, 11))
def test_knocks(figure, knocks):
    figure(f"{knocks} knocks: {timed(lambda: prove(claim([policy(0, knocks)]))):.3f} s")


def shifted(whole, run):
    """The same policy with other ports: what is remembered of expressions is of no use to it."""
    return replace(
        whole,
        generations=tuple(
            replace(g, knocks=tuple(replace(k, port=k.port + run) for k in g.knocks))
            for g in whole.generations
        ),
    )


@pytest.mark.parametrize("method", ios_policies.METHODS)
@pytest.mark.parametrize("knocks", [2, 5, 10])
def test_routers(figure, knocks, method):
    """Both proofs that ``verify`` gives: of applets that act at once, and of late ones."""
    ports = tuple(Knock("udp", 10_000 + 100 * place) for place in range(knocks))
    whole = replace(policy(0, knocks), generations=(Generation(1, ports),), step_timeout=60)
    states, runs = [], itertools.count()

    def both():
        one = ios_policies.corner(shifted(whole, next(runs)), method=method)
        found = [prove(ios_policies.claim(one, late=late)) for late in (False, True)]
        assert {result.status for result in found} == {Status.PROVED}
        states.append(sum(result.states for result in found))

    seconds = interleaved(5, linux=lambda: prove(claim([policy(0, knocks)])), ios=both)
    figure(
        f"{knocks} knocks, Cisco IOS, {method}, at once and late: {seconds['ios']:.3f} s,"
        f" {states[0]} states ({seconds['ios'] / seconds['linux']:.1f} x Linux)"
    )


@pytest.mark.parametrize(
    ("inventory", "name"), [("lab", "branch-support"), ("example", "branch-admin")]
)
def test_the_inventories_routers(figure, inventory, name):
    """As ``knockctl verify`` proves them: rendered, read back, both families, both proofs."""
    folder = INVENTORY.parent / inventory
    (device,) = (one for one in load(folder).devices.values() if one.platform == "cisco_ios")
    whole, runs = resolve(load_all(folder / "policies")[name], None), itertools.count()

    def verified():
        policies = [shifted(whole, next(runs))]
        proof = prove_rendered(vendor_for("cisco_ios"), device, policies, verify.BUDGET)
        assert proof.status == "proved"

    seconds = interleaved(5, linux=lambda: prove(claim([policy(0, 5)])), ios=verified)
    figure(
        f"verify {device.name}, {name}: {seconds['ios']:.3f} s ({seconds['ios'] / 1:.3f} x the bar"
        f" of 1 s, {seconds['ios'] / seconds['linux']:.1f} x five knocks on Linux)"
    )


@pytest.mark.parametrize("count", range(1, 6))
def test_policies(figure, count):
    policies = [policy(number, 3) for number in range(count)]
    result = []
    seconds = timed(lambda: result.append(prove(claim(policies))))
    figure(
        f"{count} policies of three knocks on one address: {result[0].status.value} in"
        f" {seconds:.2f} s, {result[0].states:,} states"
    )


@pytest.mark.parametrize("foreign", [0, 50, 500, 5000])
def test_foreign_rules(figure, foreign):
    rng = random.Random(foreign)
    done = render([policy(0, 5)], LinuxPlacement())
    lines = list(done.config.table(4).lines())
    others = [
        f"-A INPUT -s 10.{n // 62500}.{n // 250 % 250}.{n % 250 + 1}/32 -p tcp -m tcp"
        f" --dport {rng.randrange(30000, 60000)} -j {rng.choice(['ACCEPT', 'DROP'])}"
        for n in range(foreign)
    ]
    text = "\n".join([lines[0], ":INPUT DROP [0:0]", *lines[1:-1], *others, lines[-1], ""])
    sets = "".join(s.create() + "\n" for s in done.config.sets)

    def whole():
        model = LinuxModel(saved({4: text}, sets))
        one = Claim(Site(done.effective), Scope(), model, 4, whole=True)
        result = prove(one, verify.opens)
        assert result.status.value == "proved", result

    figure(f"nobody in without the knock, {foreign} foreign rules: {timed(whole):.2f} s")
