"""What a device, or the way to it, says no with, as our errors: what happened and what to do."""

from __future__ import annotations

import re

from knockctl.contract import Target
from knockctl.errors import (
    AuthenticationFailed,
    CommandRefused,
    Conflict,
    DeviceError,
    HostKeyMismatch,
    PrivilegeError,
    Unreachable,
    Unsupported,
    Where,
)

# PAN-OS XML API Error Codes.
UNKNOWN_COMMANDS = ("1", "17")
NO_OBJECT = "7"
UNAUTHORIZED = "16"
SESSION_OVER = "22"
FORBIDDEN = "403"

_LOCKED = re.compile(r"(?:currently )?locked by (?P<who>\S+)|holding commit locks: (?P<them>.+)")
_CERTIFICATE = re.compile(
    r"CERTIFICATE_VERIFY_FAILED\] certificate verify failed: (?P<why>.*?)( \(_ssl|$)"
)
_STATUS = re.compile(r"^URLError: code: (?P<code>\d+)")
_ROLE = (
    "the administrator's role needs the XML API: configuration, operational requests, commit and"
    " user-id"
)
_BUSY = (
    "Another commit/validate is in progress",
    "A commit is in progress",
    "You cannot commit while an install is in progress",
)


def refused(
    what: str, text: str, code: str, target: Target, lost: type[Unreachable]
) -> DeviceError:
    """Return the error for what the SDK raised; ``code`` is the API's, where it gave one."""
    status = _STATUS.match(text)
    if status and status["code"] in ("401", FORBIDDEN):
        return _not_let_in(text, target)
    if text.startswith(("URLError", "ssl.")):
        return no_link(f"{what}: {text.removeprefix('URLError: ')}", lost, target)
    kind, hint = _sort(text, code)
    if kind is AuthenticationFailed:
        return _not_let_in(text, target)
    return kind(f"{what}: {text}", hint=hint, where=Where(device=target.name))


def _sort(text: str, code: str) -> tuple[type[DeviceError], str | None]:
    """Return what a refusal is, and what to do about it; codes alone say too little."""
    locked = _LOCKED.search(text)
    kinds: tuple[tuple[object, type[DeviceError], str | None], ...] = (
        ("not authorized" in text or "Unauthorized" in text, PrivilegeError, _ROLE),
        (code == UNAUTHORIZED, PrivilegeError, _ROLE),
        (re.match(r"Invalid credential", text, re.IGNORECASE), AuthenticationFailed, None),
        (code in (FORBIDDEN, SESSION_OVER), AuthenticationFailed, None),
        (
            locked,
            Conflict,
            f"wait for {_who(locked)} to finish, or have the lock removed",
        ),
        (text.startswith(_BUSY), Conflict, "wait for that to end and try again"),
        (code in UNKNOWN_COMMANDS or "unexpected here" in text, Unsupported, None),
    )
    return next(((kind, hint) for met, kind, hint in kinds if met), (CommandRefused, None))


def _who(locked: re.Match[str] | None) -> str:
    return (locked["who"] or locked["them"]) if locked else ""


def no_link(said: str, lost: type[Unreachable], target: Target) -> DeviceError:
    """Return the error for a connection that can't be made, or went away."""
    where = Where(device=target.name)
    place = f"{target.host}:{target.port or 443}"
    certificate = _CERTIFICATE.search(said)
    if certificate:
        elsewhere = "mismatch" in certificate["why"] or "not valid for" in certificate["why"]
        return HostKeyMismatch(
            f"the certificate of {place} is not to be trusted: {certificate['why']}",
            hint="have the inventory's hostname be a name or address the certificate has"
            if elsewhere
            else "name the authority that signed it as ca_file in the inventory",
            where=where,
        )
    hint = "is the management interface up, and our address among its permitted ones?"
    reason = re.sub(r"reason: (\[Errno -?\d+\] )?", "", said)
    return lost(f"no connection to {place}: {reason}", hint=hint, where=where)


def _not_let_in(text: str, target: Target) -> AuthenticationFailed:
    login, where = target.credentials, Where(device=target.name)
    if login.api_key:
        return AuthenticationFailed(
            f"the API key was refused: {_clean(text)}",
            hint="it may have expired, or be another device's: make a new one and put it where"
            " the inventory's api_key points",
            where=where,
        )
    return AuthenticationFailed(
        f"the login of {login.username or 'admin'} was refused: {_clean(text)}",
        hint="check username and password, and that the role allows the XML API",
        where=where,
    )


def _clean(text: str) -> str:
    return text.removeprefix("URLError: ")
