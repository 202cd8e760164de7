"""Inventories: nornir's own files, our part of them, and errors that point into them."""

import json
from pathlib import Path

import pytest

from knockctl.contract import Timeouts
from knockctl.errors import ConfigurationError, InventoryError, SecretError, UsageError
from knockctl.inventory.init import init
from knockctl.inventory.load import check_policies, load, select
from knockctl.policy.loader import load_all
from knockctl.policy.secrets import SecretResolver
from tests.fixtures.lab import INVENTORY, ROOT

HOSTS = """\
web1:
  hostname: 192.0.2.10
  groups: [linux]
  data: {knockctl: {placement: {interfaces: [eth1]}}}
web2:
  groups: [linux]
  platform: linux_ssh
  username: ann
  data: {knockctl: {policies: []}}
"""
GROUPS = """\
linux:
  platform: linux
  username: root
  password: env:WEB
  connection_options:
    knockctl: {extras: {key_file: keys/id, sudo_password: "env:SUDO"}}
  data: {knockctl: {policies: [ssh], placement: {addresses: [198.51.100.1]}}}
"""
DEFAULTS = """\
data: {knockctl: {placement: {position: 3, addresses: [203.0.113.1]}}}
"""


def write(folder, hosts=HOSTS, groups=GROUPS, defaults=DEFAULTS):
    for name, text in (("hosts", hosts), ("groups", groups), ("defaults", defaults)):
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_hosts_inherit_from_groups_and_defaults(tmp_path):
    web1, web2 = load(write(tmp_path)).devices.values()
    assert (web1.host, web1.platform, web1.username) == ("192.0.2.10", "linux", "root")
    assert web1.policies == ("ssh",)
    assert web1.placement == {"position": 3, "addresses": ["198.51.100.1"], "interfaces": ["eth1"]}
    assert web1.key_file == tmp_path / "keys" / "id"
    assert (web2.host, web2.platform, web2.username) == ("web2", "linux_ssh", "ann")
    assert web2.policies == ()


def test_credentials_are_resolved_where_they_are_used(tmp_path, monkeypatch):
    device = load(write(tmp_path)).devices["web1"]
    assert "env:" not in repr(device)
    resolver = SecretResolver()
    with pytest.raises(SecretError):
        device.target(resolver.resolve, Timeouts())
    monkeypatch.setenv("WEB", "hunter22")
    monkeypatch.setenv("SUDO", "hunter33")
    target = device.target(resolver.resolve, Timeouts())
    assert target.credentials.password == "hunter22"
    assert target.credentials.escalation_password == "hunter33"
    assert "hunter" not in repr(target)


@pytest.mark.parametrize(
    ("hosts", "line", "said"),
    [
        ("a: [", 1, "not valid YAML"),
        ("a: {platfrom: linux}", 1, "unknown field; did you mean 'platform'?"),
        ("a:\n  groups: [linx]\n", 2, "no such group 'linx'; did you mean 'linux'?"),
        ("a:\n  groups: [linux]\n  password: hunter22\n", 3, "in plain text"),
        ("a: {}", 1, "the device has no platform"),
        ("a: 5", 1, "should be a mapping"),
        ("a:\n  platform: linux\n  port: many\n", 3, "a port is a number"),
        ("a:\n  data: {knockctl: {polices: []}}\n", 2, "did you mean 'policies'?"),
        ("a:\n  data: {knockctl: {policies: ssh}}\n", 2, "should be a list"),
        ("a:\n  connection_options: {knockctl: {extras: {keyfile: x}}}\n", 2, "'key_file'?"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, hosts, line, said):
    write(tmp_path, hosts)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path)
    assert f"{tmp_path}/hosts.yaml:{line}" in str(caught.value)
    assert said in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_folders_that_are_none(tmp_path):
    with pytest.raises(InventoryError, match="no inventory folder"):
        load(tmp_path / "none")
    with pytest.raises(InventoryError, match="no such inventory file"):
        load(tmp_path)


def test_policies_must_exist(tmp_path):
    with pytest.raises(InventoryError, match=r"web1: no such policy 'ssh'; did you mean 'ssh2'\?"):
        check_policies(load(write(tmp_path)), ["ssh2"])


def test_choosing_by_name_group_or_all(tmp_path):
    inventory = load(write(tmp_path))
    assert [d.name for d in select(inventory, ["web2", "web1"], everything=False)] == [
        "web1",
        "web2",
    ]
    assert len(select(inventory, ["linux"], everything=False)) == 2
    assert len(select(inventory, [], everything=True)) == 2
    with pytest.raises(UsageError):
        select(inventory, [], everything=False)
    with pytest.raises(InventoryError, match=r"no device or group 'wbe1'.*did you mean 'web1'"):
        select(inventory, ["wbe1"], everything=False)


@pytest.mark.parametrize("folder", [INVENTORY, ROOT / "inventories" / "example"])
def test_the_inventories_that_come_along_are_whole(folder):
    inventory = load(folder)
    policies = load_all(folder / "policies")
    check_policies(inventory, policies)
    assert inventory.devices


def test_a_new_inventory_is_whole_and_never_overwrites(tmp_path):
    files = init(tmp_path / "new")
    assert all(Path(file).exists() for file in files)
    inventory = load(tmp_path / "new")
    check_policies(inventory, load_all(inventory.policies_folder))
    with pytest.raises(UsageError, match="not empty"):
        init(tmp_path / "new")
    with pytest.raises(UsageError, match="can't be written"):
        init(Path("/proc/none"))


def test_a_hosts_file_may_be_json(tmp_path):
    (tmp_path / "hosts.yaml").write_text(json.dumps({"a": {"platform": "linux"}}, indent=1))
    assert load(tmp_path).devices["a"].platform == "linux"


def test_an_api_key_is_a_reference(tmp_path):
    host = """\
fw1:
  platform: paloalto_panos
  groups: []
  connection_options: {knockctl: {extras: {api_key: "KEY"}}}
"""
    folder = write(tmp_path, hosts=host.replace("KEY", "env:KEY"))
    target = load(folder).devices["fw1"].target(lambda ref, _: f"<{ref}>", Timeouts())
    assert target.credentials.api_key == "<env:KEY>"
    with pytest.raises(ConfigurationError, match="key does not stand in an inventory in plain"):
        load(write(tmp_path, hosts=host.replace("KEY", "LUFRPT1abc")))
