"""Who works on the lab's Linux host; and worlds with a kernel's rules between two namespaces."""

import os

import pytest

from tests.fixtures.crew import QUICK, Operator, write_inventory
from tests.fixtures.duel import open_world


@pytest.fixture(scope="module", params=["nft", "legacy"])
def world(request):
    """A world of its own for a module, once with each of the kernel's two back ends."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = open_world(request.param)
    yield made
    made.__exit__()


@pytest.fixture
def operator(lab, tmp_path):
    del lab
    folder = write_inventory(tmp_path / "inventory")
    return Operator("ann", folder, tmp_path / "ann.db")


@pytest.fixture
def hurried(operator):
    """The same, whose changes the device takes back soon."""
    operator.timeouts = QUICK
    return operator


@pytest.fixture
def stranger(operator, tmp_path):
    """The same inventory on another machine, whose journal is empty."""
    return Operator("bob", operator.folder, tmp_path / "bob.db")
