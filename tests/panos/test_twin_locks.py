"""Locks on a configuration and on commits: who sees them, whom they stop, who takes them away."""

import pytest
from pan.xapi import PanXapiError

from tests.panos.conftest import tag


def lock(api, what="config-lock", how="add", inner="", vsys="vsys1"):
    api.op(f"<request><{what}><{how}>{inner}</{how}></{what}></request>", vsys=vsys)


def listed(api, what="config-locks", inner="<vsys>all</vsys>"):
    api.op(f"<show><{what}>{inner}</{what}></show>")
    return [
        (e.get("name"), e.findtext("name"), e.findtext("comment"))
        for e in api.element_result.findall(f"{what}/entry")
    ]


def test_locks_are_listed_with_their_comments(still):
    api = still.xapi()
    assert listed(api) == []
    lock(api, inner="<comment>knockctl 1</comment>")
    lock(api, "commit-lock", inner="<comment>wait</comment>", vsys="shared")
    assert listed(api) == [("admin", "vsys1", "knockctl 1")]
    assert listed(api, inner="<vsys>shared</vsys>") == []
    assert listed(api, "commit-locks") == [("admin", "shared", "wait")]
    lock(api, "commit-lock", "remove", "<admin>admin</admin>", vsys="shared")
    assert listed(api, "commit-locks") == []


@pytest.mark.parametrize(("version", "demanded"), [("10.1.3", False), ("11.2.4", True)])
def test_newer_versions_list_locks_of_a_named_vsys_only(device, version, demanded):
    api = device(version=version).xapi()
    if demanded:
        with pytest.raises(PanXapiError, match="vsys not provided"):
            listed(api, inner="")
    else:
        assert listed(api, inner="") == []


def test_a_shared_lock_covers_all_and_a_vsys_lock_the_shared_part(still):
    mine, theirs = still.xapi(), still.xapi("ann", "word")
    lock(theirs, vsys="shared")
    with pytest.raises(PanXapiError, match="Configuration is locked by ann"):
        tag(mine, "a")
    with pytest.raises(PanXapiError, match="scope shared is currently locked by ann"):
        lock(mine)
    lock(theirs, how="remove", vsys="shared")
    lock(theirs)
    with pytest.raises(PanXapiError, match="Configuration is locked by ann"):
        mine.set("/config/shared", "<tag><entry name='s'/></tag>")
    with pytest.raises(PanXapiError, match="Configuration is locked by ann"):
        mine.op("<load><config><from>running-config.xml</from></config></load>")


def test_a_superuser_takes_others_locks_away(still):
    mine, theirs = still.xapi(), still.xapi("ann", "word")
    lock(mine)
    with pytest.raises(PanXapiError, match="currently locked by admin"):
        lock(theirs, how="remove")
    lock(mine, how="remove")
    lock(theirs)
    lock(mine, how="remove")
    lock(mine, "commit-lock")
    with pytest.raises(PanXapiError, match="held by admin"):
        lock(theirs, "commit-lock", "remove", "<admin>admin</admin>")
    with pytest.raises(PanXapiError, match="not a valid scope"):
        lock(mine, vsys="vsys9")


@pytest.mark.parametrize("both", [False, True])
def test_a_commit_releases_ones_commit_lock_and_perhaps_the_other(device, both):
    made = device(commit_releases_config_locks=both)
    api = made.xapi()
    lock(api)
    lock(api, "commit-lock")
    tag(api, "a")
    api.commit("<commit/>", sync=True, interval=0.02)
    assert listed(api, "commit-locks") == []
    assert bool(listed(api)) is not both
