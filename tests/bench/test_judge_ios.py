"""The quick question on routers: from rows, and from text, beside many foreign entries.

Rows are the lines of a configuration, in normal form, as they were read.
"""

import random

import pytest

from knockctl.verify.exposures import find
from knockctl_ios.config import syntax
from knockctl_ios.plan.modeller import IosModeller
from knockctl_ios.semantics import Document, IosModel
from tests.bench.conftest import least
from tests.fixtures.ios_judged import Judged
from tests.fixtures.ios_policies import SETTLED, P, corner

pytestmark = pytest.mark.bench

ROWS = {500: 0.005, 5_000: 0.025}
"""Seconds from rows to findings, by the number of foreign entries above ours."""
TEXT = 0.100
"""Seconds from text to findings, beside 5,000."""
PORTS = 50
"""Ports that block lists of single services name."""
MODELLER = IosModeller(SETTLED)


def drops(count):
    """A block list: sources alone."""
    rng = random.Random(1)
    return [f"deny ip {_network(rng)} any" for _ in range(count)]


def services(count):
    """A block list of sources for services of their own."""
    rng = random.Random(2)
    return [f"deny tcp {_network(rng)} any eq {8000 + rng.randrange(PORTS)}" for _ in range(count)]


def distinct(count):
    """Entries of which no two share a source or a port."""
    rng = random.Random(3)
    ports = rng.sample(range(2000, 60000), count)
    return [f"deny tcp {_network(rng)} any eq {port}" for port in ports]


def _network(rng):
    return f"{rng.randrange(11, 190)}.{rng.randrange(256)}.{rng.randrange(256)}.0 0.0.0.255"


def router(entries, more="", bound=("GigabitEthernet0/0",)):
    interfaces = "".join(f"interface {one}\n ip access-group OUTSIDE in\n" for one in bound)
    listed = "".join(f" {entry}\n" for entry in entries)
    return f"{more}ip access-list extended OUTSIDE\n{listed}{interfaces}"


def judge(text):
    """Return the three questions: from rows, from text, and of what is meant to run."""
    one = corner(P, method="acl-log", position="last")
    judged = Judged(one, text, MODELLER)
    claim, whole = judged.claim, judged.whole
    document = Document(syntax.read(whole), whole=True)
    assert document.access_lists["OUTSIDE"]
    assert any(document.owned("OUTSIDE"))

    def rows():
        return find(claim, IosModel(document, switches=SETTLED).program(4))

    def run():
        return find(claim, MODELLER.running(whole).model.program(4))

    def meant():
        return find(claim, MODELLER.running(whole, one.config).model.program(4))

    return rows, run, meant


@pytest.mark.parametrize("kind", [drops, services])
def test_beside_foreign_entries(figure, kind):
    for count, bar in ROWS.items():
        rows, run, meant = judge(router(kind(count)))
        assert bool(rows()) is (kind is drops)
        quick, text, will = least(15, rows), least(5, run), least(5, meant)
        figure(
            f"ios, {count} {kind.__name__} above ours: rows to findings {quick * 1e3:.1f} ms"
            f" ({quick / bar:.2f} x the bar of {bar * 1e3:.0f} ms), text to findings"
            f" {text * 1e3:.1f} ms ({text / TEXT:.2f} x the bar of {TEXT * 1e3:.0f} ms),"
            f" with what is intended {will * 1e3:.1f} ms"
        )


def test_entries_that_share_neither_source_nor_port(figure):
    """No bar: nothing of them can be put together."""
    for count in ROWS:
        rows, run, _ = judge(router(distinct(count)))
        figure(
            f"ios, {count} entries of as many sources and ports: rows to findings"
            f" {least(5, rows) * 1e3:.1f} ms, text to findings {least(5, run) * 1e3:.1f} ms"
        )


def test_groups_classes_and_interfaces(figure):
    for depth in (5, 9, 17):
        nested = "object-group network N0\n 203.0.113.0 255.255.255.0\n"
        for n in range(1, depth):
            nested += f"object-group network M{n - 1}\n group-object N{n - 1}\n host 10.0.0.{n}\n"
            nested += f"object-group network N{n}\n group-object N{n - 1}\n group-object M{n - 1}\n"
        entry = f"permit tcp object-group N{depth - 1} any eq 22"
        _, run, _ = judge(router([entry], nested))
        assert len(run()) == 1
        figure(f"ios, {depth} groups that name another twice: {least(3, run) * 1e3:.1f} ms")
    for count in (500, 1_000, 2_000):
        asked = (
            "ip access-list extended WEB\n permit tcp any any eq 8080\n permit tcp any any eq 22\n"
        )
        asked += "".join(
            f"class-map match-all C{n}\n match access-group name WEB\n" for n in range(count)
        )
        asked += "policy-map COPP\n" + "".join(f" class C{n}\n  drop\n" for n in range(count))
        asked += "control-plane\n service-policy input COPP\n"
        _, run, _ = judge(router(["permit icmp any any"], asked))
        figure(f"ios, {count} classes that ask one list: {least(3, run) * 1e3:.1f} ms")
        names = [f"Vlan{n}" for n in range(count)]
        _, _, meant = judge(router(["permit icmp any any"], bound=["GigabitEthernet0/0", *names]))
        figure(f"ios, {count} interfaces with one list: {least(3, meant) * 1e3:.1f} ms")
