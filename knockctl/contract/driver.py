"""The half that talks: one device over one open connection."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from knockctl.contract.reading import Facts, Reading
from knockctl.contract.remediation import CancelResult, PendingChange, R_contra
from knockctl.contract.rendered import C, C_contra
from knockctl.errors import GuardError


class Driver(Protocol[C, R_contra]):
    """One device, one open connection. Every method raises only ``DeviceError``.

    Every step is idempotent: repeating it after a crash does no harm.
    """

    def __enter__(self) -> Self:
        """Connect and log in."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""

    @property
    def round_trips(self) -> int:
        """Commands sent so far, connections not counted."""

    def facts(self) -> Facts:
        """Ask what the device is and can do."""

    def read(self, *, whole: bool = True) -> Reading[C]:
        """Read what is ours, and all that judges packets on the device, in its own words.

        A part that can't be read is an error, never an empty part. Not ``whole``: the second may
        be left out, where leaving it out is quicker.
        """

    def pending(self) -> tuple[PendingChange, ...]:
        """List the changes the device holds a revert timer or leftovers for."""

    def arm(self, remediation: R_contra, seconds: int) -> None:
        """Put the way back on the device and start the timer that takes it."""

    def verify_armed(self, change_id: str) -> None:
        """Raise unless the timer runs and what it would do is whole."""

    def apply(self, remediation: R_contra) -> None:
        """Change the device, swapping the mark in the same step.

        Raises ``Conflict`` when the mark was not the one planned against; then nothing has
        changed. After ``CommandRefused`` nothing has changed either, unless it says otherwise.
        """

    def probe(self) -> None:
        """Open a new connection beside this one and use it; raise ``ProbeFailed``."""

    def cancel(self, change_id: str) -> CancelResult:
        """Stop the timer and settle the mark, or learn that it fired; never both."""

    def fire(self, change_id: str) -> CancelResult:
        """Take the change back now, by the way that lies on the device."""

    def persist(self, change_id: str) -> str | None:
        """Make what runs survive a reboot; return a warning where it will not."""

    def forget(self, change_id: str) -> None:
        """Remove what the change left on the device besides the configuration itself."""


@runtime_checkable
class HeldByOperator(Protocol[C_contra]):
    """What a driver has besides, whose device can't take a change back by itself.

    There ``arm`` takes a hold on the device that lasts until ``cancel``, ``fire`` or ``forget``
    give it back, and ``pending`` lists that hold, live, with the holder ``operator``. ``fire``
    needs to know what was there before: of its own ``arm``, or told by ``remember``. It returns
    ``fired`` where it had to change what runs, and ``absent`` where there was nothing to undo.
    """

    def remember(self, change_id: str, before: C_contra) -> None:
        """Take what was there before a change that another connection began."""


def no_snapshot(change_id: str, reason: str | None = None) -> GuardError:
    """Return what is raised where a change is to be taken back, and nobody knows to what."""
    return GuardError(
        f"the change {change_id} stays pending: nothing on the device takes it back, and what was"
        f" there before it is not known ({reason or 'this journal has no snapshot of it'})",
        hint="use the journal (--journal) and the key of whoever deployed it; or knockctl confirm"
        f" --change {change_id}, then deploy or remove",
    )


@runtime_checkable
class WholeDevice(Protocol):
    """What a driver has besides, whose timer takes back whatever anybody changed meanwhile.

    Where others changed something its ``fire`` takes back ours alone, as far as that can be done.
    """

    def stays(self, change_id: str) -> None:
        """Note on the device that the change was read back as meant, and stays pending."""

    def look_back(self, change_id: str) -> None:
        """Find out what others lost by a timer that ran out with nobody looking."""

    def notices(self) -> tuple[str, ...]:
        """Return, once, what became of others' lines so far, a sentence each, no secrets in it."""


@runtime_checkable
class Talkative(Protocol):
    """What a driver has besides, whose steps may take minutes: it says how far they are."""

    said: Callable[[str], None]
    """Called with a few words; set by whoever wants to hear them."""
