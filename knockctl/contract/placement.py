"""What the user places: where on a device the policies act, and who manages it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Management(BaseModel):
    """Who manages the device and on which port; never tracked, never locked out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[Network, ...]
    port: int = Field(default=22, ge=1, le=65535)


class Placement(BaseModel):
    """Where on a device the policies act. A vendor adds its own fields in a subclass.

    Where the names of all policies are known, the validation context has them as ``policies``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    addresses: tuple[Address, ...] = ()
    """Protected addresses. A family with none listed is protected whole."""
    management: Management | None = None


P = TypeVar("P", bound=Placement)
P_contra = TypeVar("P_contra", bound=Placement, contravariant=True)
