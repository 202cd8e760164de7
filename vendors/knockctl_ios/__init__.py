"""Port knocking on Cisco IOS and IOS-XE: access lists, log lines, applets."""

from __future__ import annotations

from knockctl.contract import Compiler, Driver, Target, Vendor
from knockctl_ios.config.records import IosConfig, load
from knockctl_ios.placement import IosPlacement
from knockctl_ios.plan.modeller import IosModeller
from knockctl_ios.plan.plan import IosRemediation, plan
from knockctl_ios.render.render import render


def connect(target: Target) -> Driver[IosConfig, IosRemediation]:
    """Return a driver, not yet connected."""
    from knockctl_ios.driver.driver import IosDriver

    return IosDriver(target)


VENDOR = Vendor(
    "ios",
    ("cisco_ios",),
    IosPlacement,
    Compiler(render, IosConfig, load, plan),
    IosModeller(),
    connect,
)
