"""What goes wrong on the wire, as errors of ours: the SDKs' never leave this package."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from knockctl.contract import Target
from knockctl.errors import (
    AuthenticationFailed,
    ConnectionCut,
    HostKeyMismatch,
    Unreachable,
    Where,
)
from knockctl_ios.driver.login import PORT, USER

# It tells of every attempt to connect, with a trace, before we do.
logging.getLogger("paramiko.transport").addFilter(lambda r: r.levelno > logging.ERROR)


@contextlib.contextmanager
def failures(target: Target, what: str, lost: type[Unreachable]) -> Iterator[None]:
    """Raise ``DeviceError`` alone, and nothing of what was said on the line.

    ``what`` was being done; ``lost`` is raised where the connection fails then.
    """
    import netmiko
    import paramiko
    from scp import SCPException

    where, place = Where(device=target.name), f"{target.host}:{target.port or PORT}"
    try:
        yield
    except netmiko.NetmikoAuthenticationException:
        raise AuthenticationFailed(
            f"{place} refused the login of {target.credentials.username or USER}",
            hint="check the username, the password reference and the key file",
            where=where,
        ) from None
    except (netmiko.ReadTimeout, TimeoutError):
        raise ConnectionCut(f"{what}: {place} stopped answering", where=where) from None
    except (netmiko.NetmikoTimeoutException, paramiko.SSHException) as error:
        raise _no_link(target, what, str(error), lost) from None
    except (OSError, EOFError, SCPException, netmiko.NetmikoBaseException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise lost(f"{what}: {place}: {reason}", where=where) from None


def _no_link(target: Target, what: str, text: str, lost: type[Unreachable]) -> Exception:
    where, place = Where(device=target.name), f"{target.host}:{target.port or PORT}"
    if "known_hosts" in text or "host key" in text.lower():
        known = target.credentials.known_hosts or Path("~/.ssh/known_hosts")
        return HostKeyMismatch(
            f"the host key of {place} is not on record, or another one is",
            hint=f"compare it by another way, then correct the known_hosts file {known}",
            where=where,
        )
    if "TCP connection" in text or "DNS failure" in text:
        return lost(f"{place} can't be reached", hint="check address and route", where=where)
    return lost(f"{what}: {place} does not answer as a router does", where=where)
