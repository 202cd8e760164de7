"""What one device's policies are held against: the site of each family, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from knockctl.automaton.machine import DeviceModel, scoped
from knockctl.automaton.packet import Scope
from knockctl.automaton.reference import Site
from knockctl.contract import AnyVendor, Placement, Rendered
from knockctl.verify.packets import Claim


@dataclass(frozen=True)
class Case:
    """One device's policies, ready to be held against machines."""

    vendor: AnyVendor
    placement: Placement
    rendered: Rendered[Any]
    families: tuple[int, ...] = (4, 6)

    @cached_property
    def scope(self) -> Scope:
        """Which packets are the policies' at all."""
        return self.vendor.modeller.scope(self.placement)

    def site(self, family: int = 4, *, late: bool = True) -> Site:
        """Return what the device is held to for an IP version; ``late``: with its lag."""
        effective, relaxed = self.rendered.meaning(family)
        if not late:
            relaxed = tuple(replace(bounds, lag=0) for bounds in relaxed)
        # A device without policies is not ours to keep reachable.
        management = self.placement.management if self.rendered.effective else None
        return Site(
            effective,
            management.sources if management else (),
            management.port if management else None,
            relaxed,
        )

    def claim(
        self, model: DeviceModel[Any], family: int, *, whole: bool = False, late: bool = True
    ) -> Claim:
        """Return what is to be shown of a machine."""
        scope = scoped(model, self.scope)
        return Claim(self.site(family, late=late), scope, model, family, whole)
