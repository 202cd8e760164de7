"""What a script is made of, once read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Text:
    """A word or a quoted string without variables."""

    value: str


@dataclass(frozen=True, slots=True)
class Variable:
    """``$name``; one that was never set is nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A quoted string with variables in it."""

    parts: tuple[Text | Variable, ...]


@dataclass(frozen=True, slots=True)
class Property:
    """A word of the row that ``find where`` looks at."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    """``!`` before a term."""

    term: Expression


@dataclass(frozen=True, slots=True)
class Operation:
    """Two terms and what is between them."""

    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Command:
    """A menu's command; ``where`` is the condition of a find."""

    path: str
    verb: str
    given: tuple[Expression, ...]
    named: tuple[tuple[str, Expression], ...]
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Builtin:
    """A command of the language itself, such as ``:if``."""

    name: str
    given: tuple[Expression, ...]
    named: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Commands in braces, or a whole script."""

    commands: tuple[Command | Builtin, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What a command in brackets returns."""

    command: Command | Builtin


Expression: TypeAlias = Text | Variable | Joined | Property | Not | Operation | Block | Result
