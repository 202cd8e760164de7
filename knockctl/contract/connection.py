"""What drivers have alike that do everything over one session."""

from __future__ import annotations

from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar


class Session(Protocol):
    """A connection to one device, opened and closed as a context manager."""

    @property
    def round_trips(self) -> int:
        """What was sent and answered so far, in the session's own unit."""

    def __enter__(self) -> object:
        """Connect and log in."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""


S = TypeVar("S", bound=Session)


class OverSession(Generic[S]):
    """The beginning of such a driver: it is open as long as its session is."""

    _session: S

    def __enter__(self) -> Self:
        """Connect and log in."""
        self._session.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._session.__exit__(kind, error, trace)

    @property
    def round_trips(self) -> int:
        """What the session sent so far."""
        return self._session.round_trips
