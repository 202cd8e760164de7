"""Everything that goes wrong is told clearly, with the right exit code and no traceback."""

import json
import os
import sqlite3

import jsonschema
import pytest

from knockctl.lab.plan import PASSWORDS
from tests.fixtures.crew import SSH_BOX, write_inventory
from tests.fixtures.lab import ROOT

pytestmark = pytest.mark.lab


@pytest.fixture
def try_it(lab, tmp_path):
    """Run a command line against an inventory of the test's own; return code and words."""
    count = iter(range(100))

    def run(*argv, policies=None, host=None, environment=None, folder=None, **placement):
        if folder is None:
            folder = write_inventory(
                tmp_path / f"i{next(count)}", policies=policies, host=host, **placement
            )
        done = lab.knockctl(*argv, inventory=folder, env={**os.environ, **(environment or {})})
        assert "Traceback" not in done.stderr + done.stdout
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def passwords(lab):
    del lab
    return json.loads(PASSWORDS.read_text())


DEPLOY = ("deploy", "linux1", "--yes")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "not valid YAML"),
        (SSH_BOX + "wrong: 1\n", "unknown field"),
        (SSH_BOX.replace("2345", "70000"), "port 70000 is outside 1-65535"),
        (SSH_BOX.replace("2345", "1234"), "neighbours must differ"),
        (SSH_BOX.replace("ssh-box", "a-name-that-is-too-long-for-any-device"), "does not match"),
    ],
)
def test_wrong_policies(try_it, text, said):
    code, words = try_it(*DEPLOY, policies={"ssh-box": text})
    assert code == 1
    assert said in words
    assert "ssh-box.yaml:" in words


def test_wrong_names(try_it):
    code, words = try_it("deploy", "linux2", "--yes")
    assert (code, "no device or group 'linux2'" in words) == (1, True)
    assert "did you mean 'linux1'?" in words
    code, words = try_it(*DEPLOY, host={"data": {"knockctl": {"policies": ["ssh-bx"]}}})
    assert (code, "no such policy 'ssh-bx'; did you mean 'ssh-box'?" in words) == (1, True)
    assert "hosts.yaml:" in words
    code, words = try_it(*DEPLOY, addreses=["198.51.100.11"])
    assert (code, "placement.addreses: unknown field" in words) == (1, True)
    code, words = try_it("-o", "xml", "diff")
    assert code == 1


def test_wrong_usage(try_it):
    for argv, said in (
        (("deploy", "linux1"), "pass --yes"),
        (("deploy", "--yes"), "no target"),
        (("deploy", "linux1", "--all", "--yes"), "both targets and --all"),
        (("remove", "linux1"), "pass --yes"),
        (("rollback", "linux1", "--change", "x", "--to", "y", "--yes"), "not both"),
        (("rollback", "--change", "none000000", "--yes"), "the journal knows no change"),
        (("frobnicate",), "No such command"),
        (("deploy", "linux1", "--frobnicate"), "No such option"),
        (("knock", "--host", "198.51.100.11", "tcp/99999"), "outside 1-65535"),
    ):
        code, words = try_it(*argv)
        assert (code, said in words) == (2, True), (argv, code, words)


def test_a_changed_host_key(try_it, tmp_path):
    other = tmp_path / "known_hosts"
    other.write_text(
        "192.0.2.11 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtqYmFzZGtqYmFzZGtqYmFzZGtqYmFzZGtqYmFz\n"
    )
    code, words = try_it(*DEPLOY, host={"known_hosts": str(other)})
    assert (code, "host key of 192.0.2.11:22" in words) == (4, True)
    assert str(other) in words
    other.write_text("")
    code, words = try_it(*DEPLOY, host={"known_hosts": str(other)})
    assert (code, "host key" in words) == (4, True)
    code, words = try_it("diff", host={"known_hosts": str(other), "verify_host_key": False})
    assert code == 0


def test_logins(try_it, passwords):
    nobody = {"key_file": None, "username": "ops", "password": "env:PW"}
    code, words = try_it(*DEPLOY, host=nobody, environment={"PW": "wrong-password"})
    assert (code, "refused the login of ops" in words) == (4, True)
    code, words = try_it(*DEPLOY, host=nobody)
    assert (code, "the variable PW is not set" in words) == (4, True)
    code, words = try_it(*DEPLOY, host={"key_file": "/none/such"})
    assert (code, "/none/such" in words) == (4, True)
    guest = {"key_file": None, "username": "guest", "password": "env:PW"}
    code, words = try_it(*DEPLOY, host=guest, environment={"PW": passwords["guest"]})
    assert (code, "guest may not become root" in words) == (4, True)


def test_sudo_with_and_without_a_password(try_it, passwords):
    admin = {"key_file": None, "username": "admin", "password": "env:PW"}
    code, words = try_it(*DEPLOY, host=admin, environment={"PW": passwords["admin"]})
    assert code == 0, words
    ops = {"key_file": None, "username": "ops", "password": "env:PW"}
    environment = {"PW": passwords["ops"]}
    code, words = try_it("diff", host=ops, environment=environment)
    assert (code, "a password is required" in words) == (4, True)
    assert "sudo_password" in words
    ops["sudo_password"] = "env:SUDO"
    code, words = try_it("diff", host=ops, environment={**environment, "SUDO": "wrong-one"})
    assert (code, "may not become root" in words) == (4, True)
    environment["SUDO"] = passwords["ops"]
    code, words = try_it("diff", "--exit-code", host=ops, environment=environment)
    assert (code, "no differences" in words) == (0, True)
    assert not any(word in words for word in passwords.values())


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("ipset", "install the package ipset"),
        ("iptables", "install the package iptables"),
        ("ip6tables", "the services would stay open there"),
    ],
)
def test_a_missing_tool(lab, try_it, tool, said):
    hide = f"rm -rf /mnt/sbin; cp -a /usr/sbin /mnt/sbin; rm /mnt/sbin/{tool}"
    lab.shell("linux1", f"{hide}; mount --bind /mnt/sbin /usr/sbin")
    try:
        code, words = try_it(*DEPLOY)
    finally:
        lab.shell("linux1", "umount /usr/sbin")
    assert (code, said in words) == (4, True), words


def test_both_back_ends_live(lab, try_it):
    lab.shell("linux1", "iptables-legacy -A INPUT -s 203.0.113.1 -j DROP")
    try:
        code, words = try_it(*DEPLOY)
    finally:
        lab.shell("linux1", "iptables-legacy -F INPUT")
    assert (code, "both iptables back ends are live" in words) == (4, True)
    assert "203.0.113.1" in words
    # Its tables stay registered, empty: iptables-save warns of them, and that is no rule.
    for _ in range(3):
        assert try_it(*DEPLOY)[0] == 0
        assert try_it("remove", "linux1", "--yes")[0] == 0


def test_unreachable(try_it):
    code, words = try_it(*DEPLOY, host={"hostname": "192.0.2.99"})
    assert (code, "192.0.2.99:22" in words) == (4, True)
    assert "nothing was changed" in words
    code, words = try_it(*DEPLOY, host={"port": 23})
    assert (code, "can't be reached" in words) == (4, True)
    code, words = try_it(*DEPLOY, host={"hostname": "no.such.host.invalid"})
    assert code == 4


def test_one_devices_failure_hides_no_others_result(lab, tmp_path):
    folder = write_inventory(tmp_path / "i")
    hosts = json.loads((folder / "hosts.yaml").read_text())
    hosts["ghost"] = {**hosts["linux1"], "hostname": "192.0.2.99"}
    (folder / "hosts.yaml").write_text(json.dumps(hosts, indent=1))
    done = lab.knockctl("-o", "json", "deploy", "--all", "--yes", inventory=folder)
    schema = json.loads((ROOT / "docs" / "schema" / "output.schema.json").read_text())
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        jsonschema.validate(line, schema)
    last = lines[-1]
    assert done.returncode == 4
    assert (last["schema"], last["command"], last["ok"]) == (1, "deploy", False)
    results = {one["device"]: one["result"] for one in last["result"]["devices"]}
    assert results == {"linux1": "confirmed", "ghost": "unreachable"}


@pytest.mark.parametrize("where", ["/run/knockctl", "/etc/knockctl"])
def test_a_full_disk(lab, try_it, where):
    before = lab.dumps()
    lab.shell(
        "linux1",
        f"mkdir -p {where}; mount -t tmpfs -o size=4k,nr_inodes=20 tmpfs {where};"
        f" head -c 4096 /dev/zero > {where}/full",
    )
    try:
        code, words = try_it(*DEPLOY)
        now = lab.dumps()
    finally:
        lab.shell("linux1", f"umount {where}")
    if where == "/run/knockctl":
        assert (code, "No space left" in words) == (4, True), words
        assert now == before
    else:
        assert (code, "can't be made to survive a reboot" in words) == (8, True), words
        assert "confirm --change" in words
        code, words = try_it("confirm", "linux1")
        assert code == 0, words


def test_a_locked_journal(try_it, tmp_path):
    path = tmp_path / "j.db"
    argv = ("--journal", f"sqlite:///{path}")
    assert try_it(*argv, "history")[0] == 0
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("begin exclusive")
    code, words = try_it(*argv, *DEPLOY)
    raw.close()
    assert (code, "locked by another process" in words) == (1, True), words


def test_outside_the_lab_its_inventory_is_refused(lab, tmp_path):
    import subprocess

    from tests.fixtures.lab import KNOCKCTL

    del lab
    folder = write_inventory(tmp_path / "i")
    done = subprocess.run(
        [KNOCKCTL, "-i", folder, *DEPLOY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "inside the network namespace kc-ops alone" in done.stderr


def test_no_secret_is_found_anywhere(lab, tmp_path, passwords):
    """A canary in every secret: output, logs, journal bytes, process lists, errors, JSON."""
    canaries = {
        "DOOR": "tcp/41711 tcp/41712 udp/41713",
        "PW": passwords["ops"],
        "SUDO": passwords["ops"],
    }
    policy = SSH_BOX.replace("[tcp/1234, tcp/2345, tcp/3456]", "env:DOOR")
    host = {"key_file": None, "username": "ops", "password": "env:PW", "sudo_password": "env:SUDO"}
    folder = write_inventory(tmp_path / "i", policies={"ssh-box": policy}, host=host)
    look = f"while sleep 0.02; do cat /proc/[0-9]*/cmdline; done > {tmp_path}/ps 2>/dev/null"
    watch = lab.popen("ops", "sh", "-c", look)
    said = b""
    environment = {
        **os.environ,
        **canaries,
        "KNOCKCTL_DEBUG": "1",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    try:
        for argv in (
            ("policy", "check", "--resolve"),
            ("policy", "show", "ssh-box"),
            ("inventory",),
            ("render",),
            ("diff",),
            ("-o", "json", "diff"),
            (*DEPLOY, "--confirm-within", "30"),
            ("rollback", "linux1", "--yes"),
            ("-o", "json", *DEPLOY),
            ("history",),
            ("-o", "json", "history"),
            ("knock", "linux1"),
            ("remove", "linux1", "--yes"),
        ):
            done = lab.knockctl(*argv, inventory=folder, env=environment)
            assert done.returncode in (0, 8), (argv, done.stdout, done.stderr)
            said += (done.stdout + done.stderr).encode()
        revealed = lab.knockctl("render", "--reveal", inventory=folder, env=environment)
        assert "41712" in revealed.stdout
    finally:
        watch.kill()
        watch.wait()
    kept = b"".join(p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file())
    assert b"journal" not in kept or kept
    seen = (tmp_path / "ps").read_bytes()
    assert b"knockctl" in seen
    for secret in (b"41711", b"41712", b"41713", passwords["ops"].encode()):
        for place, text in (("output", said), ("state", kept), ("process list", seen)):
            assert secret not in text, f"{secret!r} is in the {place}"
