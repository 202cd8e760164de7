"""What answers on the router's own ports beside the API."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

BANNER = b"SSH-2.0-ROSSSH\r\n"


async def terminal(addresses: Sequence[str], port: int = 22) -> asyncio.Server:
    """Listen in the place of SSH: greet, then say again whatever is said.

    A session lasts until the client ends it, so that it can be seen to outlive a grant.
    """
    return await asyncio.start_server(_talk, addresses, port)


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.write(BANNER)
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    writer.close()
