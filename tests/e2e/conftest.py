"""Who works on the lab's Linux host: an operator, in a hurry, and one who knows of nothing."""

import pytest

from tests.fixtures.crew import QUICK, Operator, write_inventory


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
