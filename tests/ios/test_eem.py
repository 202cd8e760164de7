"""Scripts in a real Tcl interpreter: what they may ask, what they can't, and how they end."""

import pytest

from knockctl.errors import ConfigurationError
from knockctl_ios.semantics.tcl import (
    Failed,
    Interpreter,
    Moment,
    Registration,
    registration,
)
from tests.fixtures.ios_policies import P, corner
from tests.ios.test_tcl import FULL

BEGIN = """::cisco::eem::event_register_syslog pattern {x} maxrun 60
namespace import ::cisco::eem::*
namespace import ::cisco::lib::*
"""
CLI = """array set cli [cli_open]
cli_exec $cli(fd) "enable"
set said [cli_exec $cli(fd) "show clock"]
cli_close $cli(fd) $cli(tty_id)
"""


class Router:
    """Notes what a script does to it."""

    def __init__(self):
        self.commands, self.lines, self.kept = [], [], {}

    def command(self, text):
        self.commands.append(text)
        return f"said {text}\n"

    def emit(self, name, text):
        self.lines.append(f"{name}: {text}")

    def save(self, key, variables):
        self.kept[key] = variables

    def retrieve(self, key):
        return self.kept.pop(key, ())


@pytest.fixture(scope="module")
def interpreter():
    one = Interpreter()
    yield one
    one.close()


@pytest.fixture
def router():
    return Router()


@pytest.fixture
def run(interpreter, router):
    def running(script, line="a line", at=1000, maxrun=20):
        text = BEGIN + script
        interpreter.run(text, Moment(line, at), router, name="kc.tcl", maxrun=maxrun)

    return running


# --- the event manager's commands ---


def test_a_script_sees_its_line_its_time_and_its_router(run, router):
    run(f'{CLI}array set e [event_reqinfo]\naction_syslog msg "$e(msg) [clock seconds] $said"')
    assert router.commands == ["show clock"]
    assert router.lines == ["kc.tcl: a line 1000 said show clock\n"]


def test_commands_need_enable(run, router):
    run(f"{CLI.replace('enable', 'terminal length 0').replace('show', 'clear')}")
    assert router.commands == []


def test_what_is_saved_is_gone_when_it_is_retrieved(run, router):
    run('set one {a "b" \\{ {é}}\nset two 2\narray set all {x 1}\ncontext_save C *o*\n')
    assert ("one", 'a "b" \\{ {é}') in router.kept["C"]
    assert "all(x)" not in dict(router.kept["C"])
    run("action_syslog msg [context_retrieve C one]")
    assert router.lines == ['kc.tcl: a "b" \\{ {é}']
    run('catch {context_retrieve C one} why\naction_syslog msg "$why"')
    assert "not in the context" in router.lines[-1]
    run("array set all {x 1}\ncontext_save D all")
    run("foreach {name value} [context_retrieve D] {action_syslog msg $name=$value}")
    assert router.lines[-1] == "kc.tcl: all(x)=1"


@pytest.mark.parametrize(
    "script",
    ["exec ls", "open /etc/passwd", "socket x 1", "exit", "load x", "source x", "file delete x"],
)
def test_a_script_reaches_nothing_else(run, script):
    with pytest.raises(Failed, match=r"kc\.tcl: "):
        run(script)


def test_runs_know_nothing_of_each_other(run, router):
    run("set ::left 1\nproc mine {} {}")
    run("action_syslog msg [info exists ::left][llength [info commands mine]]")
    assert router.lines == ["kc.tcl: 00"]


def test_what_takes_too_long_is_ended_and_the_next_one_runs(run, router):
    with pytest.raises(Failed):
        run("while 1 {}", maxrun=1)
    run("action_syslog msg still")
    assert router.lines == ["kc.tcl: still"]


def test_an_error_of_the_routers_is_told_and_the_next_one_runs(run, router):
    def broken(_):
        raise KeyError("the router")

    router.command = broken
    with pytest.raises(KeyError):
        run(CLI)
    run("action_syslog msg still")
    assert router.lines == ["kc.tcl: still"]


def test_without_tcl_it_is_said_what_to_install(monkeypatch, router):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ConfigurationError, match="there is none here") as error:
        Interpreter().run("", Moment("", 1), router, name="x", maxrun=1)
    assert "tcl" in error.value.hint


# --- what a script is registered for ---


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("puts hello", None),
        ("::cisco::eem::event_register_none", Registration("none")),
        (
            "# c\nevent_register_syslog occurs 1 pattern {%A-(B|{2}) c\\(} maxrun 9.5",
            Registration("syslog", "%A-(B|{2}) c\\(", 9.5),
        ),
        (
            'event_register_syslog pattern "a \\"b\\" c\\\\(" maxrun 5',
            Registration("syslog", 'a "b" c\\(', 5),
        ),
        ("event_register_syslog pattern $_mine", Registration("syslog", None)),
        ("event_register_timer watchdog time 60", Registration("timer")),
    ],
)
def test_what_it_waits_for(text, found):
    assert registration(text) == found


# --- the rendered one, line by line ---


def line(source, port, words="udp", list_name="OUTSIDE", more=""):
    to = "198.51.100.14"
    where = f"{source}(1024) -> {to}({port}), 1 packet{more} [kc-p]"
    return f"%SEC-6-IPACCESSLOGP: list {list_name} denied {words} {where}"


@pytest.fixture
def heard(interpreter, router):
    (file,) = corner(FULL, order="tcl", method="acl-log").config.files

    def hear(*lines, at=1000):
        for number, one in enumerate(lines):
            moment = Moment(one, at + number)
            interpreter.run(file.text, moment, router, name="x", maxrun=60)
        return router.kept.get("kc-p")

    return hear


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "%SEC-6-IPACCESSLOGP: list OUTSIDE denied udp",
        line("198.18.0.1", 101, list_name="OTHER"),
        line("198.18.0.1", 101, more="s"),
        line("198.18.0.1", 101).replace("1 packet", "12 packets"),
        line("198.18.0.1", 101).replace("198.51.100.14", "198.51.100.15"),
        line("298.18.0.1", 101),
        line("198.18.0.1;reload", 101),
        line("198.18.0.1 [reload]", 101),
        line("$x", 101),
        line("198.18.0.0000001", 101),
        line("198.18.0.1", "101]"),
        line("198.18.0.1", 99999),
        line("198.18.0.1", "0x65"),
        line("198.18.0.1", 80, "tcp"),
        "%CP-6-UDP: DROP 198.18.0.1(1024) -> 198.51.100.14(9)",
        "%CP-6-UDP: PERMIT 198.18.0.1(1024) -> 198.51.100.14(101)",
    ],
)
def test_odd_lines_change_nothing(heard, router, odd):
    assert heard(odd) is None
    assert router.commands == []


@pytest.mark.parametrize(
    "form",
    [
        "%CP-6-UDP: DROP {} -> {}",
        "%CP-6-UDP: DROP {}->{}",
        "%CP-6-UDP: DROP ttl=59 length=28 {} -> {}",
        "000123: *: %SEC-6-IPACCESSLOGP: list OUTSIDE denied udp {} -> {}, 1 packet ",
    ],
)
def test_every_form_of_a_line_is_read(heard, form):
    found = heard(form.format("198.18.0.1(101)", "198.51.100.14(101)"))
    assert "198.18.0.1 {0000 1 1010}" in found[0][1]


def test_many_made_up_sources_leave_room_for_who_is_at_work(heard, router):
    """A table is bounded; what floods one of them takes nothing out of the others."""
    heard(line("198.18.0.1", 101))
    many = [line(f"198.19.{n // 250}.{n % 250}", 300) for n in range(260)]
    for one in many:
        heard(one)
    ((_, state),) = router.kept["kc-p"]
    assert state.count("198.19.") == 250
    assert "198.18.0.1 {0000 1 1010}" in state
    router.commands.clear()
    heard(line("198.18.0.1", 102), line("198.18.0.1", 103, "tcp"))
    assert [one.split()[0] for one in router.commands] == ["clear", "access-template"]
    assert all("host 198.18.0.1 host" in one for one in router.commands)


def test_two_addresses_are_opened_together(interpreter, router):
    one = corner(P, order="tcl", addresses=["198.51.100.14", "198.51.100.15"])
    (file,) = one.config.files
    for port in ("UDP 101", "UDP 102", "TCP 103"):
        kind, number = port.split()
        said = f"%CP-6-{kind}: DROP 198.18.0.1(1) -> 198.51.100.15({number})"
        interpreter.run(file.text, Moment(said, 5), router, name="x", maxrun=60)
    assert [c.split()[-1] for c in router.commands if "clear" in c] == [
        "198.51.100.14",
        "198.51.100.15",
    ]
    assert len(router.commands) == 4
