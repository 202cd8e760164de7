"""A firewall whole: the management plane, and the data plane that its configuration rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from knockctl.automaton.packet import Address
from knockctl.lab.clock import Clock
from knockctl.lab.plane.local import Local
from knockctl_panos.config import syntax
from knockctl_panos.config.syntax import Node
from knockctl_panos.twin.device import Appliance, Switches, definitions, factory
from knockctl_panos.twin.device.logs import Logs
from knockctl_panos.twin.device.trees import Trees
from knockctl_panos.twin.plane.judge import VSYS, Judge
from knockctl_panos.twin.plane.sessions import Table
from knockctl_panos.twin.plane.switches import Switches as PlaneSwitches

_CONTAINERS = (
    *("tag", "address", "address-group", "service", "service-group"),
    *("log-settings", "profiles", "rules", "security", "rulebase"),
)


class LabFirewall:
    """Both planes of one firewall, in one thread."""

    def __init__(
        self,
        switches: Switches,
        plane: PlaneSwitches,
        local: Local,
        *,
        zones: Mapping[str, str],
        management: Address,
        clock: Clock | None = None,
    ) -> None:
        """Make it, not yet on any wire. ``zones``: of each interface, the outside's first."""
        self.clock = clock or Clock()
        self.table = Table(self.clock, zones)
        self.appliance = Appliance(switches, clock=self.clock, sessions=self.table)
        self.judge = Judge(self.appliance, self.table, local, management)
        self.appliance.on_commit.append(self.judge.committed)
        self.appliance.watchers.append(self._power)
        self.switch(plane)

    @property
    def switches(self) -> PlaneSwitches:
        """The data plane's; ``switch`` changes them."""
        return self.judge.switches

    def switch(self, plane: PlaneSwitches) -> None:
        """Have another data plane."""
        self.judge.switch(plane)

    def export(self) -> str:
        """Print the running configuration, without containers that are there and empty."""
        return syntax.printed(_filled(syntax.of_element(self.appliance.trees.running)))

    def reset(self) -> None:
        """Have the factory's configuration, and nothing learnt, locked or under way."""
        device = self.appliance
        if not device.powered:
            device.power_on()
        device.jobs.clear()
        device.locks.clear()
        device.trees = Trees(
            definitions.configuration(device.switches),
            factory.configuration(device.switches),
            resolve=device.switches.references_at == "change",
        )
        for address in device.tags.addresses(VSYS):
            for tag in device.tags.tags(VSYS, address):
                device.tags.remove(VSYS, address, tag)
        device.logs = Logs(device.clock, device.switches.serial, device.switches.log_job_time)
        device.tags.log = device.logs.tagged
        device.hits.clear()
        self.table.forget()
        self.judge.forwarding.forget()
        device.committed()

    def _power(self) -> None:
        if not self.appliance.powered:
            self.judge.forwarding.forget()
            self.table.forget()


def _filled(node: Node) -> Node:
    kept = (_filled(child) for child in node.children)
    return replace(node, children=tuple(c for c in kept if c.children or c.tag not in _CONTAINERS))
