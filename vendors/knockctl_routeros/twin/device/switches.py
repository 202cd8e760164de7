"""What differs from router to router: its version, its ports, its users, and open questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from knockctl.lab.version import Versioned

ALL_POLICIES = (
    "local",
    "telnet",
    "ssh",
    "ftp",
    "reboot",
    "read",
    "write",
    "policy",
    "test",
    "winbox",
    "password",
    "web",
    "sniff",
    "sensitive",
    "api",
    "romon",
    "rest-api",
)
"""In the order in which a group prints them."""


@dataclass(frozen=True)
class Switches(Versioned):
    """A router to order: the defaults are those of the lab."""

    version: str = "7.20"
    """Known to differ: 6.49, 7.16 (ISO dates), 7.18 (``!empty``, safe mode), 7.24.0 to 7.24.4."""
    identity: str = "MikroTik"
    interfaces: tuple[str, ...] = ("ether1", "ether2")
    interface_lists: tuple[tuple[str, str], ...] = (("WAN", "ether1"), ("LAN", "ether2"))
    """Pairs of a list and one interface on it; a pair with ``""`` makes an empty list."""
    addresses: tuple[tuple[str, str], ...] = ()
    """Pairs of an address with its prefix length, of either family, and its interface."""
    users: tuple[tuple[str, str, str], ...] = (("admin", "", "full"),)
    """Name, password, group."""
    groups: tuple[tuple[str, str], ...] = ()
    """More groups than full, read and write: name and policies, by comma."""
    forbidden: frozenset[str] = frozenset()
    """What device-mode forbids: ``scheduler``."""
    gmt_offset: int = 0
    """Seconds that the router's own clock is ahead of UTC."""
    fasttrack_row: bool = False
    """A dynamic dummy rule stands first in the filter table."""
    undo_delay: float = 2.0
    """Seconds from the end of a session that held safe mode to the undoing of its changes."""
    power_loss_undoes: bool = False
    """A power cut undoes what was changed in safe mode; undocumented, the worse is assumed."""
    save_delay: float = 0.0
    """Seconds for which a change is in memory only: power lost before that loses the change."""
    challenge_login: bool = True
    """The form of login older than 6.43 is answered, too."""
    not_logged_in: Literal["fatal", "trap"] = "fatal"
    """How a command before the login is refused."""
    dynamic_removable: bool = True
    """Timed list entries can be removed over the API."""
    echo_list_timeout: bool = True
    """A rule that adds to a list prints ``address-list-timeout=none-dynamic`` when none is set."""
    refresh: bool = True
    """A rule that adds an address already listed gives it the full time again."""

    @property
    def says_empty(self) -> bool:
        """A print without rows is answered ``!empty`` before ``!done``."""
        return self.since(7, 18)

    @property
    def has_safe_mode(self) -> bool:
        """Safe mode can be taken over the API."""
        return self.since(7, 18)

    @property
    def iso_dates(self) -> bool:
        """Dates read ``2026-01-31``, not ``jan/31/2026``."""
        return self.since(7, 10)

    @property
    def loses_default_starts(self) -> bool:
        """Jobs added without start-date and start-time are never triggered (7.24.0 to 7.24.4)."""
        return self.release[:2] == (7, 24) and self.release[2] < 5
