"""The router without its wires: what commands do in its menus, and what its scripts do."""

from __future__ import annotations

from knockctl.lab.clock import Clock
from knockctl_routeros.twin.device import factory, jobs
from knockctl_routeros.twin.device.commands import GENERIC, everything
from knockctl_routeros.twin.device.export import exported
from knockctl_routeros.twin.device.faults import Faults
from knockctl_routeros.twin.device.machine import Machine, OnChange
from knockctl_routeros.twin.device.menus import MENUS
from knockctl_routeros.twin.device.requests import Actor, Reply, Request
from knockctl_routeros.twin.device.special import SPECIAL, SUBMENUS
from knockctl_routeros.twin.device.store import Item
from knockctl_routeros.twin.device.switches import Switches
from knockctl_routeros.twin.device.traps import MISSING, Trap


class Router(Machine):
    """One simulated router. All of it belongs to one thread: that of the server's loop."""

    def __init__(
        self,
        switches: Switches | None = None,
        *,
        clock: Clock | None = None,
        faults: Faults | None = None,
        on_change: OnChange | None = None,
    ) -> None:
        """Make it with the factory's configuration, up and running for an hour.

        ``on_change`` is called with the menu after each change that matters to packets.
        """
        super().__init__(switches, clock=clock, faults=faults, on_change=on_change)
        factory.furnish(self)

    def rows(self, path: str) -> list[dict[str, str]]:
        """Return a menu's rows in order, in the text that ``print`` answers."""
        return everything(self, MENUS[path])

    def export(self, path: str = "", *, sensitive: bool | None = None) -> str:
        """Return the text of ``/export``, of one menu and those below or of all.

        ``sensitive`` None is what the version does unasked: show secrets before 7, hide them since.
        """
        return exported(self, path, sensitive=sensitive)

    def has_command(self, path: str, verb: str) -> bool:
        """Tell whether scripts can use a command in a menu."""
        if (path, verb) in SPECIAL or verb in SUBMENUS:
            return True
        menu = self.menu(path)
        return menu is not None and (verb in ("find", "get", "print") or menu.takes(verb))

    def execute(self, actor: Actor, request: Request) -> Reply:
        """Carry out one command.

        Raises:
            Trap: it is refused, with the router's words.
        """
        special = SPECIAL.get((request.path, request.verb)) or SUBMENUS.get(request.verb)
        menu = self.menu(request.path)
        if special is not None:
            return special(self, actor, request)
        if menu is None:
            raise Trap("no such command prefix", MISSING)
        verb = "print" if request.verb == "getall" else request.verb
        known = menu.takes(verb) and self.switches.since(*menu.newer.get(verb, menu.since))
        if not known or verb not in GENERIC:
            raise Trap("no such command", MISSING)
        return GENERIC[verb](self, actor, menu, request)

    def load(self, source: str) -> None:
        """Run commands as the factory would, waits left out: a configuration to begin with.

        Raises:
            Trap: one is refused; the log says which.
        """
        for _ in jobs.steps(self, Actor("factory"), source):
            pass
        self.history.forget()

    def run_job(self, job: Item) -> None:
        """Run a job's script now."""
        jobs.run_job(self, job)
