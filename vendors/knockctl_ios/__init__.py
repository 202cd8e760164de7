"""Port knocking on Cisco IOS and IOS-XE: access lists, log lines, applets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knockctl.contract import Target
from knockctl_ios.compiler import IosCompiler
from knockctl_ios.placement import IosPlacement
from knockctl_ios.plan.modeller import IosModeller

if TYPE_CHECKING:
    from knockctl_ios.driver.driver import IosDriver


class IosVendor:
    """Satisfies ``knockctl.contract.Vendor``."""

    name = "ios"
    platforms = ("cisco_ios",)
    placement = IosPlacement
    compiler = IosCompiler()
    modeller = IosModeller()

    def connect(self, target: Target) -> IosDriver:
        """Return a driver, not yet connected."""
        from knockctl_ios.driver.driver import IosDriver

        return IosDriver(target)


VENDOR = IosVendor()
