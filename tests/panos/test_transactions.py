"""The transaction on a firewall: every way it can be interrupted ends in a known state."""

import contextlib

import pytest

from knockctl.transaction.job import Result
from tests.fixtures.panos_crew import OTHER, SSH, WEB, PanosOperator


class Site:
    """A firewall, and who works on it."""

    def __init__(self, device, ca_file, folder):
        self.device, self.twin, self.ca_file, self.folder = device, device.twin, ca_file, folder

    def operator(self, name="ann", **more):
        journal = self.folder / f"{name}.db"
        return PanosOperator(name, self.device.host.port, journal, self.ca_file, **more)

    def text(self, *, running=True):
        """Return a whole tree, without the marks and identities that mean nothing."""
        from xml.etree import ElementTree as ET

        def made():
            tree = self.twin.trees.running if running else self.twin.trees.candidate
            return ET.tostring(tree, encoding="unicode")

        import re

        return re.sub(r' (uuid|admin|dirtyId|time)="[^"]*"', "", self.device.do(made))

    def versions(self):
        return self.device.do(lambda: len(self.twin.trees.versions))


@pytest.fixture
def site(device, certificate_files, tmp_path):
    def make(**switches):
        return Site(device(**{"commit_time": 1.0, **switches}), certificate_files[1], tmp_path)

    return make


def test_there_and_back(site):
    here = site()
    ann = here.operator()
    before = here.text()
    first = ann.deploy(SSH)
    assert first.result is Result.CONFIRMED, first.message
    print(first.round_trips, first.seconds, first.warnings, len(first.changes))
    assert here.versions() == 2
    deployed = here.text()
    assert deployed != before
    assert ann.diff(SSH).changes == ()
    assert ann.deploy(SSH).result is Result.UNCHANGED
    second = ann.deploy(OTHER)
    assert second.result is Result.CONFIRMED, second
    assert here.text() != deployed
    back = ann.run("rollback", to_revision=first.change_id)
    assert back.result is Result.ROLLED_BACK, back
    assert ann.diff(SSH).changes == ()
    assert here.text() == deployed
    gone = ann.run("remove")
    assert gone.result is Result.CONFIRMED, gone
    assert here.text() == before
