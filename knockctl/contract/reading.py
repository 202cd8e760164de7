"""What a device tells: what it is, and what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic

from knockctl.contract.placement import Address
from knockctl.contract.rendered import C


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The connection we manage the device over, as the device itself sees it."""

    source: Address
    address: Address
    port: int
    judged: bool = False
    """Whether it comes in where the policies' rules judge packets, as far as the device tells."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a device is and can do. ``details`` is the vendor's own, for its compiler alone."""

    description: str
    endpoint: Endpoint | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading(Generic[C]):
    """What runs: ours, as a config, and the text that everything can be read from."""

    config: C
    text: str = ""
    """All that judges packets on the device, in its own words: what ``Modeller.running`` reads."""
