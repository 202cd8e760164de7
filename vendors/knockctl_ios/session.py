"""One SSH session with a router, over netmiko; files go by NAPALM's SCP.

NAPALM carries the file; the commit, the timer, confirming and going back are netmiko's. NAPALM
would set ``file prompt quiet``, which a revert leaves in the configuration, throw away what the
device says of a file's lines, and save the startup configuration where a merge fails.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from knockctl.errors import (
    AuthenticationFailed,
    CommandRefused,
    ConnectionCut,
    HostKeyMismatch,
    PrivilegeError,
    Unreachable,
    Unsupported,
    Where,
)
from knockctl_ios.refusals import said

if TYPE_CHECKING:
    from types import TracebackType

    from knockctl.vendor import Target

PORT = 22
FILE = "knockctl_merge.cfg"
"""What a change travels in; deleted when it has been carried out."""
_ASKS = r"\[(?!OK)[^\]\n]*\][ \t]*\??[ \t]*\Z"
_LOGGED = r"(?:[^\r\n]*%[A-Z0-9_]+-\d-[A-Z0-9_]+: [^\r\n]*\s*)"
"""A line of the log that comes in behind the prompt, where terminals are shown them."""
_LONG = 600
"""Seconds a router may take to print its configuration or to carry a file out, at most."""

# It tells of every attempt to connect, with a trace, before we do.
logging.getLogger("paramiko.transport").addFilter(lambda r: r.levelno > logging.ERROR)


class _Watched:
    """A channel of netmiko's that says when it is closed: netmiko would wait for more."""

    def __init__(self, channel: Any, connection: Any) -> None:
        self._channel, self._connection = channel, connection

    def write_channel(self, data: str) -> None:
        self._channel.write_channel(data)

    def read_channel(self) -> str:
        closed = self._connection.closed
        data = str(self._channel.read_channel())
        if closed and not data:
            raise EOFError
        return data

    def read_buffer(self) -> str:
        return str(self._channel.read_buffer())


class Session:
    """Commands on one router, one at a time."""

    def __init__(self, target: Target) -> None:
        """Keep the target; ``__enter__`` connects."""
        self.target = target
        self.round_trips = 0
        self._device: Any = None

    def __enter__(self) -> Self:
        """Connect, verify the host key, log in, and go to privileged EXEC."""
        from netmiko import ConnectHandler

        with self._errors("connecting", Unreachable):
            self._device = ConnectHandler(**self._options())
        try:
            self._enable()
        except BaseException:
            self._hang_up()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up; a connection that is gone already is closed."""
        if self._device is not None:
            if kind is None:
                with contextlib.suppress(Exception):
                    self._device.write_channel("exit\n")
            self._hang_up()

    def _hang_up(self) -> None:
        device, self._device = self._device, None
        with contextlib.suppress(Exception):
            device.paramiko_cleanup()

    @property
    def where(self) -> Where:
        """The device, for errors."""
        return Where(device=self.target.name)

    @property
    def ends(self) -> tuple[str, str, int]:
        """Return our address, the device's, and its port, as our socket has them."""
        with self._errors("asking for the connection's ends", ConnectionCut):
            socket = self._connected.remote_conn.transport.sock
            mine, theirs = socket.getsockname(), socket.getpeername()
            return mine[0].partition("%")[0], theirs[0].partition("%")[0], theirs[1]

    @property
    def local(self) -> tuple[str, int]:
        """Return our address and port."""
        with self._errors("asking for the connection's ends", ConnectionCut):
            mine = self._connected.remote_conn.transport.sock.getsockname()
            return mine[0].partition("%")[0], mine[1]

    @property
    def _connected(self) -> Any:
        if self._device is None:
            raise ConnectionCut("not connected", where=self.where)
        return self._device

    def _options(self) -> dict[str, Any]:
        login, limits = self.target.credentials, self.target.timeouts
        options: dict[str, Any] = {
            "device_type": "cisco_ios",
            "host": self.target.host,
            "port": self.target.port or PORT,
            "username": login.username or "admin",
            "password": login.password or "",
            "conn_timeout": limits.connect,
            "auth_timeout": limits.connect,
            "banner_timeout": limits.connect,
            "read_timeout_override": None,
        }
        if login.key_file:
            options |= {"use_keys": True, "key_file": str(login.key_file)}
        if login.verify_host_key:
            options["ssh_strict"] = True
            if login.known_hosts:
                options |= {"alt_host_keys": True, "alt_key_file": str(login.known_hosts)}
            else:
                options["system_host_keys"] = True
        return options

    def _enable(self) -> None:
        """Go to privileged EXEC; one try, for a router counts them."""
        device, limit = self._connected, self.target.timeouts.command
        asked = r"ssword: ?\Z"
        with self._errors("enable", ConnectionCut):
            device.channel = _Watched(device.channel, device.remote_conn)
            if device.find_prompt().endswith("#"):
                return
            expected = rf"(?:{asked}|[>#]\s*\Z)"
            output = str(device.send_command("enable", expected, read_timeout=limit))
            if re.search(asked, output):
                secret = self.target.credentials.escalation_password or ""
                output = device.send_command(
                    secret, expected, read_timeout=limit, cmd_verify=False, strip_prompt=False
                )
                if not re.search(asked, output) and device.find_prompt().endswith("#"):
                    return
        user = self.target.credentials.username or "admin"
        raise PrivilegeError(
            f"{user} may not go to privileged EXEC",
            hint="give the user privilege 15, or name the enable secret in"
            " connection_options.knockctl.extras.sudo_password",
            where=self.where,
        )

    # --- commands ---

    def ask(self, command: str, seconds: int | None = None) -> str:
        """Carry out a command of EXEC that asks nothing; return what it prints."""
        self.round_trips += 1
        with self._errors(_first(command), ConnectionCut):
            return self._send(command, self._prompt, seconds or self.target.timeouts.command)

    def do(self, command: str, seconds: int | None = None) -> str:
        """Carry out a command of EXEC; each question's default is what we want."""
        self.round_trips += 1
        limit = seconds or self.target.timeouts.command
        expected = f"(?:{self._prompt}|{_ASKS})"
        with self._errors(_first(command), ConnectionCut):
            output = self._send(command, expected, limit)
            while re.search(_ASKS, output):
                self.round_trips += 1
                output = output[: output.rindex("[")].rpartition("\n")[0] + "\n"
                output += self._send("", expected, limit)
            return output

    @property
    def _prompt(self) -> str:
        return rf"{re.escape(self._connected.base_prompt)}[^\r\n]*[>#]\s*{_LOGGED}*\Z"

    def _send(self, line: str, expected: str, seconds: float) -> str:
        """Type a line; return what is printed up to the next prompt, or question.

        As netmiko's ``send_command``, without its pauses.
        """
        device = self._connected
        device.write_channel(f"{line}\n")
        if line:
            # The echo, so that no prompt from before it is taken for the one after.
            device.read_until_pattern(re.escape(line), read_timeout=seconds)
        output = str(device.read_until_pattern(expected, read_timeout=seconds))
        output = output.replace("\r", "").lstrip("\n")
        prompt = re.search(self._prompt, output)
        return output[: prompt.start()] if prompt else output

    def show(self, command: str) -> str:
        """Ask for what may be long; raise where the device doesn't know the command."""
        output = self.ask(command, _LONG)
        refused = said(output)
        if refused is not None:
            raise self._refused(command, refused)
        return output

    def _refused(self, command: str, refused: str) -> Exception:
        if "authorization failed" in refused:
            return PrivilegeError(
                f"{command}: command authorization failed",
                hint="let the user run it, on the AAA server",
                where=self.where,
            )
        kind = Unsupported if "Invalid input" in refused else CommandRefused
        return kind(f"{command}: {refused}", where=self.where)

    def configure(self, lines: list[str], command: str = "configure terminal") -> str:
        """Carry out lines of configuration; return what the device says of the first command.

        Stops at the first line that is refused, and raises ``CommandRefused``.
        """
        self.round_trips += len(lines) + 2
        with self._errors(_first(command), ConnectionCut):
            limit = self.target.timeouts.command
            output = self._send(command, self._prompt, limit)
            if said(output) is not None:
                return output
            refused = None
            for line in lines:
                refused = said(self._send(line, self._prompt, limit))
                if refused is not None:
                    break
            self._send("end", self._prompt, limit)
            if refused is not None:
                raise CommandRefused(f"{line}: {refused}", where=self.where)
            return output

    def upload(self, text: str, name: str = FILE) -> str:
        """Put a text into a file on flash; return its path."""
        from napalm.base.exceptions import CommandErrorException, MergeConfigException
        from napalm.ios.ios import IOSDriver

        self.round_trips += 7
        login = self.target.credentials
        with self._errors("sending a file", ConnectionCut):
            napalm = IOSDriver(
                self.target.host,
                login.username or "admin",
                login.password or "",
                optional_args={"merge_cfg": name},
            )
            napalm.device = self._connected
            try:
                napalm.load_merge_candidate(config=text)
            except (CommandErrorException, MergeConfigException, ValueError) as error:
                first = next(iter(str(error).strip().splitlines()), "no reason given")
                raise CommandRefused(
                    f"the file of the change can't be put on the device: {first}; nothing was"
                    " changed",
                    hint="look at dir, and at ip scp server enable",
                    where=self.where,
                ) from None
            return f"{napalm.dest_file_system}/{name}"

    def probe(self) -> None:
        """Connect, log in, and ask something, beside this connection."""
        with Session(self.target) as other:
            other.ask("show clock", self.target.timeouts.probe)

    @contextlib.contextmanager
    def _errors(self, what: str, lost: type[Unreachable]) -> Iterator[None]:
        """Only ``DeviceError`` leaves, and nothing of what was said on the line."""
        import netmiko
        import paramiko
        from scp import SCPException

        place = f"{self.target.host}:{self.target.port or PORT}"
        user = self.target.credentials.username or "admin"
        try:
            yield
        except netmiko.NetmikoAuthenticationException:
            raise AuthenticationFailed(
                f"{place} refused the login of {user}",
                hint="check the username, the password reference and the key file",
                where=self.where,
            ) from None
        except netmiko.ReadTimeout:
            raise ConnectionCut(f"{what}: {place} stopped answering", where=self.where) from None
        except netmiko.NetmikoTimeoutException as error:
            raise self._no_link(what, place, str(error), lost) from None
        except paramiko.SSHException as error:
            raise self._no_link(what, place, str(error), lost) from None
        except (OSError, EOFError, SCPException, netmiko.NetmikoBaseException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            if isinstance(error, FileNotFoundError):
                reason = f"{error.filename}: {reason}"
            raise lost(f"{what}: {place}: {reason}", where=self.where) from None

    def _no_link(self, what: str, place: str, text: str, lost: type[Unreachable]) -> Exception:
        if "known_hosts" in text or "host key" in text.lower():
            known = self.target.credentials.known_hosts or Path("~/.ssh/known_hosts")
            return HostKeyMismatch(
                f"the host key of {place} is not on record, or another one is",
                hint=f"compare it by another way, then correct the known_hosts file {known}",
                where=self.where,
            )
        if "TCP connection" in text or "DNS failure" in text:
            return lost(
                f"{place} can't be reached", hint="check address and route", where=self.where
            )
        return lost(f"{what}: {place} does not answer as a router does", where=self.where)


def _first(command: str) -> str:
    """Return the words of a command that hold no name, for errors."""
    return " ".join(command.split()[:3])
