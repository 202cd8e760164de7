"""Port knocking on MikroTik routers: RouterOS 6.49 and 7, over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knockctl.contract import Target
from knockctl_routeros.compiler import RouterCompiler
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.plan.modeller import RouterModeller

if TYPE_CHECKING:
    from knockctl_routeros.driver.driver import RouterDriver


class RouterVendor:
    """Satisfies ``knockctl.contract.Vendor``."""

    name = "routeros"
    platforms = ("mikrotik_routeros",)
    placement = RouterPlacement
    compiler = RouterCompiler()
    modeller = RouterModeller()

    def connect(self, target: Target) -> RouterDriver:
        """Return a driver, not yet connected."""
        from knockctl_routeros.driver.driver import RouterDriver

        return RouterDriver(target)


VENDOR = RouterVendor()
