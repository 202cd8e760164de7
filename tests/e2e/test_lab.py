"""The lab itself: up, down, isolated, repaired, and nothing left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from knockctl.errors import LabError
from knockctl.lab import lab as the_lab
from knockctl.lab import namespaces
from knockctl.lab.places import place
from knockctl.lab.plan import STATE
from tests.fixtures.lab import bring_up
from tests.fixtures.plugin import installed

pytestmark = pytest.mark.lab

DEVICES = ["cisco1", "linux1", "mikrotik1", "paloalto1"]


def outside():
    """What of this machine the lab could have touched."""
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if "netns" not in line]
    etc = sorted(path.name for path in Path("/etc").iterdir())
    return links, mounts, Path("/etc/passwd").read_text(), etc


def test_down_leaves_nothing_and_up_again_works(lab):
    up = outside()
    assert the_lab.down()
    assert not STATE.exists()
    assert namespaces.names() == []
    assert not the_lab.down()
    assert outside() == up, "the lab is invisible from outside, up or down"
    assert bring_up() == DEVICES
    assert lab.shell("linux1", "cat /run/sshd/none 2>/dev/null; echo ok") == "ok\n"


def test_up_is_harmless_where_it_is_up(lab):
    before = the_lab.inner_pid(place("linux1"))
    assert bring_up() == DEVICES
    assert the_lab.inner_pid(place("linux1")) == before
    assert lab.run("ops", "true").returncode == 0


def test_a_killed_device_is_brought_up_again(lab):
    os.kill(the_lab.inner_pid(place("linux1")), signal.SIGKILL)
    while the_lab.running(place("linux1")):
        pass
    with pytest.raises(LabError, match="linux1 is not up"):
        the_lab.command("linux1", ["true"])
    bring_up()
    assert lab.run("linux1", "true").returncode == 0


TOY = """
import socket

class Toy:
    last, needs, snapshot = 21, {}, "echo nothing"

    def run(self, place):
        with socket.create_server((place.management, 7)) as server:
            (place.state / "ready").touch()
            while True:
                server.accept()[0].close()

TOY9 = Toy()
"""


def test_the_twin_of_another_package_joins(lab, tmp_path):
    groups = {"knockctl.twins": {"toy9": "toy_twin:TOY9"}}
    folder = installed(tmp_path, "toys", groups, toy_twin=TOY)
    environment = {**os.environ, "PYTHONPATH": str(folder)}

    def knockctl(*argv):
        done = [str(Path(sys.executable).with_name("knockctl")), "lab", *argv]
        return subprocess.run(done, env=environment, capture_output=True, text=True, check=False)

    try:
        assert knockctl("up").stdout == f"the lab is up: {', '.join([*DEVICES, 'toy9'])}\n"
        assert "toy9: up, 192.0.2.21, outside 198.51.100.21\n" in knockctl("status").stdout
        call = "import socket; socket.create_connection(('192.0.2.21', 7))"
        assert lab.run("ops", sys.executable, "-c", call).returncode == 0
        assert lab.run("toy9", "true").returncode == 0
    finally:
        the_lab.down()
        bring_up()
    with pytest.raises(LabError, match="there is no 'toy9' in the lab"):
        place("toy9")


def test_nothing_of_it_is_reachable_from_outside(lab):
    """No interface of this namespace has its other end in the lab: there is no way in."""
    del lab
    links = subprocess.run(["ip", "-d", "link"], capture_output=True, text=True, check=True).stdout
    assert "link-netns kc-" not in links
    assert namespaces.here() is None
    with pytest.raises(LabError, match="inside the network namespace kc-ops"):
        the_lab.require_namespace("kc-ops")


def test_the_device_has_mounts_and_users_of_its_own(lab):
    files = [f"/{folder}/only-in-the-lab-{os.getpid()}" for folder in ("etc", "run")]
    lab.shell("linux1", f"touch {' '.join(files)}")
    assert not any(Path(file).exists() for file in files)
    assert "guest" in lab.shell("linux1", "cut -d: -f1 /etc/passwd").split()
    lab.shell("linux1", f"rm {' '.join(files)}")


def test_commands_keep_their_exit_code_and_places_their_names(lab):
    assert lab.run("wan", "sh", "-c", "exit 7").returncode == 7
    assert the_lab.execute("ops", ["sh", "-c", "exit 3"]) == 3
    with pytest.raises(
        LabError,
        match=r"no 'mars' in the lab; there are ops, wan, cisco1, linux1, mikrotik1, paloalto1",
    ):
        the_lab.command("mars", ["true"])


def test_services_answer_over_both_families(lab):
    ask = "import socket,sys; s=socket.create_connection((sys.argv[1],443),2); print(s.recv(99))"
    for target, seen in (("198.51.100.11", "198.51.100."), ("2001:db8:51::11", "2001:db8:51::")):
        assert f"hello {seen}" in lab.python("wan", ask, target).stdout
