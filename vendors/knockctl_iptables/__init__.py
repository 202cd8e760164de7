"""Port knocking in a Linux host's own packet filter: iptables and ipset over SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knockctl.contract import Target
from knockctl_iptables.compiler import LinuxCompiler
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.plan.modeller import LinuxModeller

if TYPE_CHECKING:
    from knockctl_iptables.driver.driver import LinuxDriver


class LinuxVendor:
    """Satisfies ``knockctl.contract.Vendor``."""

    name = "iptables"
    platforms = ("linux", "linux_ssh")
    placement = LinuxPlacement
    compiler = LinuxCompiler()
    modeller = LinuxModeller()

    def connect(self, target: Target) -> LinuxDriver:
        """Return a driver, not yet connected."""
        from knockctl_iptables.driver.driver import LinuxDriver

        return LinuxDriver(target)


VENDOR = LinuxVendor()
