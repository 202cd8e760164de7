"""A session's terminal: echo, line editing, pages, questions, and log lines in between."""

from __future__ import annotations

import asyncio
import codecs
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, Protocol

from knockctl.lab.faults import Fate
from knockctl_ios.twin.device import keys
from knockctl_ios.twin.device.dialogue import Ask, Dialogue

if TYPE_CHECKING:
    from knockctl_ios.twin.device.logs import LogLine
    from knockctl_ios.twin.device.shell import Shell

MORE = " --More-- "


class Gone(Exception):
    """The peer has ended the session."""


class Wire(Protocol):
    """What a terminal needs of a connection."""

    async def read(self) -> bytes:
        """Return what came in, empty at the end."""

    def write(self, data: bytes) -> None:
        """Send."""

    def cut(self) -> None:
        """End the connection at once."""


class Terminal:
    """Reads lines from a wire, has a shell carry them out, and prints what it says."""

    def __init__(self, shell: Shell, wire: Wire) -> None:
        """Take a session that has logged in."""
        self._shell = shell
        self._wire = wire
        self._typed: deque[str] = deque()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line = ""
        self._editing = False

    async def serve(self) -> None:
        """Go on until either side ends it."""
        device = self._shell.device
        device.logs.watchers.append(self._logged)
        try:
            self._greet()
            while not self._shell.ended and device.powered:
                await self._turn()
        except Gone:
            pass
        finally:
            device.logs.watchers.remove(self._logged)
            if self._shell.config is not None and device.powered:
                self._shell.leave_config()

    def _greet(self) -> None:
        banner = self._shell.device.running.child("banner motd")
        self._print(f"\n{banner.args['text']}\n" if banner is not None else "\n")

    async def _turn(self) -> None:
        line = await self._read_line(self._shell.prompt)
        faults = self._shell.device.faults
        fate = faults.fate() if line.strip() else Fate.ANSWER
        if fate in (Fate.CUT_BEFORE, Fate.POWER_BEFORE) or faults.deaf:
            self._fall(fate)
            return
        if faults.delay:
            await asyncio.sleep(faults.delay)
        found = self._shell.run(line)
        if fate is not Fate.ANSWER:
            if isinstance(found, Generator):
                _finish(found)
            self._fall(fate)
            return
        text = await self._converse(found) if isinstance(found, Generator) else found
        await self._page(text if not text or text.endswith("\n") else f"{text}\n")

    def _fall(self, fate: Fate) -> None:
        if fate in (Fate.POWER_BEFORE, Fate.POWER_AFTER):
            self._shell.device.power_off()
        if fate is not Fate.ANSWER:
            self._wire.cut()

    async def _converse(self, dialogue: Dialogue) -> str:
        try:
            ask = next(dialogue)
            while True:
                ask = dialogue.send(await self._answer(ask))
        except StopIteration as end:
            return str(end.value)

    async def _answer(self, ask: Ask) -> str:
        if not ask.key:
            return await self._read_line(ask.prompt, hidden=ask.hidden)
        self._print(ask.prompt)
        key = await self._key()
        self._print("\n")
        return key.strip("\r\n")

    # --- reading ---

    async def _key(self) -> str:
        while not self._typed:
            data = await self._wire.read()
            if not data:
                raise Gone
            self._typed.extend(self._decoder.decode(data))
        key = self._typed.popleft()
        if key == "\r" and self._typed and self._typed[0] == "\n":
            self._typed.popleft()
        return key

    async def _read_line(self, prompt: str, *, hidden: bool = False) -> str:
        self._print(prompt)
        self._line, self._editing = "", True
        limit = self._shell.device.switches.line_limit
        editor = keys.Editor(self._shell, prompt, hidden=hidden, limit=limit)
        while not editor.done:
            key = await self._key()
            echo = editor.take(key)
            while self._typed and not editor.done and self._typed[0].isprintable():
                echo += editor.take(self._typed.popleft())
            self._line = editor.line
            self._print(echo)
        self._editing = False
        return editor.line

    # --- printing ---

    def _print(self, text: str) -> None:
        faults = self._shell.device.faults
        if text and not (faults.silent or faults.deaf):
            self._wire.write(text.replace("\n", "\r\n").encode())

    async def _page(self, text: str) -> None:
        length = self._shell.settings.length
        lines = text.splitlines(keepends=True)
        if not length or len(lines) < length:
            self._print(text)
            return
        shown, room = 0, length - 1
        while shown < len(lines):
            self._print("".join(lines[shown : shown + room]))
            shown += room
            if shown >= len(lines):
                return
            self._print(MORE)
            key = await self._key()
            erase = "\b" * len(MORE)
            self._print(f"{erase}{' ' * len(MORE)}{erase}")
            if key in ("\r", "\n"):
                room = 1
            elif key == " ":
                room = length - 1
            else:
                self._print("\n")
                return

    def _logged(self, line: LogLine) -> None:
        shell = self._shell
        if not (shell.settings.monitor or shell.device.switches.forced_monitor):
            return
        again = ""
        if self._editing and shell.device.synchronous:
            again = f"{shell.prompt}{self._line}"
        self._print(f"\n{line.text}\n{again}")


def _finish(dialogue: Dialogue) -> None:
    try:
        next(dialogue)
        while True:
            dialogue.send("")
    except StopIteration:
        pass
