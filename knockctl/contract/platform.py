"""How a vendor package is found: the entry points, and what one names."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
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


@dataclass(frozen=True, slots=True)
class Broken:
    """A vendor package that is installed and can't be used."""

    name: str
    distribution: str
    reason: str

    def __str__(self) -> str:
        """Print for people."""
        return f"the vendor package {self.name} of {self.distribution} can't be used: {self.reason}"


@cache
def _installed() -> tuple[dict[str, AnyVendor], tuple[Broken, ...]]:
    """Load every vendor package there is; whatever one does when it is imported, others go on."""
    found: dict[str, AnyVendor] = {}
    broken: list[Broken] = []
    for point in entry_points(group=ENTRY_POINTS):
        whose = f"{point.dist.name} {point.dist.version}" if point.dist else "nobody knows what"
        try:
            vendor = point.load()
        except Exception as error:  # noqa: BLE001 - another's code
            broken.append(Broken(point.name, whose, f"{type(error).__name__}: {error}"))
            continue
        lacks = [one.name for one in fields(Vendor) if not hasattr(vendor, one.name)]
        if lacks:
            said = f"{point.value} is no vendor: it has no {', '.join(lacks)}"
            broken.append(Broken(point.name, whose, said))
        else:
            found[point.name] = vendor
    for one in broken:
        logging.getLogger("knockctl").warning("%s; it is left out", one)
    return found, tuple(broken)


def vendors() -> dict[str, AnyVendor]:
    """Return every vendor that can be used by the name of its entry point."""
    return _installed()[0]


def served(platform: str) -> bool:
    """Tell whether an installed vendor package serves a platform."""
    return any(platform in vendor.platforms for vendor in vendors().values())


def vendor_for(platform: str) -> AnyVendor:
    """Return the vendor that serves a platform; raise ``InventoryError`` naming the choices."""
    found, broken = _installed()
    for vendor in found.values():
        if platform in vendor.platforms:
            return vendor
    known = sorted(p for vendor in found.values() for p in vendor.platforms)
    said = "".join(f"; {one}" for one in broken)
    raise InventoryError(
        f"no installed vendor package serves the platform {platform!r}{said}",
        hint=f"known platforms: {', '.join(known)}",
    )
