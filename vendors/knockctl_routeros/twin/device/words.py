"""The wire: sentences of words, each with its length before it.

Source: MikroTik manual, API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

PREFIXES = ((0x80, 1, 0), (0x4000, 2, 0x8000), (0x200000, 3, 0xC00000), (0x10000000, 4, 0xE0000000))
LONGEST = 4 << 20


class NotTheProtocol(Exception):
    """The peer sent a control byte that is reserved, or a word of absurd length."""


def encode_length(length: int) -> bytes:
    """Encode the length of a word in one to five bytes."""
    for limit, size, mark in PREFIXES:
        if length < limit:
            return (length | mark).to_bytes(size, "big")
    return b"\xf0" + length.to_bytes(4, "big")


def encode(sentence: Iterable[str]) -> bytes:
    """Encode a sentence with the empty word that ends it."""
    words = [word.encode("utf-8", "surrogateescape") for word in sentence]
    return b"".join(encode_length(len(word)) + word for word in words) + b"\0"


async def read_length(reader: asyncio.StreamReader) -> int:
    """Read the length of the next word.

    Raises:
        NotTheProtocol: a reserved control byte.
        asyncio.IncompleteReadError: the peer went away.
    """
    first = (await reader.readexactly(1))[0]
    if first >= 0xF8:
        raise NotTheProtocol(f"reserved control byte {first:#x}")
    if first >= 0xF0:
        return int.from_bytes(await reader.readexactly(4), "big")
    more = sum(first >= mark for mark in (0x80, 0xC0, 0xE0))
    value = int.from_bytes(bytes([first]) + await reader.readexactly(more), "big")
    return value & ((1 << (7 * (more + 1))) - 1)


async def read_sentence(reader: asyncio.StreamReader) -> list[str]:
    """Read the next sentence that isn't empty; bytes that are no UTF-8 come back as they came."""
    sentence: list[str] = []
    while True:
        length = await read_length(reader)
        if length > LONGEST:
            raise NotTheProtocol(f"a word of {length} bytes")
        if length:
            word = await reader.readexactly(length)
            sentence.append(word.decode("utf-8", "surrogateescape"))
        elif sentence:
            return sentence
