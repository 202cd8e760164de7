"""Port knocking on Palo Alto Networks firewalls: PAN-OS 9.1 to 11.2, alone or under Panorama."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knockctl.contract import Target
from knockctl_panos.compiler import PanosCompiler
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.plan.modeller import PanosModeller

if TYPE_CHECKING:
    from knockctl_panos.driver.driver import PanosDriver


class PanosVendor:
    """Satisfies ``knockctl.contract.Vendor``."""

    name = "panos"
    platforms = ("paloalto_panos",)
    placement = PanosPlacement
    compiler = PanosCompiler()
    modeller = PanosModeller()

    def connect(self, target: Target) -> PanosDriver:
        """Return a driver, not yet connected."""
        from knockctl_panos.driver.driver import PanosDriver

        return PanosDriver(target)


VENDOR = PanosVendor()
