"""Running scripts: the same commands as over the API, with values worked out first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from knockctl_routeros.twin.device import readback, times
from knockctl_routeros.twin.device.commands import asked, everything
from knockctl_routeros.twin.device.kinds import TRUTH
from knockctl_routeros.twin.device.machine import Machine
from knockctl_routeros.twin.device.parser import Parser
from knockctl_routeros.twin.device.queries import equal, less
from knockctl_routeros.twin.device.requests import Actor, Reply, Request
from knockctl_routeros.twin.device.traps import SCRIPTING, Trap, no_such_item
from knockctl_routeros.twin.device.tree import (
    Block,
    Builtin,
    Command,
    Expression,
    Joined,
    Not,
    Operation,
    Property,
    Result,
    Text,
    Variable,
)

Value: TypeAlias = "str | list[str]"
Row: TypeAlias = "dict[str, str] | readback.Row"
ON_ROWS = ("set", "remove", "enable", "disable", "unset", "comment", "move")


def parse(router: Machine, source: str) -> Block:
    """Read a script for this router.

    Raises:
        Trap: a syntax error, with line and column.
    """
    slashes = router.switches.since(7)
    return Parser(source, router.is_menu, router.has_command, slashes=slashes).script()


def plain(value: Value) -> str:
    """Return a value as text."""
    return value if isinstance(value, str) else ";".join(value)


def truth(value: Value) -> bool:
    """Return a value as a truth value.

    Raises:
        Trap: it is none.
    """
    word = TRUTH.get(plain(value))
    if word is None:
        raise Trap("conditional not boolean", SCRIPTING)
    return word == "true"


class Console:
    """One run of a script, with its variables and the rights of who runs it."""

    def __init__(self, router: Machine, actor: Actor) -> None:
        """Start without variables."""
        self._router = router
        self._actor = actor
        self._variables: dict[str, Value] = {}

    def run(self, block: Block) -> Iterator[float]:
        """Carry out the commands; yields the seconds to wait.

        Raises:
            Trap: a command was refused; those before it stand, those after it are not reached.
        """
        for command in block.commands:
            if self._router.faults.power_fails():
                self._router.power_off()
                yield 0.0
            if isinstance(command, Builtin):
                yield from self._builtin(command)
            else:
                reply = self._command(command)
                if reply.process is not None:
                    yield from self._await(reply)

    def _await(self, reply: Reply) -> Iterator[float]:
        process = reply.process
        while process is not None and not process.ended:
            yield 0.1
        if process is not None and process.trap is not None:
            raise process.trap

    def _builtin(self, command: Builtin) -> Iterator[float]:
        blocks = {name: value for name, value in command.named if isinstance(value, Block)}
        if command.name == "if":
            chosen = "do" if truth(self._first(command)) else "else"
            yield from self.run(blocks.get(chosen, Block(())))
        elif command.name == "do":
            yield from self._do(command, blocks)
        elif command.name == "delay":
            yield times.seconds(plain(self._first(command))) or 0.0
        elif command.name == "foreach":
            yield from self._foreach(command, blocks)
        else:
            self._simple(command)

    def _do(self, command: Builtin, blocks: dict[str, Block]) -> Iterator[float]:
        body = command.given[0] if len(command.given) == 1 else None
        if not isinstance(body, Block):
            raise Trap("syntax error", SCRIPTING)
        try:
            yield from self.run(body)
        except Trap:
            if "on-error" not in blocks:
                raise
            yield from self.run(blocks["on-error"])

    def _foreach(self, command: Builtin, blocks: dict[str, Block]) -> Iterator[float]:
        values = self.value(dict(command.named)["in"]) if "in" in dict(command.named) else []
        for each in [values] if isinstance(values, str) else values:
            self._variables[plain(self._first(command))] = each
            yield from self.run(blocks.get("do", Block(())))

    def _simple(self, command: Builtin) -> None:
        values = [self.value(term) for term in command.given]
        texts = [plain(value) for value in values]
        if not texts:
            raise Trap("syntax error", SCRIPTING)
        if command.name == "log":
            self._router.say(f"script,{texts[0]}", " ".join(texts[1:]))
        elif command.name == "put":
            self._router.say("script,info", " ".join(texts))
        elif command.name == "error":
            raise Trap(" ".join(texts), SCRIPTING)
        elif command.name in ("local", "global", "set"):
            self._variables[texts[0]] = values[1] if values[1:] else ""
        else:
            self._length(command)

    def _first(self, command: Builtin) -> Value:
        if not command.given:
            raise Trap("syntax error", SCRIPTING)
        return self.value(command.given[0])

    def _length(self, command: Builtin) -> str:
        return str(len(self._first(command)))

    # --- commands ---

    def _command(self, command: Command) -> Reply:
        if command.verb in ("find", "print"):
            self._find(command)
            return Reply()
        args = {name: self.value(term) for name, term in command.named}
        given = [self.value(term) for term in command.given]
        if command.verb in ON_ROWS and not self._router.menus[command.path].single:
            rows = args.pop("numbers", None) or (given.pop(0) if given else [])
            if not rows:
                return Reply()
            args[".id"] = ",".join(rows) if isinstance(rows, list) else rows
        if given:
            args[{"move": "destination"}.get(command.verb, "number")] = given[0]
        if "place-before" in args:
            args["place-before"] = (_listed(args["place-before"]) or [""])[0]
        words = {name: plain(value) for name, value in args.items()}
        return self._router.execute(self._actor, Request(command.path, command.verb, words))

    def _find(self, command: Command) -> list[str]:
        self._actor.needs("read")
        rows = asked(self._router, self._router.menus[command.path])
        return [
            row.get(".id", "")
            for row in rows
            if command.where is None or truth(self._asked(command.where, row))
        ]

    def _get(self, command: Command) -> str:
        self._actor.needs("read")
        named = dict(command.named)
        given = [*command.given]
        menu = self._router.menus[command.path]
        rows = everything(self._router, menu)
        if not menu.single:
            wanted = _listed(self.value(given.pop(0))) if given else []
            rows = [row for row in rows if row[".id"] in wanted or row.get("name") in wanted]
        word = named.get("value-name") or (given[0] if given else Text(""))
        if len(rows) != 1:
            raise no_such_item()
        return rows[0].get(plain(self.value(word)), "")

    # --- values ---

    def value(self, term: Expression, row: Row | None = None) -> Value:
        """Work out a term; ``row`` is what property names refer to."""
        match term:
            case Property(name):
                return (row or {}).get(name, "")
            case Not(inner):
                return "false" if truth(self._asked(inner, row)) else "true"
            case Result(command):
                return self._result(command)
            case Operation():
                return self._operate(term, row)
            case Block():
                raise Trap("syntax error", SCRIPTING)
            case _:
                return self._text(term)

    def _text(self, term: Text | Variable | Joined) -> Value:
        if isinstance(term, Joined):
            return "".join(plain(self._text(part)) for part in term.parts)
        return term.value if isinstance(term, Text) else self._variables.get(term.name, "")

    def _asked(self, term: Expression, row: Row | None) -> Value:
        value = self.value(term, row)
        return value or "false" if isinstance(term, Property) else value

    def _result(self, command: Command | Builtin) -> Value:
        if isinstance(command, Builtin):
            if command.name != "len":
                raise Trap("syntax error", SCRIPTING)
            return self._length(command)
        if command.verb == "find":
            return self._find(command)
        if command.verb == "get":
            return self._get(command)
        return self._command(command).ret or ""

    def _operate(self, term: Operation, row: Row | None) -> Value:
        if term.sign in ("and", "or"):
            first = truth(self._asked(term.left, row))
            if first == (term.sign == "or"):
                return "true" if first else "false"
            return "true" if truth(self._asked(term.right, row)) else "false"
        left, right = plain(self.value(term.left, row)), plain(self.value(term.right, row))
        if term.sign in ("+", "-", "."):
            return _calculate(term.sign, left, right)
        return "true" if _compare(term.sign, left, right) else "false"


def _listed(value: Value) -> list[str]:
    return value if isinstance(value, list) else [value]


def _calculate(sign: str, left: str, right: str) -> str:
    if sign == ".":
        return left + right
    if not (left.lstrip("-").isdigit() and right.lstrip("-").isdigit()):
        raise Trap("invalid internal item number", SCRIPTING)
    return str(int(left) + int(right) if sign == "+" else int(left) - int(right))


def _compare(sign: str, left: str, right: str) -> bool:
    if sign == "~":
        try:
            return re.search(right, left) is not None
        except re.error:
            raise Trap("invalid regular expression", SCRIPTING) from None
    if sign in ("=", "!="):
        return equal(left, right) == (sign == "=")
    smaller, same = less(left, right), equal(left, right)
    return {"<": smaller, "<=": smaller or same, ">": not smaller and not same}.get(
        sign, not smaller
    )
