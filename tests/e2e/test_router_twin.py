"""The lab's router: librouteros as it is, real packets, rules that decide what becomes of them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from knockctl.lab import lab as the_lab
from knockctl.lab.places import place
from knockctl.lab.plan import CA, PASSWORDS, STATE
from knockctl.lab.plane.control import tell
from knockctl_routeros.twin.lab import VERSION
from tests.fixtures.lab import bring_up

pytestmark = pytest.mark.lab

PLACE = place("mikrotik1")
TARGETS = {4: PLACE.outside, 6: PLACE.outside6}
SOURCES = {4: "198.51.100.100", 6: "2001:db8:51::100"}
LISTS = {4: "/ip/firewall/address-list", 6: "/ipv6/firewall/address-list"}

# What the seed says, narrowed to one service, with the drop it takes for granted.
SEED = """\
add action=accept chain=input connection-state=established,related,untracked
add action=accept chain=input connection-state=new dst-port=22 in-interface-list=WAN protocol=tcp \
src-address-list=secured
add action=add-src-to-address-list address-list=secured address-list-timeout=30m chain=input \
dst-port=222 in-interface-list=WAN protocol=tcp src-address-list=555
add action=add-src-to-address-list address-list=555 address-list-timeout=30s chain=input \
dst-port=555 in-interface-list=WAN protocol=tcp src-address-list=888
add action=add-src-to-address-list address-list=888 address-list-timeout=30s chain=input \
dst-port=888 in-interface-list=WAN protocol=tcp
add action=drop chain=input in-interface-list=WAN
"""
ROOTS = {4: "/ip", 6: "/ipv6"}

API = """
import functools, json, ssl, sys
from librouteros import connect
host, user, password, ca, commands, timeout = sys.argv[1:]
context = ssl.create_default_context(cafile=ca or None)
wrap = functools.partial(context.wrap_socket, server_hostname=host)
api = connect(host, user, password, port=8729, ssl_wrapper=wrap, timeout=int(timeout),
              encoding="utf-8")
for path, words in json.loads(commands):
    answer = list(api(path, **words))
    print(json.dumps(answer))
"""

VISIT = """
import socket, sys
target, source, *steps = sys.argv[1:]
family = socket.AF_INET6 if ":" in target else socket.AF_INET
def visit(protocol, port):
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as sock:
        sock.bind((source, 0))
        sock.settimeout(0.3)
        try:
            sock.connect((target, int(port)))
            sock.send(b"hello")
            return "open" if sock.recv(99) else "closed"
        except TimeoutError:
            return "silent"
        except OSError as error:
            return type(error).__name__
print(*[visit(*step.split("/")) for step in steps])
"""


@pytest.fixture
def router(lab):
    return Device(lab)


class Device:
    """The router, its administrators in kc-ops, and its visitors in kc-wan."""

    def __init__(self, lab):
        self.lab = lab

    def api(self, *commands, user="admin", host=PLACE.management, ca=CA, password=None, seconds=20):
        """Run commands, [path, words], in one session; return the process."""
        word = json.loads(PASSWORDS.read_text())[user] if password is None else password
        return self.lab.python("ops", API, host, user, word, ca, json.dumps(commands), seconds)

    def ask(self, path, **words):
        done = self.api([path, words])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def visit(self, *steps, family=4, source=None):
        """Try ports one after the other; say of each whether it answered."""
        target, source = TARGETS[family], source or SOURCES[family]
        return self.lab.python("wan", VISIT, target, source, *steps, check=True).stdout.split()

    def load(self, rules, family=4):
        self.lab.router(load=f"{ROOTS[family]} firewall filter\n{rules}")

    def knock(self, family=4):
        steps = ["tcp/888", "tcp/555", "tcp/222"]
        assert self.visit(*steps, family=family) == ["silent"] * 3

    def session(self, family=4, source=None):
        """Hold a connection to port 22; what is written comes back."""
        return self.lab.terminal(TARGETS[family], source or SOURCES[family], 22)


# --- the API ---


@pytest.mark.parametrize("host", [PLACE.management, PLACE.outside])
def test_librouteros_talks_to_it_over_tls(router, host):
    done = router.api(["/system/identity/print", {}], host=host)
    assert json.loads(done.stdout) == [{"name": "mikrotik1"}], done.stderr
    (resource,) = router.ask("/system/resource/print")
    assert resource["version"].startswith("7.20")
    names = [row["address"] for row in router.ask("/ip/address/print")]
    assert names == ["198.51.100.12/24", "192.0.2.12/24"]


def test_a_wrong_password_and_an_unknown_certificate_are_refused(router):
    done = router.api(password="guess")
    assert "invalid user name or password" in done.stderr
    assert "CERTIFICATE_VERIFY_FAILED" in router.api(ca="").stderr


def test_users_may_do_what_their_groups_may(router):
    rule = ["/ip/firewall/filter/add", {"chain": "forward"}]
    job = ["/system/script/add", {"name": "x", "policy": "policy"}]
    assert router.api(rule, job).returncode == 0
    assert "not enough permissions" in router.api(rule, user="guest").stderr
    assert router.api(rule, user="ops").returncode == 0
    assert "not enough permissions" in router.api(job, user="ops").stderr


def test_devices_share_the_passwords_of_the_lab(lab):
    words = json.loads(PASSWORDS.read_text())
    assert sorted(words) == ["admin", "guest", "ops"]
    assert PASSWORDS.stat().st_mode & 0o777 == 0o600
    assert (STATE / "ca-key.pem").stat().st_mode & 0o777 == 0o600
    del lab


# --- packets ---


@pytest.mark.parametrize("family", [4, 6])
def test_without_rules_services_are_open_and_other_ports_closed(router, family):
    steps = ["tcp/22", "tcp/443", "tcp/8291", "udp/443", "tcp/888", "udp/888"]
    answers = ["open"] * 4 + ["ConnectionRefusedError"] * 2
    assert router.visit(*steps, family=family) == answers


@pytest.mark.parametrize("family", [4, 6])
def test_the_seed_opens_to_who_knocks_and_to_nobody_else(router, family):
    router.load(SEED, family)
    assert router.visit("tcp/22", "tcp/443", family=family) == ["silent", "silent"]
    wrong = ["tcp/888", "tcp/222", "tcp/555", "tcp/22"]
    assert router.visit(*wrong, family=family) == ["silent"] * 4
    router.lab.router(advance=31)
    router.knock(family)
    assert router.visit("tcp/22", "tcp/443", family=family) == ["open", "silent"]
    other = SOURCES[family][:-1] + "1"
    assert router.visit("tcp/22", family=family, source=other) == ["silent"]


def test_the_client_opens_it(router):
    router.load(SEED)
    argv = ["knock", "--host", PLACE.outside, "tcp/888", "tcp/555", "tcp/222", "--check", "tcp/22"]
    done = router.lab.knockctl(*argv, where="wan")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("family", [4, 6])
def test_lists_are_seen_over_the_api_and_removing_closes(router, family):
    router.load(SEED, family)
    router.knock(family)
    rows = router.ask(f"{LISTS[family]}/print")
    assert {str(row["list"]): row["dynamic"] for row in rows} == {
        "888": True,
        "555": True,
        "secured": True,
    }
    (granted,) = [row for row in rows if row["list"] == "secured"]
    assert granted["address"].partition("/")[0] == SOURCES[family]
    assert granted["timeout"].startswith(("30m", "29m"))
    router.lab.router(advance=61)
    (left,) = router.ask(f"{LISTS[family]}/print")
    assert left["timeout"].startswith("28m")
    assert router.visit("tcp/22", family=family) == ["open"]
    router.ask(f"{LISTS[family]}/remove", **{".id": left[".id"]})
    assert router.visit("tcp/22", family=family) == ["silent"]


def test_an_address_put_on_the_list_by_hand_is_let_in_for_its_time(router):
    router.load(SEED)
    words = {"list": "secured", "address": SOURCES[4], "timeout": "1m"}
    router.ask("/ip/firewall/address-list/add", **words)
    assert router.visit("tcp/22") == ["open"]
    router.lab.router(advance=60)
    assert router.visit("tcp/22") == ["silent"]


@pytest.mark.parametrize("family", [4, 6])
def test_a_session_outlives_its_grant_until_it_is_cut(router, family):
    router.load(SEED, family)
    router.knock(family)
    with router.session(family) as say:
        router.lab.router(advance=3600)
        assert router.visit("tcp/22", family=family) == ["silent"]
        assert say("still here") == "still here"
        menu = f"{ROOTS[family]}/firewall/connection"
        flows = [row for row in router.ask(f"{menu}/print") if row["protocol"] == "tcp"]
        (mine,) = [row for row in flows if SOURCES[family] in row["src-address"]]
        assert (mine["tcp-state"], mine["seen-reply"]) == ("established", True)
        router.ask(f"{menu}/remove", **{".id": mine[".id"]})
        assert say("and now") == "silence"


@pytest.mark.parametrize("family", [4, 6])
def test_a_reject_answers(router, family):
    router.load(
        "add chain=input action=reject reject-with=tcp-reset protocol=tcp dst-port=22", family
    )
    how = "icmp-port-unreachable" if family == 6 else "icmp-admin-prohibited"
    router.load(f"add chain=input action=reject reject-with={how} protocol=udp", family)
    router.load("add chain=input action=tarpit protocol=tcp dst-port=443", family)
    refused, host, silent = router.visit("tcp/22", "udp/443", "tcp/443", family=family)
    assert refused == "ConnectionRefusedError"
    # Linux tells a connected socket of both, each in its own words.
    assert host in ("ConnectionRefusedError", "OSError")
    assert silent == "silent"


def test_large_transfers_pass_whole(router):
    """Segments that hardware would have to finish, both ways."""
    script = (
        "import socket,sys,threading,hashlib\n"
        "s=socket.create_connection((sys.argv[1],22),5); s.recv(99)\n"
        "data=bytes(range(256))*8192\n"
        "threading.Thread(target=lambda:(s.sendall(data),s.shutdown(1))).start()\n"
        "got=b''.join(iter(lambda:s.recv(65536),b''))\n"
        "print(got==data)\n"
    )
    for target in TARGETS.values():
        assert router.lab.python("wan", script, target).stdout.strip() == "True"


def test_rules_count_packets(router):
    router.load("add chain=input action=drop protocol=udp dst-port=9")
    router.visit("udp/9", "udp/9")
    (row,) = router.ask("/ip/firewall/filter/print")
    assert row["packets"] == 2


def test_what_an_administrator_does_to_himself_happens(router):
    """Management goes through the chain, too: who drops it, is out."""
    assert router.ask("/system/identity/print")
    words = {"chain": "input", "action": "drop", "in-interface-list": "LAN"}
    done = router.api(["/ip/firewall/filter/add", words], ["/system/identity/print", {}], seconds=2)
    assert "Time" in done.stderr or "timed out" in done.stderr
    assert "imed out" in router.api(["/system/identity/print", {}], seconds=2).stderr
    assert router.visit("tcp/22") == ["open"], "the drop is for the other wire"


# --- what goes wrong ---


def test_faults_are_had_for_the_asking(router):
    router.lab.router(cut_after=1)
    commands = [["/system/identity/print", {}]] * 2
    done = router.api(*commands)
    assert len(done.stdout.splitlines()) == 1
    assert "ConnectionClosed" in done.stderr
    router.lab.router(slow=0.2)
    begun = time.monotonic()
    router.ask("/system/identity/print")
    assert time.monotonic() - begun > 0.2
    assert tell(PLACE, cut_after="x")["ok"] is False
    assert tell(PLACE, nonsense=1)["ok"] is False


def test_another_version(router):
    router.lab.router(version="7.16.2")
    assert router.ask("/system/resource/print")[0]["version"].startswith("7.16.2")


def test_the_environment_names_the_version_to_begin_with(router, monkeypatch):
    the_lab.down()
    monkeypatch.setenv(VERSION, "6.49.18")
    try:
        bring_up()
        assert router.ask("/system/resource/print")[0]["version"].startswith("6.49.18")
    finally:
        the_lab.down()
        monkeypatch.undo()
        bring_up()


def test_a_disabled_interface_hears_nothing(router):
    router.lab.router(load="/interface disable [find name=ether1]")
    try:
        assert router.visit("tcp/22") == ["silent"]
        assert router.ask("/system/identity/print")
    finally:
        router.lab.router(load="/interface enable [find name=ether1]")
    # Neighbours that heard nothing have to find it anew.
    assert any(router.visit("tcp/22") == ["open"] for _ in range(8))


def test_a_reboot_is_silence_and_the_end_of_what_was_learnt(router):
    router.load(SEED)
    router.knock()
    router.lab.router(reboot=2)
    assert router.visit("tcp/22", "tcp/888") == ["silent", "silent"]
    router.lab.router(advance=2)
    assert router.ask("/ip/firewall/address-list/print") == []
    assert len(router.ask("/ip/firewall/filter/print")) == 6
    router.knock()
    assert router.visit("tcp/22") == ["open"]


def test_a_clock_that_runs_ahead(router):
    router.load(SEED)
    router.knock()
    router.lab.router(scale=3600)
    time.sleep(0.6)
    assert router.visit("tcp/22") == ["silent"]


def test_it_says_why_it_does_not_come_up(lab):
    """A machine that lets nobody make a TAP device."""
    del lab
    # What came up stands in mounts that nobody else sees: it goes down there, too.
    script = "mount --bind /dev/null /dev/net/tun && knockctl lab up; code=$?; knockctl lab down"
    script += " >/dev/null; exit $code"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    argv = ["unshare", "--mount", "sh", "-c", script]
    the_lab.down()
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
        )
        assert done.returncode == 1
        assert "no TAP device can be made by /dev/net/tun" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        bring_up()
