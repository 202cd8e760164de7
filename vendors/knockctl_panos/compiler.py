"""The compiler: the pure functions of this vendor, as the contract names them."""

from __future__ import annotations

from collections.abc import Sequence

from knockctl.contract import Facts, Placement, Reading, Rendered
from knockctl.policy.resolved import ResolvedPolicy
from knockctl_panos.config import records
from knockctl_panos.config.records import PanosConfig
from knockctl_panos.plan import plan
from knockctl_panos.plan.plan import PanosRemediation
from knockctl_panos.render import render


class PanosCompiler:
    """Satisfies ``knockctl.contract.Compiler``."""

    def render(
        self,
        policies: Sequence[ResolvedPolicy],
        placement: Placement,
        facts: Facts | None = None,
    ) -> Rendered[PanosConfig]:
        """Compile policies; every version of PAN-OS takes the same."""
        return render.render(policies, placement, facts)

    def empty(self) -> PanosConfig:
        """Return the config of a firewall that has nothing of ours."""
        return PanosConfig()

    def load(self, dump: str) -> PanosConfig:
        """Read back what ``PanosConfig.dump`` wrote."""
        return records.load(dump)

    def plan(
        self, running: Reading[PanosConfig], intended: PanosConfig, change_id: str
    ) -> PanosRemediation:
        """Return the way from running to intended, sequences under the names they have there."""
        return plan.plan(running, intended, change_id)
