"""The device without its wires: configuration, files, log, entries, sessions and power."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from knockctl.lab.clock import Clock, Timer
from knockctl_ios.twin.device import acl, applets, factory, passwords, render, times, tree
from knockctl_ios.twin.device.archive import Archive
from knockctl_ios.twin.device.configure import Configurator, obey, read
from knockctl_ios.twin.device.entries import Entries
from knockctl_ios.twin.device.faults import Faults
from knockctl_ios.twin.device.files import FileError, Flash, path_of
from knockctl_ios.twin.device.logs import Logs
from knockctl_ios.twin.device.records import Connection, Counters, Login, Run
from knockctl_ios.twin.device.switches import Switches
from knockctl_ios.twin.device.tree import Node

BOOTED_BEFORE = 3600.0
"""Seconds for which a new device has been running."""


def _takes_ssh(line: Node) -> bool:
    transport = line.child("transport input")
    return transport is None or bool({"all", "ssh"} & set(transport.text.split()))


def visible(text: str) -> str:
    """Return a text as a terminal is sent it: what can't be printed is."""
    return text.replace("\x03", "^C")


class Device:
    """One simulated device. All of it belongs to one thread: that of the server's loop."""

    def __init__(
        self,
        switches: Switches | None = None,
        *,
        clock: Clock | None = None,
        faults: Faults | None = None,
    ) -> None:
        """Make it as the factory does, and let it have saved that."""
        self.switches = switches or Switches()
        self.clock = clock or Clock()
        self.faults = faults or Faults()
        now = self.clock.now
        self.flash = Flash(self.switches.flash_bytes, now, lambda: self.faults.flash_full)
        self.flash.name = "bootflash:" if self.switches.xe else "flash:"
        self.logs = Logs()
        self.entries = Entries(self.clock, self.switches)
        self.archive = Archive(self)
        self.counters = Counters()
        self.logins: dict[int, Login] = {}
        self.connections: dict[str, Connection] = {}
        """By the number of their control block: what ``show tcp brief`` lists beside logins."""
        self.runs: list[Run] = []
        self.on_run: list[Callable[[str], None]] = []
        """Called with the name of a policy that is started by hand."""
        self.on_change: list[Callable[[], None]] = []
        """Called when the running configuration has changed."""
        self.watchers: list[Callable[[], None]] = []
        """Called when power comes or goes."""
        self.powered = True
        self.booted = now() - BOOTED_BEFORE
        self.reload_at: float | None = None
        self._reload: Timer | None = None
        self.changed_by: tuple[float, str] | None = None
        self.saved_by: tuple[float, str] | None = None
        self.running = read(factory.lines(self.switches), self.switches)
        self._printed = ""
        """The running configuration as text, until it changes."""
        self.startup: str | None = self.text()

    # --- reading ---

    @property
    def hostname(self) -> str:
        """The name in the prompt."""
        node = self.running.child("hostname")
        return node.args["name"] if node is not None else "Router"

    def text(self) -> str:
        """Return the running configuration, from ``version`` to ``end``."""
        if not self._printed:
            self._printed = "\n".join(render.lines(self.running, self.switches)) + "\n"
        return self._printed

    def show_running(self) -> str:
        """Return what ``show running-config`` prints."""
        head = ""
        if self.changed_by is not None:
            moment, user = self.changed_by
            head += f"! Last configuration change at {times.long(moment)} by {user}\n"
        if self.saved_by is not None:
            moment, user = self.saved_by
            head += f"! NVRAM config last updated at {times.long(moment)} by {user}\n"
        body = f"!\n{head}!\n" if head else "!\n"
        body += visible(self.text())
        size = len(body.encode())
        return f"Building configuration...\n\nCurrent configuration : {size} bytes\n{body}"

    def acl(self, name: str) -> Node | None:
        """Return an extended access list."""
        return self.running.child(f"{acl.LIST} {name}")

    def acls(self) -> list[Node]:
        """Return all extended access lists."""
        return self.running.having(f"{acl.LIST} ")

    def applets(self) -> list[Node]:
        """Return the applets and Tcl policies that are registered, the oldest first."""
        found = [*self.running.having(applets.APPLET), *self.running.having("event manager policy")]
        return sorted((n for n in found if n.since), key=lambda node: node.since)

    def text_of(self, name: str) -> str | None:
        """Return a file's text, or None where there is none."""
        path = path_of(name)
        try:
            return self.flash.read(path or "").decode(errors="replace")
        except FileError:
            return None

    def permits(self, user: str, secret: str) -> bool:
        """Tell whether somebody may log in."""
        node = self.running.child(f"username {user}")
        kept = node.args.get("kept", "") if node is not None else ""
        return bool(kept) and passwords.fits(kept, secret)

    def privilege(self, user: str) -> int:
        """Return a user's level, 0 to 15."""
        node = self.running.child(f"username {user}")
        return int(node.args["privilege"]) if node is not None else 1

    @property
    def lines(self) -> int:
        """How many sessions there can be."""
        lines = self.running.having("line vty")
        found = [node.text.split() for node in lines if _takes_ssh(node)]
        return sum(int(words[-1]) - int(words[2]) + 1 for words in found)

    @property
    def synchronous(self) -> bool:
        """Terminals draw the line being typed again after a log line."""
        return any(node.child("logging synchronous") for node in self.running.having("line vty"))

    @property
    def enable_secret(self) -> str:
        """What ``enable`` asks for, as it is kept; empty where it asks for nothing."""
        found = [self.running.child(f"enable {word}") for word in ("secret", "password")]
        return next((node.args["kept"] for node in found if node is not None), "")

    # --- doing ---

    def load(self, text: str) -> str:
        """Merge lines into both configurations, as a beginning; return what the device says."""
        cfg = self.configurator()
        said = "".join(obey(cfg, line) for line in text.splitlines())
        said += cfg.leave_all()
        self.changed("")
        self.startup = self.text()
        return said

    def configurator(self) -> Configurator:
        """Make a way into the running configuration."""
        return Configurator(self.running, self.switches, now=self.clock.now, file=self.text_of)

    def install(self, new: Node) -> None:
        """Put another running configuration in the place of this one; equal parts stay."""
        tree.keep_same(self.running, new)
        self.running.become(new.below)
        self.changed("")

    def changed(self, user: str) -> None:
        """Tell whom it concerns that the running configuration has changed."""
        self._printed = ""
        if user:
            self.changed_by = (self.clock.now(), user)
        if self.entries.items:
            self._prune()
        for watcher in list(self.on_change):
            watcher()

    def _prune(self) -> None:
        self.entries.prune(line for lists in self.acls() for line in lists.children)

    def save(self, user: str) -> bool:
        """Write the startup configuration; tell whether that worked."""
        if self.faults.save_fails:
            return False
        self.startup = self.text()
        self.saved_by = (self.clock.now(), user)
        return True

    def log(self, message: str) -> None:
        """Write a system message: ``%FACILITY-SEVERITY-MNEMONIC: text``."""
        mark = "" if self.switches.clock_authoritative else "*"
        now = self.clock.now()
        self.logs.write(message, now, self.running, mark=mark, booted=self.booted)

    # --- sessions and power ---

    def log_in(self, user: str, peer: tuple[str, int], close: Callable[[], None]) -> int:
        """Note a session; return the number of its line, counted from the first vty."""
        line = next(n for n in itertools.count() if n not in self.logins)
        self.logins[line] = Login(user, *peer, line, self.clock.now(), close)
        return line

    def log_out(self, line: int) -> None:
        """Note a session's end."""
        self.logins.pop(line, None)

    def power_off(self) -> None:
        """Lose power: what is not in the startup configuration or on flash is gone."""
        self.powered = False
        for login in list(self.logins.values()):
            login.close()
        for connection in list(self.connections.values()):
            connection.close()
        self.logins.clear()
        self.connections.clear()
        self.archive.forget()
        self.cancel_reload()
        self.entries.prune(())
        self.counters = Counters()
        self.logs.restart()
        self.runs.clear()
        self._tell()

    def power_on(self) -> None:
        """Boot from the startup configuration."""
        self.booted = self.clock.now()
        text = self.startup or "\n".join(factory.blank(self.switches))
        lines = text.splitlines()
        now, file = self.clock.now, self.text_of
        self.running.become(read(lines, self.switches, now=now, file=file).below)
        self.changed_by = None
        self.powered = True
        self.changed("")
        self.log(f"%SYS-5-RESTART: System restarted --\n{factory.software(self.switches)}")
        self._tell()

    def reload(self, down: float = 60.0) -> None:
        """Restart, and be back some of the device's seconds later."""
        self.power_off()
        self.clock.call_at(self.clock.now() + down, self.power_on)

    def reload_in(self, minutes: int) -> None:
        """Have it restart later."""
        self.cancel_reload()
        self.reload_at = self.clock.now() + 60 * minutes
        self._reload = self.clock.call_at(self.reload_at, self.reload)

    def cancel_reload(self) -> bool:
        """Have it not restart; tell whether it would have."""
        if self._reload is not None:
            self._reload.cancel()
        due, self._reload, self.reload_at = self._reload is not None, None, None
        return due

    def _tell(self) -> None:
        for watcher in list(self.watchers):
            watcher()
