"""``make demo``: the whole job on every device of the lab, with the commands a person types."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from knockctl.change.plan import place
from knockctl.client.send import DELAY
from knockctl.contract import Address, Rendered, vendor_for
from knockctl.errors import KnockctlError
from knockctl.inventory.load import load
from knockctl.lab import lab
from knockctl.lab.namespaces import exists
from knockctl.lab.places import place as place_of
from knockctl.lab.places import twins
from knockctl.lab.plan import WAN, client4
from knockctl.policy.loader import load_all, resolve
from knockctl.policy.resolved import ResolvedPolicy

INVENTORY = Path("inventories/lab")
AnyRendered = Rendered[Any]
KNOCKCTL = Path(sys.executable).with_name("knockctl")


class Failed(Exception):
    """A step of the demo did not do what it shows."""


def main() -> int:
    """Run the demo; the exit code tells whether every step did what it says."""
    try:
        with _lab(), tempfile.TemporaryDirectory() as state:
            os.environ["XDG_STATE_HOME"] = state
            for name in twins():
                _device(name)
    except (Failed, KnockctlError) as error:
        _say(f"the demo failed: {error}")
        return 1
    _say("Done. What it showed: deployed, found the service open after the knock and closed")
    _say("without it, found nothing to change, rolled back, found the device as it was before.")
    return 0


@contextlib.contextmanager
def _lab() -> Iterator[None]:
    """Bring the lab up, and down again unless it was up before."""
    before = exists(WAN)
    _say("Building the lab: network namespaces with an operator, clients and every device.")
    lab.up()
    try:
        yield
    finally:
        if not before:
            lab.down()


def _device(name: str) -> None:
    where = place_of(name)
    _say(f"\n== {name} ==")
    policy = _policy(name)
    knocks, service = _trace(policy)
    rendered = _rendered(name, policy)
    if any(mark in line for line in _snapshot(name) for mark in ("KC_", "knockctl:", "kc-")):
        _say("The lab was in use; what is left of it goes first.")
        _ops("remove", name, "--yes")
    before = _snapshot(name)
    _ops("diff", name)
    _deploy(name, rendered)
    _say("\nA client that does not know the knock finds nothing:")
    stranger = f"--source {client4(101)} --check {service} --timeout 1"
    _client(f"knock --host {where.outside} tcp/9 {stranger}", expect=4)
    addresses = _addresses(name)
    versions = " and ".join(dict.fromkeys(f"IPv{address.version}" for address in addresses))
    _say(f"\nA client that knocks finds the service open, over {versions}:")
    pause = (
        f" --delay {rendered.lag + DELAY:g} --timeout {rendered.lag + 5}" if rendered.lag else ""
    )
    for address in addresses:
        _client(f"knock --host {address} {knocks} --check {service}{pause}")
    _say("\nWhat runs is what is intended:")
    _ops("diff", name, "--exit-code")
    _say("\nAnd it does what the policy says, in every state, beside whatever else runs there:")
    _ops("verify", name, "--running")
    _ops("rollback", name, "--yes")
    if _snapshot(name) != before:
        raise Failed(f"{name} is not as it was before")
    _say(f"{name} runs exactly what it ran before.")


def _deploy(name: str, rendered: AnyRendered) -> None:
    """Deploy, accepting what the device can't do as stated; knock at once where it is quick."""
    codes = sorted({note.code for note in rendered.fidelity if note.blocks})
    if codes:
        _say("\nWhere the device is looser than the policy, that has to be accepted by name:")
    if rendered.lag:
        _say(f"A knock takes up to {rendered.lag} s to show on this device; clients wait for it.")
    probe = [] if rendered.lag else ["--probe"]
    accept = [word for code in codes for word in ("--accept", code)]
    _ops("deploy", name, "--yes", *accept, *probe, "--reason", "demo")


def _policy(name: str) -> ResolvedPolicy:
    """Return the first policy of a device of the lab."""
    device = load(INVENTORY).devices[name]
    return resolve(load_all(INVENTORY / "policies")[device.policies[0]], None)


def _addresses(name: str) -> tuple[Address, ...]:
    """Return the addresses that a device of the lab protects."""
    device = load(INVENTORY).devices[name]
    return place(vendor_for(device.platform), device).addresses


def _rendered(name: str, policy: ResolvedPolicy) -> AnyRendered:
    """Return what a device makes of a policy."""
    device = load(INVENTORY).devices[name]
    vendor = vendor_for(device.platform)
    return vendor.compiler.render([policy], place(vendor, device))


def _trace(policy: ResolvedPolicy) -> tuple[str, str]:
    """Return the knocks and the first TCP service, as ``knockctl knock`` takes them."""
    knocks = " ".join(str(knock) for knock in policy.generations[0].knocks)
    return knocks, next(str(s) for s in policy.services if s.protocol == "tcp")


def _snapshot(name: str) -> list[str]:
    """Return what the device itself prints, without times and counters."""
    command = lab.command(name, ["sh", "-c", twins()[name].snapshot])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split(" [")[0] for line in done.stdout.splitlines() if not line.startswith("#")]


def _ops(*argv: str) -> None:
    _run("ops", [str(KNOCKCTL), "-i", str(INVENTORY), *argv])


def _client(line: str, *, expect: int = 0) -> None:
    _run("wan", [str(KNOCKCTL), *line.split()], expect)


def _run(where: str, argv: Sequence[str], expect: int = 0) -> None:
    shown = shlex.join(["knockctl", *argv[1:]])
    _say(f"\n[{where}] $ {shown}")
    code = subprocess.run(lab.command(where, argv), check=False).returncode
    if code != expect:
        raise Failed(f"{shown} ended with {code}, not {expect}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
