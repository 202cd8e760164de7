"""A device group on Panorama: one commit, one push, and what each firewall said to it."""

import pytest

from knockctl.errors import GuardError, Unsupported
from knockctl.transaction.job import Result
from knockctl.transaction.steps import Step
from knockctl_panos import jobs
from tests.fixtures.panos_crew import OTHER, SSH
from tests.fixtures.panos_site import BASE, Site

GROUPS = (("branch", ("0001", "0002")), ("edge", ("0003",)))
PLACE = {"device_group": "branch"}


@pytest.fixture
def estate(device, certificate_files, tmp_path, monkeypatch):
    """Make a Panorama and its firewalls."""
    monkeypatch.setattr(jobs, "FIRST", 0.01)

    def make(**switches):
        made = device(role="panorama", device_groups=GROUPS, commit_time=1.0, **switches)
        firewalls = [device(serial=serial) for serial in ("0001", "0002")]
        for one in firewalls:
            made.do(made.twin.connect, one.twin)
        base = f"{BASE}/device-group/entry[@name='branch']"
        return Site(made, certificate_files[1], tmp_path, base), firewalls

    return make


def pushed(firewall):
    """Return the names of the rules a firewall has from Panorama."""
    found = firewall.do(lambda: firewall.twin.pushed)
    if found is None:
        return []
    return [e.get("name") for base in ("pre", "post") for e in found.iterfind(f"{base}{RULES}")]


RULES = "-rulebase/security/rules/entry"


@pytest.mark.parametrize("rulebase", ["pre", "post"])
@pytest.mark.parametrize("version", ["10.1.9", "11.2.4"])
def test_there_and_back(estate, rulebase, version):
    here, firewalls = estate(version=version)
    ann = here.operator(placement={**PLACE, "rulebase": rulebase})
    before = here.tree()
    done = ann.deploy(SSH)
    assert done.result is Result.CONFIRMED, done
    assert here.commits == [f"knockctl change {done.change_id}"]
    rules = [pushed(one) for one in firewalls]
    assert rules[0] == rules[1]
    assert len(rules[0]) > 5
    assert ann.diff(SSH).changes == ()
    assert ann.run("remove").result is Result.CONFIRMED
    assert [pushed(one) for one in firewalls] == [[], []]
    assert here.tree() == before
    assert here.clean()


def test_only_the_chosen_firewalls_get_it(estate):
    here, (one, two) = estate()
    done = here.operator(placement={**PLACE, "devices": ["0002"]}).deploy(SSH)
    assert done.result is Result.CONFIRMED, done
    assert pushed(one) == []
    assert pushed(two) != []


def test_a_push_that_fails_on_one_is_told_and_taken_back_on_all(estate):
    here, firewalls = estate()
    ann = here.operator(placement=PLACE)
    assert ann.deploy(SSH).result is Result.CONFIRMED
    before, rules = here.tree(), [pushed(one) for one in firewalls]

    def fail(device, step, phase):
        del device
        if (step, phase) == (Step.APPLY, "before"):
            here.faults.push_fails = frozenset(("0002",))

    def mend(device, step, phase):
        fail(device, step, phase)

    said = ann.deploy(OTHER, observer=mend)
    assert "0002: Commit failed" in said.message
    assert "done on 0001" in said.message
    here.faults.push_fails = frozenset()
    if said.result is Result.FAILED:
        # The way back could not be pushed either: the hold is left, and says what is to be done.
        assert f"rollback --change {said.change_id}" in said.warnings[0]
        back = ann.run("rollback", to_change=said.change_id)
        assert back.result is Result.ROLLED_BACK, back
    assert here.tree() == before
    assert [pushed(one) for one in firewalls] == rules
    assert here.clean()


def test_somebody_elses_lock_and_changes_are_respected(estate):
    here, _ = estate()
    here.lock("eve", scope="branch")
    said = here.operator(placement=PLACE).deploy(SSH)
    assert said.result is Result.FAILED
    assert "locked by eve" in said.message


def test_who_is_in_is_asked_of_the_firewalls(estate):
    here, _ = estate()
    with here.operator(placement=PLACE).driver() as driver:
        driver.facts()
        with pytest.raises(Unsupported, match="its firewalls do"):
            driver.access()


def test_a_panorama_needs_a_device_group(estate):
    here, _ = estate()
    with here.operator().driver() as driver, pytest.raises(GuardError, match="no device group"):
        driver.facts()
    said = here.operator(placement={"device_group": "nowhere"}).deploy(SSH)
    assert "there is no device group nowhere" in said.message


def test_rules_of_panorama_above_a_firewalls_own_may_shadow_ours(estate, certificate_files):
    here, (one, _) = estate()
    name = "pre-rulebase/security/rules/entry[@name='open']"
    here.load(
        name,
        "<from><member>any</member></from><to><member>any</member></to>"
        "<source><member>any</member></source><destination><member>any</member></destination>"
        "<application><member>any</member></application><service><member>any</member></service>"
        "<action>allow</action>",
    )
    ann = here.operator(placement={"device_group": "branch", "position": {"after": "open"}})
    said = ann.deploy(SSH)
    assert "foreign rules above ours" in said.message
    accept = frozenset(("tag-delay", "shadowed"))
    assert ann.deploy(SSH, options={"accept": accept}).result is Result.CONFIRMED
    there = Site(one, certificate_files[1], here.folder)
    said = there.operator("bob").deploy(SSH)
    assert "open" in said.message
