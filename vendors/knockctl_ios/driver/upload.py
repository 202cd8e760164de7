"""How a file gets on a router's flash: by SCP, or through its Tcl shell where SCP may not be on.

Either way nothing of the text lies in a file here, and the digest is compared.
"""

from __future__ import annotations

import hashlib
import io
import re
from typing import Any

_FLASH = re.compile(r"^Directory of ([^/\s]+:)", re.MULTILINE)
_FREE = re.compile(r"\((\d+) bytes free\)")
DEFAULT = "flash:"


class Unsent(Exception):
    """The file is not on flash; says why."""


def place(listed: str, name: str, size: int) -> str:
    """Return the path a file of so many bytes gets, by what ``dir`` prints.

    Raises ``Unsent`` where there is no room.
    """
    system, free = _FLASH.search(listed), _FREE.search(listed)
    if free and int(free[1]) < size:
        raise Unsent(f"{free[1]} bytes are free, and it has {size}")
    return f"{system[1] if system else DEFAULT}/{name}"


def arrived(verified: str, data: bytes) -> None:
    """Raise ``Unsent`` unless ``verify /md5`` printed the digest of these bytes."""
    if hashlib.md5(data, usedforsecurity=False).hexdigest() not in verified:
        raise Unsent("what arrived is something else")


def by_scp(connected: Any, data: bytes, path: str, seconds: float) -> None:
    """Send a file over a connection of its own: a router's SSH has one channel."""
    from netmiko.scp_handler import SCPConn

    carrier = SCPConn(connected, seconds)
    try:
        carrier.scp_client.putfo(io.BytesIO(data), path)
    finally:
        carrier.close()


def by_shell(connected: Any, text: str, path: str) -> None:
    """Type a file into the router's Tcl shell, as NAPALM does: slowly, a line at a time.

    Raises ``Unsent`` for what can't be typed there, and where something else arrived.
    """
    from napalm.base.exceptions import MergeConfigException
    from napalm.ios.ios import IOSDriver

    system, _, name = path.partition("/")
    told = {"inline_transfer": True, "merge_cfg": name, "dest_file_system": system}
    napalm = IOSDriver("", "", "", optional_args=told)
    napalm.device = connected
    try:
        # A newline is added on the way.
        napalm.load_merge_candidate(config=text.removesuffix("\n"))
    except (MergeConfigException, ValueError) as error:
        raise Unsent(next(iter(str(error).strip().splitlines()), "no reason given")) from None
