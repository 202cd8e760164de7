"""Safe mode over the API: what is done in it is undone when its session is lost.

Undone is what everybody did meanwhile, and not at once: a session that was cut off may hold it for
minutes, and whatever is changed until then goes with it, the way back included.
"""

from __future__ import annotations

import re
import time

from knockctl.errors import CommandRefused, Conflict, PrivilegeError, Unsupported
from knockctl_routeros.driver.connection import Session

SINCE = (7, 18)
_PAUSE = 0.2
_HINT = (
    "while another session holds it, all changes may be undone with its own:"
    " end that session or release safe mode there"
)


def known(version: str) -> bool:
    """Tell whether a version has safe mode over the API."""
    return tuple(int(n) for n in re.findall(r"\d+", version)[:2]) >= SINCE


def take(session: Session, version: str) -> bool:
    """Enter safe mode; False where the router or its user can't.

    Raises:
        Conflict: another session is in it.
    """
    if not known(version):
        return False
    try:
        session.ask("/safe-mode/take")
    except CommandRefused as error:
        raise Conflict(
            f"safe mode can't be taken: {error.message}", hint=_HINT, where=error.where
        ) from None
    except (PrivilegeError, Unsupported):
        return False
    return True


def release(session: Session) -> None:
    """Leave safe mode and keep what was done. Only for who has taken it: it ends anybody's."""
    session.ask("/safe-mode/release")


def wait(session: Session, version: str) -> None:
    """Wait until nobody is in safe mode, as long as a probe may take.

    Raises:
        Conflict: another session still is.
    """
    deadline = time.monotonic() + session.target.timeouts.probe
    while True:
        try:
            if take(session, version):
                release(session)
        except Conflict:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return
