"""What differs from device to device: version, role, users, and open questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from knockctl.lab.version import Versioned

HaState = Literal["active", "passive", "non-functional", "suspended", "initial"]


@dataclass(frozen=True)
class Role:
    """What an administrator may do."""

    name: str
    config: bool = True
    commit: bool = True
    operate: bool = True
    """Operational commands that change something: locks, sessions, reverting, restart."""
    user_id: bool = True
    logs: bool = True
    superuser: bool = False


ROLES = {
    role.name: role
    for role in (
        Role("superuser", superuser=True),
        Role("deviceadmin"),
        Role("superreader", config=False, commit=False, operate=False, user_id=False),
        Role("api-editor", commit=False),
        Role("api-operator", config=False, commit=False),
    )
}
"""By name; the last two are custom roles of the API: one without commit, one for tags only."""


@dataclass(frozen=True)
class Interface:
    """An interface of the data plane; addresses have lengths."""

    name: str
    zone: str = ""
    address: str = ""
    others: tuple[str, ...] = ()
    """More of IPv4, and those of IPv6."""
    learnt: str = ""
    """What DHCP or PPPoE gave it."""


@dataclass(frozen=True)
class Switches(Versioned):
    """A device to order: the defaults are those of the lab."""

    version: str = "11.2.4"
    """Known to differ: 9.1, 10.1, 10.2, 11.2."""
    role: Literal["firewall", "panorama"] = "firewall"
    hostname: str = "PA-VM"
    serial: str = "007051000000001"
    model: str = ""
    """Empty: ``PA-VM``, or ``Panorama``."""
    admins: tuple[tuple[str, str, str], ...] = (("admin", "admin", "superuser"),)
    """Name, password, role."""
    vsys: tuple[str, ...] = ("vsys1",)
    zones: tuple[str, ...] = ("untrust", "trust")
    """In every vsys."""
    address: str = "192.0.2.13"
    """The management port's."""
    interfaces: tuple[Interface, ...] = ()
    """Firewall: as it tells of them."""
    device_groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Panorama: names, each with the serials of its firewalls."""
    parents: tuple[tuple[str, str], ...] = ()
    """Panorama: device groups that stand below another, each with that one's name."""
    key_lifetime: float = 0
    """Minutes for which an API key is good; 0: for ever."""
    http_errors: bool = False
    """A bad key is answered by HTTP status 403, not by 200 with an error in the document."""
    expired_text: str = ""
    """How a key past its lifetime is refused. Empty: as a wrong one."""
    credentials_text: str = ""
    """How a wrong password is refused. Empty: by version (a guess: new words since 11.0)."""
    multi_config: bool | None = None
    """Many changes in one request. None: by version; 10.0 wants it enabled first, older lack it."""
    locks_need_vsys: bool | None = None
    """Locks are listed for a named vsys or ``all`` only. None: by version (a guess: since 10.2)."""
    commit_releases_config_locks: bool = False
    """Vendor's articles differ: one says so of commit locks only, one of both kinds."""
    locks_survive_reboot: bool = True
    delete_missing: Literal["success", "error"] = "success"
    """The status, beside code 7, of deleting what is not there."""
    references_at: Literal["change", "commit"] = "change"
    """When a reference to what does not exist is refused; at commit it always is."""
    no_changes_in_line: bool = False
    """``There are no changes to commit.`` stands in a ``line`` inside ``msg``."""
    commit_time: float = 2.0
    """Seconds of the device's that a commit, a validation or a push takes."""
    queue_time: float = 0.0
    """Seconds until a job that waits for none begins."""
    commits_queue: bool = True
    """A commit while another runs waits; otherwise it is refused."""
    log_job_time: float = 0.0
    """Seconds of the device's that a log query takes."""
    register_refreshes: bool = False
    """A tag registered again, and refused as a duplicate, has its time anew all the same."""
    action_refreshes: bool = True
    """An add-tag action on an address that has the tag gives it the full time again."""
    boot_time: float = 60.0
    """Seconds of the device's from a restart until it answers again."""
    ha: HaState | None = None
    """None: high availability is off."""
    ha_sync: str = "synchronized"
    """Or ``not synchronized``, ``synchronization in progress``."""

    @property
    def has_multi_config(self) -> bool:
        """Many changes in one request are taken without being enabled first."""
        return self.since(10, 1) if self.multi_config is None else self.multi_config

    @property
    def wants_vsys_for_locks(self) -> bool:
        """Locks are listed for a named vsys or ``all`` only."""
        return self.since(10, 2) if self.locks_need_vsys is None else self.locks_need_vsys

    @property
    def bad_credentials(self) -> str:
        """How a wrong password or key is refused."""
        newer = "Invalid Credential" if self.since(11) else "Invalid credentials."
        return self.credentials_text or newer

    @property
    def panorama(self) -> bool:
        """It manages firewalls, and judges no packets."""
        return self.role == "panorama"

    def lineage(self, group: str) -> list[str]:
        """Return a device group and those above it, the nearest first."""
        above = dict(self.parents).get(group)
        return [group, *(self.lineage(above) if above is not None else [])]

    @property
    def printed_model(self) -> str:
        """The model as it tells it."""
        return self.model or ("Panorama" if self.panorama else "PA-VM")
