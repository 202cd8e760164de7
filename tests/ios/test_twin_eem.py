"""The embedded event manager's shows, the log, and what they are made from."""

import pytest

from knockctl_ios.twin.device import Run

APPLET = r"""
event manager applet KNOCK authorization bypass
 event tag E1 syslog pattern ".*%CP-6-UDP.*46543.*$" maxrun 30
 event tag E2 syslog pattern "say \"hi\""
 trigger occurs 1 period 10
  correlate event E1 and event E2
 action 0010 cli command "enable"
 action 0005 info type event reqinfo tag E1
"""


def words(line):
    return " ".join(line.split())


def test_registered_policies_are_listed_with_their_events(console):
    device = console()
    device.configure(APPLET)
    device.advance(1)
    device.configure("event manager applet ONE\n event syslog pattern x\n action 1 exit")
    assert device.say("show event manager policy registered").splitlines() == [
        "No.  Class     Type    Event Type          Trap  Time Registered           Name",
        "1    applet    user    multiple            Off   Thu May 28 20:26:40 2026  KNOCK",
        r" 1: syslog: tag E1: pattern {.*%CP-6-UDP.*46543.*$}",
        ' 2: syslog: tag E2: pattern {say "hi"}',
        " trigger occurs 1 period 10.000",
        "  correlate event E1 and event E2",
        " nice 0 queue-priority normal maxrun 30.000 scheduler rp_primary Secu bypass",
        " action 0005 info type event reqinfo tag E1",
        ' action 0010 cli command "enable"',
        "2    applet    user    syslog              Off   Thu May 28 20:26:41 2026  ONE",
        " pattern {x}",
        " nice 0 queue-priority normal maxrun 20.000 scheduler rp_primary Secu none",
        " action 1 exit",
    ]


def test_an_applet_without_an_event_is_not_registered(console):
    device = console()
    said = device.configure("event manager applet X\n action 1 exit\nexit")
    assert "not registered" in said
    assert device.device.applets() == []
    assert "event manager applet X" in device.running()


def test_actions_go_by_their_labels_as_strings(console):
    device = console()
    lines = (
        "event none\n action 10.0 exit\n action 2.0 puts b\n action 2.0 puts c\n action 1.0 puts a"
    )
    device.configure(f"event manager applet X\n {lines}\n no action 1.0")
    assert device.running("applet").split("\n")[1:] == [
        " event none",
        " action 10.0 exit",
        ' action 2.0 puts "c"',
    ]
    device.configure("no event manager applet X")
    assert device.running("applet") == ""


def test_blocks_are_printed_further_in(console):
    device = console()
    device.configure(
        "event manager applet X\nevent none\naction 1 while $i lt 3\naction 2 if $i eq 1\n"
        "action 3 break\naction 4 elseif $i eq 2\naction 5 continue\naction 6 end\naction 7 end"
    )
    assert device.running("applet").split("\n")[2:] == [
        ' action 1 while $i lt "3"',
        ' action 2  if $i eq "1"',
        " action 3   break",
        ' action 4  elseif $i eq "2"',
        " action 5   continue",
        " action 6  end",
        " action 7 end",
    ]


def test_a_tcl_policy_needs_its_folder_and_an_event(console):
    device = console()
    line = "event manager policy knock.tcl type user"
    assert "no user policy directory" in device.configure(line)
    device.configure("event manager directory user policy flash:/eem")
    assert "No such file" in device.configure(line)
    device.say("mkdir flash:eem")
    device.device.flash.write("eem/knock.tcl", b"puts hello\n")
    assert "registers no event" in device.configure(line)
    source = b'::cisco::eem::event_register_syslog pattern "%CP-6-" maxrun 30\n'
    device.device.flash.write("eem/knock.tcl", source)
    assert device.configure(line) == ""
    assert f"{line}\n" in device.running()
    shown = device.say("show event manager policy registered").splitlines()
    assert words(shown[1]) == "1 script user syslog Off Thu May 28 20:26:40 2026 knock.tcl"
    assert shown[2] == " pattern {%CP-6-}"
    device.configure(f"no {line}")
    assert device.device.applets() == []


def test_registration_survives_a_restart(console):
    device = console()
    device.configure(APPLET)
    device.say("write memory")
    device.device.power_off()
    device.device.power_on()
    assert [node.args["name"] for node in device.device.applets()] == ["KNOCK"]


def test_history_and_environment(console):
    device = console()
    device.device.runs.append(Run(1, "success", 1_780_000_000.0, "syslog", "applet: KNOCK"))
    device.configure("event manager environment _knock_Timeout 1")
    row = device.say("show event manager history events").splitlines()[-1]
    assert words(row) == "1 1 Actv success Thu May 28 20:26:40 2026 syslog applet: KNOCK"
    row = device.say("show event manager environment").splitlines()[-1]
    assert row.split() == ["1", "_knock_Timeout", "1"]


@pytest.mark.parametrize(
    ("version", "number"),
    [("12.4(15)T", "2.40"), ("12.4(24)T", "3.00"), ("15.1(4)M", "3.10"), ("15.7(3)M", "4.00")],
)
def test_versions_say_what_they_can(console, version, number):
    device = console(version=version)
    assert f"Event Manager Version {number}\n" in device.say("show event manager version")
    assert f"Version {version}" in device.say("show version")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ("", "*May 28 20:26:40.000: %A-6-B: c"),
        ("service sequence-numbers", "000002: *May 28 20:26:40.000: %A-6-B: c"),
        ("service timestamps log datetime", "*May 28 20:26:40: %A-6-B: c"),
        ("service timestamps log uptime", "01:00:00: %A-6-B: c"),
        ("no service timestamps log", "%A-6-B: c"),
    ],
)
def test_lines_of_the_log_begin_as_they_are_configured_to(console, settings, text):
    device = console()
    device.configure(settings)
    heard = []
    device.device.logs.watchers.append(heard.append)
    device.device.log("%A-6-B: c")
    assert [line.text for line in heard] == [text]
    assert heard[0].severity == 6
    assert device.say("show logging").endswith(f"{text}\n")


def test_the_log_keeps_what_its_buffer_holds(console):
    device = console(clock_authoritative=True)
    device.configure("logging buffered 4096")
    for number in range(200):
        device.device.log(f"%A-6-B: line {number}")
    shown = device.say("show logging")
    assert "line 199" in shown
    assert "line 9\n" not in shown
    assert "Log Buffer (4096 bytes):" in shown
    device.say("clear logging", "y")
    assert "line 199" not in device.say("show logging")
    device.say("send log 5 hello")
    assert "%SYS-5-USERLOG_NOTICE: Message from tty0(user id: admin): hello" in device.say(
        "show logging"
    )


def test_a_policy_that_waits_for_nothing_is_started_by_hand(console):
    device = console()
    started = []
    device.device.on_run.append(started.append)
    device.configure("event manager applet X\n event none\n action 1 exit")
    device.configure(APPLET)
    assert device.say("event manager run X") == ""
    assert "not registered with event none" in device.say("event manager run KNOCK")
    assert started == ["X"]
