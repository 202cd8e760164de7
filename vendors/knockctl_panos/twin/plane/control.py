"""What tests can have a firewall do, by the words of ``knockctl.lab.plane.control``.

============  ==================================================================
word          what happens
============  ==================================================================
``cut_after`` the connection is lost when the request after so many comes
``slow``      so many of our seconds pass before each answer
``reboot``    a restart that takes so many of the firewall's seconds
``power``     power comes (true) or goes (false)
``faults``    fields of ``twin.faults.Faults``
``switches``  fields of ``twin.switches.Switches``
``plane``     fields of ``plane.switches.Switches``
``scale``     how fast the firewall's clock runs
``advance``   so many of the firewall's seconds pass at once
``load``      a list of xpath and element, put into both configurations at once
``export``    nothing: the answer holds the running configuration
``logs``      nothing: the answer holds all logs of this kind
``tags``      nothing: the answer holds the tags of this address
``reset``     configuration, locks, jobs, tags, sessions, logs, faults, switches as at the start
============  ==================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from knockctl.lab.plane.control import Control, Words
from knockctl_panos.twin.device import Switches
from knockctl_panos.twin.device.refusals import Refusal
from knockctl_panos.twin.plane.firewall import LabFirewall
from knockctl_panos.twin.plane.switches import Switches as PlaneSwitches


def control(firewall: LabFirewall) -> Control:
    """Return what obeys for a firewall; its switches are those it is reset to."""
    words = _Firewall(firewall, firewall.appliance.switches, firewall.switches)
    return Control(words.words(), firewall.clock.now, (Refusal,))


@dataclass(slots=True)
class _Firewall:
    """Does what words say."""

    firewall: LabFirewall
    switches: Switches
    plane: PlaneSwitches

    def words(self) -> Words:
        """Return what happens at each word."""
        firewall, device = self.firewall, self.firewall.appliance
        return {
            "cut_after": lambda n: device.faults.have({"cut_at": n + 1, "cut_executes": False}),
            "slow": lambda seconds: device.faults.have({"delay": seconds}),
            "reboot": self._reboot,
            "power": lambda on: device.power_on() if on else device.power_off(),
            "faults": lambda fields: device.faults.have(_plain(fields)),
            "switches": self._switches,
            "plane": lambda fields: firewall.switch(replace(firewall.switches, **_plain(fields))),
            "scale": lambda scale: setattr(firewall.clock, "scale", float(scale)),
            "advance": firewall.clock.advance,
            "load": self._load,
            "export": lambda _: firewall.export(),
            "logs": self._logs,
            "tags": lambda address: sorted(device.tags.tags("vsys1", address)),
            "reset": lambda _: self._reset(),
        }

    def _load(self, pairs: list[list[str]]) -> None:
        for xpath, element in pairs:
            self.firewall.appliance.load(xpath, element)

    def _logs(self, kind: str) -> list[dict[str, str]]:
        return self.firewall.appliance.logs.entries(kind)

    def _reboot(self, seconds: float) -> None:
        device = self.firewall.appliance
        device.power_off()
        device.clock.call_at(device.clock.now() + seconds, device.power_on)

    def _switches(self, fields: dict[str, Any]) -> None:
        device = self.firewall.appliance
        device.switches = replace(device.switches, **_plain(fields))

    def _reset(self) -> None:
        self.firewall.appliance.faults.end()
        self.firewall.appliance.switches = self.switches
        self.firewall.clock.scale = 1.0
        self.firewall.switch(self.plane)
        self.firewall.reset()


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields as the switches have them: lists as tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
