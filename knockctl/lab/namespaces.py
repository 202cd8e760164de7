"""Network namespaces and wires, by the commands of iproute2."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from knockctl.errors import LabError
from knockctl.lab.plan import CLIENTS, NETNS, OPS, OPS_ADDRESS, WAN, WIRE, Place, client4, client6


def call(*argv: str, text: str | None = None) -> str:
    """Run a program of the lab's; its failure is a ``LabError`` with its words."""
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LabError(f"{argv[0]} is not installed") from None
    if done.returncode:
        words = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
        raise LabError(f"{' '.join(argv[:6])}: {words}")
    return done.stdout


def exists(name: str) -> bool:
    """Tell whether a namespace is there."""
    return (NETNS / name).exists()


def here() -> str | None:
    """Return the name of the lab's namespace this process is in; None outside."""
    mine = Path("/proc/self/ns/net").stat().st_ino
    for path in NETNS.glob("kc-*") if NETNS.is_dir() else ():
        try:
            if path.stat().st_ino == mine:
                return path.name
        except OSError:
            continue
    return None


def build(places: Iterable[Place]) -> None:
    """Make the wires, the operator's and the clients' namespaces, and one for each device."""
    places = list(places)
    for name in (WIRE, OPS, WAN, *(place.namespace for place in places)):
        if not exists(name):
            call("ip", "netns", "add", name)
        call("ip", "-n", name, "link", "set", "lo", "up")
        _batch(name, [])
    for bridge in ("mgmt", "outside"):
        _batch(WIRE, [f"link add {bridge} type bridge forward_delay 0", f"link set {bridge} up"])
    _wire(OPS, "mgmt0", "mgmt", [f"{OPS_ADDRESS}/24"])
    clients = [f"{client4(n)}/24" for n in CLIENTS] + [f"{client6(n)}/64 nodad" for n in CLIENTS]
    _wire(WAN, "out0", "outside", clients)
    for place in places:
        _wire(place.namespace, "mgmt0", "mgmt", [f"{place.management}/24"])
        outside = [f"{place.outside}/24", f"{place.outside6}/64 nodad"]
        _wire(place.namespace, "out0", "outside", outside)
        # The operator reaches a device's outside address by its management address, to probe.
        _batch(OPS, [f"route replace {place.outside}/32 via {place.management}"])


def _wire(namespace: str, interface: str, bridge: str, addresses: Sequence[str]) -> None:
    """Connect a namespace to a bridge; its end bears the addresses."""
    far = f"{namespace[3:][:8]}-{bridge[:3]}"
    lines = [f"link add {far} type veth peer name {interface} netns {namespace}"]
    _batch(WIRE, [*lines, f"link set {far} master {bridge}", f"link set {far} up"])
    _batch(
        namespace,
        [*(f"address add {a} dev {interface}" for a in addresses), f"link set {interface} up"],
    )


def _batch(namespace: str, lines: Sequence[str]) -> None:
    if lines:
        call("ip", "-n", namespace, "-batch", "-", text="".join(f"{line}\n" for line in lines))


def processes(namespace: str) -> list[int]:
    """Return the processes in a namespace, without this one and its parents."""
    if not exists(namespace):
        return []
    found = {int(pid) for pid in call("ip", "netns", "pids", namespace).split()}
    return sorted(found - _lineage())


def _lineage() -> set[int]:
    found, pid = set(), os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def names() -> list[str]:
    """Return the lab's namespaces that are there."""
    return sorted(path.name for path in NETNS.glob("kc-*")) if NETNS.is_dir() else []
