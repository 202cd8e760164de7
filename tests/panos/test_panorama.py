"""A device group on Panorama: one commit, one push, and what each firewall said to it."""

import re

import pytest

from knockctl.change.job import Result
from knockctl.change.steps import Step
from knockctl.errors import GuardError, Unsupported
from knockctl_panos.config.document import Document
from knockctl_panos.driver import jobs
from tests.fixtures.panos_crew import OTHER, SSH
from tests.fixtures.panos_site import BASE, FOREIGN, Site

GROUPS = (("branch", ("0001", "0002")), ("edge", ("0003",)))
MADE = {"role": "panorama", "device_groups": GROUPS, "commit_time": 1.0}
PLACE = {"device_group": "branch"}


@pytest.fixture
def estate(device, certificate_files, tmp_path, monkeypatch):
    """Make a Panorama and its firewalls."""
    monkeypatch.setattr(jobs, "FIRST", 0.01)

    def make(**switches):
        made = device(**{**MADE, **switches})
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


def test_rules_of_panorama_above_a_firewalls_own_above_ours_are_named(estate, certificate_files):
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
    assert "branch: pre-rulebase/security/rules open: allow" in said.message
    assert ann.deploy(SSH, options={"accept": all_of(said)}).result is Result.CONFIRMED
    there = Site(one, certificate_files[1], here.folder)
    said = there.operator("bob").deploy(SSH)
    assert "Panorama's pre-rulebase/security/rules open: allow" in said.message


def all_of(said):
    """What a refused deploy names, accepted."""
    return frozenset(("tag-delay", *re.findall(r"[a-z-]+:[0-9a-f]{8}", said.hint)))


# --- groups above -------------------------------------------------------------------------------

TREE = (("all", ()), ("south", ()), ("branch", ("0001", "0002")), ("other", ("0003",)))
ABOVE = (("south", "all"), ("branch", "south"), ("other", "all"))


def rule(here, path, name, service="any", source="any"):
    """Load a rule that lets everything past, or some service, and how it is named."""
    words = FOREIGN.format(destination="any", service=service, action="allow")
    words = words.replace("<source><member>any", f"<source><member>{source}")
    here.device.do(here.twin.load, f"{path}/security/rules/entry[@name='{name}']", words)


@pytest.mark.parametrize("rulebase", ["pre", "post"])
def test_rules_of_the_groups_above_above_ours_are_named(estate, rulebase):
    here, (one, _) = estate(device_groups=TREE, parents=ABOVE)
    group = BASE + "/device-group/entry[@name='{}']/{}-rulebase"
    rule(here, group.format("all", "pre"), "outer", source="203.0.113.1")
    rule(here, "/config/shared/pre-rulebase", "shared", source="203.0.113.0")
    rule(here, group.format("south", "pre"), "inner", source="203.0.113.2")
    rule(here, group.format("branch", "pre"), "own", source="203.0.113.3")
    for path in (group.format("other", "pre"), group.format("south", "post")):
        rule(here, path, "harmless")
    ann = here.operator(placement={**PLACE, "rulebase": rulebase})
    refused = ann.deploy(SSH)
    said = refused.message
    listed = ["shared: ", "all: ", "south: ", *(["branch: "] if rulebase == "post" else [])]
    places = [f"{where}pre-rulebase/security/rules" for where in listed]
    assert [said.count(place) for place in places] == [1] * len(places)
    assert [said.index(place) for place in places] == sorted(map(said.index, places))
    assert "harmless" not in said
    assert "branch: " not in said or rulebase == "post"
    assert ann.deploy(SSH, options={"accept": all_of(refused)}).result is Result.CONFIRMED
    assert [name for name in pushed(one) if not name.startswith("kc-")] == [
        *("outer", "inner", "own", "harmless"),
    ]


def test_a_name_is_looked_up_in_the_nearest_group(estate):
    here, _ = estate(device_groups=TREE, parents=ABOVE)
    port = "<protocol><tcp><port>{}</port></tcp></protocol>"
    for name, number in (("all", 22), ("south", 9)):
        group = f"{BASE}/device-group/entry[@name='{name}']"
        here.device.do(here.twin.load, f"{group}/service/entry[@name='s']", port.format(number))
    rule(here, f"{BASE}/device-group/entry[@name='south']/pre-rulebase", "open", service="s")
    assert here.operator(placement=PLACE).deploy(SSH).result is Result.CONFIRMED
    south = f"{BASE}/device-group/entry[@name='south']"
    here.device.do(here.twin.load, f"{south}/service/entry[@name='s']", port.format("1-65535"))
    assert (
        "pre-rulebase/security/rules open"
        in here.operator("bob", placement=PLACE).deploy(OTHER).message
    )


def test_what_runs_is_read_with_the_groups_above(estate):
    here, _ = estate(device_groups=TREE, parents=ABOVE)
    group = BASE + "/device-group/entry[@name='{}']/{}-rulebase"
    for name in ("all", "south", "branch", "other"):
        rule(here, group.format(name, "pre"), f"{name}-pre")
        rule(here, group.format(name, "post"), f"{name}-post")
    with here.operator(placement=PLACE).driver() as driver:
        document = Document.read(driver.read().text)
    assert document.own.name == "branch"
    around = ["all", "south", "branch"]
    assert [node.name for node in document.rules()] == [
        *(f"{name}-pre" for name in around),
        *(f"{name}-post" for name in reversed(around)),
    ]
