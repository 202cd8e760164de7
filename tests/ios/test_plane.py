"""The router's data plane: what its running configuration makes of packets, and of log lines."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.automaton.packet import FLAGS, WirePacket
from knockctl.lab.plane.frames import Seen
from knockctl.lab.plane.local import Local
from knockctl_ios.twin.device import Clock, Shell, Switches, exec_commands
from knockctl_ios.twin.plane.control import control
from knockctl_ios.twin.plane.router import LabRouter
from knockctl_ios.twin.plane.rulebase import key
from knockctl_ios.twin.plane.switches import Switches as Plane
from tests.ios.conftest import START

HOME, AWAY = "198.51.100.14", "198.51.100.100"
INTERFACES = {"out": "GigabitEthernet0/0", "in": "GigabitEthernet0/1"}
BOUND = "interface GigabitEthernet0/0\n ip access-group outer in\n"
QUIET = "interface GigabitEthernet0/0\n no ip unreachables\n"
DOOR = f"""
object-group service svc
 tcp eq 22
 udp eq 443
ip access-list extended outer
 permit tcp any host {HOME} eq 22 established
 dynamic door timeout 5 permit object-group svc any host {HOME}
 deny object-group svc any host {HOME}
 deny udp any host {HOME} eq 1001 log kc-1
 permit ip any any
{BOUND}"""
PLANE = f"""
ip access-list extended knocks
 permit udp any host {HOME} eq 1001
class-map match-any knocks
 match access-group name knocks
class-map type logging match-any dropped
 match packets dropped
policy-map mine
 class knocks
  drop
policy-map type logging said
 class dropped
  log
control-plane host
 service-policy input mine
 service-policy type logging input said
"""


def applet(pattern, *actions, name="one", events="", bypass=" authorization bypass"):
    said = events or f' event syslog pattern "{pattern}"\n'
    lines = "".join(f" action {n:03} {text}\n" for n, text in enumerate(actions, start=1))
    return f"event manager applet {name}{bypass}\n{said}{lines}"


OPEN = (
    'regexp "([0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+)\\(" "$_syslog_msg" all src',
    'cli command "enable"',
    'cli command "access-template outer door host $src any timeout 1"',
)


class Bench:
    """A router on no wire, whose time stands still, and a host that sends it packets."""

    def __init__(self, base="", plane=None, **switches):
        self.router = LabRouter(
            Switches(**switches),
            plane or Plane(latency=(0.5, 0.5)),
            Local([ip_address(HOME)], ["198.51.100.0/24"]),
            interfaces=INTERFACES,
            base=base,
            listening=[443],
            clock=Clock(start=START, scale=0),
        )
        self.device = self.router.device
        self.control = control(self.router).words
        self.sent = 0

    def send(self, what, source=AWAY, port=None, interface="out", **more):
        protocol, _, number = what.partition("/")
        self.sent += 1
        packet = WirePacket(
            ip_address(source),
            ip_address(HOME if ":" not in source else "2001:db8::1"),
            protocol,
            int(number),
            port or 40000 + self.sent,
            interface=interface,
        )
        seen = Seen(replace(packet, **more), 28)
        if "destination_type" not in more:
            seen = self.router.judge.addressed(seen)
        return self.router.judge.judge(seen)

    def passes(self, what, *args, **more):
        return self.send(what, *args, **more).accepted

    def say(self, line):
        return Shell(self.device, exec_commands, "admin", 15).answer(line)

    def advance(self, seconds):
        self.device.clock.advance(seconds)

    def log(self):
        return [line.message for line in self.device.logs.lines]


# --- packets ---


def test_without_a_list_everything_for_the_router_passes():
    bench = Bench()
    assert bench.passes("tcp/22")
    assert bench.passes("udp/9")
    assert not bench.passes("tcp/22", destination_type="UNICAST"), "nothing is forwarded"


def test_a_list_judges_what_comes_in_by_its_interface_alone():
    bench = Bench(DOOR)
    assert not bench.passes("tcp/22")
    assert bench.passes("tcp/22", interface="in")
    assert bench.passes("tcp/22", flags=FLAGS["ack"]), "established"
    assert bench.passes("tcp/80")


def test_a_change_counts_for_the_next_packet():
    bench = Bench()
    assert bench.passes("tcp/22")
    bench.device.load(DOOR)
    assert not bench.passes("tcp/22")
    bench.device.load("interface GigabitEthernet0/0\n no ip access-group outer in\n")
    assert bench.passes("tcp/22")


def test_temporary_entries_let_in_until_their_time_is_up():
    bench = Bench(DOOR)
    assert bench.say(f"access-template outer door host {AWAY} any timeout 1") == ""
    assert bench.passes("tcp/22")
    assert bench.passes("udp/443")
    assert not bench.passes("tcp/22", "198.51.100.101")
    shown = bench.say("show access-lists outer")
    assert "(2 matches) (time left 60)" in shown
    bench.advance(60)
    assert not bench.passes("tcp/22")


def test_an_idle_time_begins_anew_with_each_packet():
    bench = Bench(DOOR, timeout_reading="idle")
    bench.say(f"access-template outer door host {AWAY} any timeout 1")
    for _ in range(4):
        bench.advance(50)
        assert bench.passes("tcp/22")
    bench.advance(60)
    assert not bench.passes("tcp/22")


def test_entries_are_known_by_the_addresses_they_are_shown_with():
    bench = Bench(DOOR)
    bench.say("access-template outer door any any timeout 1")
    bench.say("access-template outer door 10.0.0.0 0.0.0.255 host 198.51.100.14 timeout 1")
    found = [key(one)[2:] for one in bench.device.entries.items]
    assert found == [("any", "any"), ("10.0.0.0 0.0.0.255", f"host {HOME}")]
    assert bench.passes("tcp/22")


def test_refusals_are_answered_unless_the_interface_is_quiet():
    bench = Bench(DOOR)
    assert bench.send("tcp/22").answer == 13
    assert bench.send("tcp/22").answer is None, "not more often than twice in a second"
    bench.advance(1)
    assert bench.send("tcp/22").answer == 13
    bench.advance(1)
    bench.device.load(QUIET)
    assert bench.send("tcp/22").answer is None
    assert not bench.passes("udp/9"), "what nobody listens to would be answered, too"
    assert bench.passes("udp/443", "198.51.100.14", interface="in")


def test_the_control_plane_drops_logs_and_counts():
    bench = Bench(PLANE)
    assert bench.send("udp/1001").answer is None
    assert not bench.passes("udp/1001", interface="in"), "whatever the interface"
    assert bench.passes("udp/1002")
    line = f"%CP-6-UDP: DROP {AWAY}(40001) -> {HOME}(1001)"
    assert bench.log()[0] == line
    assert len(bench.log()) == 2
    assert "2 packets, 56 bytes" in bench.say("show policy-map control-plane host")


@pytest.mark.parametrize(
    ("style", "line"),
    [
        ("tight", f"%CP-6-UDP: DROP {AWAY}(40001)->{HOME}(1001)"),
        ("with-ttl", f"%CP-6-UDP: DROP ttl=64 length=28 {AWAY}(40001) -> {HOME}(1001)"),
    ],
)
def test_log_lines_have_the_style_of_the_router(style, line):
    bench = Bench(PLANE, cp_log_style=style)
    bench.send("udp/1001")
    assert bench.log() == [line]


def test_of_a_flow_only_the_first_packet_is_logged_and_how_many_there_were():
    bench = Bench(DOOR)
    for _ in range(3):
        assert not bench.passes("udp/1001", port=5000)
    bench.send("udp/1001", port=5001)
    line = f"%SEC-6-IPACCESSLOGP: list outer denied udp {AWAY}({{}}) -> {HOME}(1001), {{}} [kc-1]"
    first = [line.format(5000, "1 packet"), line.format(5001, "1 packet")]
    assert bench.log() == first
    bench.advance(300)
    assert bench.log() == [*first, line.format(5000, "2 packets")]
    bench.send("udp/1001", port=5000)
    assert bench.log()[-1] == first[0]


def test_without_power_it_hears_nothing():
    bench = Bench(DOOR)
    assert bench.router.judge.hears("out")
    bench.device.power_off()
    assert not bench.router.judge.hears("out")
    bench.device.power_on()
    bench.device.load("interface GigabitEthernet0/1\n shutdown\n")
    assert not bench.router.judge.hears("in")


# --- applets ---


def test_a_log_line_has_an_applet_open_the_door_some_time_later():
    bench = Bench(DOOR + applet("denied udp", *OPEN))
    bench.send("udp/1001")
    assert not bench.passes("tcp/22")
    bench.advance(0.5)
    assert bench.passes("tcp/22")
    assert "success" in bench.say("show event manager history events")
    assert not bench.passes("tcp/22", "198.51.100.101")


def test_lines_take_effect_in_their_order_however_late_each_is():
    note = (*OPEN[:1], 'syslog msg "seen $src"')
    bench = Bench(DOOR + applet("denied udp", *note), Plane(latency=(0.1, 1.0)))
    sources = [f"198.51.100.{n}" for n in range(100, 110)]
    for source in sources:
        bench.send("udp/1001", source)
        bench.advance(0.01)
    bench.advance(1)
    seen = [line for line in bench.log() if "HA_EM" in line]
    assert seen == [f"%HA_EM-6-LOG: one: seen {source}" for source in sources]


def test_a_variable_that_is_not_there_aborts():
    bench = Bench(DOOR + applet("denied udp", 'syslog msg "$nothing"', 'syslog msg "x"'))
    bench.send("udp/1001")
    bench.advance(1)
    assert "abort" in bench.say("show event manager history events")
    assert not [line for line in bench.log() if "HA_EM" in line]


def test_an_applet_without_events_or_after_its_removal_does_nothing():
    bench = Bench(DOOR + applet("denied udp", *OPEN))
    bench.device.load("no event manager applet one\n")
    bench.send("udp/1001")
    bench.advance(1)
    assert not bench.passes("tcp/22")


@pytest.mark.parametrize(("seconds", "killed"), [(10, False), (30, True)])
def test_an_applet_waits_and_is_killed_when_that_takes_too_long(seconds, killed):
    bench = Bench(DOOR + applet("denied udp", f"wait {seconds}", *OPEN))
    bench.send("udp/1001")
    bench.advance(seconds)
    assert not bench.passes("tcp/22")
    bench.advance(1)
    assert bench.passes("tcp/22") is not killed
    assert ("abort" if killed else "success") in bench.say("show event manager history events")


def test_applets_keep_things_for_later_runs():
    keep = ('set _n "yes"', 'context save key K variable "_n"')
    tell = ('context retrieve key K variable "_n"', 'syslog msg "kept $_n"')
    bench = Bench(
        DOOR + applet("\\(1\\) .*1001", *keep) + applet("\\(2\\) .*1001", *tell, name="two")
    )
    for port in (1, 2):
        bench.send("udp/1001", port=port)
        bench.advance(1)
    assert "%HA_EM-6-LOG: two: kept yes" in bench.log()


def test_without_bypass_command_authorization_decides():
    words = DOOR + applet("denied udp", *OPEN, bypass="")
    bench = Bench(words, unauthorized=("access-template",))
    bench.send("udp/1001")
    bench.advance(1)
    assert not bench.passes("tcp/22")


TWO = ' event tag a syslog pattern "{0}\\(1\\) "\n event tag b syslog pattern "{0}\\(2\\) "\n'
CORRELATED = " trigger{}\n  correlate event a {} event b\n"
HEARD = ("info type event reqinfo tag b", 'syslog msg "both"')


@pytest.mark.parametrize(
    ("join", "trigger", "script", "runs"),
    [
        ("and", "", [1, 2], 1),
        ("and", "", [2, 1], 1),
        ("and", "", [1, 1], 0),
        ("and", " period 10", [1, 9, 2], 1),
        ("and", " period 10", [1, 11, 2], 0),
        ("and", " occurs 2", [1, 2], 0),
        ("and", " occurs 2", [1, 2, 5, 3, 1, 2], 1),
        ("or", "", [2], 1),
        ("andnot", "", [1, 2], 0),
    ],
)
def test_several_events_together(join, trigger, script, runs):
    """Of the script, 1 and 2 are packets from those ports, other numbers are seconds."""
    events = TWO.format(f"{AWAY}") + CORRELATED.format(trigger, join)
    bench = Bench(PLANE + applet("", *HEARD, events=events))
    for step in script:
        if step in (1, 2):
            bench.send("udp/1001", port=step)
        else:
            bench.advance(step)
    bench.advance(1)
    assert bench.log().count("%HA_EM-6-LOG: one: both") == runs


def test_one_event_several_times():
    events = f' event syslog occurs 3 period 20 pattern "{AWAY}"\n'
    bench = Bench(PLANE + applet("", 'syslog msg "thrice"', events=events))
    for _ in range(2):
        bench.send("udp/1001")
    bench.advance(21)
    for count in range(3):
        bench.send("udp/1001")
        bench.advance(1)
        assert bench.log().count("%HA_EM-6-LOG: one: thrice") == (count == 2)


def test_a_restart_forgets_what_is_under_way():
    bench = Bench(DOOR + applet("denied udp", *OPEN))
    bench.send("udp/1001")
    bench.device.reload(down=1)
    bench.advance(2)
    assert not bench.passes("tcp/22")
    assert not [line for line in bench.log() if "IPACCESSLOGP" in line]


# --- what tests can have it do ---


def test_it_is_as_new_after_a_reset():
    bench = Bench(DOOR)
    words = bench.control
    before = words["export"]("")
    words["load"]("ip access-list extended more\n permit ip any any\n")
    words["type"](f"access-template outer door host {AWAY} any timeout 1")
    words["switches"]({"cp_log_style": "tight"})
    words["plane"]({"latency": [0, 0]})
    words["faults"]({"delay": 1.0})
    words["scale"](5)
    bench.send("udp/1001")
    assert words["log"]("")
    words["reset"]("")
    assert words["export"]("") == before
    assert bench.device.entries.items == []
    assert words["log"]("") == []
    assert bench.device.switches.cp_log_style == "spaced"
    assert bench.router.judge.switches.latency == (0.5, 0.5)
    assert bench.device.faults.delay == 0
    with pytest.raises(ValueError, match="Invalid input"):
        words["load"]("nonsense here\n")
    with pytest.raises(KeyError):
        words["faults"]({"nonsense": 1})
