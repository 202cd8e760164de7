"""The rooms: the same in every vendor, and arrows that all point one way."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENDORS = sorted(path.name for path in (ROOT / "vendors").iterdir() if path.is_dir())
ROOMS = {"config", "render", "plan", "driver", "semantics", "twin"}

EVERYWHERE = {
    "__init__.py",
    "placement.py",
    "config/records.py",
    "config/generations.py",
    "config/parse.py",
    "config/normal.py",
    "config/syntax.py",
    "render/render.py",
    "render/names.py",
    "render/fidelity.py",
    "plan/plan.py",
    "plan/reading.py",
    "plan/placing.py",
    "plan/modeller.py",
    "driver/driver.py",
    "driver/connection.py",
    "driver/reader.py",
    "driver/facts.py",
    "driver/apply.py",
    "driver/revert.py",
    "driver/refusals.py",
    "driver/access.py",
    "semantics/device.py",
    "semantics/memory.py",
    "semantics/program.py",
    "twin/lab.py",
}
"""What every vendor has, each at the same place."""

MISSING = {
    "knockctl_ios": {
        "driver/apply.py": "a change is one file that the router merges: three lines of the driver",
    },
    "knockctl_iptables": {
        "config/normal.py": "iptables prints rules in one form already",
        "config/syntax.py": "words are separated by blanks, as a shell has them",
        "render/fidelity.py": "one note, made where the policy is fitted",
        "driver/reader.py": "one script reads all, in one round trip",
        "driver/apply.py": "one script a step",
        "driver/refusals.py": "a script fails or it doesn't: its words are passed on",
        "driver/access.py": "nobody can be expelled from a kernel's sets yet",
    },
    "knockctl_panos": {
        "driver/facts.py": "three operational commands of the driver",
    },
    "knockctl_routeros": {
        "driver/facts.py": "two rows of the driver",
        "driver/refusals.py": "a trap carries the words; the connection makes it an error",
    },
}
"""What a vendor has not, and why."""


def files(vendor):
    folder = ROOT / "vendors" / vendor
    return {str(path.relative_to(folder)) for path in folder.rglob("*.py")}


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_same_concept_is_in_the_same_file(vendor):
    lacks = EVERYWHERE - files(vendor)
    assert lacks == set(MISSING.get(vendor, {})), "say why, or bring the exceptions up to date"


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_has_these_rooms_and_no_others(vendor):
    inside = files(vendor)
    assert {name.split("/")[0] for name in inside if "/" in name} == ROOMS
    assert {name for name in inside if "/" not in name} == {"__init__.py", "placement.py"}


@pytest.mark.parametrize("vendor", VENDORS)
def test_beside_its_name_a_vendor_only_wires(vendor):
    lines = (ROOT / "vendors" / vendor / "__init__.py").read_text().splitlines()
    assert len(lines) < 40


def test_no_circle_and_no_arrow_up():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "rooms"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "import circles: 0\narrows from lower to higher rooms: 0\n" in done.stdout
