"""The compiler: the pure functions of this vendor, as the contract names them."""

from __future__ import annotations

from collections.abc import Sequence

from knockctl.contract import Facts, Placement, Reading, Rendered
from knockctl.policy.resolved import ResolvedPolicy
from knockctl_iptables.config import records
from knockctl_iptables.config.records import LinuxConfig
from knockctl_iptables.plan import plan
from knockctl_iptables.plan.plan import LinuxRemediation
from knockctl_iptables.render import render


class LinuxCompiler:
    """Satisfies ``knockctl.contract.Compiler``."""

    def render(
        self,
        policies: Sequence[ResolvedPolicy],
        placement: Placement,
        facts: Facts | None = None,
    ) -> Rendered[LinuxConfig]:
        """Compile policies for the families the host has; both when no facts are given."""
        return render.render(policies, placement, facts)

    def empty(self) -> LinuxConfig:
        """Return the config of a host that has nothing of ours."""
        return LinuxConfig()

    def load(self, dump: str) -> LinuxConfig:
        """Read back what ``LinuxConfig.dump`` wrote."""
        return records.load(dump)

    def plan(
        self, running: Reading[LinuxConfig], intended: LinuxConfig, change_id: str
    ) -> LinuxRemediation:
        """Return the way from running to intended."""
        return plan.plan(running, intended, change_id)
