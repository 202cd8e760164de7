"""Where a device is, how to log in there, and how long each step may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in. Secrets are resolved where they are used and never printed."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    escalation_password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    """Instead of username and password, where the device has such keys."""
    key_file: Path | None = None
    known_hosts: Path | None = None
    verify_host_key: bool = True
    ca_file: Path | None = None
    """Who may sign the device's certificate; None: those the system trusts."""
    verify_certificate: bool = True
    tls: bool = True
    """Whether an interface that has both is spoken to over TLS."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds each kind of step may take; the revert timer must outlast apply plus probe.

    ``job`` is how long a job of the device's own may run, such as a commit.
    """

    connect: int = 10
    command: int = 20
    probe: int = 10
    revert: int = 120
    job: int = 600

    @property
    def worst_case(self) -> int:
        """The longest a change can be on the device before it is judged."""
        return self.command + self.probe


@dataclass(frozen=True, slots=True)
class Target:
    """Where a device is and how to log in."""

    name: str
    host: str
    port: int | None
    credentials: Credentials
    timeouts: Timeouts = Timeouts()
    placement: Mapping[str, Any] = field(default_factory=dict)
    """As the inventory has it: it may say where on a device to look, such as a virtual system."""
