"""Routers: what foreign rules do, asked beside 500 and 5,000 of them above ours."""

import pytest

from knockctl.verify import exposures
from knockctl_routeros import VENDOR
from knockctl_routeros.config.export import parse_export
from knockctl_routeros.config.parse import (
    by_menu,
)
from knockctl_routeros.plan.reading import (
    read,
)
from knockctl_routeros.plan.standing import carried_out
from knockctl_routeros.semantics import RouterModel, Ruleset
from tests.bench.conftest import least
from tests.fixtures.routeros_judged import FILTER, SSH, claim_of, placed, table

pytestmark = pytest.mark.bench

KINDS = {
    "differ in their source": "action=drop chain=input src-address=10.{high}.{low}.0/24",
    "differ in source and port": (
        "action=drop chain=input dst-port={port} protocol=tcp src-address=10.{high}.{low}.0/24"
    ),
}
BARS = {500: 5, 5000: 25}
BEFORE = {500: 15, 5000: 143}
TEXT = 100


def foreign(form, count):
    lines = (
        f"add {form.format(high=n // 250, low=n % 250, port=20 + n % 100)}" for n in range(count)
    )
    return "\n".join((FILTER, *lines)) + "\n"


def question(text, count):
    """Return what asks a router's rows, and what asks its text."""
    position = {"position": count + 1}
    config = VENDOR.compiler.render((SSH,), placed(position)).config
    rows = carried_out(read(by_menu(parse_export(text))), config)
    claim = claim_of(VENDOR.modeller.running(text, config).model, SSH, **position)

    def of_rows():
        model = RouterModel(Ruleset.of(rows, whole=True))
        return exposures.find(claim, model.program(4))

    def of_text():
        return exposures.find(claim, VENDOR.modeller.running(text, config).model.program(4))

    return of_rows, of_text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", BARS)
def test_asking_beside_foreign_rules(figure, kind, count):
    of_rows, of_text = question(foreign(KINDS[kind], count), count)
    assert not any(one.kind is exposures.Kind.EXPOSED for one in of_rows())
    ms, text = 1000 * least(9, of_rows), 1000 * least(5, of_text)
    figure(
        f"judge {count} rules that {kind}: {ms:.1f} ms of rows (bar {BARS[count]} ms;"
        f" {BEFORE[count]} ms before, {BEFORE[count] / ms:.1f} times this),"
        f" {text:.1f} ms of text" + (f" (bar {TEXT} ms)" if count == 5000 else "")
    )


@pytest.mark.parametrize("count", [500, 2000])
def test_jumps_to_one_chain(figure, count):
    jumps = [
        f"action=jump chain=input dst-port={20 + n % 90} jump-target=web protocol=tcp"
        f" src-address=10.{n // 250}.{n % 250}.0/24"
        for n in range(count)
    ]
    web = ("action=accept chain=web dst-port=8000-9000 protocol=tcp", "action=return chain=web")
    of_rows, _ = question(table(*jumps, *web), count)
    figure(f"judge {count} jumps to one chain: {1000 * least(5, of_rows):.1f} ms of rows")


@pytest.mark.parametrize("depth", [9, 17])
def test_chains_that_call_each_other_twice(figure, depth):
    chains = [
        f"action=jump chain=c{n} dst-port={ports} jump-target=c{n + 1} protocol=tcp"
        for n in range(depth)
        for ports in ("20-4000", "!8080")
    ]
    last = f"action=accept chain=c{depth} dst-port=80 protocol=tcp"
    of_rows, _ = question(table("action=jump jump-target=c0", *chains, last), 1)
    figure(f"judge {depth} chains that call each other twice: {1000 * least(5, of_rows):.1f} ms")
