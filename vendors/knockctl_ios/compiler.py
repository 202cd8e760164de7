"""The compiler: the pure functions of this vendor, as the contract names them."""

from __future__ import annotations

from collections.abc import Sequence

from knockctl.policy.resolved import ResolvedPolicy
from knockctl.vendor import Facts, Placement, Reading, Rendered
from knockctl_ios import config, plan, render
from knockctl_ios.config import IosConfig
from knockctl_ios.plan import IosRemediation


class IosCompiler:
    """Satisfies ``knockctl.vendor.Compiler``."""

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

    def plan(
        self, running: Reading[IosConfig], intended: IosConfig, change_id: str
    ) -> IosRemediation:
        """Return the way from running to intended, in an order that IOS accepts."""
        return plan.plan(running, intended, change_id)
