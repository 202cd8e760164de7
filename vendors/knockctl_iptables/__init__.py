"""Port knocking in a Linux host's own packet filter: iptables and ipset over SSH."""

from __future__ import annotations

from knockctl.contract import Compiler, Driver, Target, Vendor
from knockctl_iptables.config.records import LinuxConfig, load
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.plan.modeller import LinuxModeller
from knockctl_iptables.plan.plan import LinuxRemediation, plan
from knockctl_iptables.render.render import render


def connect(target: Target) -> Driver[LinuxConfig, LinuxRemediation]:
    """Return a driver, not yet connected."""
    from knockctl_iptables.driver.driver import LinuxDriver

    return LinuxDriver(target)


VENDOR = Vendor(
    "iptables",
    ("linux", "linux_ssh"),
    LinuxPlacement,
    Compiler(render, LinuxConfig, load, plan),
    LinuxModeller(),
    connect,
)
