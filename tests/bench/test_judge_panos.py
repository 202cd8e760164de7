"""What foreign rules on a firewall do to the policies: the time it takes to find out."""

from dataclasses import replace

import pytest

from knockctl.verify import exposures
from knockctl_panos import VENDOR
from knockctl_panos.render.render import render
from tests.bench.conftest import least
from tests.fixtures.panos_judged import SSH, claim_of, place_of

pytestmark = pytest.mark.bench

RULE = (
    '<entry name="rule {number}"><from><member>any</member></from><to><member>any</member></to>'
    "<source><member>{source}</member></source>"
    "<destination><member>{destination}</member></destination>"
    "<application><member>any</member></application><service><member>{service}</member></service>"
    "<action>{action}</action></entry>"
)
SERVICE = '<entry name="s{0}"><protocol><tcp><port>{0}</port></tcp></protocol></entry>'
SERVICES = 200
"""Service objects that the rules name."""
BARS = {500: (5, None), 5000: (25, 100)}
"""From rows, and from text."""
BEFORE = {500: 8, 5000: 62}
"""What the quick judge that went took, for less."""


def network(number):
    return f"10.{number // 250}.{number % 250}.0/24"


def words(kind, number):
    found = {"source": "any", "destination": "any", "service": "any", "action": "deny"}
    match kind:
        case "source":
            return {**found, "source": network(number)}
        case "destination":
            return {**found, "destination": network(number), "action": "allow"}
        case "source and port":
            service = f"s{30000 + number % SERVICES}"
            return {**found, "source": network(number), "service": service}
    raise LookupError(kind)


def firewall(kind, count):
    rules = "".join(RULE.format(number=n, **words(kind, n)) for n in range(count))
    services = "".join(SERVICE.format(30000 + n) for n in range(SERVICES))
    return (
        '<config><shared/><devices><entry name="localhost.localdomain"><vsys><entry name="vsys1">'
        f"<service>{services}</service><rulebase><security><rules>{rules}</rules></security>"
        "</rulebase></entry></vsys></entry></devices></config>"
    )


def judge(claim, model):
    return exposures.find(replace(claim, model=model), model.program(4))


@pytest.mark.parametrize("kind", ["source", "destination", "source and port"])
@pytest.mark.parametrize("count", [500, 5000])
def test_rules_above_ours(figure, kind, count):
    """Rows: the rules read, each with its words; nothing of them compiled."""
    text = firewall(kind, count)
    config = render((SSH,), place_of(position="bottom")).config
    model = VENDOR.modeller.running(text, config).model
    assert sum(len(base.rows) for base in model.document.rulebases) > count
    claim = claim_of(model, position="bottom")
    rows = 1000 * least(5, lambda: judge(claim, model))
    whole = 1000 * least(3, lambda: judge(claim, VENDOR.modeller.running(text, config).model))
    bar, other = BARS[count]
    figure(
        f"{count} rules that differ in {kind}, above ours: {rows:.1f} ms from rows (bar {bar} ms,"
        f" {rows / BEFORE[count]:.2f} of what it was), {whole:.0f} ms from text"
        + (f" (bar {other} ms)" if other else "")
    )
