"""The device without its wires: configuration, locks, jobs, tags, logs, its power and its peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import factory, markup
from knockctl_panos.twin.device.accounts import Accounts
from knockctl_panos.twin.device.clock import Clock, stamp
from knockctl_panos.twin.device.definitions import configuration
from knockctl_panos.twin.device.edits import Edit
from knockctl_panos.twin.device.faults import Faults
from knockctl_panos.twin.device.jobs import Jobs
from knockctl_panos.twin.device.locks import Locks
from knockctl_panos.twin.device.logs import Logs
from knockctl_panos.twin.device.sessions import Hits, Sessions, SessionTable
from knockctl_panos.twin.device.switches import HaState, Switches
from knockctl_panos.twin.device.tags import TagStore
from knockctl_panos.twin.device.trees import Trees


@dataclass
class Availability:
    """High availability: this device's state, and its peer, where that is simulated, too."""

    state: HaState | None
    sync: str
    peer: Appliance | None = None


class Appliance:
    """One simulated firewall or Panorama. All of it belongs to one thread: the server loop's."""

    def __init__(
        self,
        switches: Switches | None = None,
        *,
        clock: Clock | None = None,
        faults: Faults | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        """Make it with the factory's configuration, up and running for an hour."""
        self.switches = switches or Switches()
        self.clock = clock or Clock()
        self.faults = faults or Faults()
        self.sessions: Sessions = sessions if sessions is not None else SessionTable()
        self.accounts = Accounts(self.switches, self.clock)
        self.trees = Trees(
            configuration(self.switches),
            factory.configuration(self.switches),
            resolve=self.switches.references_at == "change",
        )
        self.locks = Locks()
        queue = self.switches.queue_time
        self.jobs = Jobs(self.clock, self.faults, queue, lambda: self.power_off(crashed=True))
        self.logs = Logs(self.clock, self.switches.serial, self.switches.log_job_time)
        self.tags = TagStore(self.clock, self.logs.tagged, refresh=self.switches.action_refreshes)
        self.hits: dict[tuple[str, str], Hits] = {}
        """By vsys and name of a rule."""
        self.multi_config = self.switches.has_multi_config
        self.ha = Availability(self.switches.ha, self.switches.ha_sync)
        self.managed: dict[str, Appliance] = {}
        """Panorama: the connected firewalls, by serial."""
        self.delivered: dict[str, tuple[Element, frozenset[int]]] = {}
        """Panorama: the tree each firewall was given, and the changes that are in it."""
        self.pushed: Element | None = None
        """Firewall: what Panorama pushed last, a device group's ``entry`` with the shared part."""
        self.on_commit: list[Callable[[], None]] = []
        """Called after each change of the running configuration, a push included."""
        self.watchers: list[Callable[[], None]] = []
        """Called when power comes or goes."""
        self.powered = True
        self.booted = self.clock.now() - 3600

    # --- configuration, from inside ---

    def load(self, xpath: str, element: str, *, action: str = "set") -> None:
        """Change candidate and running configuration at once, as if always so.

        Raises:
            Refusal: the device would not take it.
        """
        self.trees.change("admin", self.clock.now(), self.stamp, Edit(action, xpath, element))
        self.trees.finish(self.trees.plan(self.trees.changes), self.clock.now(), "admin", "")
        self.committed()

    def committed(self) -> None:
        """Tell whom it concerns that another configuration runs."""
        for watcher in self.on_commit:
            watcher()

    def vsys(self, name: str = "vsys1", *, running: bool = True) -> Element | None:
        """Return a vsys's configuration."""
        tree = self.trees.running if running else self.trees.candidate
        return tree.find(f"devices/entry/vsys/entry[@name='{name}']")

    def hit(self, vsys: str, rule: str) -> None:
        """Count a packet, or a session, that a rule has matched."""
        now = self.clock.now()
        found = self.hits.setdefault((vsys, rule), Hits(first=now))
        found.count, found.last = found.count + 1, now

    @property
    def stamp(self) -> str:
        """The time as it prints it."""
        return stamp(self.clock.now())

    # --- high availability and Panorama ---

    def pair(self, peer: Appliance) -> None:
        """Make two firewalls a pair: this one active, the other passive."""
        self.ha = Availability("active", self.switches.ha_sync, peer)
        peer.ha = Availability("passive", self.switches.ha_sync, self)

    def synchronize(self) -> None:
        """Give the peer this configuration, if it can be reached."""
        peer = self.ha.peer
        reached = peer is not None and peer.powered
        if peer is not None and reached:
            peer.trees.running = markup.clone(self.trees.running)
            peer.trees.reboot()
            peer.ha.sync = "synchronized"
            peer.committed()
        self.ha.sync = "synchronized" if reached else "not synchronized"

    def fail_over(self) -> None:
        """Let the peer take over; this one is suspended."""
        self.ha.state = "suspended"
        if self.ha.peer is not None:
            self.ha.peer.ha.state = "active"

    def connect(self, firewall: Appliance) -> None:
        """Panorama: have a firewall connected."""
        self.managed[firewall.switches.serial] = firewall

    # --- power ---

    def power_off(self, *, crashed: bool = False) -> None:
        """Lose power: the candidate, jobs, sessions and tags that don't persist go.

        A crash boots by itself, as ``reboot`` does; it may leave a commit it cut short done.
        """
        job = self.jobs.active
        cut = job is not None and job.kind == "Commit" and self.faults.reboot_keeps == "new"
        if crashed and cut and job is not None:
            job.end()
        self.powered = False
        self.jobs.clear()
        self.trees.reboot()
        self.tags.reboot()
        self.sessions.clear({session.number for session in self.sessions.listed()})
        self.hits.clear()
        if not self.switches.locks_survive_reboot:
            self.locks.clear()
        self._tell()
        if crashed:
            self.clock.call_at(self.clock.now() + self.switches.boot_time, self.power_on)

    def power_on(self) -> None:
        """Boot."""
        self.powered, self.booted = True, self.clock.now()
        self.committed()
        self._tell()

    def reboot(self) -> None:
        """Shut down, and boot some of the device's seconds later."""
        self.power_off(crashed=True)

    def _tell(self) -> None:
        for watcher in self.watchers:
            watcher()
