"""What pyproject.toml lists by hand agrees with what is in the tree."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VENDORS = sorted(path.name for path in (ROOT / "vendors").iterdir() if path.is_dir())


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_is_offered_covered_and_held_to_the_contracts(vendor):
    offered = PROJECT["project"]["entry-points"]["knockctl.vendors"].values()
    assert any(target.split(":")[0].split(".")[0] == vendor for target in offered)
    assert vendor in PROJECT["tool"]["coverage"]["run"]["source"]
    assert vendor in PROJECT["tool"]["importlinter"]["root_packages"]
    (core,) = [c for c in PROJECT["tool"]["importlinter"]["contracts"] if "core" in c["name"]]
    assert vendor in core["forbidden_modules"]
