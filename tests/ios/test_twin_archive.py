"""Taking changes back: the archive, the revert timer, whole replacement, differences, reload."""

import re

import pytest

PENDING = "%No Rollback Confirmed Change pending\n"


def arm(device, minutes=2):
    said = device.say(f"configure terminal revert timer {minutes}")
    device.say("end")
    return said


def messages(device):
    return [line.message for line in device.device.logs.lines]


def mnemonics(device):
    return [re.match(r"%[\w-]+", line).group() for line in messages(device)]


def test_a_change_that_nobody_confirms_is_taken_back(console):
    device = console()
    before = device.running()
    said = arm(device)
    assert said.startswith("Rollback Confirmed Change: Backing up current running config to flash:")
    assert "Enter configuration commands" in said
    device.configure("hostname other\nip route 0.0.0.0 0.0.0.0 192.0.2.1")
    device.advance(119)
    assert device.prompt == "other#"
    device.advance(1)
    assert device.running() == before
    assert [m.removeprefix("%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_") for m in mnemonics(device)] == [
        "BACKUP",
        "START_ABSTIMER",
        "%SYS-5-CONFIG_I",
        "%SYS-5-CONFIG_I",
        "WARNING_ABSTIMER",
        "ROLLBACK_START",
    ]
    assert device.say("show archive config rollback timer") == PENDING


def test_a_confirmed_change_stays(console):
    device = console()
    arm(device)
    device.configure("hostname other")
    assert device.say("show archive config rollback timer") == (
        "Time configured(or reconfigured): 20:26:40 UTC Thu May 28 2026\n"
        "Timer type: absolute timer\n"
        "Timer value: 2 min\n"
        "User: admin\n"
    )
    assert device.say("configure confirm") == ""
    device.advance(300)
    assert device.prompt == "other#"
    assert device.say("configure confirm") == PENDING


def test_a_change_is_taken_back_at_once(console):
    device = console()
    assert device.say("configure revert now") == f"{PENDING}"
    arm(device)
    device.configure("hostname other")
    assert "Rollback Done" in device.say("configure revert now")
    assert device.prompt == "cisco1#"


def test_the_time_can_be_changed(console):
    device = console()
    arm(device)
    device.configure("hostname other")
    device.advance(60)
    assert device.say("configure revert timer 5") == ""
    device.advance(299)
    assert device.prompt == "other#"
    device.advance(1)
    assert device.prompt == "cisco1#"
    assert device.say("configure revert timer 5") == PENDING


def test_an_idle_timer_starts_again_with_every_line(console):
    device = console()
    device.say("configure terminal revert timer idle 2")
    device.type("hostname other\nend")
    for _ in range(3):
        device.advance(100)
        device.say("show clock")
    assert device.prompt == "other#"
    assert "Timer type: idle timer\n" in device.say("show archive config rollback timer")
    device.advance(120)
    assert device.prompt == "cisco1#"


def test_a_second_timer_is_refused(console):
    device = console()
    device.device.archive.arm("somebody", 10)
    assert device.say("configure terminal revert timer 2").startswith("%")
    assert device.prompt == "cisco1#"
    assert "User: somebody\n" in device.say("show archive config rollback timer")


def test_without_an_archive_nothing_can_be_taken_back(console):
    device = console(archive=False)
    assert device.say("show archive") == "Archive feature not enabled\n"
    for line in ("configure terminal revert timer 2", "archive config"):
        assert device.say(line) == "%Please turn config archive on\n"
    device.say("copy running-config flash:x")
    said = device.say("configure replace flash:x force revert trigger error")
    assert said == "%Please turn config archive on\n"
    assert "Rollback Done" in device.say("configure replace flash:x force")


def test_the_archive_keeps_so_many_copies(console):
    device = console()
    device.configure("archive\n maximum 2\n write-memory")
    device.say("archive config")
    device.advance(1)
    device.say("archive config")
    device.say("write memory")
    shown = device.say("show archive").splitlines()
    assert shown[0] == "The maximum archive configurations allowed is 2."
    assert shown[1] == "The next archive file will be named flash:archive-<timestamp>-3"
    assert shown[3].endswith("flash:archive-May-28-20-26-41.000-1")
    assert shown[4].endswith("flash:archive-May-28-20-26-41.000-2 <- Most Recent")
    assert len(device.device.flash.files) == 2


def test_older_versions_number_the_copies(console):
    device = console(version="12.4(24)T")
    device.say("archive config")
    assert "flash:archive-1 <- Most Recent" in device.say("show archive")
    assert "will be named flash:archive-2" in device.say("show archive")


def test_a_configuration_is_replaced_after_a_question(console):
    device = console()
    device.say("copy running-config flash:before")
    device.configure("hostname other\ninterface gi0/0\n description x")
    assert device.say("configure replace flash:before", "n") == ""
    assert device.prompt == "other#"
    said = device.say("configure replace flash:before", "y")
    assert said == "Total number of passes: 1\nRollback Done\n\n"
    assert device.device.text() == device.device.text_of("flash:before")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "%Error opening flash:x (No such file or directory)\n"),
        ("hostname x\n", "%The input file is not a valid config file.\n\n"),
    ],
)
def test_only_a_whole_configuration_can_replace(console, text, said):
    device = console()
    if text is not None:
        device.device.flash.write("x", text.encode())
    assert device.say("configure replace flash:x force") == said


@pytest.mark.parametrize("trigger", ["", " revert trigger error"])
def test_what_becomes_of_a_replacement_with_a_bad_line(console, trigger):
    device = console()
    text = device.running().replace("hostname cisco1", "hostname other\nbogus line")
    device.device.flash.write("x", text.encode())
    said = device.say(f"configure replace flash:x force{trigger}")
    assert "Rollback aborted after 5 passes" in said
    assert "bogus line" in said
    assert ("original configuration has been successfully restored" in said) is bool(trigger)
    assert device.prompt == ("cisco1#" if trigger else "other#")


def test_a_replacement_can_have_a_timer(console):
    device = console()
    text = device.running().replace("hostname cisco1", "hostname other")
    device.device.flash.write("x", text.encode())
    said = device.say("configure replace flash:x force revert trigger error timer 3")
    assert said.startswith("Rollback Confirmed Change: Backing up")
    assert device.prompt == "other#"
    device.advance(180)
    assert device.prompt == "cisco1#"


def test_differences_are_printed_in_context(console):
    device = console()
    text = device.running().replace("hostname cisco1", "hostname other")
    text = text.replace(
        "interface GigabitEthernet0/0\n", "interface GigabitEthernet0/0\n mtu 1400\n"
    )
    device.device.flash.write("x", text.replace("ip scp server enable\n", "").encode())
    line = "show archive config differences system:running-config flash:x"
    assert device.say(line).splitlines() == [
        "!Contextual Config Diffs:",
        "+hostname other",
        "interface GigabitEthernet0/0",
        " +mtu 1400",
        "-hostname cisco1",
        "-ip scp server enable",
    ]
    same = device.say("show archive config differences")
    assert same == "!Contextual Config Diffs:\n!No changes were found\n"


def test_incremental_differences_show_what_a_file_would_add(console):
    device = console()
    device.configure(
        "class-map match-any C\n match access-group name A\npolicy-map P\n class C\n  drop"
    )
    merge = "hostname cisco1\ncontrol-plane\n service-policy input P\nno file prompt quiet\nend\n"
    device.device.flash.write("x", merge.encode())
    line = "show archive config incremental-diffs flash:x ignorecase"
    assert device.say(line).splitlines() == [
        "!List of Commands:",
        "no file prompt quiet",
        "control-plane",
        " service-policy input P",
        "end",
    ]
    assert "service-policy" not in device.running()
    device.device.flash.write("x", b"hostname cisco1\nend\n")
    assert device.say(line) == "!List of Commands:\nend\n!No changes were found\n"
    device.device.flash.write("x", b"hostname other\n")
    assert device.say(line) == "!Error: cfgdiff returned error 5\n"


def test_power_lost_before_saving_is_a_way_back(console):
    device = console()
    device.configure("hostname other")
    device.device.power_off()
    device.device.power_on()
    assert device.prompt == "cisco1#"
    device.configure("hostname other")
    device.say("write memory")
    device.device.power_off()
    device.device.power_on()
    assert device.prompt == "other#"


def test_a_restart_forgets_the_timer_and_numbers_entries_anew(console):
    device = console()
    device.configure("ip access-list extended A\n 5 permit ip any any\n 7 deny ip any any")
    arm(device)
    device.say("write memory")
    device.device.power_off()
    device.device.power_on()
    assert device.say("show archive config rollback timer") == PENDING
    assert "    10 permit ip any any\n    20 deny ip any any\n" in device.say("show access-lists")
    assert mnemonics(device) == ["%SYS-5-RESTART"]


def test_reload_asks_and_can_be_had_later(console):
    device = console()
    device.configure("hostname other")
    assert device.say("reload in 5", "no") == ""
    assert "Reload scheduled" not in device.say("show reload")
    device.device.reload_in(5)
    assert "(in 5 minutes) by admin" in device.say("show reload")
    device.advance(300)
    assert not device.device.powered
    device.advance(60)
    assert device.device.powered
    assert device.prompt == "cisco1#"


def test_a_reload_can_be_called_off(console):
    device = console()
    assert device.say("reload cancel") == "%No reload is scheduled.\n"
    device.device.reload_in(5)
    assert "SHUTDOWN ABORTED" in device.say("reload cancel")
    device.advance(600)
    assert device.device.powered


@pytest.mark.parametrize("line", ["configure terminal revert timer 2", "archive config"])
def test_a_copy_that_cannot_be_written_stops_what_needs_it(console, line):
    device = console()
    device.configure("archive\n path flash:none/archive")
    assert device.say(line).startswith("%Error opening flash:none/archive-")
    assert device.prompt == "cisco1#"
    assert device.say("show archive config rollback timer") == PENDING


@pytest.mark.parametrize(
    "line",
    [
        "show archive config differences flash:none",
        "show archive config incremental-diffs flash:none",
    ],
)
def test_what_is_not_there_cannot_be_compared(console, line):
    assert console().say(line) == "%Error opening flash:none (No such file or directory)\n"
