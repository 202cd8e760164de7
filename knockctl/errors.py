"""Every error a person can meet, in one tree.

::

    KnockctlError                 1  failed before any device was tried
    ├── UsageError                2  the command line is wrong
    ├── ConfigurationError        1  something the user wrote is wrong
    │   ├── PolicyError
    │   ├── InventoryError
    │   ├── SettingsError
    │   └── SecretError
    ├── JournalError              1  the record can't be read or written
    │   ├── JournalLocked
    │   └── SealError
    ├── LabError                  1  the lab can't be built or reached
    └── DeviceError               4  one device could not be served
        ├── Unreachable
        │   └── ConnectionCut     the connection went away midway
        ├── AuthenticationFailed
        ├── HostKeyMismatch
        ├── PrivilegeError
        ├── Unsupported           the device can't do what is asked
        ├── GuardError            refused by ourselves, to protect the operator
        ├── Conflict              somebody else changed the device first
        ├── CommandRefused        the device refused a command
        └── ProbeFailed

The number is the exit code of a command that ends with that error (design, section 9).
An error says what happened, where (device, step, file, line, field) and what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Where:
    """The place an error speaks of; every part is optional."""

    device: str | None = None
    step: str | None = None
    file: str | None = None
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        """Print as ``device: step:`` or ``file:line: field:``, whatever is known."""
        parts = []
        if self.device:
            parts.append(self.device)
        if self.step:
            parts.append(self.step)
        if self.file:
            parts.append(f"{self.file}:{self.line}" if self.line else self.file)
        if self.field:
            parts.append(self.field)
        return ": ".join(parts)


class KnockctlError(Exception):
    """Root of the tree. ``str()`` is the whole message for a person."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        where: Where | None = None,
    ) -> None:
        """``hint`` is one sentence that says what to do next."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where or Where()

    def __str__(self) -> str:
        """Print where, what, and what to do next."""
        place = str(self.where)
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def at(
        self,
        *,
        device: str | None = None,
        step: str | None = None,
    ) -> KnockctlError:
        """Fill in the device and step where the error does not name them yet; return self."""
        self.where = Where(
            device=self.where.device or device,
            step=self.where.step or step,
            file=self.where.file,
            line=self.where.line,
            field=self.where.field,
        )
        return self


class UsageError(KnockctlError):
    """The command line asks for something that makes no sense."""

    exit_code = 2


class ConfigurationError(KnockctlError):
    """Something the user wrote is wrong."""


class Problems(ConfigurationError):
    """Several configuration errors at once, each with its place."""

    def __init__(self, problems: list[ConfigurationError]) -> None:
        """``problems`` is not empty; they are printed one after the other."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class PolicyError(ConfigurationError):
    """A policy file is wrong, or policies do not go together."""


class InventoryError(ConfigurationError):
    """The inventory is wrong or names something that is not there."""


class SettingsError(ConfigurationError):
    """``knockctl.toml``, the user's file or an environment variable is wrong."""


class SecretError(ConfigurationError):
    """A secret reference can't be resolved. Never carries the secret."""


class JournalError(KnockctlError):
    """The journal can't be read or written."""


class JournalLocked(JournalError):
    """Another process holds the journal, or a device's lease."""


class SealError(JournalError):
    """A sealed snapshot can't be opened: wrong key, or tampered with."""


class LabError(KnockctlError):
    """The lab can't be built, reached or taken down."""


class DeviceError(KnockctlError):
    """One device could not be served."""

    exit_code = 4


class Unreachable(DeviceError):
    """No connection to the device."""


class ConnectionCut(Unreachable):
    """The connection went away midway; what the device did is not known."""


class AuthenticationFailed(DeviceError):
    """The device refused the credentials."""


class HostKeyMismatch(DeviceError):
    """The device's key is not the one on record, or there is none on record."""


class PrivilegeError(DeviceError):
    """Logged in, but not allowed to do what is needed."""


class Unsupported(DeviceError):
    """The device lacks what the policy or the tool needs."""


class GuardError(DeviceError):
    """knockctl itself refused, to protect the operator or somebody else's work."""


class Conflict(DeviceError):
    """Somebody else changed the device between our reading and our writing."""


class CommandRefused(DeviceError):
    """The device refused a command; carries its words."""


class ProbeFailed(DeviceError):
    """After the change, a new connection or a real knock did not work."""
