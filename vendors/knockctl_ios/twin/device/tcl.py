"""The Tcl shell, as far as files are written with it: ``puts [open "flash:x" w+] {text}``.

A file is complete only when the shell is left. Whatever isn't Tcl goes to EXEC, as on IOS.
"""

from __future__ import annotations

import re
from typing import Protocol

from knockctl_ios.twin.device.device import Device
from knockctl_ios.twin.device.dialogue import Dialogue
from knockctl_ios.twin.device.files import FileError, path_of

_PUTS = re.compile(
    r'\s*puts\s+(?:(-nonewline)\s+)?(?:\[open\s+"?([^"\s\]]+)"?\s+(w\+?|a\+?)\]\s+)?(.*)', re.DOTALL
)
_ENDS = ("tclquit", "exit", "quit")


class Outer(Protocol):
    """What the Tcl shell needs of the session it is opened in."""

    device: Device
    tcl: Interpreter | None

    def execute(self, text: str) -> str | Dialogue:
        """Carry out an EXEC command."""


class Interpreter:
    """One session in the Tcl shell."""

    def __init__(self, shell: Outer) -> None:
        """Open the shell for a session."""
        self._shell = shell
        self._typed: list[str] = []
        self._files: dict[str, bytes] = {}

    def prompt(self, name: str) -> str:
        """Return what stands before the next line."""
        return "+>" if self._typed else f"{name}(tcl)#"

    def line(self, text: str) -> str | Dialogue:
        """Take a line; a command is complete when its braces are closed."""
        if not self._typed and text.strip() in _ENDS:
            return self._leave()
        self._typed.append(text)
        command = "\n".join(self._typed)
        if command.count("{") > command.count("}"):
            return ""
        self._typed.clear()
        return self._do(command) if command.strip() else ""

    def _do(self, command: str) -> str | Dialogue:
        match = _PUTS.fullmatch(command)
        if match is None:
            return self._shell.execute(command)
        quiet, name, how, value = match.groups()
        text = _value(value) + ("" if quiet else "\n")
        if name is None:
            return text
        path = path_of(name)
        if path is None:
            return f'couldn\'t open "{name}": no such file or directory\n'
        before = self._shell.device.flash.files.get(path) if how.startswith("a") else None
        self._files[path] = (before.data if before else b"") + text.encode()
        return ""

    def _leave(self) -> str:
        self._shell.tcl = None
        said = ""
        for path, data in self._files.items():
            try:
                self._shell.device.flash.write(path, data)
            except FileError as error:
                said += f"%Error opening flash:/{path} ({error})\n"
        return said


def _value(text: str) -> str:
    text = text.rstrip()
    if (text[:1] == "{" and text[-1:] == "}") or (len(text) > 1 and text[0] == text[-1] == '"'):
        return text[1:-1]
    return text
