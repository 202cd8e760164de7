"""The transaction on a router: every way it can be interrupted ends in a known state."""

import pytest

from knockctl.transaction.job import Result
from tests.fixtures.routeros_crew import OTHER, SSH

VERSIONS = ["6.49", "7.16", "7.20"]
each_version = pytest.mark.parametrize("version", VERSIONS)


@each_version
def test_there_and_back(site, version):
    here = site(version=version)
    ann = here.operator()
    before = here.export()
    first = ann.deploy(SSH)
    assert first.result is Result.CONFIRMED, first
    deployed = here.export()
    assert deployed != before
    assert ann.diff(SSH).changes == ()
    assert ann.deploy(SSH).result is Result.UNCHANGED
    second = ann.deploy(OTHER)
    assert second.result is Result.CONFIRMED, second
    assert here.export() != deployed
    back = ann.run("rollback", to_revision=first.change_id)
    assert back.result is Result.ROLLED_BACK, back
    assert ann.diff(SSH).changes == ()
    gone = ann.run("remove")
    assert gone.result is Result.CONFIRMED, gone
    assert here.export() == before
