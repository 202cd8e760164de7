"""Panorama as pan-os-python, unmodified, meets it: device groups, and pushes to their firewalls."""

import pytest
from panos.errors import PanDeviceXapiError, PanLockError
from panos.objects import Tag
from panos.panorama import DeviceGroup, PanoramaCommit, PanoramaCommitAll
from panos.policies import PostRulebase, PreRulebase, SecurityRule

TWO = (("admin", "admin", "superuser"), ("ann", "word", "deviceadmin"))
GROUP = "/config/devices/entry[@name='localhost.localdomain']/device-group/entry[@name='{}']"
GROUPS = (("edge", ("0001", "0002")), ("core", ("0003",)))


@pytest.fixture
def estate(device):
    """A Panorama and two of its firewalls; the third is not connected."""

    def make(**switches):
        panorama = device(role="panorama", device_groups=GROUPS, admins=TWO, **switches)
        firewalls = [device(serial=serial, hostname=f"fw{serial}") for serial in ("0001", "0002")]
        for one in firewalls:
            panorama.do(panorama.twin.connect, one.twin)
        return panorama, firewalls

    return make


def push(group, **more):
    return PanoramaCommitAll("device group", group, "why", **more)


def tag(panorama, group, name):
    found = panorama.find(group, DeviceGroup) or panorama.add(DeviceGroup(group))
    found.add(Tag(name)).create()


def commit(panorama, **more):
    return panorama.commit(cmd=PanoramaCommit(**more), sync=True)


def pushed(firewall, tail="tag"):
    package = firewall.twin.pushed
    found = [] if package is None else package.findall(f"{tail}/entry")
    return firewall.do(lambda: [entry.get("name") for entry in found])


def test_groups_hold_rules_before_and_after_the_firewalls_own(estate):
    made, _ = estate()
    panorama = made.panorama()
    group = panorama.add(DeviceGroup("edge"))
    group.add(PreRulebase()).add(SecurityRule("first", action="drop")).create()
    group.add(PostRulebase()).add(SecurityRule("last", action="deny")).create()
    for kind, name in [(PreRulebase, "first"), (PostRulebase, "last")]:
        (rule,) = SecurityRule.refreshall(group.find("", kind), add=False)
        assert rule.name == name


def test_groups_stand_in_one_another(device):
    groups = (("all", ()), ("south", ()), ("edge", ("0001",)), ("core", ()))
    parents = (("edge", "south"), ("south", "all"))
    made = device(role="panorama", device_groups=groups, parents=parents)
    assert made.panorama().opstate.dg_hierarchy.fetch() == {
        "all": None,
        "core": None,
        "south": "all",
        "edge": "south",
    }


def test_what_a_group_above_has_is_pushed_around_a_groups_own(device):
    groups = (("all", ()), ("edge", ("0001",)))
    made = device(role="panorama", device_groups=groups, parents=(("edge", "all"),))
    firewall = device(serial="0001")
    made.do(made.twin.connect, firewall.twin)
    panorama = made.panorama()
    for name in ("all", "edge"):
        tag(panorama, name, name)
        tag(panorama, name, "both")
        for base, kind in (("pre", PreRulebase), ("post", PostRulebase)):
            rules = panorama.find(name, DeviceGroup).add(kind())
            rules.add(SecurityRule(f"{name}-{base}", action="drop")).create()
    commit(panorama)
    assert panorama.commit(cmd=push("edge"), sync=True, sync_all=True)["success"]
    assert pushed(firewall) == ["edge", "both", "all"]
    assert pushed(firewall, "pre-rulebase/security/rules") == ["all-pre", "edge-pre"]
    assert pushed(firewall, "post-rulebase/security/rules") == ["edge-post", "all-post"]


def test_a_commit_stays_on_panorama_and_a_push_reaches_the_chosen(estate):
    made, (one, two) = estate()
    panorama = made.panorama()
    tag(panorama, "edge", "t")
    assert commit(panorama, admins=["admin"], device_groups=["edge"])["success"]
    assert pushed(one) == []
    done = panorama.commit(cmd=push("edge", devices=["0001"]), sync=True, sync_all=True)
    assert done["success"]
    assert {serial: found["result"] for serial, found in done["devices"].items()} == {"0001": "OK"}
    assert (pushed(one), pushed(two)) == (["t"], [])
    panorama.commit(cmd=push("edge"), sync=True, sync_all=True)
    assert pushed(two) == ["t"]
    api = one.xapi()
    api.op("<show><config><pushed-shared-policy/></config></show>")
    assert api.element_result.find("policy/panorama/tag/entry").get("name") == "t"


def test_each_device_has_its_own_result(estate):
    made, (one, two) = estate()
    panorama = made.panorama()
    tag(panorama, "edge", "t")
    commit(panorama)
    made.twin.faults.push_fails = frozenset({"0002"})
    done = panorama.commit(cmd=push("edge"), sync=True, sync_all=True)
    assert not done["success"]
    assert {s: found["result"] for s, found in done["devices"].items()} == {
        "0001": "OK",
        "0002": "FAIL",
    }
    assert done["devices"]["0002"]["messages"] == "Commit failed"
    assert (pushed(one), pushed(two)) == (["t"], [])


@pytest.mark.parametrize(
    ("obstacle", "said"),
    [
        (lambda one: one.twin.power_off(), "Device is not connected"),
        (
            lambda one: one.twin.locks.take_commit(
                one.twin.accounts.actor(one.twin.accounts.keygen("admin", "admin")), "shared", "", 0
            ),
            "Configuration is locked on the device",
        ),
    ],
)
def test_a_firewall_that_is_away_or_locked_takes_no_push(estate, obstacle, said):
    made, (one, _) = estate()
    panorama = made.panorama()
    one.do(obstacle, one)
    done = panorama.commit(cmd=push("edge"), sync=True, sync_all=True)
    assert done["devices"]["0001"]["messages"] == said
    assert done["devices"]["0002"]["success"]


def test_what_a_firewall_lacks_fails_there(estate):
    made, (one, _) = estate()
    panorama = made.panorama()
    group = panorama.add(DeviceGroup("edge"))
    rule = SecurityRule("r", fromzone=["nowhere"], service=["any"])
    group.add(PreRulebase()).add(rule).create()
    commit(panorama)
    done = panorama.commit(cmd=push("edge", devices=["0001"]), sync=True, sync_all=True)
    assert "from 'nowhere' is not a valid reference" in done["devices"]["0001"]["messages"]
    assert pushed(one, "pre-rulebase/security/rules") == []


def test_a_push_can_be_limited_to_an_administrators_changes(estate):
    made, (one, _) = estate()
    mine, theirs = made.panorama(), made.panorama("ann", "word")
    tag(mine, "edge", "mine")
    tag(theirs, "edge", "hers")
    commit(mine)
    mine.commit(cmd=push("edge", admins=["admin"]), sync=True, sync_all=True)
    assert pushed(one) == ["mine"]
    mine.commit(cmd=push("edge", admins=["ann"]), sync=True, sync_all=True)
    assert pushed(one) == ["mine", "hers"]
    theirs.commit(cmd=push("edge"), sync=True, sync_all=True)
    assert sorted(pushed(one)) == ["hers", "mine"]


def test_a_push_of_changes_that_rest_on_others_fails(estate):
    made, _ = estate()
    mine, theirs = made.panorama(), made.panorama("ann", "word")
    tag(theirs, "edge", "hers")
    found = mine.add(DeviceGroup("edge")).add(Tag("hers"))
    found.rename("mine")
    commit(mine)
    done = mine.commit(cmd=push("edge", admins=["admin"]), sync=True, sync_all=True)
    assert not done["devices"]["0001"]["success"]


@pytest.mark.parametrize(
    ("cmd", "said"),
    [
        ("<commit-all/>", "missing 'shared-policy'"),
        (push("nowhere"), "'nowhere' is not a valid reference"),
        (push("edge", devices=["0003"]), "devices -> 0003 is invalid"),
        ("<other/>", "other unexpected here"),
    ],
)
def test_pushes_that_make_no_sense(estate, cmd, said):
    made, _ = estate()
    with pytest.raises(PanDeviceXapiError, match=said):
        made.panorama().commit(cmd=cmd, sync=True)


def test_older_panoramas_push_everybodys_changes_only(estate):
    made, (one, _) = estate(version="10.1.3")
    with pytest.raises(PanDeviceXapiError, match="admin unexpected here"):
        made.panorama().commit(cmd=push("edge", admins=["admin"]), sync=True)
    with pytest.raises(PanDeviceXapiError, match="commit-all is invalid"):
        one.firewall().commit(cmd=push("edge"), sync=True)


def test_the_sdk_finds_groups_and_firewalls(estate):
    made, _ = estate()
    panorama = made.panorama()
    groups = panorama.refresh_devices()
    assert {g.name: sorted(f.serial for f in g.children) for g in groups if g.children} == {
        "edge": ["0001", "0002"],
        "core": ["0003"],
    }
    connected = panorama.refresh_devices(only_connected=True, include_device_groups=False)
    assert [found.serial for found in connected] == ["0001", "0002"]


def test_groups_say_whether_their_firewalls_are_in_sync(estate):
    made, (one, two) = estate()
    one.do(one.twin.pair, two.twin)
    panorama = made.panorama()

    def states():
        found = panorama.op(
            "<show><devicegroups><name>edge</name></devicegroups></show>", cmd_xml=False
        )
        return [node.text for node in found.findall(".//devices/entry/shared-policy-status")]

    assert states() == ["Out of Sync", "Out of Sync"]
    panorama.commit(cmd=push("edge", devices=["0001"]), sync=True)
    assert states() == ["In Sync", "Out of Sync"]
    with pytest.raises(PanDeviceXapiError, match="is unexpected"):
        one.firewall().op("show devices all")


def test_panorama_locks_a_device_group(estate):
    made, _ = estate()
    mine, theirs = made.panorama(), made.panorama("ann", "word")
    mine.xapi.op("<request><config-lock><add/></config-lock></request>", vsys="edge")
    with pytest.raises(PanLockError, match="Configuration is locked by admin"):
        tag(theirs, "edge", "t")
    tag(theirs, "core", "t")


def test_requests_go_through_panorama_to_a_firewall(estate):
    made, _ = estate()
    api = made.xapi()
    api.keygen()
    api.serial = "0001"
    api.op("show system info", cmd_xml=True)
    assert api.element_result.findtext("system/serial") == "0001"
    api.serial = "0003"
    with pytest.raises(Exception, match="0003 not connected"):
        api.op("show system info", cmd_xml=True)


@pytest.mark.parametrize("state", ["active", "passive"])
def test_a_panorama_can_be_one_of_a_pair(estate, state):
    made, _ = estate(ha=state)
    assert made.panorama().show_highavailability_state()[0] == state
