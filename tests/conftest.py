"""What all tests share: skips that fail where nothing may be skipped, and clean registries."""

import os

import pytest
from hypothesis import HealthCheck, settings

from knockctl.policy import redaction

# The one place that says how property tests run. None fails for being slow: how long an example
# takes to draw or to run is the machine's affair.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples in every run: what fails once fails again. `make soak` looks further.
settings.register_profile("seeded", UNHURRIED, derandomize=True)
settings.register_profile("soak", UNHURRIED, max_examples=2000)
settings.load_profile("soak" if os.environ.get("KNOCKCTL_SOAK") else "seeded")

REQUIRE_LAB = os.environ.get("KNOCKCTL_REQUIRE_LAB") == "1"

pytest_plugins = ["tests.fixtures.certificates", "tests.fixtures.lab"]


IN_THE_LAB = ("e2e", "bench", "packaging")
WORLDS = {"world", "gate", "wire"}
"""Fixtures with namespaces of their own."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """There is one lab: whatever may use it is marked, to run in a process of its own.

    What only looks at packets, in namespaces of its own, is no business of the lab's.
    """
    for item in items:
        apart = item.path.parent.name in IN_THE_LAB or item.path.name == "test_docs.py"
        marked = any(item.get_closest_marker(name) for name in ("lab", "root"))
        fixtures = {*getattr(item, "fixturenames", ())}
        if apart or marked or "lab" in fixtures:
            item.add_marker(pytest.mark.apart)
            if fixtures & WORLDS:
                item.add_marker(pytest.mark.worlds)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """With KNOCKCTL_REQUIRE_LAB=1 a skipped test is a failed one."""
    report = yield
    if REQUIRE_LAB and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A module skipped as a whole (importorskip, say) is no test run either."""
    report = yield
    if REQUIRE_LAB and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} skipped where nothing may be: {report.longrepr}"
    return report


@pytest.fixture
def note(record_property):
    """Print what was seen, and have it in the soak's table."""

    def say(text):
        print(f"\n{text}")
        record_property("noted", text)

    return say


@pytest.fixture(autouse=True)
def _no_secrets_left():
    """Secrets registered in one test must not blank the output of the next."""
    yield
    redaction.reset()


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    """The user's own settings and state stay out of the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in [name for name in os.environ if name.startswith("KNOCKCTL_")]:
        if name not in ("KNOCKCTL_REQUIRE_LAB", "KNOCKCTL_SOAK"):
            monkeypatch.delenv(name)
