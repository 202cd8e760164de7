"""A router with ten thousand lines of others: ours come, change and go, and theirs stay."""

import pytest

from knockctl.change.job import Result
from tests.fixtures.ios_crew import ADDRESS, ENTRIES, OPERATORS, OUTSIDE, IosOperator, small
from tests.fixtures.ios_foreign import LINES, foreign, others
from tests.fixtures.ios_local import LocalOperator
from tests.ios.conftest import make

UNCHECKED = {"username": "admin", "password": "admin", "verify_host_key": False}
HERE = {"addresses": ((f"{ADDRESS}/24", "GigabitEthernet0/0"),), "plane_logging": True}
TEXT = f"{OPERATORS}service sequence-numbers\n{foreign()}"
SHARED = (OUTSIDE, "policy-map COPP")
"""What has lines of ours in it."""
OTHER = small(*ENTRIES[:5], "permit udp any host 192.0.2.14 eq 1003", ENTRIES[-1])


@pytest.mark.no_cover
def test_over_ssh(host, tmp_path):
    here = host(**HERE)
    assert here.do(here.device.load, TEXT) == ""
    before = here.running()
    assert len(before.splitlines()) > LINES
    theirs = others(before, *SHARED)
    ann = IosOperator("ann", here.port, tmp_path / "ann.db", login=UNCHECKED)
    for job in (("deploy", small()), ("deploy", OTHER), ("rollback",)):
        said = ann.run(*job)
        assert said.result in (Result.CONFIRMED, Result.ROLLED_BACK), said
        text = here.running()
        assert others(text, *SHARED) == theirs
        assert here.device.startup == text
    assert ENTRIES[5] in text
    assert ann.run("remove").result is Result.CONFIRMED
    assert here.running() == here.device.startup == before


def test_the_router_takes_it_back(tmp_path):
    twin = make(**HERE)
    twin.load(TEXT)
    before = twin.text()
    said = LocalOperator("ann", 22, tmp_path / "ann.db", twin=twin).run(
        "deploy", small(), options={"confirm_within": 60}
    )
    assert said.result is Result.PENDING, said
    assert twin.text() != before
    twin.clock.advance(60)
    assert twin.text() == before
