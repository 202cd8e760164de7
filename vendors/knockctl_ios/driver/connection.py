"""One SSH session with a router, over netmiko: commands, and files (``upload.py``)."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self

from knockctl.errors import (
    CommandRefused,
    ConnectionCut,
    PrivilegeError,
    Unreachable,
    Unsupported,
    Where,
)
from knockctl_ios.driver import upload
from knockctl_ios.driver.errors import failures
from knockctl_ios.driver.login import USER, options, ways
from knockctl_ios.driver.refusals import Refused, refusals, said

if TYPE_CHECKING:
    from types import TracebackType

    from knockctl.contract import Target

FILE = "knockctl_merge.cfg"
"""What a change travels in; deleted when it has been carried out."""
_FORGET = "\x15"
"""Takes back what has been typed of a line."""
_ASKS = r"\[(?!OK)[^\]\n]*\][ \t]*\??[ \t]*\Z"
_LOGGED = r"(?:[^\r\n]*%[A-Z0-9_]+-\d-[A-Z0-9_]+: [^\r\n]*\s*)"
"""A line of the log that comes in behind the prompt, where terminals are shown them."""
_CARRYING_OUT = 90
"""Seconds a router may take over a file, at least."""
_SILENT = 3
"""Times of a command's patience that a router may take to begin with what is long."""
_LONG = 600
"""Seconds a router may take to print its configuration or to carry a file out, at most."""


class _Watched:
    """A channel of netmiko's that says when it is closed, or silent; netmiko would wait on."""

    def __init__(self, channel: Any, connection: Any, session: Session) -> None:
        self._channel, self._connection, self._session = channel, connection, session
        self._heard = time.monotonic()

    def write_channel(self, data: str) -> None:
        self._heard = time.monotonic()
        self._session.typed += 1
        self._channel.write_channel(data)

    def read_channel(self) -> str:
        closed = self._connection.closed
        data = str(self._channel.read_channel())
        if closed and not data:
            raise EOFError
        if data:
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > self._session.patience:
            raise TimeoutError
        return data

    def read_buffer(self) -> str:
        return str(self._channel.read_buffer())


class Session:
    """Commands on one router, one at a time."""

    def __init__(self, target: Target, *, by_shell: bool = False) -> None:
        """Keep the target; ``__enter__`` connects. ``by_shell``: files don't go by SCP."""
        self.target, self.by_shell = target, by_shell
        self.round_trips = 0
        self.typed = 0
        """How often anything was written on the terminal."""
        self.patience = math.inf
        """Seconds that nothing may come for."""
        self._device: Any = None
        self._ways: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        """Connect, verify the host key, log in, and go to privileged EXEC."""
        with self._errors("connecting", Unreachable):
            self._device = self._log_in()
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

    def _log_in(self) -> Any:
        """Log in by the first way that the router takes, and keep to it: it counts failures."""
        from netmiko import ConnectHandler, NetmikoAuthenticationException

        known = options(self.target)
        self._ways = self._ways or ways(self.target.credentials)
        while True:
            way, *others = self._ways
            try:
                device = ConnectHandler(**known, **way)
            except NetmikoAuthenticationException:
                if not others:
                    raise
                self._ways = others
            else:
                self._ways = [way]
                return device

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

    def _enable(self) -> None:
        """Go to privileged EXEC; one try, for a router counts them."""
        device, limit = self._connected, self.target.timeouts.command
        asked = r"ssword: ?\Z"
        with self._errors("enable", ConnectionCut):
            device.channel = _Watched(device.channel, device.remote_conn, self)
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
        user = self.target.credentials.username or USER
        raise PrivilegeError(
            f"{user} may not go to privileged EXEC",
            hint="give the user privilege 15, or name the enable secret in"
            " connection_options.knockctl.extras.sudo_password",
            where=self.where,
        )

    # --- commands ---

    def ask(self, command: str, seconds: int | None = None) -> str:
        """Carry out a command of EXEC that asks nothing; return what it prints.

        What shows something may take its time, but not be silent for long.
        """
        self.round_trips += 1
        limit = self.target.timeouts.command
        shows = command.startswith(("show ", "more "))
        with self._errors(_first(command), ConnectionCut):
            self.patience = _SILENT * limit if shows else math.inf
            return self._send(command, self._prompt, seconds or limit)

    def do(self, command: str, seconds: int | None = None) -> str:
        """Carry out a command of EXEC; each question's default is what we want."""
        self.round_trips += 1
        limit = seconds or self.target.timeouts.command
        expected = f"(?:{self._prompt}|{_ASKS})"
        with self._errors(_first(command), ConnectionCut):
            self.patience = math.inf
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

    def helps(self, heads: Sequence[tuple[str, str]]) -> list[frozenset[str]]:
        """Return the words of the help for beginnings of lines of configuration.

        Each beginning comes with the line it is below, which has to be there already.
        """
        found: list[frozenset[str]] = []
        if not heads:
            return found
        self.round_trips += 2 * len(heads) + 2
        with self._errors("help", ConnectionCut):
            limit = self.target.timeouts.command
            self._send("configure terminal", self._prompt, limit)
            for inside, head in heads:
                refused = said(self._send(inside, self._prompt, limit))
                if refused is not None:
                    self._send("end", self._prompt, limit)
                    raise CommandRefused(f"{inside}: {refused}", where=self.where)
                self._connected.write_channel(f"{head} ?")
                typed = rf"{re.escape(self._connected.base_prompt)}[^\r\n]*#{re.escape(head)}"
                again = rf"{typed}\s*{_LOGGED}*\Z"
                told = str(self._connected.read_until_pattern(again, read_timeout=limit))
                rows = (line.split() for line in told.replace("\r", "").split("\n"))
                found.append(frozenset(row[0] for row in rows if row))
                self._connected.write_channel(_FORGET)
            self._send("end", self._prompt, limit)
        return found

    def _refused(self, command: str, refused: str) -> Exception:
        if "authorization failed" in refused:
            return PrivilegeError(
                f"{command}: command authorization failed",
                hint="let the user run it, on the AAA server",
                where=self.where,
            )
        kind = Unsupported if "Invalid input" in refused else CommandRefused
        return kind(f"{command}: {refused}", where=self.where)

    def configure(
        self, lines: Callable[[str], list[str]], command: str = "configure terminal"
    ) -> str:
        """Carry out lines of configuration; return what the device says of the first command.

        ``lines`` is told that, too. Stops at the first line that is refused, and raises
        ``CommandRefused``.
        """
        self.round_trips += 1
        with self._errors(_first(command), ConnectionCut):
            limit = self.target.timeouts.command
            self.patience = math.inf
            output = self._send(command, self._prompt, limit)
            if said(output) is not None:
                return output
            refused = None
            asked = lines(output)
            self.round_trips += len(asked) + 1
            for line in asked:
                refused = said(self._send(line, self._prompt, limit))
                if refused is not None:
                    break
            self._send("end", self._prompt, limit)
            if refused is not None:
                raise CommandRefused(f"{line}: {refused}", where=self.where)
            return output

    def merge(self, text: str) -> list[Refused]:
        """Send lines as a file and have it carried out; return what was refused of it."""
        file = self.upload(text)
        seconds = max(self.target.timeouts.command, _CARRYING_OUT)
        output = self.do(f"copy {file} running-config", seconds)
        self.do(f"delete /force {file}")
        return list(refusals(output))

    def upload(self, text: str, name: str = FILE) -> str:
        """Put a text into a file on flash; return its path."""
        data = text.encode()
        try:
            path = upload.place(self.ask("dir"), name, len(data))
            self._carry(text, path)
            upload.arrived(self.ask(f"verify /md5 {path}", _CARRYING_OUT), data)
        except upload.Unsent as error:
            raise CommandRefused(
                f"the file of the change can't be put on the device: {error}; nothing was changed",
                hint="look at dir, and at ip scp server enable",
                where=self.where,
            ) from None
        return path

    def _carry(self, text: str, path: str) -> None:
        try:
            with self._errors("sending a file", ConnectionCut):
                self.patience = math.inf
                if self.by_shell:
                    before = self.typed
                    upload.by_shell(self._connected, text, path)
                    self.round_trips += self.typed - before
                else:
                    seconds = self.target.timeouts.command
                    upload.by_scp(self._connected, text.encode(), path, seconds)
        except Unreachable as error:
            if self._connected.remote_conn.closed:
                raise
            # A part may lie there; what it says is nobody's business.
            self.do(f"delete /force {path}")
            raise upload.Unsent(error.message) from None

    def probe(self) -> None:
        """Connect, log in, and ask something, beside this connection."""
        other = Session(self.target)
        other._ways = self._ways
        with other:
            other.ask("show clock", self.target.timeouts.probe)

    def _errors(self, what: str, lost: type[Unreachable]) -> AbstractContextManager[None]:
        return failures(self.target, what, lost)


def _first(command: str) -> str:
    """Return the words of a command that hold no name, for errors."""
    return " ".join(command.split()[:3])
