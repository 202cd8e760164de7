"""A router whole: the command line, and the data plane that its configuration rules."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from knockctl.lab.plane.local import Local
from knockctl_ios.semantics.applets import Applet
from knockctl_ios.semantics.scripts import Script
from knockctl_ios.twin.device import Clock, Device, Switches
from knockctl_ios.twin.device.configure import read
from knockctl_ios.twin.device.files import Flash
from knockctl_ios.twin.device.records import Counters
from knockctl_ios.twin.plane.judge import Judge
from knockctl_ios.twin.plane.manager import Manager
from knockctl_ios.twin.plane.rulebase import Rulebase
from knockctl_ios.twin.plane.switches import Switches as PlaneSwitches

STALE = 1.0
"""Our seconds for which a change may not count yet, where the operator's packets come in: else
each line that is typed would be compiled before the next."""


class LabRouter:
    """Both planes of one router, in one thread."""

    def __init__(
        self,
        switches: Switches,
        plane: PlaneSwitches,
        local: Local,
        *,
        interfaces: Mapping[str, str],
        base: str = "",
        listening: Collection[int] = (),
        clock: Clock | None = None,
    ) -> None:
        """Make it, not yet on any wire; ``base`` is what its operator has configured.

        ``interfaces``: names on the wires, the outside's first, and in the configuration.
        """
        self.device = Device(switches, clock=clock)
        self._compiled: Rulebase | None = None
        self._changed: float | None = None
        self.judge = Judge(self.device, self.rules, local, interfaces, listening)
        self.manager = Manager(self.device, plane, self._applets, self._scripts)
        self.device.on_change.append(self._change)
        self.device.watchers.append(self._power)
        self.device.logs.watchers.append(self.manager.hear)
        self.switch(plane)
        self.device.load(base)
        self._first = self.device.text()

    def switch(self, plane: PlaneSwitches) -> None:
        """Have another data plane."""
        self.judge.switches = plane
        self.manager.switch(plane)
        self._change()

    def rules(self, at_once: bool = True) -> Rulebase:  # noqa: FBT001, FBT002
        """Return what runs, or, if that need not be known at once, what ran a second ago."""
        now = time.monotonic()
        old = self._changed is not None and (at_once or now - self._changed > STALE)
        if self._compiled is None or old:
            self._compiled = Rulebase(self.device, self.judge.switches)
            self._changed = None
        return self._compiled

    def export(self) -> str:
        """Print the running configuration."""
        return self.device.text()

    def reset(self) -> None:
        """Have the first configuration, and nothing learnt, logged or under way."""
        device = self.device
        if not device.powered:
            device.power_on()
        device.archive.forget()
        device.cancel_reload()
        self.judge.forget()
        self.manager.forget()
        now, file = device.clock.now, device.text_of
        device.flash = Flash(device.switches.flash_bytes, now, lambda: device.faults.flash_full)
        device.flash.name = "bootflash:" if device.switches.xe else "flash:"
        lines = self._first.splitlines()
        device.running.become(read(lines, device.switches, now=now, file=file).below)
        device.changed("")
        device.startup = device.text()
        device.entries.prune(())
        device.counters = Counters()
        device.runs.clear()
        device.logs.restart()
        device.changed_by = device.saved_by = None

    def _change(self) -> None:
        if self._changed is None:
            self._changed = time.monotonic()

    def _applets(self) -> tuple[Applet, ...]:
        return self.rules().applets

    def _scripts(self) -> tuple[Script, ...]:
        return self.rules().scripts

    def _power(self) -> None:
        if not self.device.powered:
            self.judge.forget()
            self.manager.forget()
