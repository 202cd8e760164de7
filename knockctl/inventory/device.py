"""One device of an inventory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knockctl.contract import Credentials, Target, Timeouts

Resolve = Callable[[str, Path], str]
"""From a secret reference and the folder that relative paths mean, to the secret."""


@dataclass(frozen=True, slots=True)
class Device:
    """What the inventory says of a device. Credentials are references, not yet resolved."""

    name: str
    host: str
    platform: str
    folder: Path
    port: int | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sudo_password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    key_file: Path | None = None
    known_hosts: Path | None = None
    verify_host_key: bool = True
    ca_file: Path | None = None
    verify_certificate: bool = True
    tls: bool = True
    groups: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    placement: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""
    """File and line of the device, for errors."""

    def target(self, resolve: Resolve, timeouts: Timeouts) -> Target:
        """Resolve the credentials; raise ``SecretError``."""
        return Target(
            self.name,
            self.host,
            self.port,
            Credentials(
                username=self.username,
                password=resolve(self.password, self.folder) if self.password else None,
                escalation_password=(
                    resolve(self.sudo_password, self.folder) if self.sudo_password else None
                ),
                api_key=resolve(self.api_key, self.folder) if self.api_key else None,
                key_file=self.key_file,
                known_hosts=self.known_hosts,
                verify_host_key=self.verify_host_key,
                ca_file=self.ca_file,
                verify_certificate=self.verify_certificate,
                tls=self.tls,
            ),
            timeouts,
            self.placement,
        )
