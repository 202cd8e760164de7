"""``lab up``, ``lab down``, ``lab exec``: the whole lab, by its parts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from knockctl.errors import LabError
from knockctl.lab import namespaces
from knockctl.lab.places import note, place, places, twins
from knockctl.lab.plan import KEY, LOCK, NETNS, OPS, STATE, WAN, Place

_NEEDED = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "ssh-keygen": "openssh-client",
}
_PATIENCE = 15.0


def up() -> list[str]:
    """Bring everything up that is not; return the devices. Repairs a half-built lab."""
    _privileged()
    _installed()
    devices = places()
    names = sorted(one.name for one in devices)
    with _locked():
        if all(running(one) for one in devices) and namespaces.exists(OPS):
            return names
        _down()
        STATE.mkdir(mode=0o700)
        note(devices)
        namespaces.call(
            "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "knockctl lab", "-f", str(KEY)
        )
        namespaces.build(devices)
        for one in devices:
            _start(one)
        for one in devices:
            _await(one)
    return names


def _start(place: Place) -> None:
    """Start a device in its network namespace, with mounts and processes of its own."""
    place.state.mkdir(mode=0o700)
    inside = [sys.executable, "-m", "knockctl.lab.device", place.name]
    # fmt: off
    argv = [
        "setsid", "--fork", "nsenter", f"--net={NETNS / place.namespace}",
        "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--propagation", "private",
        *inside,
    ]
    # fmt: on
    with (place.state / "log").open("wb") as log:
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True, cwd="/")


def _await(place: Place) -> None:
    """Wait until the device says that it answers, or has died."""
    begun = time.monotonic()
    while not (place.state / "ready").exists():
        waited = time.monotonic() - begun
        dead = waited > 1 and not namespaces.processes(place.namespace)
        if dead or waited > _PATIENCE:
            said = (place.state / "log").read_text(errors="replace").strip()
            raise LabError(f"{place.name} did not come up: {said[-2000:] or 'no message'}")
        time.sleep(0.02)


def down() -> bool:
    """Take everything down; tell whether there was anything."""
    _privileged()
    with _locked():
        return _down()


def _down() -> bool:
    """Processes by the namespaces they are in, then the namespaces, then the files."""
    there = namespaces.names()
    for attempt in range(200):
        left = [pid for name in there for pid in namespaces.processes(name)]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.01 if attempt < 100 else 0.1)
    for name in there:
        namespaces.call("ip", "netns", "delete", name)
    had = STATE.exists()
    if had:
        shutil.rmtree(STATE)
    return bool(there) or had


def running(place: Place) -> bool:
    """Tell whether a device is up."""
    return inner_pid(place) is not None and (place.state / "ready").exists()


def inner_pid(place: Place) -> int | None:
    """Return the device's process 1, as numbered here; None when it is not up."""
    try:
        pid = int(place.pid_file.read_text())
        same = Path(f"/proc/{pid}/ns/net").stat().st_ino == (NETNS / place.namespace).stat().st_ino
    except (OSError, ValueError):
        return None
    return pid if same else None


def command(where: str, argv: Sequence[str]) -> list[str]:
    """Return the argv that runs a command somewhere in the lab: ops, wan or a device."""
    if where in ("ops", "wan", OPS, WAN):
        name = OPS if where in ("ops", OPS) else WAN
        if not namespaces.exists(name):
            raise LabError("the lab is not up", hint="run knockctl lab up")
        return ["nsenter", f"--net={NETNS / name}", "--", *argv]
    found = place(where.removeprefix("kc-"))
    pid = inner_pid(found)
    if pid is None:
        raise LabError(f"{found.name} is not up", hint="run knockctl lab up")
    # With the device's own root: in a chroot it is not the mount namespace's.
    spaces = ("--net", "--mount", "--pid", "--root", "--wd")
    return ["nsenter", f"--target={pid}", *spaces, "--", *argv]


def execute(where: str, argv: Sequence[str]) -> int:
    """Run a command somewhere in the lab on this terminal; return its exit code."""
    _privileged()
    try:
        return subprocess.run(command(where, argv), check=False).returncode
    except FileNotFoundError:
        raise LabError("nsenter is not installed", hint="install util-linux") from None


def require_namespace(name: str) -> None:
    """Raise unless this process is in the namespace an inventory is confined to."""
    if namespaces.here() != name:
        raise LabError(
            f"this inventory may be used inside the network namespace {name} alone",
            hint="run it there: knockctl lab exec ops -- knockctl …",
        )


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    with LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    LOCK.unlink(missing_ok=True)


def _privileged() -> None:
    if os.geteuid() != 0:
        raise LabError(
            "the lab builds network namespaces, which needs root",
            hint="run it as root, or inside unshare --user --map-root-user --net --mount",
        )


def _installed() -> None:
    needed = dict(_NEEDED)
    for twin in twins().values():
        needed.update(twin.needs)
    paths = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = sorted({p for tool, p in needed.items() if not shutil.which(tool, path=paths)})
    if missing:
        raise LabError(
            f"missing on this machine: {', '.join(missing)}",
            hint=f"as root: apt-get install {' '.join(missing)}",
        )
