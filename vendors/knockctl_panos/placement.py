"""Where on a firewall, or on the firewalls of a device group, the policies act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from knockctl import contract
from knockctl.yamlfile import nearest

# Letters, digits, space and _ - . (fact sheet 2.3); what a filter quotes must hold no quote.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9 _.-]{0,62}$")]
Serial = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,31}$")]


class PanosManagement(contract.Management):
    """Who manages the firewall across its data plane; by default over HTTPS."""

    port: int = Field(default=443, ge=1, le=65535)


class Before(BaseModel):
    """Above somebody else's rule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: Name


class After(BaseModel):
    """Below somebody else's rule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Name


class PanosPlacement(contract.Placement):
    """Placement of a firewall's policies in its security rules.

    Only the listed addresses are protected. A family of which none is listed is not governed: a
    firewall that others' traffic crosses must not refuse a whole family.
    """

    addresses: tuple[contract.Address, ...] = Field(min_length=1)
    """Protected addresses as clients send to them: before NAT."""
    management: PanosManagement | None = None
    vsys: Name = "vsys1"
    """Which virtual system of a firewall."""
    device_group: Name | None = None
    """On Panorama, the group whose rules and objects are written, instead of a vsys."""
    rulebase: Literal["pre", "post"] = "pre"
    """On Panorama: above or below what the firewalls themselves have."""
    devices: tuple[Serial, ...] = ()
    """On Panorama, serial numbers of the firewalls a change is pushed to; none: the whole group."""
    from_zones: tuple[Name, ...] = ()
    """Zones that clients come from; none: any."""
    to_zones: tuple[Name, ...] = ()
    """Zones the protected addresses are in, after NAT; none: any."""
    position: Literal["top", "bottom"] | Before | After = "top"
    """Where our rules go among the others, all of them together."""
    applications: Mapping[str, tuple[Name, ...]] = Field(default_factory=dict)
    """Per policy, applications its services are to be, such as ``panos-global-protect``; a group
    of devices may name policies that not all of them have."""
    tag_delay: int = Field(default=5, ge=0, le=60)
    """How many seconds at most it takes until a packet's log has become a tag."""
    multi_config: bool = True
    """Whether a change is sent in one request; where that is off, in single ones in order."""

    @field_validator("applications")
    @classmethod
    def _of_policies(
        cls, applications: Mapping[str, tuple[Name, ...]], info: ValidationInfo
    ) -> Mapping[str, tuple[Name, ...]]:
        known = (info.context or {}).get("policies")
        for name in applications:
            if known is not None and name not in known:
                raise ValueError(f"no such policy {name!r}{nearest(name, known)}")
        return applications

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.device_group is None and (self.devices or self.rulebase == "post"):
            raise ValueError("devices and rulebase are Panorama's; name the device_group, too")
        return self
