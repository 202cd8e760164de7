"""From a script's text to its commands. A script with an error anywhere doesn't run at all.

Understood is the part of the language that configuration exports and revert scripts are written
in. Source: MikroTik manual, Scripting.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from knockctl_routeros.twin.device.lexer import SEPARATED, VALUE, WORD, Reader
from knockctl_routeros.twin.device.tree import (
    Block,
    Builtin,
    Command,
    Expression,
    Not,
    Operation,
    Property,
    Result,
    Text,
    Variable,
)

BUILTINS = ("if", "do", "delay", "log", "len", "put", "error", "foreach", "local", "global", "set")
LEVELS = (("||", "or"), ("&&", "and"), ("!=", "<=", ">=", "=", "~", "<", ">"), ("+", "-", "."))
ALIASES = {"||": "or", "&&": "and"}
PROPERTY = re.compile(r"\.?[A-Za-z][\w-]*")
NAMED = re.compile(r"!?[A-Za-z][\w.-]*=")

IsMenu = Callable[[str], bool]
HasCommand = Callable[[str, str], bool]


class Parser:
    """Reads one script, for a router that knows its menus and their commands."""

    def __init__(
        self, source: str, is_menu: IsMenu, has_command: HasCommand, *, slashes: bool = True
    ) -> None:
        """Take what the router has: whether a path is a menu, and a verb one of its commands.

        ``slashes`` is whether ``/ip/firewall`` is a path, as since version 7.
        """
        self._reader = Reader(source)
        self._is_menu = is_menu
        self._has_command = has_command
        self._slashes = slashes

    def script(self) -> Block:
        """Read all of it.

        Raises:
            Trap: with line and column of the first thing not understood.
        """
        block = self._block("", "")
        if self._reader.peek():
            raise self._reader.wrong()
        return block

    def _block(self, menu: str, end: str) -> Block:
        commands: list[Command | Builtin] = []
        self._reader.take(SEPARATED)
        while self._reader.peek() not in ("", end):
            command, menu = self._command(menu)
            commands += [command] if command else []
            if not self._reader.ended():
                raise self._reader.wrong("expected end of command")
            if self._reader.peek() in ("]", "}") and self._reader.peek() != end:
                raise self._reader.wrong()
            self._reader.take(SEPARATED)
        return Block(tuple(commands))

    def _command(self, menu: str) -> tuple[Command | Builtin | None, str]:
        """Read a command; a menu alone becomes the menu of those that follow."""
        self._reader.blank()
        if self._reader.accept(":"):
            return self._builtin(menu), menu
        path = begin = "" if self._reader.peek() == "/" else menu
        while True:
            start = self._reader.at
            if self._reader.accept("/") and path != begin and not self._slashes:
                raise self._reader.wrong()
            word = self._segment()
            if word and self._is_menu(f"{path}/{word}"):
                path = f"{path}/{word}"
                self._reader.blank()
                continue
            if not word and path != menu and self._reader.ended():
                return None, path
            if not self._has_command(path, word):
                self._reader.at = start
                raise self._reader.wrong(f"bad command name {word}")
            return self._arguments(path, word), menu

    def _segment(self) -> str:
        found = re.compile(r"[A-Za-z0-9-]+").match(self._reader.source, self._reader.at)
        self._reader.at = found.end() if found else self._reader.at
        return found[0] if found else ""

    def _arguments(self, path: str, verb: str) -> Command:
        if verb in ("find", "print"):
            return Command(path, verb, (), (), self._where(path))
        given, named = self._words(path)
        return Command(path, verb, given, named)

    def _words(
        self, menu: str
    ) -> tuple[tuple[Expression, ...], tuple[tuple[str, Expression], ...]]:
        given: list[Expression] = []
        named: list[tuple[str, Expression]] = []
        self._reader.blank()
        while not self._reader.ended():
            name = self._reader.take(NAMED)
            if name:
                nothing = self._reader.peek() in (" ", "\t") or self._reader.ended()
                named.append((name[:-1], Text("") if nothing else self._value(menu)))
            elif self._reader.peek() == "!" and (unset := self._reader.take(WORD)):
                named.append((unset, Text("")))
            else:
                given.append(self._value(menu))
            self._reader.blank()
        return tuple(given), tuple(named)

    def _builtin(self, menu: str) -> Builtin:
        start = self._reader.at
        name = self._segment()
        if name not in BUILTINS:
            self._reader.at = start
            raise self._reader.wrong(f"bad command name {name}")
        given, named = self._words(menu)
        return Builtin(name, given, named)

    def _value(self, menu: str) -> Expression:
        reader = self._reader
        if reader.accept('"'):
            return reader.quoted()
        if reader.accept("["):
            command, _ = self._command(menu)
            reader.blank()
            reader.expect("]")
            if command is None:
                raise reader.wrong()
            return Result(command)
        if reader.accept("("):
            inner = self._expression(menu, where=False)
            reader.blank()
            reader.expect(")")
            return inner
        if reader.accept("{"):
            block = self._block(menu, "}")
            reader.expect("}")
            return block
        if reader.accept("$"):
            return Variable(reader.name())
        word = reader.take(VALUE)
        if not word:
            raise reader.wrong()
        return Text(re.sub(r"\\(.)", r"\1", word))

    # --- expressions ---

    def _where(self, menu: str) -> Expression | None:
        self._reader.blank()
        if self._reader.source.startswith("where", self._reader.at):
            self._reader.take(re.compile(r"where\b"))
        condition: Expression | None = None
        self._reader.blank()
        while not self._reader.ended(")"):
            term = self._expression(menu, where=True)
            condition = Operation("and", condition, term) if condition else term
            self._reader.blank()
        return condition

    def _expression(self, menu: str, *, where: bool, level: int = 0) -> Expression:
        if level == len(LEVELS) or (where and level == 3):
            return self._term(menu, where=where)
        left = self._expression(menu, where=where, level=level + 1)
        while sign := self._sign(level):
            if where and level == 2:
                self._reader.blank()
                right: Expression = self._value(menu)
            else:
                right = self._expression(menu, where=where, level=level + 1)
            left = Operation(ALIASES.get(sign, sign), left, right)
        return left

    def _sign(self, level: int) -> str:
        self._reader.blank()
        for sign in LEVELS[level]:
            pattern = rf"{sign}\b" if sign.isalpha() else re.escape(sign)
            if self._reader.take(re.compile(pattern)):
                return sign
        return ""

    def _term(self, menu: str, *, where: bool) -> Expression:
        self._reader.blank()
        if self._reader.accept("!"):
            return Not(self._expression(menu, where=where, level=2))
        if where and self._reader.accept("("):
            inner = self._expression(menu, where=True)
            self._reader.blank()
            self._reader.expect(")")
            return inner
        if where and (name := self._reader.take(PROPERTY)):
            return Property(name)
        if where and self._reader.peek() not in ("[", "$"):
            raise self._reader.wrong()
        if not where and (number := self._reader.take(re.compile(r"[\w:*]+"))):
            return Text(number)
        return self._value(menu)
