"""pan-os-python, unmodified, against the twin: objects, rules, locks, commits, tags."""

import pytest
from panos.errors import PanDeviceXapiError, PanLockError, PanNoSuchNode
from panos.firewall import FirewallCommit
from panos.objects import (
    AddressGroup,
    AddressObject,
    LogForwardingProfile,
    LogForwardingProfileMatchList,
    LogForwardingProfileMatchListAction,
    ServiceGroup,
    ServiceObject,
    Tag,
)
from panos.policies import Rulebase, SecurityRule

TWO = (("admin", "admin", "superuser"), ("ann", "word", "deviceadmin"))


def profile():
    made = LogForwardingProfile("kc-p", "knockctl")
    match = LogForwardingProfileMatchList("m1", log_type="traffic", filter="(rule eq 'kc-1')")
    add = LogForwardingProfileMatchListAction(
        "a1", "tagging", "add-tag", "source-address", "localhost", tags=["kc-t"], timeout=1
    )
    remove = LogForwardingProfileMatchListAction(
        "a2", "tagging", "remove-tag", "source-address", "localhost", tags=["kc-o"]
    )
    match.extend([add, remove])
    made.add(match)
    return made


def objects():
    return [
        Tag("kc-t", "color1", "knockctl"),
        ServiceObject("kc-s", "tcp", destination_port="1234"),
        AddressGroup("kc-g", dynamic_value="'kc-t' and ('a' or 'b')", tag=["kc-t"]),
        profile(),
    ]


def rule(name="kc-1", **more):
    words = {
        "source": ["kc-g"],
        "service": ["kc-s"],
        "action": "drop",
        "log_setting": "kc-p",
        "tag": ["kc-t"],
        "fromzone": ["untrust"],
    }
    return SecurityRule(name, **{**words, **more})


@pytest.fixture
def policy(device):
    """A firewall with our objects and two rules in its candidate."""

    def make(**switches):
        made = device(**switches)
        firewall = made.firewall()
        for one in objects():
            firewall.add(one).create()
        base = firewall.add(Rulebase())
        for name in ("kc-1", "kc-2"):
            base.add(rule(name)).create()
        return made, firewall, base

    return make


def test_the_sdk_learns_version_model_and_serial(device):
    firewall = device(version="10.2.9", serial="0123").firewall()
    assert (firewall.version, firewall.platform, firewall.serial) == ("10.2.9", "PA-VM", "0123")
    assert firewall.multi_vsys is False


@pytest.mark.parametrize("version", ["9.1.16", "10.1.3", "10.2.9", "11.2.4"])
def test_objects_and_rules_come_back_as_they_were_made(policy, version):
    _, firewall, _ = policy(version=version)
    for kind in (Tag, ServiceObject, AddressGroup):
        (found,) = kind.refreshall(firewall, add=False)
        assert found.equal(firewall.find(found.name, kind))
    (found,) = LogForwardingProfile.refreshall(firewall, add=False)
    assert found.equal(profile(), compare_children=True)
    found = SecurityRule.refreshall(firewall.find("", Rulebase), add=False)
    assert [one.name for one in found] == ["kc-1", "kc-2"]
    assert all(one.uuid for one in found)


def test_every_kind_can_be_replaced_renamed_and_deleted(policy):
    made, firewall, base = policy()
    group = firewall.add(ServiceGroup("kc-sg", ["kc-s"]))
    group.create()
    firewall.add(AddressObject("kc-a", "192.0.2.1")).create()
    service = firewall.find("kc-s", ServiceObject)
    service.protocol, service.destination_port = "udp", "2345"
    service.apply()
    (found,) = ServiceObject.refreshall(firewall, add=False)
    assert (found.protocol, found.destination_port) == ("udp", "2345")
    service.rename("kc-s2")
    assert ServiceGroup.refreshall(firewall, add=False)[0].value == ["kc-s2"]
    assert SecurityRule.refreshall(base, add=False)[0].service == ["kc-s2"]
    group.delete()
    assert made.candidate("service-group") == []


def test_rules_move(policy):
    made, _, base = policy()
    first, second = base.findall(SecurityRule)
    third = base.add(rule("kc-3"))
    third.create()
    second.move("top")
    first.move("bottom")
    third.move("before", second)
    assert made.candidate("rulebase/security/rules") == ["kc-3", "kc-2", "kc-1"]
    first.move("after", third)
    assert made.candidate("rulebase/security/rules") == ["kc-3", "kc-1", "kc-2"]


def test_a_commit_makes_the_candidate_run(policy):
    made, firewall, _ = policy()
    assert firewall.pending_changes()
    assert made.running("rulebase/security/rules") == []
    done = firewall.commit(sync=True)
    assert done["success"]
    assert done["messages"] == ["Configuration committed successfully"]
    assert made.running("rulebase/security/rules") == ["kc-1", "kc-2"]
    assert not firewall.pending_changes()
    assert firewall.commit(sync=True) is None


def test_a_commit_can_be_limited_to_an_administrator(policy):
    made, firewall, _ = policy(admins=TWO)
    other = made.firewall("ann", "word")
    other.add(Tag("anns")).create()
    command = FirewallCommit("ours", admins=["admin"], exclude_device_and_network=True)
    assert firewall.commit(cmd=command, sync=True)["success"]
    assert made.running("tag") == ["kc-t"]
    assert sorted(made.candidate("tag")) == ["anns", "kc-t"]
    assert firewall.pending_changes()
    assert other.commit(sync=True)["success"]
    assert sorted(made.running("tag")) == ["anns", "kc-t"]


def test_what_is_missing_reads_as_nothing(device):
    firewall = device().firewall()
    assert Tag.refreshall(firewall, add=False) == []
    assert Tag.refreshall(firewall, add=False, running_config=True) == []
    with pytest.raises(PanNoSuchNode):
        firewall.xapi.show(f"{firewall.xpath_vsys()}/bogus")


def test_a_reference_to_nothing_is_refused_at_once_or_at_commit(device):
    made = device()
    base = made.firewall().add(Rulebase())
    with pytest.raises(PanDeviceXapiError, match="log-setting 'kc-p' is not a valid reference"):
        base.add(rule(source=["any"], service=["any"], tag=None)).create()
    late = device(references_at="commit").firewall()
    late.add(Rulebase()).add(rule()).create()
    done = late.commit(sync=True)
    assert not done["success"]
    assert " rules -> kc-1 -> service 'kc-s' is not a valid reference" in done["messages"]


def test_what_is_referred_to_cannot_be_deleted(policy):
    made, firewall, _ = policy()
    with pytest.raises(PanDeviceXapiError, match="cannot be deleted because of references"):
        firewall.find("kc-g", AddressGroup).delete()
    assert made.candidate("address-group") == ["kc-g"]


def test_many_are_deleted_by_one_request(policy):
    made, _, base = policy()
    base.find("kc-1", SecurityRule).delete_similar()
    assert made.candidate("rulebase/security/rules") == []


def test_locks_as_the_sdk_knows_them(device):
    made = device(admins=TWO)
    firewall, other = made.firewall(), made.firewall("ann", "word")
    assert firewall.add_config_lock("change 1", scope="vsys1")
    with pytest.raises(PanLockError, match="You already own a config lock for scope vsys1"):
        firewall.add_config_lock(scope="vsys1")
    with pytest.raises(PanLockError, match="Config for scope vsys1 is currently locked by admin"):
        other.add_config_lock(scope="vsys1")
    with pytest.raises(PanLockError, match="Configuration is locked by admin"):
        other.add(Tag("theirs")).create()
    assert firewall.remove_config_lock(scope="vsys1")
    with pytest.raises(PanLockError, match="Config is not currently locked for scope vsys1"):
        firewall.remove_config_lock(scope="vsys1")
    other.find("theirs", Tag).create()
    assert other.add_commit_lock("wait")
    with pytest.raises(PanLockError, match="Commit lock is already held by ann"):
        other.add_commit_lock()
    with pytest.raises(PanDeviceXapiError, match="holding commit locks: ann"):
        firewall.commit(sync=True)
    assert other.remove_commit_lock()
    with pytest.raises(PanLockError, match="Commit lock is not currently held by ann"):
        other.remove_commit_lock()


def test_addresses_are_tagged_and_untagged(device):
    made = device(scale=0)
    users = made.firewall().userid
    users.register(["192.0.2.1", "2001:db8::1"], ["a", "b"], timeout=60)
    users.register("192.0.2.1", "a")
    assert {ip: set(tags) for ip, tags in users.get_registered_ip().items()} == {
        "192.0.2.1": {"a", "b"},
        "2001:db8::1": {"a", "b"},
    }
    users.unregister("192.0.2.1", "a")
    users.unregister("192.0.2.1", "a")
    assert users.get_registered_ip(tags="a") == {"2001:db8::1": ["a"]}
    made.advance(60)
    assert users.get_registered_ip() == {}


def test_registered_addresses_come_in_pages(device):
    made = device(scale=0)
    wanted = {f"10.0.{n // 250}.{n % 250}": ["t"] for n in range(1001)}
    for ip in wanted:
        made.do(made.twin.tags.add, "vsys1", ip, "t")
    assert made.firewall().userid.get_registered_ip() == wanted


def test_a_duplicate_is_an_error_unless_ignored(device):
    users = device().firewall().userid
    users.ignore_dup_errors = False
    users.register("192.0.2.1", "a")
    with pytest.raises(PanDeviceXapiError, match=r"tag a already exists, ignore$"):
        users.register("192.0.2.1", "a")
    with pytest.raises(PanDeviceXapiError, match=r"tag b does not exist, ignore unreg$"):
        users.unregister("192.0.2.1", "b")


def test_the_sdk_reverts_everybodys_changes(policy):
    made, firewall, _ = policy()
    firewall.revert_to_running_configuration()
    assert made.candidate("tag") == []


def test_hit_counts(policy):
    made, firewall, base = policy()
    firewall.commit(sync=True)
    made.do(made.twin.hit, "vsys1", "kc-2")
    found = base.opstate.hit_count.refresh("security", all_rules=True)
    assert {name: one.hit_count for name, one in found.items()} == {"kc-1": 0, "kc-2": 1}
    found = base.opstate.hit_count.refresh("security", rules=["kc-2"])
    assert [one.hit_count for one in found.values()] == [1]
