"""Port knocking on Palo Alto Networks firewalls: PAN-OS 9.1 to 11.2, alone or under Panorama."""

from __future__ import annotations

from knockctl.contract import Compiler, Driver, Target, Vendor
from knockctl_panos.config.records import PanosConfig, load
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.plan.modeller import PanosModeller
from knockctl_panos.plan.plan import PanosRemediation, plan
from knockctl_panos.render.render import render


def connect(target: Target) -> Driver[PanosConfig, PanosRemediation]:
    """Return a driver, not yet connected."""
    from knockctl_panos.driver.driver import PanosDriver

    return PanosDriver(target)


VENDOR = Vendor(
    "panos",
    ("paloalto_panos",),
    PanosPlacement,
    Compiler(render, PanosConfig, load, plan),
    PanosModeller(),
    connect,
)
