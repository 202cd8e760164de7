"""The compiler: the pure functions of this vendor, as the contract names them."""

from __future__ import annotations

from collections.abc import Sequence

from knockctl.contract import Facts, Placement, Reading, Rendered
from knockctl.policy.resolved import ResolvedPolicy
from knockctl_ios.config import generations, records
from knockctl_ios.config.records import IosConfig
from knockctl_ios.plan import plan
from knockctl_ios.plan.plan import IosRemediation
from knockctl_ios.render import render


class IosCompiler:
    """Satisfies ``knockctl.contract.Compiler``."""

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
        return records.load(dump)

    def plan(
        self, running: Reading[IosConfig], intended: IosConfig, change_id: str
    ) -> IosRemediation:
        """Return the way from running to intended, sequences under the names they have there."""
        named = generations.adopt(running.config, intended, change_id)
        return plan.plan(running, named, change_id)
