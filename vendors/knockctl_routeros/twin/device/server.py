"""The router on its wires: API ports, plain and TLS, many sessions at once, in one loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from knockctl.lab import thread
from knockctl.lab.thread import LoopThread
from knockctl_routeros.twin.device.addresses import permits
from knockctl_routeros.twin.device.router import Router
from knockctl_routeros.twin.device.session import Session


class Server:
    """Serves a router; port 0 takes a free one, which ``port`` and ``tls_port`` then name."""

    def __init__(
        self,
        router: Router,
        host: str = "127.0.0.1",
        *,
        port: int = 8728,
        tls_port: int = 8729,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the wires; without ``tls`` there is no TLS port."""
        self.router = router
        self.host = host
        self.port = port
        self.tls_port = tls_port
        self._tls = tls
        self._listeners: list[asyncio.Server] = []
        self._sessions: dict[asyncio.Task[None], Session] = {}
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the ports, and let the router's clock run in this loop."""
        loop = asyncio.get_running_loop()
        self.router.clock.attach(loop)
        self.router.faults.watchers.append(self._ports_changed)
        self.router.watchers.append(self._ports_changed)
        await self.follow()

    async def stop(self) -> None:
        """Close ports and sessions."""
        self.router.faults.watchers.remove(self._ports_changed)
        self.router.watchers.remove(self._ports_changed)
        self.router.clock.attach(None)
        self._close()
        for session in list(self._sessions.values()):
            session.cut()
        for task in [*self._tasks, *self._sessions]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _close(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _ports_changed(self) -> None:
        task = asyncio.ensure_future(self.follow())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def follow(self) -> None:
        """Have the ports open exactly while the router has power and doesn't refuse."""
        async with self._changing:
            wanted = self.router.powered and not self.router.faults.refusing
            if not wanted:
                self._close()
            elif not self._listeners:
                self.port = await self._listen("api", self.port, None)
                if self._tls is not None:
                    self.tls_port = await self._listen("api-ssl", self.tls_port, self._tls)

    async def _listen(self, via: str, port: int, tls: ssl.SSLContext | None) -> int:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._accept(reader, writer, via)

        listener = await asyncio.start_server(accept, self.host, port, ssl=tls)
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, via: str
    ) -> None:
        task = asyncio.current_task()
        peer = str((writer.get_extra_info("peername") or ("127.0.0.1",))[0])
        if task is None or not self._offers(via, peer):
            writer.transport.abort()
            return
        session = Session(self.router, reader, writer, via)
        self._sessions[task] = session
        try:
            await session.serve()
        except asyncio.CancelledError:
            session.cut()
        finally:
            del self._sessions[task]
            with suppress(OSError):
                await writer.wait_closed()

    def _offers(self, via: str, peer: str) -> bool:
        services = self.router.table("/ip/service").items
        service = next(item for item in services if item.get("name") == via)
        return service.get("disabled") == "false" and permits(service.get("address"), peer)


class Served(thread.Served[Server]):
    """A router served by a thread of its own."""

    @property
    def tls_port(self) -> int:
        """The TLS API port; ``port`` is the plain one."""
        return self.server.tls_port


@contextmanager
def served(router: Router, tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Serve a router on free ports of the loopback, in a thread, until the block ends."""
    with closing(LoopThread()) as loop:
        server = Server(router, port=0, tls_port=0, tls=tls)
        loop.wait(server.start())
        try:
            yield Served(server, loop)
        finally:
            loop.wait(server.stop())
