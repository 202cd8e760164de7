"""What answers on a device's own ports beside its management."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence


async def terminal(addresses: Sequence[str], banner: bytes, port: int = 22) -> asyncio.Server:
    """Listen in the place of SSH: greet, then say again whatever is said.

    A session lasts until the client ends it, so that it can be seen to outlive a grant.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(banner)
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        writer.close()

    return await asyncio.start_server(talk, addresses, port)


async def answering(addresses: Sequence[str], ports: Iterable[int], patience: float = 10.0) -> None:
    """Wait until every TCP port of all the addresses answers; raises ``TimeoutError``."""
    ends = [(address, port) for address in addresses for port in ports]
    for address, port in ends:
        await asyncio.wait_for(_answers(address, port), patience)


async def _answers(address: str, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(address, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
