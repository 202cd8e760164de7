"""The built wheel, installed in a fresh environment, is the whole product."""

import subprocess
import sys
import sysconfig
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import knockctl

ROOT = Path(__file__).parents[2]
VENDORS = sorted(path.name for path in (ROOT / "vendors").iterdir() if path.is_dir())

# Says, in the fresh environment, what an installed knockctl offers and where it comes from.
PROBE = """
from importlib.metadata import entry_points
import knockctl
for entry in entry_points(group="knockctl.vendors"):
    print(entry.name, entry.load() is not None)
print(knockctl.__file__)
"""


def run(*argv, **more):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built by this environment's hatchling: no registry is asked."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=ROOT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment: the wheel of its own, everything else lent by this one.

    What is lent comes after what is its own, and a path line is not a site directory: this
    environment's editable knockctl, itself a path line, is not followed.
    """
    home = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", "--without-pip", home)
    python = home / "bin" / "python"
    (site,) = (home / "lib").glob("python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", "--ignore-installed", wheel)
    return home


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(path).decode())


@pytest.mark.parametrize("package", ["knockctl", *VENDORS])
def test_the_wheel_holds_each_package_whole_and_typed(wheel, package):
    root = ROOT if package == "knockctl" else ROOT / "vendors"
    source = {str(path.relative_to(root)) for path in (root / package).rglob("*.py")}
    assert source | {f"{package}/py.typed"} <= names(wheel)


def test_the_wheel_holds_nothing_else(wheel):
    tops = {name.split("/")[0] for name in names(wheel)}
    assert tops == {"knockctl", *VENDORS, f"knockctl-{knockctl.__version__}.dist-info"}


def test_the_metadata_says_version_licence_and_python(wheel):
    said = metadata(wheel)
    assert said["Version"] == knockctl.__version__
    assert said["License-Expression"] == "GPL-3.0-or-later"
    assert said["Requires-Python"] == ">=3.11"
    assert any(name.endswith("licenses/LICENSE") for name in names(wheel))


def test_installed_vendors_are_found_by_entry_point_and_load(installed, tmp_path):
    lines = run(installed / "bin" / "python", "-c", PROBE, cwd=tmp_path).splitlines()
    assert "iptables True" in lines
    assert Path(lines[-1]).is_relative_to(installed), "the checkout was imported, not the wheel"


def test_the_console_script_runs_from_elsewhere(installed, tmp_path):
    assert "knockctl" in run(installed / "bin" / "knockctl", "--help", cwd=tmp_path)
