"""Port knocking on MikroTik routers: RouterOS 6.49 and 7, over the API."""

from __future__ import annotations

from knockctl.contract import Compiler, Driver, Target, Vendor
from knockctl_routeros.config.records import RouterConfig, load
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.plan.modeller import RouterModeller
from knockctl_routeros.plan.plan import RouterRemediation, plan
from knockctl_routeros.render.render import render


def connect(target: Target) -> Driver[RouterConfig, RouterRemediation]:
    """Return a driver, not yet connected."""
    from knockctl_routeros.driver.driver import RouterDriver

    return RouterDriver(target)


VENDOR = Vendor(
    "routeros",
    ("mikrotik_routeros",),
    RouterPlacement,
    Compiler(render, RouterConfig, load, plan),
    RouterModeller(),
    connect,
)
