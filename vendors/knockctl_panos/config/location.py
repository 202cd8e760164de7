"""Where in a device's configuration ours lies: a virtual system, or a device group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from knockctl_panos.config.records import RULES, Kind
from knockctl_panos.placement import PanosPlacement

DEVICE = "/config/devices/entry[@name='localhost.localdomain']"
SHARED = "/config/shared"


@dataclass(frozen=True, slots=True)
class Location:
    """The container our objects and rules are in."""

    vsys: str = "vsys1"
    group: str | None = None
    """On Panorama: the device group, which counts instead of a vsys."""
    rulebase: str = "rulebase"

    @classmethod
    def of(cls, placement: PanosPlacement) -> Location:
        """Return where a placement says."""
        if placement.device_group is None:
            return cls(placement.vsys)
        return cls(group=placement.device_group, rulebase=f"{placement.rulebase}-rulebase")

    @property
    def scope(self) -> str:
        """What locks and partial commits call it."""
        return self.group or self.vsys

    @property
    def base(self) -> str:
        """The container itself."""
        if self.group is not None:
            return group_path(self.group)
        return f"{DEVICE}/vsys/entry[@name='{self.vsys}']"

    def path(self, kind: Kind) -> str:
        """Return the xpath of a kind's container."""
        return f"{self.base}/{self.below(kind)}"

    def below(self, kind: Kind) -> str:
        """Return a kind's path below ours."""
        return kind.replace("rulebase/", f"{self.rulebase}/", 1) if kind == RULES else kind

    def entry(self, kind: Kind, *names: str) -> str:
        """Return the xpath of an entry, or of several."""
        return f"{self.path(kind)}/entry[{' or '.join(_named(names))}]"


def group_path(name: str) -> str:
    """Return the xpath of a device group."""
    return f"{DEVICE}/device-group/entry[@name='{name}']"


def _named(names: Iterable[str]) -> Iterable[str]:
    return (f"@name='{name}'" for name in names)
