"""What tests can have a router do, by the words of ``knockctl.lab.plane.control``.

============  ==================================================================
word          what happens
============  ==================================================================
``cut_after`` the connection is lost when the line after so many comes
``slow``      so many of our seconds pass before each answer
``reboot``    a restart that takes so many of the router's seconds
``power``     power comes (true) or goes (false)
``faults``    fields of ``twin.faults.Faults``
``switches``  fields of ``twin.switches.Switches``
``plane``     fields of ``plane.switches.Switches``
``scale``     how fast the router's clock runs
``advance``   so many of the router's seconds pass at once
``load``      lines of configuration, merged into running and startup
``type``      lines of a privileged session: the answer holds what they print
``export``    nothing: the answer holds the running configuration
``log``       nothing: the answer holds the messages in the buffer
``reset``     configuration, files, entries, log, faults, switches as at the start
============  ==================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from knockctl.lab.plane.control import Control, Words
from knockctl_ios.twin.device import Shell, Switches, exec_commands
from knockctl_ios.twin.plane.router import LabRouter
from knockctl_ios.twin.plane.switches import Switches as PlaneSwitches


def control(router: LabRouter) -> Control:
    """Return what obeys for a router; its switches are those it is reset to."""
    words = _Router(router, router.device.switches, router.judge.switches)
    return Control(words.words(), router.device.clock.now)


@dataclass(slots=True)
class _Router:
    """Does what words say."""

    router: LabRouter
    switches: Switches
    plane: PlaneSwitches

    def words(self) -> Words:
        """Return what happens at each word."""
        router, device = self.router, self.router.device
        return {
            "cut_after": lambda n: device.faults.have({"cut_at": n + 1, "cut_executes": False}),
            "slow": lambda seconds: device.faults.have({"delay": seconds}),
            "reboot": device.reload,
            "power": lambda on: device.power_on() if on else device.power_off(),
            "faults": lambda fields: device.faults.have(_plain(fields)),
            "switches": self._switches,
            "plane": lambda fields: router.switch(replace(router.judge.switches, **_plain(fields))),
            "scale": lambda scale: setattr(device.clock, "scale", float(scale)),
            "advance": device.clock.advance,
            "load": self._load,
            "type": self._type,
            "export": lambda _: router.export(),
            "log": lambda _: [line.message for line in device.logs.lines],
            "reset": lambda _: self._reset(),
        }

    def _load(self, text: str) -> None:
        said = self.router.device.load(text)
        if "%" in said:
            raise ValueError(said)

    def _type(self, text: str) -> str:
        shell = Shell(self.router.device, exec_commands, "admin", 15, bypass=True)
        return "".join(shell.answer(line) for line in text.splitlines())

    def _switches(self, fields: dict[str, Any]) -> None:
        device = self.router.device
        changed = replace(device.switches, **_plain(fields))
        self._become(changed)
        device.changed("")

    def _become(self, switches: Switches) -> None:
        device = self.router.device
        device.switches = device.entries.switches = switches
        device.flash.name = "bootflash:" if switches.xe else "flash:"

    def _reset(self) -> None:
        self.router.device.faults.end()
        self._become(self.switches)
        self.router.device.clock.scale = 1.0
        self.router.switch(self.plane)
        self.router.reset()


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields as the switches have them: lists as tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
