"""Where everything in the lab is: names, addresses, files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STATE = Path("/run/knockctl-lab")
LOCK = Path("/run/knockctl-lab.lock")
NETNS = Path("/run/netns")

WIRE = "kc-wire"
"""Holds the two bridges, so that nothing of the lab appears in the machine's own namespace."""
OPS = "kc-ops"
WAN = "kc-wan"

KEY = STATE / "id_ed25519"
KNOWN_HOSTS = STATE / "known_hosts"
PASSWORDS = STATE / "passwords.json"
CA = STATE / "ca.pem"
"""Signs the certificates of the devices that speak TLS."""

OPS_ADDRESS = "192.0.2.1"
CLIENTS = range(100, 120)


@dataclass(frozen=True, slots=True)
class Place:
    """One device's place in the lab, from the last part of its addresses."""

    name: str
    last: int

    @property
    def namespace(self) -> str:
        """Its network namespace."""
        return f"kc-{self.name}"

    @property
    def management(self) -> str:
        """Its address towards the operator."""
        return f"192.0.2.{self.last}"

    @property
    def outside(self) -> str:
        """Its IPv4 address towards clients and attackers."""
        return f"198.51.100.{self.last}"

    @property
    def outside6(self) -> str:
        """Its IPv6 address towards clients and attackers."""
        return f"2001:db8:51::{self.last}"

    @property
    def state(self) -> Path:
        """Its folder in the lab's state."""
        return STATE / self.name

    @property
    def pid_file(self) -> Path:
        """Holds the process that keeps it up."""
        return STATE / f"{self.name}.pid"


def client4(number: int) -> str:
    """Return a client's IPv4 address; numbers are 100 to 119."""
    return f"198.51.100.{number}"


def client6(number: int) -> str:
    """Return a client's IPv6 address; numbers are 100 to 119."""
    return f"2001:db8:51::{number}"
