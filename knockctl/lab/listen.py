"""Real listeners for the services of a lab device.

Each answers a connection or a datagram with one line that says who asked, and closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from typing import cast

from knockctl.ports import Span


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    with contextlib.suppress(OSError):
        writer.write(f"knockctl lab: hello {writer.get_extra_info('peername')[0]}\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


class _Datagrams(asyncio.DatagramProtocol):
    """Answers every datagram."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del data
        self.transport.sendto(f"knockctl lab: hello {addr[0]}\n".encode(), addr)


async def serve(spans: Sequence[Span], addresses: Sequence[str]) -> None:
    """Listen on single ports of all the addresses, until cancelled."""
    loop = asyncio.get_running_loop()
    for span in spans:
        for address in addresses:
            if span.protocol == "tcp":
                await asyncio.start_server(_answer, address, span.first)
            else:
                await loop.create_datagram_endpoint(_Datagrams, (address, span.first))
    await asyncio.Event().wait()


if __name__ == "__main__":
    ports, hosts = sys.argv[1].split(","), sys.argv[2].split(",")
    asyncio.run(serve([Span.parse(port) for port in ports], hosts))
