"""How to log in to a router: with a key, or with a password where the key won't do.

One way on each connection. paramiko begins every further method on a connection with the request
that began the first; some servers take that for a breach of protocol and hang up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from knockctl.contract import Credentials, Target
from knockctl.errors import AuthenticationFailed

PORT = 22
USER = "admin"


def options(target: Target) -> dict[str, Any]:
    """Return what netmiko is told of a router, the way to log in left out."""
    login, limits = target.credentials, target.timeouts
    found: dict[str, Any] = {
        "device_type": "cisco_ios",
        "host": target.host,
        "port": target.port or PORT,
        "username": login.username or USER,
        "conn_timeout": limits.connect,
        "auth_timeout": limits.connect,
        "banner_timeout": limits.connect,
        "read_timeout_override": None,
    }
    if login.verify_host_key:
        found["ssh_strict"] = True
        if login.known_hosts:
            found |= {"alt_host_keys": True, "alt_key_file": str(login.known_hosts)}
        else:
            found["system_host_keys"] = True
    return found


def ways(login: Credentials) -> list[dict[str, Any]]:
    """Return what netmiko is told of each way to log in, the first to be tried first.

    Raises ``AuthenticationFailed`` where there is a key file that can't be read: going on with a
    password would hide that.
    """
    found: list[dict[str, Any]] = []
    if login.key_file:
        found.append({"pkey": _key(login.key_file, login.password)})
    if login.password is not None or not found:
        found.append({"password": login.password or ""})
    return found


def _key(path: Path, word: str | None) -> Any:
    """Read a private key, if need be with the password, which is not sent for that."""
    from paramiko import PKey, SSHException, UnknownKeyType

    try:
        try:
            return PKey.from_path(path)
        except TypeError:
            # It is locked.
            return PKey.from_path(path, (word or "").encode())
    except (OSError, TypeError, ValueError, SSHException, UnknownKeyType) as error:
        reason = getattr(error, "strerror", None) or "it is locked, or of no known form"
        raise AuthenticationFailed(
            f"the key file {path} can't be read: {reason}",
            hint="a locked one is opened with the password; ssh-keygen -p -f FILE brings one into"
            " OpenSSH's form",
        ) from None
