"""One API connection: librouteros, with plain strings, and its errors as ours."""

from __future__ import annotations

import contextlib
import functools
import logging
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from librouteros import connect
from librouteros.api import Api
from librouteros.exceptions import FatalError, LibRouterosError, MultiTrapError, TrapError

from knockctl.contract import Target
from knockctl.errors import (
    AuthenticationFailed,
    CommandRefused,
    ConnectionCut,
    DeviceError,
    HostKeyMismatch,
    PrivilegeError,
    Unreachable,
    Unsupported,
    Where,
)

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

TLS_PORT, PLAIN_PORT = 8729, 8728
Reply = list[dict[str, str]]

# At its lowest level it logs every word it sends, passwords among them, whatever is set.
logging.getLogger("librouteros").addFilter(lambda record: record.levelno >= logging.WARNING)


class PlainApi(Api):  # type: ignore[misc] # librouteros says no types
    """Values as the router sends them: librouteros makes numbers and truths of some.

    A trap with words that librouteros does not know would end in a ``TypeError``.
    """

    def readSentence(self) -> tuple[str, Any]:  # noqa: N802 - librouteros' own name
        """Read one sentence; every value stays text."""
        reply, words = self.protocol.readSentence()
        found = dict(_split(word) for word in words)
        if reply == "!trap":
            message = found.get("message", "no message")
            return reply, {"message": message, "category": _number(found.get("category"))}
        return reply, found


def _split(word: str) -> tuple[str, str]:
    key, _, value = word.removeprefix("=").partition("=")
    return key, value


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


class Session:
    """A connection that counts its commands."""

    def __init__(self, target: Target) -> None:
        """Keep the target; ``__enter__`` connects."""
        self.target = target
        self.round_trips = 0
        self._api: Any = None

    def __enter__(self) -> Self:
        """Connect and log in."""
        self._api = self._connected()
        self._socket.settimeout(self.target.timeouts.command)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        if self._api is not None:
            with contextlib.suppress(OSError, LibRouterosError):
                self._api.close()
        self._api = None

    @property
    def _socket(self) -> socket.socket:
        found: socket.socket = self.api.protocol.transport.sock
        return found

    @property
    def api(self) -> Any:
        """The connection itself."""
        if self._api is None:
            raise ConnectionCut("not connected", where=Where(device=self.target.name))
        return self._api

    @property
    def ends(self) -> tuple[str, str, int]:
        """Our own address, the router's, and its port."""
        return self._socket.getsockname()[0], *self._socket.getpeername()[:2]

    def ask(self, command: str, *words: str) -> Reply:
        """Send one command with raw words; return the rows of its answer."""
        self.round_trips += 1
        with self._errors(command):
            return list(self.api.rawCmd(command, *words))

    def tolerate(self, said: str, command: str, *words: str) -> Reply:
        """Send a command whose refusal, in these words, is as good as its success."""
        try:
            return self.ask(command, *words)
        except CommandRefused as error:
            if said not in error.message:
                raise
            return []

    def probe(self) -> None:
        """Connect and log in once more, beside this connection."""
        with Session(self.target) as other:
            other.ask("/system/identity/print")

    # --- connecting ---

    def _connected(self) -> Any:
        target, login = self.target, self.target.credentials
        port = target.port or (TLS_PORT if login.tls else PLAIN_PORT)
        place = f"{target.host}:{port}"
        where = Where(device=target.name)
        try:
            return connect(
                target.host,
                login.username or "admin",
                login.password or "",
                timeout=target.timeouts.connect,
                port=port,
                subclass=PlainApi,
                encoding="utf-8",
                ssl_wrapper=self._wrapper() if login.tls else None,
            )
        except ssl.SSLCertVerificationError as error:
            elsewhere = "mismatch" in error.verify_message
            raise HostKeyMismatch(
                f"the certificate of {place} is not to be trusted: {error.verify_message}",
                hint="have the inventory's hostname be an address the certificate names"
                if elsewhere
                else "name the authority that signed it as ca_file in the inventory",
                where=where,
            ) from None
        except ssl.SSLError as error:
            reason = error.reason or str(error)
            raise Unreachable(
                f"no TLS with {place}: {reason}",
                hint="has api-ssl a certificate under /ip service?",
                where=where,
            ) from None
        except (TrapError, MultiTrapError, FatalError) as error:
            raise AuthenticationFailed(
                f"{place} refused the login of {login.username or 'admin'}: {error}",
                hint="check username and password, and that the user's group has the policy api",
                where=where,
            ) from None
        except (OSError, LibRouterosError) as error:
            raise Unreachable(
                f"no connection to {place}: {_reason(error)}",
                hint="is the service api-ssl on, and our address allowed, under /ip service?",
                where=where,
            ) from None

    def _wrapper(self) -> functools.partial[ssl.SSLSocket]:
        login = self.target.credentials
        try:
            context = ssl.create_default_context(cafile=login.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Unreachable(
                f"ca_file {login.ca_file} can't be read: {_reason(error)}",
                where=Where(device=self.target.name),
            ) from None
        if not login.verify_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return functools.partial(context.wrap_socket, server_hostname=self.target.host)

    # --- errors ---

    @contextlib.contextmanager
    def _errors(self, command: str) -> Iterator[None]:
        where = Where(device=self.target.name)
        try:
            yield
        except MultiTrapError as error:
            raise refused(command, "; ".join(t.message for t in error.traps), where) from None
        except TrapError as error:
            raise refused(command, error.message, where) from None
        except (OSError, LibRouterosError, IndexError) as error:
            # librouteros raises IndexError for a !fatal without a reason.
            raise ConnectionCut(
                f"the connection was lost at {command}: {_reason(error)}", where=where
            ) from None


def path(menu: str) -> str:
    """Return a menu as the API writes it."""
    return "/" + menu.strip("/").replace(" ", "/")


def refused(command: str, message: str, where: Where) -> DeviceError:
    """Return the error for a trap."""
    said = f"{command}: {message}"
    if "not enough permissions" in message:
        hint = "the user's group needs the policies read, write, policy and test, besides api"
        return PrivilegeError(said, hint=hint, where=where)
    if "device-mode" in message:
        hint = "enable it with /system/device-mode/update, which needs a button or a power cycle"
        return Unsupported(said, hint=hint, where=where)
    if "no such command" in message:
        return Unsupported(said, hint="the router has no such menu", where=where)
    missing = "does not match any value of in-interface" in message
    return CommandRefused(
        said,
        hint="the placement names an interface or interface list the router does not have"
        if missing
        else None,
        where=where,
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
