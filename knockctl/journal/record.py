"""One change, as the journal keeps it."""

from __future__ import annotations

import getpass
import secrets
import socket
import time
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal[
    "planned", "armed", "applied", "pending", "confirming", "confirmed", "rolled_back", "failed"
]
OPEN_STATES: tuple[State, ...] = ("planned", "armed", "applied", "pending", "confirming")

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class ChangeRecord(BaseModel):
    """A change. ``before`` and ``after`` are config dumps; the journal seals them."""

    model_config = ConfigDict(frozen=True)

    id: str
    device: str
    kind: str
    state: State
    operator: str
    started: datetime
    finished: datetime | None = None
    tool_version: str
    base_revision: str | None = None
    revision: str | None = None
    """The mark the device carries once this is confirmed; None when nothing of ours is left."""
    policies: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    reason: str | None = None
    deadline: datetime | None = None
    before: str | None = Field(default=None, repr=False)
    after: str | None = Field(default=None, repr=False)


class Event(BaseModel):
    """One step of a change."""

    model_config = ConfigDict(frozen=True)

    step: str
    at: datetime
    detail: str = ""


def new_change_id() -> str:
    """Return ten characters, [a-z0-9]: seven that sort by time to the second, three random.

    The random part is mixed into the seconds' lower half, too, so that two operators in the
    same second have one chance in 36^4 to meet.
    """
    seconds = int(time.time())
    number = seconds * 36**4 + secrets.randbelow(36**4)
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text[-10:].rjust(10, "0")


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def operator() -> str:
    """Return who is at work: user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
