"""Operating access on the lab's router, with real packets: let in, thrown out, forgiven."""

import json
import subprocess
import sys

import pytest

from knockctl.lab.plan import CA, PASSWORDS
from tests.e2e.test_router_cycle import done, write_inventory
from tests.e2e.test_router_twin import PLACE, SOURCES, Device

pytestmark = pytest.mark.lab

POLICY = """\
name: ops-ssh
sequence: [tcp/1234, tcp/2345, udp/3456]
step_timeout: 10s
grant: {services: [tcp/22], duration: 30m}
traps: [{services: [tcp/666], lockout: 1h}]
"""
KNOCKS = ["tcp/1234", "tcp/2345", "udp/3456"]
OTHERS = {4: "198.51.100.101", 6: "2001:db8:51::101"}

ACCESS = """
import ipaddress, json, sys
from knockctl.contract import Credentials, Target
from knockctl_routeros.driver.driver import RouterDriver
host, password, ca = sys.argv[1:]
login = Credentials(username="admin", password=password, ca_file=ca)
with RouterDriver(Target("mikrotik1", host, 8729, login)) as driver:
    access = driver.access()
    for line in sys.stdin:
        what, *args = json.loads(line)
        if what == "sources":
            said = [[str(a.source.network_address), a.state, a.seconds_left]
                    for a in access.sources()]
        else:
            source = ipaddress.ip_address(args.pop(0))
            more = {"keep_sessions": args.pop() == "keep"} if what == "expel" else {}
            said = getattr(access, what)(source, *args, **more)
        print(json.dumps(said), flush=True)
"""


class Door(Device):
    """The router, and somebody in kc-ops who lets people in and throws them out."""

    def __init__(self, lab):
        super().__init__(lab)
        word = json.loads(PASSWORDS.read_text())["admin"]
        argv = [sys.executable, "-c", ACCESS, PLACE.management, word, CA]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = lab.popen("ops", *argv, **pipes)

    def __call__(self, *words):
        """Do something to who is in; return what came of it."""
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def who(self):
        return {(source, state) for source, state, _ in self("sources")}

    def comes_in(self, family, source=None):
        """Knock, and tell whether that opened."""
        return self.visit(*KNOCKS, "tcp/22", family=family, source=source)[-1] == "open"

    def is_open(self, family, source=None):
        return self.visit("tcp/22", family=family, source=source) == ["open"]


@pytest.fixture
def door(lab, tmp_path):
    """The router with a policy deployed."""
    done(lab, write_inventory(tmp_path / "i", POLICY), "deploy", "mikrotik1", "--yes")
    made = Door(lab)
    with made.process:
        yield made
        made.process.stdin.close()


def test_who_is_expelled_is_cut_off_and_nobody_else(door):
    for family in (4, 6):
        mine, other = SOURCES[family], OTHERS[family]
        assert door.comes_in(family)
        assert door.comes_in(family, other)
        with door.session(family) as say, door.session(family, other) as others:
            assert door("expel", mine, "keep") == 0
            assert say("kept") == "kept"
            assert not door.is_open(family)
            assert (mine, "granted") not in door.who()
            assert (other, "granted") in door.who()
            assert door("expel", mine, "cut") >= 1
            assert say("cut") == "silence"
            assert others("still in") == "still in"
        assert door.is_open(family, other)
        assert door.comes_in(family), "expelled is not locked out"


def test_who_is_admitted_is_in_for_a_time_and_who_is_locked_out_can_be_forgiven(door):
    for family in (4, 6):
        mine = SOURCES[family]
        door("admit", mine, "ops-ssh", 60)
        ((source, state, left),) = door("sources")
        assert (source, state) == (mine, "granted")
        assert 0 < left <= 60
        with door.session(family) as say:
            door.lab.router(advance=61)
            assert not door.is_open(family)
            assert say("known flows go on") == "known flows go on"
        assert door.visit("tcp/666", family=family) == ["silent"]
        assert not door.comes_in(family)
        assert door.who() == {(mine, "locked")}
        assert door("unlock", mine) is True
        assert door.comes_in(family)
        door.visit("tcp/666", family=family)
        assert not door.is_open(family)
        door("admit", mine, "ops-ssh", 60)
        assert door.is_open(family), "who is admitted is forgiven"
        door("expel", mine, "cut")
