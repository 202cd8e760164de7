"""Vendor packages and twins of others: found by their entry points, and no harm where broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.plugin import installed

ROOT = Path(__file__).parents[2]
BROKEN = {
    "knockctl.vendors": {
        "gone": "no_such_module:VENDOR",
        "angry": "toy_angry:VENDOR",
        "hollow": "toy_hollow:VENDOR",
    },
    "knockctl.twins": {"toy9": "no_such_module:TOY"},
}
HOST = """
toy9:
  hostname: 192.0.2.99
  platform: toy_os
  data: {knockctl: {policies: [ssh-box], placement: {}}}
"""


@pytest.fixture
def environment(tmp_path):
    folder = installed(
        tmp_path,
        "knockctl-toys",
        BROKEN,
        toy_angry="raise RuntimeError('no licence')",
        toy_hollow="VENDOR = 'nothing'",
    )
    path = os.pathsep.join(map(str, (folder, ROOT, ROOT / "vendors")))
    return {**os.environ, "PYTHONPATH": path, "XDG_STATE_HOME": str(tmp_path / "state")}


def python(environment, *argv):
    return subprocess.run(
        [sys.executable, *argv], env=environment, capture_output=True, text=True, check=False
    )


def test_a_vendor_that_cant_be_imported_is_left_out_and_named(environment):
    done = python(environment, "-c", "from knockctl.contract import vendors; print(*vendors())")
    assert {"ios", "iptables", "panos", "routeros"} == set(done.stdout.split())
    said = done.stderr.splitlines()
    assert len(said) == 3
    assert all("of knockctl-toys 1 can't be used" in line for line in said)
    assert any("gone" in line and "ModuleNotFoundError" in line for line in said)
    assert any("angry" in line and "RuntimeError: no licence" in line for line in said)
    assert any("hollow" in line and "is no vendor: it has no name" in line for line in said)


def test_all_other_devices_go_on(environment, tmp_path):
    inventory = tmp_path / "inventory"
    shutil.copytree(ROOT / "inventories" / "lab", inventory)
    with (inventory / "hosts.yaml").open("a") as file:
        file.write(HOST)
    done = python(environment, "-m", "knockctl", "-i", str(inventory), "verify", "linux1", "toy9")
    assert "linux1: ssh-box: proved [kernel]" in done.stdout
    said = done.stdout + done.stderr
    assert "no installed vendor package serves the platform 'toy_os'" in said
    assert "the vendor package angry of knockctl-toys 1 can't be used" in said
    assert "Traceback" not in said
    assert done.returncode not in (0, 1)


def test_a_twin_that_cant_be_imported_is_left_out_and_named(environment):
    program = "from knockctl.lab.places import places; print(*(one.name for one in places()))"
    done = python(environment, "-c", program)
    assert done.stdout.split() == ["linux1", "mikrotik1", "paloalto1", "cisco1"]
    assert "the lab goes without toy9: no_such_module:TOY of knockctl-toys" in done.stderr


@pytest.mark.parametrize(
    ("last", "said"),
    [(11, "the twins linux1 and toy9 both want addresses that end in 11"), (300, "in 300")],
)
def test_a_twin_that_wants_what_is_not_free_is_refused(tmp_path, last, said):
    groups = {"knockctl.twins": {"toy9": "toy_twin:TOY"}}
    source = f"class Toy: last, needs, snapshot = {last}, {{}}, 'true'\nTOY = Toy()"
    folder = installed(tmp_path, "toys", groups, toy_twin=source)
    path = os.pathsep.join(map(str, (folder, ROOT, ROOT / "vendors")))
    done = python({**os.environ, "PYTHONPATH": path}, "-m", "knockctl", "lab", "status")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
