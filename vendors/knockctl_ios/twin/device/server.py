"""The device on its wires: SSH with its shell, its exec channel and SCP, in one loop."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from knockctl.lab import thread
from knockctl.lab.thread import LoopThread
from knockctl_ios.twin.device.commands import exec_commands
from knockctl_ios.twin.device.device import Device
from knockctl_ios.twin.device.shell import Settings, Shell
from knockctl_ios.twin.device.terminal import Terminal

if TYPE_CHECKING:
    import asyncssh

    Process = asyncssh.SSHServerProcess[bytes]

VERSION = "Cisco-1.25"


@functools.cache
def _host_key() -> asyncssh.SSHKey:
    """Make a key once per process."""
    import asyncssh

    return asyncssh.generate_private_key("ssh-rsa", key_size=2048)


class _Wire:
    """A process's channel as a terminal's wire."""

    def __init__(self, process: Process, settings: Settings) -> None:
        self._process = process
        self._settings = settings

    async def read(self) -> bytes:
        import asyncssh

        while True:
            try:
                return await self._process.stdin.read(4096)
            except asyncssh.TerminalSizeChanged as change:
                self._settings.width, self._settings.length = change.width, change.height
            except (asyncssh.BreakReceived, asyncssh.SignalReceived):
                continue
            except (OSError, asyncssh.Error):
                return b""

    def write(self, data: bytes) -> None:
        with suppress(OSError):
            self._process.stdout.write(data)

    def cut(self) -> None:
        self._process.channel.get_connection().abort()


class Server:
    """Serves a device; port 0 takes a free one, which ``port`` then names."""

    def __init__(
        self,
        device: Device,
        host: str | Sequence[str] = "127.0.0.1",
        *,
        port: int = 22,
        host_keys: Sequence[asyncssh.SSHKey] = (),
    ) -> None:
        """Take the wires; without keys one is made."""
        self.device = device
        self.host = host
        self.port = port
        self._keys = host_keys
        self._listener: asyncssh.SSHAcceptor | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()
        self.connections: set[asyncssh.SSHServerConnection] = set()

    async def start(self) -> None:
        """Open the port, and let the device's clock run in this loop."""
        self.device.clock.attach(asyncio.get_running_loop())
        self.device.faults.watchers.append(self._ports_changed)
        self.device.watchers.append(self._ports_changed)
        await self.follow()

    async def stop(self) -> None:
        """Close port and sessions."""
        self.device.faults.watchers.remove(self._ports_changed)
        self.device.watchers.remove(self._ports_changed)
        self.device.clock.attach(None)
        self._close()
        for connection in list(self.connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.sleep(0)

    def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _ports_changed(self) -> None:
        task = asyncio.ensure_future(self.follow())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def follow(self) -> None:
        """Have the port open exactly while the device has power and doesn't refuse."""
        import asyncssh

        from knockctl_ios.twin.device.guard import Guard

        async with self._changing:
            if not self.device.powered or self.device.faults.refusing:
                self._close()
            elif self._listener is None:
                self._listener = await asyncssh.create_server(
                    functools.partial(Guard, self.device, self.connections),
                    self.host,
                    self.port,
                    server_host_keys=list(self._keys) or [_host_key()],
                    server_version=VERSION,
                    process_factory=self._session,
                    sftp_factory=self._files,
                    allow_scp=True,
                    encoding=None,
                    line_editor=False,
                    reuse_address=True,
                )
                self.port = self._listener.get_port()

    def _files(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        from knockctl_ios.twin.device.sftp import FlashServer

        return FlashServer(channel, self.device)

    async def _session(self, process: Process) -> None:
        user = str(process.get_extra_info("username"))
        peer = process.get_extra_info("peername")
        columns, rows, _, _ = process.get_terminal_size()
        settings = Settings(columns or 80, rows or 24)
        level = self.device.privilege(user)
        shell = Shell(self.device, exec_commands, user, level, str(peer[0]), settings=settings)
        shell.line = process.get_extra_info("vty", 0)
        wire = _Wire(process, settings)
        if process.command is not None:
            said = shell.answer(process.command).replace("\n", "\r\n")
            wire.write(b"\r\n" + said.encode())
        else:
            await Terminal(shell, wire).serve()
        with suppress(OSError):
            process.exit(0)


class Served(thread.Served[Server]):
    """A device served by a thread of its own."""


@contextmanager
def served(device: Device) -> Iterator[Served]:
    """Serve a device on a free port of the loopback, in a thread, until the block ends."""
    with closing(LoopThread()) as loop:
        server = Server(device, port=0)
        loop.wait(server.start())
        try:
            yield Served(server, loop)
        finally:
            loop.wait(server.stop())
