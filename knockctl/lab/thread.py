"""A thread whose event loop serves twins beside a test, a benchmark or a demo."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Serving(Protocol):
    """A twin's server, as far as any has the same."""

    port: int

    async def follow(self) -> None:
        """Open and close ports as the twin's faults and power have it."""


S = TypeVar("S", bound=Serving)

_PATIENCE = 20
"""Seconds that anything asked of the thread may take."""


class LoopThread:
    """Runs from the beginning until ``close``."""

    def __init__(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="twin", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done in the thread, and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread, and return its result."""

        async def inside() -> T:
            return function()

        return self.wait(inside())

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()


class Served(Generic[S]):
    """A twin served by a thread of its own."""

    def __init__(self, server: S, thread: LoopThread) -> None:
        """Take a server that runs in the loop of another thread."""
        self.server = server
        self._thread = thread

    @property
    def port(self) -> int:
        """The port of the twin's own protocol."""
        return self.server.port

    def call(self, function: Callable[[], T]) -> T:
        """Have something done in the twin's thread, and return its result."""
        return self._thread.call(function)

    def settle(self) -> None:
        """Wait until ports are open or closed, as they should be."""
        self._thread.wait(self.server.follow())
