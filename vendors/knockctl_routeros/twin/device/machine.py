"""The router's state: its menus, its log and history, its sessions and its power."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace

from knockctl.lab.clock import Clock
from knockctl_routeros.twin.device import times
from knockctl_routeros.twin.device.faults import Faults
from knockctl_routeros.twin.device.history import History
from knockctl_routeros.twin.device.menu import Menu
from knockctl_routeros.twin.device.menus import MENUS
from knockctl_routeros.twin.device.process import Process
from knockctl_routeros.twin.device.records import Login, LogLine, Run
from knockctl_routeros.twin.device.requests import Actor, Reply, Request
from knockctl_routeros.twin.device.scheduler import PATH as SCHEDULER
from knockctl_routeros.twin.device.scheduler import Scheduler
from knockctl_routeros.twin.device.store import Item, Table
from knockctl_routeros.twin.device.switches import Switches

OnChange = Callable[[str], None]


class Machine(ABC):
    """All of a router that its commands work on; what they are, a ``Router`` knows."""

    def __init__(
        self,
        switches: Switches | None = None,
        *,
        clock: Clock | None = None,
        faults: Faults | None = None,
        on_change: OnChange | None = None,
    ) -> None:
        """Make it with empty menus, up and running for an hour."""
        self.switches = switches or Switches()
        self.clock = clock or Clock()
        self.faults = faults or Faults()
        self.on_change = on_change
        """Called with the menu after each change that matters to packets."""
        self.history = History()
        self.counters: dict[tuple[str, int], tuple[int, int]] = {}
        """Bytes and packets that a rule has matched, by menu and row number."""
        self.runs: dict[tuple[str, int], Run] = {}
        self.log: list[LogLine] = []
        self.logins: dict[int, Login] = {}
        self.processes: list[Process] = []
        self.watchers: list[Callable[[], None]] = []
        """Called when power comes or goes."""
        self.powered = True
        self.booted = self.clock.now() - times.UNITS["h"]
        self._numbers = itertools.count(1)
        self._tables = {path: Table(path) for path in MENUS}
        self.scheduler = Scheduler(self)

    # --- reading ---

    def table(self, path: str) -> Table:
        """Return a menu's rows, those whose time is up left out."""
        table = self._tables[path]
        table.purge(self.clock.now())
        return table

    def names(self, path: str) -> frozenset[str]:
        """Return the names of a menu's rows."""
        return frozenset(item.get("name") for item in self._tables[path].items)

    def local_time(self) -> float:
        """Return the router's clock as people there read it, in seconds."""
        return self.clock.now() + self.switches.gmt_offset

    def stamp(self, moment: float) -> str:
        """Print a moment in the router's zone, in the version's form."""
        return times.stamp(moment + self.switches.gmt_offset, iso=self.switches.iso_dates)

    def free_name(self, path: str) -> str:
        """Return the name a script or job gets when none is given."""
        stem = path.rpartition("/")[2].replace("scheduler", "schedule")
        return next(n for i in itertools.count(1) if (n := f"{stem}{i}") not in self.names(path))

    @property
    def menus(self) -> Mapping[str, Menu]:
        """All menus, of every version."""
        return MENUS

    def menu(self, path: str) -> Menu | None:
        """Return a menu that this version has."""
        menu = MENUS.get(path)
        return menu if menu is not None and self.switches.since(*menu.since) else None

    def is_menu(self, path: str) -> bool:
        """Tell whether a path leads to a menu, or on to one."""
        return any(f"{known}/".startswith(f"{path}/") for known in (*MENUS, "/safe-mode"))

    # --- doing ---

    def changed(self, path: str) -> None:
        """Tell whom it concerns that a menu's rows have changed."""
        if path == SCHEDULER:
            self.scheduler.arm()
        if MENUS[path].firewall and self.on_change is not None:
            self.on_change(path)

    def learn(self, path: str, words: Mapping[str, str], timeout: float | None = None) -> Item:
        """Add a dynamic row, as packets do; ``timeout`` None keeps it until a reboot.

        An address already on the list gets its time again, or not (a switch); a static entry stays.
        """
        table = self.table(path)
        key = [words.get(name) for name in MENUS[path].unique]
        known = (i for i in table.items if key and [i.get(n) for n in MENUS[path].unique] == key)
        found = next(known, None)
        now = self.clock.now()
        if found is not None and not (found.dynamic and self.switches.refresh):
            return found
        expires = None if timeout is None else now + timeout
        if found is not None:
            table.put(replace(found, expires=expires))
            return found
        full = {**MENUS[path].defaults, **words}
        return table.add(full, dynamic=True, expires=expires, created=now)

    def count(self, path: str, number: int, size: int) -> None:
        """Count a packet, of so many bytes, that a rule has matched."""
        sent, seen = self.counters.get((path, number), (0, 0))
        self.counters[path, number] = (sent + size, seen + 1)

    def say(self, topics: str, message: str) -> None:
        """Write a line into the log."""
        self.log.append(LogLine(self.clock.now(), topics, message))

    def start(self, process: Process) -> Process:
        """Run a script; a reboot ends it."""
        self.processes = [other for other in self.processes if not other.ended]
        self.processes.append(process)
        process.start()
        return process

    def ran(self, path: str, number: int) -> None:
        """Count a run of a script or job."""
        run = self.runs.setdefault((path, number), Run())
        run.count, run.last = run.count + 1, self.clock.now()

    # --- sessions and power ---

    def log_in(self, actor: Actor, address: str, via: str, close: Callable[[], None]) -> int:
        """Note a session; return its number. ``close`` cuts it."""
        number = next(self._numbers)
        self.logins[number] = Login(actor, address, via, self.clock.now(), close)
        self.say("system,info,account", f"user {actor.name} logged in from {address} via {via}")
        return number

    def log_out(self, number: int) -> None:
        """Note a session's end; safe mode, if it held it, is undone a little later."""
        login = self.logins.pop(number, None)
        if login is None or self.history.holder is not login.actor.session:
            return
        if not self.switches.undo_delay:
            self.unroll(login.actor.session)
        else:
            due = self.clock.now() + self.switches.undo_delay
            self.clock.call_at(due, lambda: self.unroll(login.actor.session))

    def unroll(self, holder: object) -> None:
        """Undo what was done in safe mode, if this is who holds it."""
        for path in sorted(self.history.unroll(holder)):
            self.changed(path)

    def power_off(self, *, orderly: bool = False) -> None:
        """Lose power: sessions, scripts, dynamic rows and the history go; configuration stays.

        Unless this is orderly, what was not yet saved goes, too.
        """
        self.powered = False
        if self.switches.power_loss_undoes and self.history.holder is not None:
            self.unroll(self.history.holder)
        if not orderly:
            self.history.lose(self.clock.now() - self.switches.save_delay)
        for process in self.processes:
            process.kill()
        for login in list(self.logins.values()):
            login.close()
        self.logins.clear()
        self.history.forget()
        for table in self._tables.values():
            table.keep(lambda item: item.builtin or not item.dynamic)
        self.counters.clear()
        self.log.clear()
        self.scheduler.arm()
        self._tell()

    def power_on(self) -> None:
        """Boot; what was due meanwhile is not made up for."""
        self.powered, self.booted = True, self.clock.now()
        self.scheduler.restart()
        for path, menu in MENUS.items():
            if menu.firewall:
                self.changed(path)
        self._tell()

    def _tell(self) -> None:
        for watcher in self.watchers:
            watcher()

    def reboot(self, down: float = 30.0) -> None:
        """Shut down in order, and boot some of the router's seconds later."""
        self.power_off(orderly=True)
        self.clock.call_at(self.clock.now() + down, self.power_on)

    # --- commands and jobs ---

    @abstractmethod
    def has_command(self, path: str, verb: str) -> bool:
        """Tell whether scripts can use a command in a menu."""

    @abstractmethod
    def execute(self, actor: Actor, request: Request) -> Reply:
        """Carry out one command.

        Raises:
            Trap: it is refused, with the router's words.
        """

    @abstractmethod
    def run_job(self, job: Item) -> None:
        """Run a job's script now."""
