"""What tests can have a router do, by the words of ``knockctl.lab.plane.control``.

=============  =================================================================
word           what happens
=============  =================================================================
``cut_after``  the connection is lost when the command after so many comes
``slow``       so many of our seconds pass before each answer
``reboot``     a reboot that takes so many of the router's seconds
``power``      power comes (true) or goes (false)
``version``    another version from now on
``faults``     fields of ``twin.faults.Faults``
``switches``   fields of ``twin.switches.Switches``, as far as they matter after the start
``scale``      how fast the router's clock runs
``advance``    so many of the router's seconds pass at once
``load``       commands as the console takes them
``export``     nothing: the answer holds the configuration as ``export``
``reset``      firewall, scripts, jobs, files, flows, faults and switches as at the start
=============  =================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from knockctl.lab.plane.control import Control, Words
from knockctl.lab.plane.tracker import Tracker
from knockctl_routeros.twin.device import Router, Switches
from knockctl_routeros.twin.device.traps import Trap

_RESET = ("/system/script", "/system/scheduler", "/file")


def control(router: Router, tracker: Tracker) -> Control:
    """Return what obeys for a router; its switches are those it is reset to."""
    words = _Router(router, tracker, router.switches).words()
    return Control(words, router.clock.now, (Trap,))


@dataclass(slots=True)
class _Router:
    """Does what words say."""

    router: Router
    tracker: Tracker
    switches: Switches
    """Those the router began with."""

    def words(self) -> Words:
        """Return what happens at each word."""
        router = self.router
        return {
            "cut_after": lambda n: router.faults.have({"cut_at": n + 1, "cut_executes": False}),
            "slow": lambda seconds: router.faults.have({"delay": seconds}),
            "reboot": router.reboot,
            "power": lambda on: router.power_on() if on else router.power_off(),
            "version": lambda version: self._switches({"version": version}),
            "faults": router.faults.have,
            "switches": self._switches,
            "scale": lambda scale: setattr(router.clock, "scale", float(scale)),
            "advance": router.clock.advance,
            "load": router.load,
            "export": lambda _: router.export(),
            "reset": lambda _: self._reset(),
        }

    def _switches(self, fields: dict[str, Any]) -> None:
        self.router.switches = replace(self.router.switches, **fields)
        self.router.changed("/ip/firewall/filter")

    def _reset(self) -> None:
        router = self.router
        router.switches, router.clock.scale = self.switches, 1.0
        router.faults.end()
        if not router.powered:
            router.power_on()
        for process in router.processes:
            process.kill()
        for path in router.menus:
            if path in _RESET or "/firewall/" in path:
                router.table(path).keep(lambda item: item.builtin)
                router.changed(path)
        router.history.forget()
        router.counters.clear()
        self.tracker.clear()
