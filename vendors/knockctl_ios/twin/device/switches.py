"""What differs from device to device: its version, its users, and what nobody is sure of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from knockctl.lab.version import Versioned


@dataclass(frozen=True)
class User:
    """Somebody who may log in; ``secret`` is in the clear."""

    name: str
    secret: str
    privilege: int = 15
    key: str = ""
    """The public key that also lets them in, as OpenSSH writes it."""


@dataclass(frozen=True)
class Switches(Versioned):
    """A device to order: the defaults are those of the lab."""

    version: str = "15.7(3)M8"
    """Known to differ: 12.4(24)T, 15.x, and IOS-XE from 16 on."""
    hostname: str = "cisco1"
    interfaces: tuple[str, ...] = ("GigabitEthernet0/0", "GigabitEthernet0/1")
    addresses: tuple[tuple[str, str], ...] = ()
    """Pairs of an address with its prefix length, of either family, and its interface."""
    users: tuple[User, ...] = (User("admin", "admin"),)
    enable_secret: str = ""
    archive: bool = True
    """``archive`` has a path from the start, without which nothing can be reverted."""
    scp: bool = True
    """``ip scp server enable`` is configured from the start."""
    flash_bytes: int = 256_487_424
    unauthorized: tuple[str, ...] = ()
    """Beginnings of expanded commands that command authorization refuses to everybody."""
    forced_monitor: bool = False
    """Every terminal shows log lines, without ``terminal monitor``."""
    synchronous: bool = False
    """Terminals draw the line being typed again after a log line that came in between."""
    line_limit: int = 254
    """Characters that a typed line can have; more are not taken."""
    timeout_reading: Literal["absolute", "idle"] = "absolute"
    """What the minutes of ``access-template`` count from: the adding, or the last packet."""
    expiry_period: float = 0.0
    """Seconds between two looks for entries whose time is up; 0 removes them at the moment."""
    duplicate_renews: bool = False
    """An entry that is added again has its full time again."""
    duplicate_message: bool = True
    """To add an entry again is answered with a message."""
    only_first_dynamic: bool = True
    """Of several dynamic lists in one access list only the first can be given entries."""
    dynamic_names_global: bool = True
    """Two access lists cannot hold a dynamic list of the same name."""
    guarded: frozenset[str] = frozenset({"access-list", "class-map", "object-group", "policy-map"})
    """The kinds of things that cannot be deleted while they are in use."""
    empty_planes_shown: bool = False
    """``control-plane host`` is printed even when nothing is attached to it."""
    plane_logging: bool | None = None
    """Control-plane logging and the control-plane's host exist; None is what the version has."""
    numbers_shown: bool | None = None
    """The running configuration numbers the entries of access lists; None as the version does."""
    remarks: Literal["attached", "numbered"] = "attached"
    """A remark belongs to the entry that is entered next, or has a number of its own."""
    numbered_remarks: bool = True
    """A remark can be entered with a number."""
    numbered_dynamic: bool = True
    """A dynamic list can be entered with a number; Cisco's guide says such lists are not
    supported where entries are numbered."""
    inserts_classes: bool = False
    """``class … insert-before`` is known in every policy map, not in those for flexible packet
    matching alone."""
    diff_needs_end: bool = True
    """Lines cannot be compared with the running configuration unless a file has ``end``."""
    confirms_user_removal: bool = True
    """Before a user is removed, the device asks."""
    deny_padding: bool = True
    """The running configuration prints ``deny   ``, as wide as ``permit``."""
    group_padding: bool = True
    """The running configuration prints a blank after an object-group's name."""
    cp_log_style: Literal["spaced", "tight", "with-ttl"] = "spaced"
    """How control-plane logging prints a packet; for the data plane."""
    names_copy: bool = True
    """What is typed to start the revert timer is answered with the name of the copy it makes."""
    domain_lookup: bool = False
    """An unknown command is looked up as a host, in vain."""
    clock_authoritative: bool = False
    """Without it, log lines and the clock are starred."""

    @property
    def xe(self) -> bool:
        """IOS-XE."""
        return self.since(16)

    @property
    def shows_sequence(self) -> bool:
        """The running configuration numbers the entries of access lists."""
        return self.since(17) if self.numbers_shown is None else self.numbers_shown

    @property
    def logs_plane(self) -> bool:
        """Control-plane logging can be configured."""
        return not self.xe if self.plane_logging is None else self.plane_logging

    @cached_property
    def lacks(self) -> frozenset[str]:
        """The switches without which there are commands missing."""
        has = ("logs_plane", "numbered_remarks", "numbered_dynamic", "inserts_classes")
        return frozenset(name for name in has if not getattr(self, name))

    @property
    def train(self) -> str:
        """The version as the running configuration prints it."""
        return f"{self.release[0]}.{self.release[1]}"
