"""Port knocking on Cisco IOS and IOS-XE: access lists, log lines, applets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knockctl.vendor import Target
from knockctl_ios.compiler import IosCompiler
from knockctl_ios.modeller import IosModeller
from knockctl_ios.placement import IosPlacement

if TYPE_CHECKING:
    from knockctl_ios.driver import IosDriver


class IosVendor:
    """Satisfies ``knockctl.vendor.Vendor``."""

    name = "ios"
    platforms = ("cisco_ios",)
    placement = IosPlacement
    compiler = IosCompiler()
    modeller = IosModeller()

    def connect(self, target: Target) -> IosDriver:
        """Return a driver, not yet connected."""
        from knockctl_ios.driver import IosDriver

        return IosDriver(target)


VENDOR = IosVendor()
