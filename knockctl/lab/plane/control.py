"""A socket by which tests break things: JSON objects, a line each, answered line by line.

Words of one object are obeyed in order. The answer says ``ok``, or ``error``, and ``now``, the
device's time; what a word has to say stands in it by the word. Which words there are, a vendor's
plane knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knockctl.lab.plan import Place

NAME = "control"
_WRONG: tuple[type[Exception], ...] = (ValueError, TypeError, LookupError, AttributeError)
Words = Mapping[str, Callable[[Any], object]]
"""What happens at each word; what it returns is said in the answer, unless it is None."""


def tell(place: Place, **words: Any) -> dict[str, Any]:
    """Have a twin of the lab do something, from wherever its state can be seen."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(place.state / NAME))
        sock.sendall(json.dumps(words).encode() + b"\n")
        with sock.makefile("rb") as answers:
            answer: dict[str, Any] = json.loads(answers.readline())
    return answer


@dataclass(slots=True)
class Control:
    """Obeys."""

    words: Words
    now: Callable[[], float]
    refusals: tuple[type[Exception], ...] = ()
    """What the twin raises where it refuses, besides what a wrong value raises."""

    async def listen(self, folder: Path) -> asyncio.Server:
        """Listen in a folder that only root can open."""
        return await asyncio.start_unix_server(self._serve, folder / NAME)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                answer = {**self.obey(line), "now": self.now()}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    def obey(self, line: bytes) -> dict[str, object]:
        """Carry out one line."""
        said: dict[str, object] = {}
        try:
            for word, value in json.loads(line).items():
                found = self.words[word](value)
                if found is not None:
                    said[word] = found
        except (*_WRONG, *self.refusals) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}
        return {"ok": True, **said}
