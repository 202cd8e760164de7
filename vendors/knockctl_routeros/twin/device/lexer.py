"""Reading a script letter by letter: blanks, words, quoted strings."""

from __future__ import annotations

import re

from knockctl_routeros.twin.device.traps import SCRIPTING, Trap
from knockctl_routeros.twin.device.tree import Joined, Text, Variable

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "_": " ", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
CONTINUED = re.compile(r"\\(?:\r?\n[ \t]*|.)")
BLANK = re.compile(r"[ \t\r]*")
SEPARATED = re.compile(r"(?:[\s;]|#[^\n]*)*")
WORD = re.compile(r"[^\s;\[\](){}\"=$]+")
VALUE = re.compile(r"(?:[^\s;\[\](){}\"$\\]|\\[^\n])+")
NAME = re.compile(r"[A-Za-z0-9]+")


class Reader:
    """A place in a script's text; lines that go on after a backslash are one line."""

    def __init__(self, source: str) -> None:
        """Begin at the first letter."""
        self.source = CONTINUED.sub(lambda m: "" if "\n" in m[0] else m[0], source)
        self.at = 0

    def wrong(self, what: str = "syntax error") -> Trap:
        """Make the error that names this place."""
        line = self.source.count("\n", 0, self.at) + 1
        column = self.at - (self.source.rfind("\n", 0, self.at) + 1) + 1
        return Trap(f"{what} (line {line} column {column})", SCRIPTING)

    def take(self, pattern: re.Pattern[str]) -> str:
        """Read what matches here, perhaps nothing."""
        found = pattern.match(self.source, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]

    def blank(self) -> None:
        """Skip spaces."""
        self.take(BLANK)

    def peek(self, size: int = 1) -> str:
        """Return the next letters without reading them."""
        return self.source[self.at : self.at + size]

    def accept(self, text: str) -> bool:
        """Read a text if it is what comes next."""
        if self.source.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def expect(self, text: str) -> None:
        """Read a text that has to come next.

        Raises:
            Trap: something else does.
        """
        if not self.accept(text):
            raise self.wrong()

    def ended(self, also: str = "") -> bool:
        """Tell whether a command ends here."""
        return self.peek() in ("", "\n", ";", "]", "}", *also)

    def name(self) -> str:
        """Read a variable's name."""
        found = self.take(NAME)
        if not found:
            raise self.wrong()
        return found

    def quoted(self) -> Text | Joined:
        """Read a string whose opening quote has been read."""
        parts: list[Text | Variable] = []
        letters = ""
        while not self.accept('"'):
            if not self.peek():
                raise self.wrong("missing closing quote")
            if self.accept("$"):
                parts += [Text(letters), Variable(self.name())]
                letters = ""
            else:
                letters += self._letter()
        return Joined((*parts, Text(letters))) if parts else Text(letters)

    def _letter(self) -> str:
        letter = self.peek()
        self.at += 1
        if letter != "\\":
            return letter
        escape = self.peek()
        self.at += 1
        if re.fullmatch(r"[0-9A-F]{2}", escape + self.peek()):
            self.at += 1
            return chr(int(self.source[self.at - 2 : self.at], 16))
        if escape in ESCAPES:
            return ESCAPES[escape]
        if escape not in ('"', "\\", "$", "?"):
            raise self.wrong()
        return escape
