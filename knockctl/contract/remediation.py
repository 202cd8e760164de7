"""What is to be done on a device, and what was begun there and is not settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from knockctl.contract.rendered import Config


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a difference, as a person reads it."""

    action: Literal["add", "remove", "move"]
    place: str
    text: str

    def __str__(self) -> str:
        """Print as a line of a diff."""
        sign = {"add": "+", "remove": "-", "move": "~"}[self.action]
        return f"{sign} {self.place}: {self.text}"


class Remediation(Protocol):
    """The way from a running to an intended configuration. Pickles; holds no connection."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What differs, in the order it is done; empty when there is nothing to do."""

    @property
    def keeps_grants(self) -> bool:
        """Tell whether those who are in stay in."""

    @property
    def change_id(self) -> str:
        """The change this belongs to: the mark the device carries while it is pending."""

    @property
    def intended(self) -> Config:
        """What must be read back, the mark included."""

    @property
    def settled(self) -> str | None:
        """The mark once the change is confirmed; None when nothing of ours is left."""


R = TypeVar("R", bound="Remediation")
R_co = TypeVar("R_co", bound="Remediation", covariant=True)
R_contra = TypeVar("R_contra", bound="Remediation", contravariant=True)


CancelResult = Literal["cancelled", "fired", "absent"]


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change found on a device that is not settled yet."""

    change_id: str
    seconds_left: int | None
    """Until whoever holds the timer takes it back; None where nobody will."""
    holder: Literal["device", "operator"] = "device"
    """``operator``: nothing on the device takes it back. The process that made the change waits
    and does; where that has died the change stays until somebody ends it, and fences the device.
    """
    by: str | None = None
    """The account it was made with, where the device tells."""
