"""The quick question on Linux: from parsed rows, and from text, beside many foreign rules."""

import random

import pytest

from knockctl.verify.exposures import find
from knockctl_iptables.semantics import LinuxModel
from tests.bench.conftest import least
from tests.fixtures.iptables_judged import claim_of, running, saved, text_of

pytestmark = pytest.mark.bench

ROWS = {500: 0.005, 5_000: 0.025}
"""Seconds from parsed rows to findings, by the number of foreign rules above ours."""
TEXT = 0.100
"""Seconds from text to findings, beside 5,000."""
PORTS = 50
"""Ports that block lists of single services name."""


def drops(count):
    """A block list: sources alone."""
    rng = random.Random(1)
    return [f"-s {_network(rng)} -j DROP" for _ in range(count)]


def services(count):
    """A block list of sources for services of their own."""
    rng = random.Random(2)
    return [
        f"-s {_network(rng)} -p tcp -m tcp --dport {8000 + rng.randrange(PORTS)} -j DROP"
        for _ in range(count)
    ]


def distinct(count):
    """Rules of which no two share a source or a port."""
    rng = random.Random(3)
    ports = rng.sample(range(2000, 60000), count)
    return [f"-s {_network(rng)} -p tcp -m tcp --dport {port} -j DROP" for port in ports]


def _network(rng):
    return f"{rng.randrange(11, 190)}.{rng.randrange(256)}.{rng.randrange(256)}.0/24"


def host(rules, chains=""):
    return text_of({4: saved(rules, chains=chains), 6: saved([])})


def judge(text, place):
    """Return the two questions: from parsed rows, and from text."""
    parsed = running(text, position=place).model.rules
    claim = claim_of(None, position=place)

    def rows():
        return find(claim, LinuxModel(parsed).program(4))

    def whole():
        return find(claim, running(text, position=place).model.program(4))

    return rows, whole


@pytest.mark.parametrize("kind", [drops, services])
def test_beside_foreign_rules(figure, kind):
    for count, bar in ROWS.items():
        rows, whole = judge(host(kind(count)), count + 1)
        assert rows()
        quick, text = least(15, rows), least(5, whole)
        figure(
            f"iptables, {count} {kind.__name__} above ours: rows to findings {quick * 1e3:.1f} ms"
            f" ({quick / bar:.2f} x the bar of {bar * 1e3:.0f} ms), text to findings"
            f" {text * 1e3:.1f} ms ({text / TEXT:.2f} x the bar of {TEXT * 1e3:.0f} ms)"
        )


def test_rules_that_share_neither_source_nor_port(figure):
    """No bar: nothing of them can be put together."""
    for count in ROWS:
        rows, whole = judge(host(distinct(count)), count + 1)
        figure(
            f"iptables, {count} rules of as many sources and ports: rows to findings"
            f" {least(5, rows) * 1e3:.1f} ms, text to findings {least(5, whole) * 1e3:.1f} ms"
        )


def test_jumps_and_nesting(figure):
    web = "-A web -p tcp -m tcp --dport 8080 -j ACCEPT\n-A web -p tcp -m tcp --dport 22 -j ACCEPT\n"
    for count in (500, 1_000, 2_000):
        rng = random.Random(4)
        jumps = [f"-s {_network(rng)} -j web" for _ in range(count)]
        _, whole = judge(host(jumps, web), count + 1)
        figure(f"iptables, {count} jumps to one chain: {least(3, whole) * 1e3:.1f} ms")
    for depth in (5, 9, 17):
        chains = "".join(f"-A n{n} -j n{n + 1}\n" * 2 for n in range(depth - 1))
        chains += f"-A n{depth - 1} -p tcp -m tcp --dport 8080 -j ACCEPT\n"
        _, whole = judge(host(["-j n0"], chains), 2)
        figure(f"iptables, {depth} chains that call twice: {least(3, whole) * 1e3:.1f} ms")
