"""One line as it is typed: which key does what, and what is echoed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knockctl_ios.twin.device.shell import Shell

BELL, BACKSPACE, DELETE, TAB = "\a", "\b", "\x7f", "\t"
INTERRUPT, LITERAL, KILL, WORD, END, AGAIN = "\x03", "\x16", "\x15", "\x17", "\x1a", "\x12"
SCROLL = 10
"""Columns that a line which has become too wide moves to the left."""


class Editor:
    """Takes key after key; ``done`` when the line is complete."""

    def __init__(self, shell: Shell, prompt: str, *, hidden: bool, limit: int) -> None:
        """Start an empty line."""
        self._shell = shell
        self._prompt = prompt.rpartition("\n")[2]
        self._hidden = hidden
        self._limit = limit
        self._literal = False
        self._shift = 0
        self.line = ""
        self.done = False

    def take(self, key: str) -> str:
        """Take a key; return the echo, with a plain line feed for a new line."""
        if self._literal:
            self._literal = False
            return self._add(key)
        if key in "\r\n":
            self.done = True
            return "\n"
        if key in (BACKSPACE, DELETE):
            return self._cut(1)
        action = {
            INTERRUPT: self._interrupt,
            END: self._end,
            LITERAL: self._next_literal,
            KILL: self._kill,
            WORD: self._kill_word,
            AGAIN: self._again,
            TAB: self._complete,
            "?": self._help,
        }.get(key)
        if action is not None and not (key in "?\t" and self._plain):
            return action()
        return self._add(key) if key.isprintable() else ""

    @property
    def _plain(self) -> bool:
        """What is typed is an answer or text, not a command."""
        config = self._shell.config
        text = config is not None and config.in_text
        return self._hidden or text or self._shell.tcl is not None

    def _add(self, key: str) -> str:
        if len(self.line) >= self._limit and self._shell.tcl is None:
            return BELL
        self.line += key
        if self._hidden:
            return ""
        width = self._shell.settings.width
        column = len(self._prompt) + len(self.line) - self._shift
        if width and column >= width and self._shell.tcl is None:
            return self._scroll()
        return key

    def _scroll(self) -> str:
        self._shift += SCROLL
        shown = "$" + self.line[self._shift + 1 :]
        blank = " " * SCROLL
        return f"\r{self._prompt}{shown}{blank}" + BACKSPACE * SCROLL

    def _cut(self, count: int) -> str:
        count = min(count, len(self.line))
        self.line = self.line[: len(self.line) - count]
        return "" if self._hidden else "\b \b" * count

    def _kill(self) -> str:
        return self._cut(len(self.line))

    def _kill_word(self) -> str:
        return self._cut(len(self.line) - len(self.line.rstrip().rpartition(" ")[0]))

    def _interrupt(self) -> str:
        self.line, self.done = "", True
        return "^C\n" if self._shell.config is None else "\n"

    def _end(self) -> str:
        """Carry out the line's end of configuration, as ``end`` does."""
        if self._shell.config is None:
            return ""
        self.line, self.done = "end", True
        return "^Z\n"

    def _next_literal(self) -> str:
        self._literal = True
        return ""

    def _again(self) -> str:
        return f"\n{self._prompt}{self.line}"

    def _complete(self) -> str:
        head, _, word = self.line.rpartition(" ")
        found = [w for w in self._words(head) if w.startswith(word.lower())] if word else []
        if len(found) == 1:
            self.line += f"{found[0][len(word) :]} "
        return f"\n{self._prompt}{self.line}"

    def _help(self) -> str:
        head, _, word = self.line.rpartition(" ")
        found = self._words(head)
        if word:
            found = [w for w in found if w.startswith(word.lower())]
            said = "  ".join(found) or "% Unrecognized command"
        else:
            said = "\n".join(f"  {w}" for w in found) or "% Unrecognized command"
        return f"?\n{said}\n\n{self._prompt}{self.line}"

    def _words(self, head: str) -> list[str]:
        return self._shell.words(head)
