"""The device on its wire: the XML API over TLS, many connections at once, in one loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from knockctl.lab import thread
from knockctl.lab.faults import Fate
from knockctl.lab.thread import LoopThread
from knockctl_panos.twin.device import api, wire
from knockctl_panos.twin.device.answers import XML
from knockctl_panos.twin.device.appliance import Appliance


class Server:
    """Serves a device; port 0 takes a free one, which ``port`` then names."""

    def __init__(
        self,
        device: Appliance,
        host: str = "127.0.0.1",
        *,
        port: int = 443,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the wire; without ``tls`` it speaks plain HTTP, which no SDK does."""
        self.device = device
        self.host = host
        self.port = port
        self._tls = tls
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the port, and let the device's clock run in this loop."""
        self.device.clock.attach(asyncio.get_running_loop())
        self.device.faults.watchers.append(self._changed)
        self.device.watchers.append(self._changed)
        await self.follow()

    async def stop(self) -> None:
        """Close the port and all connections."""
        self.device.faults.watchers.remove(self._changed)
        self.device.watchers.remove(self._changed)
        self.device.clock.attach(None)
        self._close()
        for task in [*self._tasks, *self._connections]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None

    def _changed(self) -> None:
        if not self.device.powered:
            for writer in self._connections.values():
                writer.transport.abort()
        task = asyncio.ensure_future(self.follow())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def follow(self) -> None:
        """Have the port open exactly while the device has power and doesn't refuse."""
        async with self._changing:
            wanted = self.device.powered and not self.device.faults.refusing
            if not wanted:
                self._close()
            elif self._listener is None:
                self._listener = await asyncio.start_server(
                    self._accept, self.host, self.port, ssl=self._tls
                )
                self.port = int(self._listener.sockets[0].getsockname()[1])

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or not self.device.powered:
            writer.transport.abort()
            return
        self._connections[task] = writer
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            del self._connections[task]
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keep = True
        while keep:
            try:
                request = await wire.receive(reader)
            except wire.BadRequest as bad:
                body = bad.status.phrase.encode()
                writer.write(wire.printed(bad.status, body, "text/html", keep=False))
                break
            if request is None:
                return
            answer = await self._answer(request)
            if answer is None:
                return
            keep = request.keep
            writer.write(answer)
            await writer.drain()
        await _finish(writer)

    async def _answer(self, request: wire.Request) -> bytes | None:
        """Return what is to be written; None where the connection is cut."""
        faults = self.device.faults
        if faults.deaf:
            await asyncio.Event().wait()
        fate = faults.fate()
        if fate is Fate.CUT_BEFORE:
            return None
        if faults.delay:
            await asyncio.sleep(faults.delay)
        found = api.answer(self.device, request.parameters, request.key)
        if fate is Fate.CUT_AFTER:
            return None
        if faults.silent:
            await asyncio.Event().wait()
        return wire.printed(found.status, found.body, XML, keep=request.keep)


async def _finish(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        await writer.drain()
        writer.close()
        await writer.wait_closed()


class Host(LoopThread):
    """A thread whose loop serves devices: those that know each other belong to one."""

    def __init__(self) -> None:
        """Start the thread."""
        super().__init__()
        self._servers: list[Server] = []

    def serve(self, device: Appliance, tls: ssl.SSLContext | None = None) -> Served:
        """Serve a device on a free port of the loopback."""
        server = Server(device, port=0, tls=tls)
        self.wait(server.start())
        self._servers.append(server)
        return Served(server, self)

    def close(self) -> None:
        """Stop all servers, and the thread."""
        for server in self._servers:
            self.wait(server.stop())
        super().close()


class Served(thread.Served[Server]):
    """A device served by another thread."""


@contextmanager
def served(device: Appliance, tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Serve a device on a free port of the loopback, in a thread, until the block ends."""
    with closing(Host()) as host:
        yield host.serve(device, tls)
