"""Safe mode over the API, and the history it rests on."""

import pytest
from librouteros.exceptions import TrapError

FILTER = "/ip/firewall/filter"


@pytest.fixture
def router(device):
    router = device()
    router.connect().path("ip", "firewall", "filter").add(chain="input", comment="old")
    return router


def say(api, command, **words):
    return tuple(api(command, **words))


def add(api, comment):
    return api.path("ip", "firewall", "filter").add(chain="input", comment=comment)


def close(router, api):
    """End a session, and wait until the router has noticed."""
    before = len(router.rows("/user/active"))
    api.close()
    while len(router.rows("/user/active")) == before:
        pass


def test_released_changes_stay(router):
    api = router.connect()
    say(api, "/safe-mode/take")
    add(api, "new")
    say(api, "/safe-mode/release")
    close(router, api)
    router.advance(3600)
    assert router.comments() == ["old", "new"]


def test_unrolled_changes_are_undone_at_once_in_every_menu(router):
    api = router.connect()
    say(api, "/safe-mode/take")
    rules = api.path("ip", "firewall", "filter")
    number = add(api, "new")
    rules.update(**{".id": "*1", "comment": "changed"})
    tuple(rules("move", numbers=number, destination="*1"))
    rules.remove("*1")
    api.path("ip", "firewall", "address-list").add(list="a", address="10.0.0.1")
    api.path("system", "script").add(name="x", source="")
    say(api, "/safe-mode/unroll")
    assert [(row[".id"], row["comment"]) for row in router.rows(FILTER)] == [("*1", "old")]
    assert router.rows("/ip/firewall/address-list") == []
    assert router.rows("/system/script") == []


def test_a_session_that_ends_is_undone_a_little_later(router):
    api = router.connect()
    say(api, "/safe-mode/take")
    add(api, "new")
    close(router, api)
    assert router.comments() == ["old", "new"]
    router.advance(1.9)
    assert router.comments() == ["old", "new"]
    router.advance(0.1)
    assert router.comments() == ["old"]


def test_the_delay_is_a_switch(device):
    router = device(undo_delay=540)
    api = router.connect()
    say(api, "/safe-mode/take")
    add(api, "new")
    close(router, api)
    router.advance(539)
    assert router.comments() == ["new"]
    router.advance(1)
    assert router.comments() == []


def test_one_session_at_a_time_holds_it(router):
    first, second = router.connect(), router.connect()
    say(first, "/safe-mode/take")
    with pytest.raises(TrapError):
        say(second, "/safe-mode/take")
    close(router, first)
    with pytest.raises(TrapError):
        say(second, "/safe-mode/take")
    router.advance(2)
    say(second, "/safe-mode/take")


def test_what_others_did_meanwhile_is_undone_too(router):
    first, second = router.connect(), router.connect()
    say(first, "/safe-mode/take")
    add(second, "by the other")
    say(first, "/safe-mode/unroll")
    assert router.comments() == ["old"]


def test_another_session_can_release_what_a_lost_one_holds(router):
    first, second = router.connect(), router.connect()
    say(first, "/safe-mode/take")
    add(first, "new")
    close(router, first)
    say(second, "/safe-mode/release")
    router.advance(3600)
    assert router.comments() == ["old", "new"]


def test_another_session_cannot_unroll(router):
    first, second = router.connect(), router.connect()
    say(first, "/safe-mode/take")
    add(first, "new")
    say(second, "/safe-mode/unroll")
    assert router.comments() == ["old", "new"]


@pytest.mark.parametrize(("actions", "undone"), [(100, True), (101, False)])
def test_more_than_100_actions_leave_safe_mode_silently(router, actions, undone):
    api = router.connect()
    say(api, "/safe-mode/take")
    for number in range(actions):
        add(api, str(number))
    say(api, "/safe-mode/unroll")
    assert len(router.comments()) == (1 if undone else 1 + actions)


def test_timed_entries_are_no_actions_and_stay(router):
    api = router.connect()
    say(api, "/safe-mode/take")
    api.path("ip", "firewall", "address-list").add(list="a", address="10.0.0.1", timeout="1h")
    assert len(say(api, "/system/history/print")) == 1
    say(api, "/safe-mode/unroll")
    assert [row["address"] for row in router.rows("/ip/firewall/address-list")] == ["10.0.0.1"]


@pytest.mark.parametrize("version", ["6.49", "7.16", "7.17.2"])
def test_older_versions_have_none(device, version):
    with pytest.raises(TrapError, match="no such command prefix"):
        say(device(version=version).connect(), "/safe-mode/take")


@pytest.mark.parametrize("undoes", [True, False])
def test_what_a_power_cut_does_is_a_switch(device, undoes):
    router = device(power_loss_undoes=undoes)
    api = router.connect()
    say(api, "/safe-mode/take")
    add(api, "new")
    router.do(router.router.power_off)
    router.do(router.router.power_on)
    router.advance(3600)
    assert router.comments() == ([] if undoes else ["new"])


def test_the_history_names_the_latest_first_and_steps_back_and_forth(router):
    api = router.connect()
    add(api, "new")
    latest = say(api, "/system/history/print")[0]
    assert (latest["action"], latest["by"]) == ("ip firewall filter add", "admin")
    say(api, "/undo")
    assert router.comments() == ["old"]
    say(api, "/redo")
    assert router.comments() == ["old", "new"]
    say(api, "/undo")
    say(api, "/undo")
    with pytest.raises(TrapError):
        say(api, "/undo")
