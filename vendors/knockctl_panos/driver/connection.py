"""One device's XML API over pan-os-python: TLS verified, requests counted, errors as ours."""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pan.xapi
from panos.base import PanDevice
from panos.firewall import Firewall

from knockctl.contract import Target
from knockctl.errors import AuthenticationFailed, ConnectionCut, DeviceError, Unreachable, Where
from knockctl_panos.driver.refusals import NO_OBJECT, no_link, refused

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

PORT = 443

# At its lower levels it logs every query it sends, passwords and keys among them.
for _name in ("pan.xapi", "pan.rc"):
    logging.getLogger(_name).addFilter(lambda record: record.levelno >= logging.WARNING)


class Device(Firewall):  # type: ignore[misc] # pan-os-python says no types
    """A device as pan-os-python knows it, but for its TLS, which that leaves unverified.

    Nothing of a ``.panrc`` that lies about counts: the SDK would fill in what is not given.
    """

    def __init__(self, target: Target, context: ssl.SSLContext) -> None:
        """Make it for a target; connects nowhere."""
        login = target.credentials
        self._target, self._context = target, context
        super().__init__(
            target.host,
            None if login.api_key else login.username or "admin",
            None if login.api_key else login.password or "",
            login.api_key,
            port=target.port or PORT,
            timeout=target.timeouts.connect,
        )

    def generate_xapi(self) -> Any:
        """Return the SDK's connection, with the key."""
        return self._isolated(api_key=self.api_key)

    def _retrieve_api_key(self) -> str:
        """Ask for a key, with username and password."""
        login = {"api_username": self._api_username, "api_password": self._api_password}
        xapi = self._isolated(**login)
        xapi.keygen(retry_on_peer=False)
        return str(xapi.api_key)

    def _isolated(self, **login: str) -> Any:
        host, port = self._target.host, self._target.port or PORT
        words = {"hostname": host, "port": port, "timeout": self.timeout, "pan_device": self}
        xapi = PanDevice.XapiWrapper(**words, **login)
        # Given to the constructor, it would make an outdated one of its own, with a warning.
        xapi.ssl_context = self._context
        for name in ("api_username", "api_password", "api_key", "serial"):
            setattr(xapi, name, login.get(name))
        shown = f"[{host}]" if ":" in host else host
        xapi.uri = f"https://{shown}:{port}/api/"
        return xapi


class Session:
    """Requests to one device. HTTP keeps no connection: after a cut one may simply ask again."""

    def __init__(self, target: Target) -> None:
        """Keep the target; ``__enter__`` connects."""
        self.target = target
        self.round_trips = 0
        self.system: dict[str, str] = {}
        """What the device says of itself: ``sw-version``, ``model``, ``ip-address``, …"""
        self._device: Device | None = None

    def __enter__(self) -> Self:
        """Log in, and ask what the device is."""
        self._log_in()
        with self._errors("connecting", Unreachable):
            result = self.op("<show><system><info></info></system></show>")
        found = result.find("system")
        self.system = {c.tag: c.text or "" for c in (found if found is not None else ())}
        return self

    def _log_in(self) -> None:
        self._device = Device(self.target, self._context())
        with self._errors("logging in", Unreachable):
            # Asked for by whoever reads it first: with a password it is a request of its own.
            _ = self._device.api_key
        self._device.timeout = self.target.timeouts.command

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Forget the key."""
        self._device = None

    @property
    def where(self) -> Where:
        """The device, for errors."""
        return Where(device=self.target.name)

    @property
    def _xapi(self) -> Any:
        if self._device is None:
            raise ConnectionCut("not connected", where=self.where)
        return self._device.xapi

    def _context(self) -> ssl.SSLContext:
        login = self.target.credentials
        try:
            context = ssl.create_default_context(cafile=login.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Unreachable(
                f"ca_file {login.ca_file} can't be read: {error}", where=self.where
            ) from None
        if not login.verify_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def ends(self) -> tuple[str, str]:
        """Return our address and the device's, as a route to it would have them; sends nothing."""
        host, port = self.target.host, self.target.port or PORT
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            with socket.socket(family, kind, protocol) as one:
                one.connect(address)
                return _plain(one.getsockname()[0]), _plain(one.getpeername()[0])
        except OSError as error:
            raise Unreachable(f"no route to {host}: {error}", where=self.where) from None

    # --- requests ---

    def op(self, cmd: str, *, vsys: str | None = None) -> ET.Element:
        """Carry out an operational command; return ``<result>``, empty where there is none."""
        return _result(self._ask(_first(cmd), lambda x: x.op(cmd, vsys=vsys)))

    def show(self, xpath: str) -> ET.Element | None:
        """Return a node of the running configuration; None where there is none."""
        try:
            return _node(self._ask(f"show {_tail(xpath)}", lambda x: x.show(xpath)))
        except DeviceError as error:
            if "No such node" in error.message:
                return None
            raise

    def get(self, xpath: str) -> ET.Element | None:
        """Return a node of the candidate configuration; None where there is none."""
        return _node(self._ask(f"get {_tail(xpath)}", lambda x: x.get(xpath)))

    def change(self, action: str, xpath: str, **words: str) -> None:
        """Change the candidate: set, edit, delete or move."""
        query = {"type": "config", "action": action, "xpath": xpath, **words}
        self.raw(f"{action} {_tail(xpath)}", query)

    def raw(self, what: str, query: dict[str, str]) -> ET.Element:
        """Send a query the SDK has no method for; return the whole answer."""
        return self._ask(what, lambda x: x.ad_hoc(qs=query, modify_qs=True))

    def user_id(self, message: str, vsys: str) -> None:
        """Send a ``<uid-message>``."""
        self._ask("user-id", lambda x: x.user_id(cmd=message, vsys=vsys))

    def _ask(self, what: str, send: Callable[[Any], object]) -> ET.Element:
        try:
            return self._once(what, send)
        except AuthenticationFailed:
            # A key runs out where the device says so; with a password we can have another.
            if self.target.credentials.api_key or not self.system:
                raise
            self._log_in()
            return self._once(what, send)

    def _once(self, what: str, send: Callable[[Any], object]) -> ET.Element:
        self.round_trips += 1
        with self._errors(what, ConnectionCut):
            xapi = self._xapi
            send(xapi)
            root = xapi.element_root
            if root is None:
                raise no_link(f"{what}: the answer is no XML", ConnectionCut, self.target)
            return root  # type: ignore[no-any-return]

    def system_time(self) -> str:
        """Return the device's time, as it prints it."""
        return " ".join("".join(self.op("<show><clock></clock></show>").itertext()).split())

    def probe(self) -> None:
        """Connect, log in, and ask something, beside this connection."""
        with Session(self.target):
            pass

    @contextlib.contextmanager
    def _errors(self, what: str, lost: type[Unreachable]) -> Iterator[None]:
        try:
            yield
        except pan.xapi.PanXapiError as error:
            root = getattr(self._made, "element_root", None)
            code = str(getattr(self._made, "status_code", None) or "")
            text = str(error)
            if text in ("None", "") and root is not None:
                # An answer with answers inside it has no message of its own.
                text = " ".join("".join(root.itertext()).split()) or "no reason given"
            raise refused(what, text, code, self.target, lost) from None
        except (OSError, http.client.HTTPException) as error:
            said = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise no_link(f"{what}: {said or type(error).__name__}", lost, self.target) from None

    @property
    def _made(self) -> Any:
        """The SDK's connection, if it has been made."""
        return getattr(self._device, "_xapi_private", None)


def _result(root: ET.Element) -> ET.Element:
    found = root.find("result")
    return found if found is not None else ET.Element("result")


def _node(root: ET.Element) -> ET.Element | None:
    """Return what was read; nothing there is an empty result with a code of its own."""
    found = root.find("result")
    if found is None or root.get("code") == NO_OBJECT or not len(found):
        return None
    return found[0]


def _first(cmd: str) -> str:
    """Return an operational command's words, for errors: the elements that hold no text."""
    words = []
    element: ET.Element | None = ET.fromstring(cmd)  # noqa: S314 - our own
    while element is not None and not (element.text or "").strip():
        words.append(element.tag)
        element = element[0] if len(element) else None
    return " ".join(words)


def _tail(xpath: str) -> str:
    """Return the end of an xpath, which says what it is about."""
    return xpath.partition("/vsys/")[2] or xpath.partition("/device-group/")[2] or xpath


def _plain(address: str) -> str:
    """Return an address without its zone."""
    return str(ip_address(address.partition("%")[0]))
