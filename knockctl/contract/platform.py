"""How a vendor package is found: the entry points, and what one names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Generic

from knockctl.contract.compiler import Compiler, Modeller
from knockctl.contract.driver import Driver
from knockctl.contract.placement import P
from knockctl.contract.remediation import R
from knockctl.contract.rendered import C
from knockctl.contract.target import Target
from knockctl.errors import InventoryError

ENTRY_POINTS = "knockctl.vendors"


@dataclass(frozen=True, slots=True)
class Vendor(Generic[P, C, R]):
    """One vendor package, as its entry point names it."""

    name: str
    """The name of the entry point, such as ``iptables``."""
    platforms: tuple[str, ...]
    """Inventory platforms it serves, the netmiko name first."""
    placement: type[P]
    compiler: Compiler[P, C, R]
    modeller: Modeller[P, C]
    connect: Callable[[Target], Driver[C, R]]
    """Returns a driver, not yet connected. Imports the SDK."""


AnyVendor = Vendor[Any, Any, Any]


@cache
def vendors() -> dict[str, AnyVendor]:
    """Return every installed vendor by the name of its entry point."""
    return {point.name: point.load() for point in entry_points(group=ENTRY_POINTS)}


def served(platform: str) -> bool:
    """Tell whether an installed vendor package serves a platform."""
    return any(platform in vendor.platforms for vendor in vendors().values())


def vendor_for(platform: str) -> AnyVendor:
    """Return the vendor that serves a platform; raise ``InventoryError`` naming the choices."""
    for vendor in vendors().values():
        if platform in vendor.platforms:
            return vendor
    known = sorted(p for vendor in vendors().values() for p in vendor.platforms)
    raise InventoryError(
        f"no installed vendor package serves the platform {platform!r}",
        hint=f"known platforms: {', '.join(known)}",
    )
