"""Users and what their groups let them do, and the menus besides the firewall's."""

import pytest
from librouteros.exceptions import LibRouterosError

from tests.routeros.conftest import refused


def last(path):
    return {name: str(value) for name, value in tuple(path)[-1].items()}


# --- users ---

USERS = (("admin", "", "full"), ("eve", "", "read"), ("bob", "", "write"))
DENIED = "not enough permissions (9)"


def test_a_reader_reads_and_changes_nothing(device):
    rules = device(users=USERS).connect("eve").path("ip", "firewall", "filter")
    assert tuple(rules) == ()
    for call in (lambda: rules.add(chain="input"), lambda: rules.remove("*1")):
        assert refused(call) == DENIED


def test_a_job_cannot_have_policies_its_maker_lacks(device):
    jobs = device(users=USERS).connect("bob").path("system", "scheduler")
    assert refused(jobs.add, name="a", policy="read,write,policy") == DENIED
    assert refused(jobs.add, name="a") == DENIED
    jobs.add(name="a", policy="read,write,test")
    assert last(jobs)["policy"] == "read,write,test"


def test_a_script_runs_only_for_who_has_its_policies(device):
    router = device(users=USERS)
    router.connect().path("system", "script").add(name="a", source="")
    bob = router.connect("bob")
    assert refused(lambda: tuple(bob("/system/script/run", number="a"))) == DENIED


def test_only_policy_makes_users(device):
    router = device(users=USERS)
    assert refused(router.connect("bob").path("user").add, name="x", group="full") == DENIED
    router.connect().path("user").add(name="x", group="read", password="secret")
    assert "password" not in router.rows("/user")[-1]
    router.connect("x", "secret")


def test_device_mode_forbids_jobs(device):
    api = device(forbidden=frozenset({"scheduler"})).connect()
    message = refused(api.path("system", "scheduler").add, name="a")
    assert message == "failure: not allowed by device-mode"
    assert next(iter(api("/system/device-mode/print")))["scheduler"] is False


def test_sessions_are_listed(device):
    router = device(users=USERS)
    first, _ = router.connect(), router.connect("bob")
    rows = tuple(first("/user/active/print"))
    assert [(row["name"], row["via"]) for row in rows] == [("admin", "api"), ("bob", "api")]


# --- other menus ---


@pytest.mark.parametrize(
    ("menu", "words", "message"),
    [
        (("ip", "address"), {"address": "x", "interface": "ether1"},
         "invalid value for argument address"),
        (("ip", "address"), {"address": "2001:db8::1/64", "interface": "ether1"},
         "invalid value for argument address"),
        (("ip", "firewall", "address-list"), {"address": "nonsense", "list": "a"},
         "invalid value for argument address"),
        (("user",), {"name": "x", "group": "none"}, "input does not match any value of group"),
        (("user",), {"name": "x", "group": "read", "address": "x"},
         "invalid value for argument address"),
        (("user", "group"), {"name": "x", "policy": "fly"},
         "input does not match any value of policy"),
        (("system", "scheduler"), {"start-date": "2026-02-30"},
         "invalid value for argument start-date"),
        (("system", "scheduler"), {"start-time": "25:00:00"},
         "invalid value for argument start-time"),
    ],
)  # fmt: skip
def test_other_menus_check_their_words(api, menu, words, message):
    assert refused(api.path(*menu).add, **words) == message


def test_a_group_reads_back_what_it_lacks(api):
    api.path("user", "group").add(name="ops", policy="api,read")
    policy = last(api.path("user", "group"))["policy"].split(",")
    assert {"read", "api", "!write", "!ftp"} <= set(policy)


def test_a_job_without_a_name_gets_one(api):
    jobs = api.path("system", "scheduler")
    jobs.add()
    jobs.add()
    assert [row["name"] for row in jobs] == ["schedule1", "schedule2"]


def test_the_identity_is_set(api):
    tuple(api("/system/identity/set", name="edge"))
    assert tuple(api("/system/identity/print")) == ({"name": "edge"},)


def test_a_service_can_be_limited_to_its_clients(router, api):
    api.path("ip", "service").update(**{".id": "api", "address": "10.0.0.0/8,2001:db8::/32"})
    with pytest.raises((LibRouterosError, OSError)):
        router.connect()
    api.path("ip", "service").update(**{".id": "api", "address": "127.0.0.0/8"})
    assert router.connect()


def test_nothing_is_removed_by_no_id(rules):
    rules.add(chain="input")
    assert refused(rules.remove) == "no such item"
    assert len(tuple(rules)) == 1
