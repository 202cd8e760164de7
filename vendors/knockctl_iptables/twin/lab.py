"""The lab's Linux host. No twin at all: a real kernel, real iptables, a real OpenSSH.

It has its own network, mounts and processes; its ``/etc`` is an overlay and its ``/run`` is
empty, so that what a deploy writes there stays in the lab.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from knockctl.lab import passwords
from knockctl.lab.plan import KEY, KNOWN_HOSTS, Place

SSHD = "/usr/sbin/sshd"
SERVICES = "tcp/80,tcp/443,tcp/8080,tcp/8291,udp/443,udp/4501,udp/5353"

# As the seed's own gate: root by key. `admin` has sudo without a password, `ops` with one,
# `guest` has none: for the tests of what a login may do.
_SSHD_CONFIG = """\
Port 22
HostKey /etc/ssh/lab_host_key
AuthorizedKeysFile /etc/ssh/lab_authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PidFile none
MaxStartups 500:30:1000
StrictModes no
# A login shell that counts itself nested leaves root's own profile unread.
SetEnv SHLVL=5
"""
_EMPTY_TABLE = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
COMMIT
"""
_USERS = ("admin", "ops", "guest")
_SUDOERS = "admin ALL=(ALL) NOPASSWD: ALL\nops ALL=(ALL) ALL\n"


@dataclass(frozen=True, slots=True)
class LinuxHost:
    """Satisfies ``knockctl.lab.places.Twin``."""

    last: int = 11
    needs: dict[str, str] = field(
        default_factory=lambda: {
            "iptables": "iptables",
            "ip6tables": "iptables",
            "ipset": "ipset",
            "sshd": "openssh-server",
            "useradd": "passwd",
        }
    )

    snapshot: str = "iptables-save; ip6tables-save; ipset save"

    def run(self, place: Place) -> None:
        """Mount, make keys and users, start sshd and the listeners, then reap."""
        os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        keep = _mounts(place)
        _host_key(place, keep)
        _users(keep)
        _filter_tables()
        addresses = [place.management, place.outside, place.outside6, "127.0.0.1", "::1"]
        subprocess.Popen([SSHD, "-D", "-e", "-f", "/etc/ssh/lab_sshd_config"])
        listen = [sys.executable, "-m", "knockctl.lab.listen", SERVICES, ",".join(addresses)]
        subprocess.Popen(listen)
        _answers(place)
        (keep / place.name / "ready").touch()
        while True:
            _reap()


LINUX1 = LinuxHost()


def _call(*argv: str, text: str | None = None) -> None:
    subprocess.run(argv, input=text, text=True, check=True)


def _mounts(place: Place) -> Path:
    """Give the device its own /proc, /run and /etc; return where the lab's state is now."""
    _call("mount", "-t", "proc", "proc", "/proc")
    keep = Path("/mnt")
    _call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(keep))
    state, etc = keep / "lab", keep / "etc"
    for folder in (state, etc, keep / "work"):
        folder.mkdir()
    _call("mount", "--bind", str(place.state.parent), str(state))
    options = f"lowerdir=/etc,upperdir={etc},workdir={keep / 'work'}"
    try:
        _call("mount", "-t", "overlay", "overlay", "-o", options, "/etc")
    except subprocess.CalledProcessError:
        shutil.copytree("/etc", etc, symlinks=True, dirs_exist_ok=True)
        _call("mount", "--bind", str(etc), "/etc")
    _call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    Path("/run/sshd").mkdir(mode=0o755)
    for made in ("/etc/systemd/system", "/etc/sudoers.d"):
        Path(made).mkdir(parents=True, exist_ok=True)
    return state


def _host_key(place: Place, keep: Path) -> None:
    key = Path("/etc/ssh/lab_host_key")
    key.parent.mkdir(exist_ok=True)
    _call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", place.name, "-f", str(key))
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    with (keep / KNOWN_HOSTS.name).open("a") as file:
        for address in (place.management, place.outside, place.outside6):
            file.write(f"{address} {public}\n")
    authorized = (keep / KEY.name).with_suffix(".pub").read_text()
    Path("/etc/ssh/lab_authorized_keys").write_text(authorized)
    Path("/etc/ssh/lab_sshd_config").write_text(_SSHD_CONFIG)


def _users(keep: Path) -> None:
    words = passwords.of(keep, _USERS)
    for name in _USERS:
        _call("useradd", "--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", name)
    _call("chpasswd", text="".join(f"{name}:{word}\n" for name, word in words.items()))
    sudoers = Path("/etc/sudoers.d/lab")
    sudoers.write_text(_SUDOERS)
    sudoers.chmod(0o440)


def _filter_tables() -> None:
    """Begin as a host does whose firewall was looked at once: tables there, and empty."""
    for tool in ("iptables-restore", "ip6tables-restore"):
        _call(tool, text=_EMPTY_TABLE)


def _answers(place: Place) -> None:
    """Wait until sshd and the listeners accept connections."""
    until = time.monotonic() + 10
    for port in (22, 443):
        while True:
            try:
                socket.create_connection((place.outside, port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)


def _reap() -> None:
    """Wait for any child; process 1 inherits everybody's."""
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(1)
