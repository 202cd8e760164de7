"""Jobs on the router's clock, and what a reboot does to them and to the rest."""

import contextlib

import pytest
from librouteros.exceptions import LibRouterosError

from tests.routeros.conftest import FILTER, LIST


def add_job(router, **words):
    start = {"start-date": "2026-05-28", "start-time": "20:30:00"}
    words = {name.replace("_", "-"): value for name, value in words.items()}
    jobs = router.connect().path("system", "scheduler")
    jobs.add(**{"name": "job", "on-event": ":log info ran"} | start | words)
    return jobs


def job(router):
    (row,) = router.rows("/system/scheduler")
    return row


def runs(router):
    return router.log().count("ran")


def test_a_job_without_interval_runs_once_at_its_start(device):
    router = device()
    add_job(router)
    assert job(router)["next-run"] == "2026-05-28 20:30:00"
    router.advance(199)
    assert runs(router) == 0
    router.advance(1)
    assert (runs(router), job(router)["run-count"]) == (1, "1")
    assert "next-run" not in job(router)
    router.advance(100_000)
    assert runs(router) == 1


def test_a_job_with_an_interval_repeats(device):
    router = device()
    add_job(router, interval="10m")
    router.advance(200 + 1800)
    assert (runs(router), job(router)["next-run"]) == (4, "2026-05-28 21:10:00")


def test_a_job_without_a_start_first_runs_an_interval_from_now(device):
    router = device()
    jobs = router.connect().path("system", "scheduler")
    jobs.add(name="job", interval="90s", **{"on-event": ":log info ran"})
    assert (job(router)["start-date"], job(router)["start-time"]) == ("2026-05-28", "20:26:40")
    router.advance(90)
    assert runs(router) == 1


def test_a_job_runs_the_script_it_names(device):
    router = device()
    router.connect().path("system", "script").add(name="revert", source=":log info ran")
    add_job(router, on_event="revert")
    router.advance(200)
    assert runs(router) == 1


def test_a_job_can_remove_itself_and_its_script(device):
    router = device()
    router.connect().path("system", "script").add(
        name="revert",
        source='/ip firewall filter remove [find comment~"^kc:"]\n'
        '/system scheduler remove [find name="job"]\n/system script remove [find name="revert"]',
    )
    router.connect().path("ip", "firewall", "filter").add(chain="input", comment="kc:1")
    add_job(router, on_event="revert", interval="1m")
    router.advance(1000)
    assert [router.rows(path) for path in (FILTER, "/system/scheduler", "/system/script")] == [
        [],
        [],
        [],
    ]


def test_a_removed_or_disabled_job_does_not_run(device):
    router = device()
    jobs = add_job(router)
    jobs.update(**{".id": "job", "disabled": True})
    assert "next-run" not in job(router)
    router.advance(300)
    jobs.update(**{".id": "job", "disabled": False, "start-time": "20:40:00"})
    jobs.remove("job")
    router.advance(1000)
    assert runs(router) == 0


def test_a_job_that_fails_says_so_in_the_log(device):
    router = device()
    add_job(router, on_event="/ip firewall filter remove *99; :log info ran")
    router.advance(200)
    assert runs(router) == 0
    assert any("failed" in line and "no such item" in line for line in router.log())


def test_a_job_has_only_its_own_policies(device):
    router = device()
    add_job(router, on_event="/ip firewall filter add chain=input", policy="read")
    router.advance(200)
    assert router.rows(FILTER) == []
    assert any("not enough permissions" in line for line in router.log())


def test_a_job_does_not_run_a_script_that_has_more_policies(device):
    router = device()
    router.connect().path("system", "script").add(name="revert", source=":log info ran")
    add_job(router, on_event="revert", policy="read,write")
    router.advance(200)
    assert runs(router) == 0
    assert any("not enough permissions" in line for line in router.log())


REVERT = """\
/ip firewall filter remove [find where comment~"^kc:new"]
:if ([:len [/ip firewall filter find comment="kc:old"]] = 0) do={
  /ip firewall filter add chain=input comment="kc:old" \\
    place-before=[find comment="foreign"]
}
/system scheduler remove [find name~"^kc-"]
/system script remove [find name="kc-revert"]
"""


@pytest.fixture
def changed(device):
    """A router that was changed with a way back: a job at 20:30, and one at the next boot."""
    router = device()
    api = router.connect()
    rules = api.path("ip", "firewall", "filter")
    old = rules.add(chain="input", comment="kc:old")
    rules.add(chain="input", comment="foreign")
    api.path("system", "script").add(name="kc-revert", source=REVERT)
    add_job(router, name="kc-timer", on_event="kc-revert")
    add_job(router, name="kc-boot", on_event="kc-revert", start_time="startup")
    rules.add(chain="input", comment="kc:new", **{"place-before": old})
    rules.remove(old)
    return router


def nothing_left(router):
    return not router.rows("/system/scheduler") and not router.rows("/system/script")


def test_a_change_that_is_not_confirmed_takes_itself_back(changed):
    changed.advance(199)
    assert changed.comments() == ["kc:new", "foreign"]
    changed.advance(1)
    assert changed.comments() == ["kc:old", "foreign"]
    assert nothing_left(changed)


def test_a_reboot_inside_the_window_takes_the_change_back(changed):
    changed.do(changed.router.power_off)
    changed.advance(1000)
    changed.do(changed.router.power_on)
    assert changed.comments() == ["kc:new", "foreign"]
    changed.advance(3)
    assert changed.comments() == ["kc:old", "foreign"]
    assert nothing_left(changed)


def test_a_confirmed_change_stays(changed):
    changed.host.settle()
    api = changed.connect()
    api.path("system", "scheduler").remove("kc-timer", "kc-boot")
    api.path("system", "script").remove("kc-revert")
    changed.do(changed.router.reboot)
    changed.advance(5000)
    assert changed.comments() == ["kc:new", "foreign"]


@pytest.mark.parametrize(("version", "date"), [("6.49", "may/28/2026"), ("7.16", "2026-05-28")])
def test_dates_are_read_in_both_forms_and_printed_in_the_versions(device, version, date):
    router = device(version=version)
    add_job(router, start_date="may/28/2026")
    assert (job(router)["start-date"], job(router)["next-run"]) == (date, f"{date} 20:30:00")


def test_a_start_is_in_the_routers_own_zone(device):
    router = device(gmt_offset=3600)
    add_job(router, start_time="21:30:00")
    router.advance(200)
    assert runs(router) == 1


@pytest.mark.parametrize(
    ("version", "triggered"),
    [("7.20", True), ("7.24.0", False), ("7.24.1", False), ("7.24.4", False), ("7.24.5", True)],
)
def test_versions_7_24_0_to_7_24_4_forget_jobs_without_a_start(device, version, triggered):
    router = device(version=version)
    jobs = router.connect().path("system", "scheduler")
    jobs.add(name="job", interval="1m", **{"on-event": ":log info ran"})
    assert ("next-run" in job(router)) == triggered
    router.advance(60)
    assert runs(router) == int(triggered)


def test_those_versions_run_jobs_with_a_start(device):
    router = device(version="7.24.1")
    add_job(router)
    router.advance(200)
    assert runs(router) == 1


def test_the_clock_can_run_faster_than_ours(device):
    router = device(scale=1000)
    add_job(router)
    while not runs(router):
        pass
    assert router.router.clock.now() >= 1_780_000_200


# --- reboots ---


def test_a_startup_job_runs_about_three_seconds_after_each_boot(device):
    router = device()
    add_job(router, start_time="startup")
    router.advance(1000)
    assert runs(router) == 0
    router.do(router.router.reboot, down=30)
    router.advance(32)
    assert runs(router) == 0
    router.advance(1)
    assert runs(router) == 1
    router.advance(1000)
    assert runs(router) == 1


def test_a_startup_job_with_an_interval_does_not_run_at_boot(device):
    router = device()
    add_job(router, start_time="startup", interval="5m")
    router.do(router.router.reboot, down=30)
    router.advance(60)
    assert runs(router) == 0
    router.advance(270)
    assert runs(router) == 1


def test_a_job_whose_time_passed_while_the_router_was_down_does_not_run(device):
    router = device()
    add_job(router)
    router.do(router.router.reboot, down=300)
    router.advance(1000)
    assert (runs(router), job(router)["run-count"]) == (0, "0")


def test_a_reboot_keeps_configuration_and_forgets_the_rest(device):
    router = device()
    api = router.connect()
    lists = api.path("ip", "firewall", "address-list")
    lists.add(list="a", address="10.0.0.1")
    lists.add(list="a", address="10.0.0.2", timeout="1d")
    router.do(router.router.reboot)
    with pytest.raises((LibRouterosError, OSError)):
        tuple(api("/system/identity/print"))
    router.host.settle()
    with pytest.raises(OSError, match=r".*"):
        router.connect()
    router.advance(30)
    router.host.settle()
    again = router.connect()
    assert [row["address"] for row in again.path("ip", "firewall", "address-list")] == ["10.0.0.1"]
    assert tuple(again("/system/history/print")) == ()
    assert next(iter(again("/system/resource/print")))["uptime"] == "0s"


def test_a_reboot_ends_running_scripts(device):
    router = device()
    add_job(router, on_event=":delay 1m; :log info ran")
    router.advance(210)
    router.do(router.router.reboot, down=1)
    router.advance(1000)
    assert runs(router) == 0


def test_ids_are_not_given_again_after_a_reboot(device):
    router = device()
    router.connect().path("ip", "firewall", "address-list").add(
        list="a", address="10.0.0.2", timeout="1d"
    )
    router.do(router.router.reboot, down=1)
    router.advance(1)
    router.host.settle()
    lists = router.connect().path("ip", "firewall", "address-list")
    assert lists.add(list="a", address="10.0.0.3") == "*2"
    assert [row["list"] for row in router.rows(LIST)] == ["a"]


def test_a_router_is_rebooted_over_the_api(device):
    router = device()
    with contextlib.suppress(LibRouterosError, OSError):
        tuple(router.connect()("/system/reboot"))
    router.advance(0)
    assert not router.router.powered
    router.advance(31)
    assert router.router.powered
