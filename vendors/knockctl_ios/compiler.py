"""The compiler: the pure functions of this vendor, as the contract names them."""

from __future__ import annotations

from collections.abc import Sequence

from knockctl.policy.resolved import ResolvedPolicy
from knockctl.vendor import Facts, Placement, Rendered
from knockctl_ios import config, render
from knockctl_ios.config import IosConfig


class IosCompiler:
    """What of ``knockctl.vendor.Compiler`` needs no device: a plan is made by ``plan.py``."""

    def render(
        self,
        policies: Sequence[ResolvedPolicy],
        placement: Placement,
        facts: Facts | None = None,
    ) -> Rendered[IosConfig]:
        """Compile a policy."""
        return render.render(policies, placement, facts)

    def empty(self) -> IosConfig:
        """Return the config of a router that has nothing of ours."""
        return IosConfig()

    def load(self, dump: str) -> IosConfig:
        """Read back what ``IosConfig.dump`` wrote."""
        return config.load(dump)
