"""What is rendered is in normal form as it leaves the renderer, so that nothing is read twice."""

import random
from ipaddress import ip_network

import pytest

from knockctl_routeros.config.records import Row
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.render.render import render
from tests.fixtures.duel import random_policies


@pytest.mark.parametrize("seed", range(30))
def test_rendered_rows_are_what_reading_them_makes(seed):
    place = RouterPlacement.model_validate(
        {
            "management": {"sources": ["192.0.2.1/32", "2001:db8::1/128", "0.0.0.0/0"]},
            "addresses": ["192.0.2.12", "2001:db8::12"],
            "raw": bool(seed % 2),
            "interface": "ether1" if seed % 3 else None,
        }
    )
    policies = random_policies(random.Random(seed))
    for row in render(policies, place).config.rows:
        assert Row.of(row.menu, dict(row.words)) == row


def test_sources_are_written_as_the_router_does():
    place = RouterPlacement.model_validate({"management": {"sources": [ip_network("192.0.2.1")]}})
    config = render(random_policies(random.Random(1)), place).config
    assert "src-address=192.0.2.1 " in config.text().replace("\n", " ")
