"""What a device tells: what it is, what runs, and what stands before ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal

from knockctl.vendor.placement import Address
from knockctl.vendor.rendered import C


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
class Neighbour:
    """A piece of somebody else's configuration that is judged before ours."""

    place: str
    text: str
    effect: Literal["accepts", "refuses", "unknown"]
    """What it may do to packets of our knocks, services and traps."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[C]):
    """What runs: ours, as a config, and the neighbours that can shadow it."""

    config: C
    neighbours: tuple[Neighbour, ...] = ()
