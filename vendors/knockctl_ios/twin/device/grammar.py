"""IOS's command parser: unique prefixes, parameters, and the marker under what it can't read.

A syntax is written as Cisco's manuals do: ``copy {running-config|src=FILE} [dst=WORD]``, where
``{a|b}`` is a choice, ``[a]`` may be left out, ``*`` after either repeats it, capitals are
parameters, and ``name=`` captures one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, TypeVar

from knockctl_ios.twin.device import parameters
from knockctl_ios.twin.device.parameters import Token, tokens

T = TypeVar("T")


class Rejected(Exception):
    """A line isn't understood; ``offset`` is how far it was."""

    def __init__(self, offset: int) -> None:
        """Take the column, from 0, of the first character that doesn't fit."""
        super().__init__(offset)
        self.offset = offset

    def text(self, line: str, indent: int = 0) -> str:  # noqa: ARG002
        """Return what the device prints; ``indent`` is the width of the prompt."""
        return f"{' ' * (indent + self.offset)}^\n% Invalid input detected at '^' marker.\n\n"


class Incomplete(Rejected):
    """A line ends too early."""

    def text(self, line: str, indent: int = 0) -> str:  # noqa: ARG002
        """Return what the device prints."""
        return "% Incomplete command.\n\n"


class Ambiguous(Rejected):
    """A word is short for several."""

    def text(self, line: str, indent: int = 0) -> str:  # noqa: ARG002
        """Return what the device prints."""
        return f'% Ambiguous command:  "{line.strip()}"\n\n'


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """A line that was understood: keywords in full, captured parameters."""

    command: T
    words: tuple[str, ...]
    args: Mapping[str, str]

    @property
    def text(self) -> str:
        """The line as the device would print it."""
        return " ".join(self.words)

    def get(self, name: str, default: str = "") -> str:
        """Return a captured parameter."""
        return self.args.get(name, default)


@dataclass(slots=True, eq=False)
class _State(Generic[T]):
    keywords: list[tuple[str, str, _State[T]]] = field(default_factory=list)
    exact: dict[str, list[tuple[str, str, _State[T]]]] = field(default_factory=dict)
    """The same, by the keyword in small letters."""
    parameters: list[tuple[str, str, _State[T]]] = field(default_factory=list)
    onward: list[_State[T]] = field(default_factory=list)
    commands: list[T] = field(default_factory=list)
    """Complete here."""
    enough: list[T] = field(default_factory=list)
    """Complete here after ``no``."""
    reached: tuple[_State[T], ...] = ()
    """Where one is from here without a word; empty while that was never asked."""


Path = tuple[tuple[str, ...], Mapping[str, str]]
_NOWHERE: Path = ((), MappingProxyType({}))
_PIECES = re.compile(r"[\[\]{}|*]|[^\s\[\]{}|*]+")


class Grammar(Generic[T]):
    """Many commands at once."""

    def __init__(self) -> None:
        """Start with none."""
        self._start: _State[T] = _State()

    def add(self, syntax: str, command: T, least: int = 0) -> None:
        """Add a command; after ``no`` its first ``least`` words suffice, all of them if 0."""
        pieces = _PIECES.findall(syntax)
        end = _Builder[T](pieces).sequence(self._start)
        end.commands.append(command)
        for state in _at_depth(self._start, pieces, least) if least else [end]:
            state.enough.append(command)
        if least:
            end.enough.append(command)

    def parse(self, line: str, *, negated: bool = False, start: int = 0) -> Parsed[T]:
        """Read a line from a column on.

        Raises:
            Rejected: or one of its kinds, with the column.
        """
        paths: dict[_State[T], Path] = {self._start: _NOWHERE}
        found = tokens(line, start)
        at = 0
        while at < len(found):
            paths, at = _step(_closure(paths), line, found, at)
        for state, (words, args) in _closure(paths).items():
            done = state.enough if negated else state.commands
            if done:
                return Parsed(done[0], words, args)
        raise Incomplete(len(line))

    def words(self, line: str, start: int = 0) -> list[str]:
        """Return what may follow a line: keywords, and parameters in capitals.

        Raises:
            Rejected: nothing may.
        """
        paths: dict[_State[T], Path] = {self._start: _NOWHERE}
        found = tokens(line, start)
        at = 0
        while at < len(found):
            paths, at = _step(_closure(paths), line, found, at)
        states = list(_closure(paths))
        keywords = {keyword for state in states for keyword, _, _ in state.keywords}
        others = {kind for state in states for kind, _, _ in state.parameters}
        end = ["<cr>"] if any(state.commands for state in states) else []
        return [*sorted(keywords), *sorted(others), *end]


def _closure(paths: Mapping[_State[T], Path]) -> dict[_State[T], Path]:
    found: dict[_State[T], Path] = {}
    for state, path in paths.items():
        for other in state.reached or _reached(state):
            found.setdefault(other, path)
    return found


def _reached(start: _State[T]) -> tuple[_State[T], ...]:
    """Find where one is from a state without a word, and note it: no command is added any more."""
    found: dict[_State[T], None] = {}
    waiting = [start]
    while waiting:
        state = waiting.pop()
        if state not in found:
            found[state] = None
            waiting.extend(reversed(state.onward))
    start.reached = tuple(s for s in found if s.keywords or s.parameters or s.commands or s.enough)
    return start.reached


def _step(
    paths: Mapping[_State[T], Path], line: str, found: list[Token], at: int
) -> tuple[dict[_State[T], Path], int]:
    token = found[at]
    word = token.text.lower()
    chosen = [(fit, path) for state, path in paths.items() for fit in state.exact.get(word, ())]
    if not chosen:
        chosen = [
            (fit, path)
            for state, path in paths.items()
            for fit in state.keywords
            if fit[0].lower().startswith(word)
        ]
        if len({keyword for (keyword, _, _), _ in chosen}) > 1:
            raise Ambiguous(token.offset)
    taken: dict[_State[T], Path] = {}
    for (keyword, name, target), (words, args) in chosen:
        more = {**args, name: keyword} if name else args
        taken.setdefault(target, ((*words, keyword), more))
    if chosen:
        return taken, at + 1
    return _parameters(paths, line, found, at)


def _parameters(
    paths: Mapping[_State[T], Path], line: str, found: list[Token], at: int
) -> tuple[dict[_State[T], Path], int]:
    taken: dict[_State[T], Path] = {}
    rest: dict[_State[T], Path] = {}
    token = found[at]
    for state, (words, args) in paths.items():
        for kind, name, target in state.parameters:
            text = line[token.offset :].rstrip() if kind == "LINE" else token.text
            value = parameters.read(kind, text)
            if value is None:
                continue
            printed = f'"{value}"' if kind == "STRING" else value
            more = {**args, name: value} if name else args
            side = rest if kind == "LINE" else taken
            side.setdefault(target, ((*words, printed), more))
    if taken:
        return taken, at + 1
    if rest:
        return rest, len(found)
    raise Rejected(token.offset + _alike(paths, token.text.lower()))


def _alike(paths: Iterable[_State[T]], word: str) -> int:
    keywords = (k.lower() for state in paths for k, _, _ in state.keywords)
    same = (
        next((i for i, (a, b) in enumerate(zip(word, k, strict=False)) if a != b), len(k))
        for k in keywords
    )
    return max(same, default=0)


def _at_depth(start: _State[T], pieces: list[str], least: int) -> Iterator[_State[T]]:
    """Find the states of one syntax after so many of its words: those are plain there."""
    states = [start]
    for piece in pieces[:least]:
        name, _, kind = piece.rpartition("=")
        states = [
            target
            for state in states
            for text, capture, target in (*state.keywords, *state.parameters)
            if (text, capture) == (kind, name)
        ]
    yield from states


class _Builder(Generic[T]):
    def __init__(self, pieces: list[str]) -> None:
        self._pieces = pieces
        self._at = 0

    def sequence(self, state: _State[T]) -> _State[T]:
        """Build up to the end or to what ends a group."""
        while self._at < len(self._pieces) and self._pieces[self._at] not in "]}|":
            piece = self._pieces[self._at]
            self._at += 1
            if piece in "[{":
                state = self._group(state, optional=piece == "[")
            else:
                state = _edge(state, piece)
        return state

    def _group(self, state: _State[T], *, optional: bool) -> _State[T]:
        entry: _State[T] = _State()
        state.onward.append(entry)
        end: _State[T] = _State()
        while True:
            self.sequence(entry).onward.append(end)
            self._at += 1
            if self._pieces[self._at - 1] in "]}":
                break
        if optional:
            entry.onward.append(end)
        if self._at < len(self._pieces) and self._pieces[self._at] == "*":
            self._at += 1
            end.onward.append(entry)
        after: _State[T] = _State()
        end.onward.append(after)
        return after


def _edge(state: _State[T], piece: str) -> _State[T]:
    name, _, kind = piece.rpartition("=")
    edges = state.parameters if parameters.known(kind) else state.keywords
    for text, capture, target in edges:
        if (text, capture) == (kind, name):
            return target
    fresh: _State[T] = _State()
    edges.append((kind, name, fresh))
    if edges is state.keywords:
        state.exact.setdefault(kind.lower(), []).append(edges[-1])
    return fresh
