"""The compiler: the pure functions of this vendor, as the contract names them."""

from __future__ import annotations

from collections.abc import Sequence

from knockctl.contract import Facts, Placement, Reading, Rendered
from knockctl.policy.resolved import ResolvedPolicy
from knockctl_routeros.config import records
from knockctl_routeros.config.records import RouterConfig
from knockctl_routeros.plan import plan
from knockctl_routeros.plan.plan import RouterRemediation
from knockctl_routeros.render import render


class RouterCompiler:
    """Satisfies ``knockctl.contract.Compiler``."""

    def render(
        self,
        policies: Sequence[ResolvedPolicy],
        placement: Placement,
        facts: Facts | None = None,
    ) -> Rendered[RouterConfig]:
        """Compile policies for the families the router has; both when no facts are given."""
        return render.render(policies, placement, facts)

    def empty(self) -> RouterConfig:
        """Return the config of a router that has nothing of ours."""
        return RouterConfig()

    def load(self, dump: str) -> RouterConfig:
        """Read back what ``RouterConfig.dump`` wrote."""
        return records.load(dump)

    def plan(
        self, running: Reading[RouterConfig], intended: RouterConfig, change_id: str
    ) -> RouterRemediation:
        """Return the way from running to intended."""
        return plan.plan(running, intended, change_id)
