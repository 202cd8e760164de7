"""The passwords of the lab's users: made anew with each lab, the same on every device."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from knockctl.errors import LabError
from knockctl.lab.plan import PASSWORDS


def of(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the users' passwords, made where there are none; devices may ask side by side.

    ``folder`` is the lab's state, wherever the device sees it.
    """
    number = os.open(folder / PASSWORDS.name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        known: dict[str, str] = json.loads(file.read() or "{}")
        known |= {name: secrets.token_urlsafe(12) for name in names if name not in known}
        file.seek(0)
        file.write(json.dumps(known))
        file.truncate()
    return {name: known[name] for name in names}


def secret(user: str) -> str:
    """Resolve the reference ``lab:USER``: nothing but the lab's own passwords.

    Raises:
        LabError: the lab is not up, or knows no such user.
    """
    try:
        return str(json.loads(PASSWORDS.read_text())[user])
    except (OSError, KeyError):
        raise LabError(
            f"the lab has no password of {user}", hint="run knockctl lab up, as root"
        ) from None
