"""The part of XPath that the device's clients send, read into steps that can select and create.

``/config/shared/tag/entry[@name='a' or @name='b']``, ``//``, ``*``, ``starts-with``, ``contains``,
``not``, positions, ``member[text()='x']`` and a trailing ``/@name``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device.refusals import BAD_XPATH, Refusal

_TOKEN = re.compile(
    r"\s*(?:(?P<literal>'[^']*'|\"[^\"]*\")|(?P<number>\d+)"
    r"|(?P<name>[A-Za-z_][\w.-]*)|(?P<sign>//|!=|[/\[\]()=,*@.]))"
)
Chain = tuple[Element, ...]
"""A node with all above it, the root first."""
Value = str | int | bool
Expression = Callable[[Element, int], Value]


@dataclass(frozen=True)
class Step:
    """One step: a tag or ``*``, what its nodes must fulfil, and whether any depth will do."""

    tag: str
    deep: bool = False
    tests: tuple[Expression, ...] = ()
    name: str | None = None
    """The one name that an entry must have, where the step says so and no more."""
    text: str | None = None
    """The one text that a member must have."""


@dataclass(frozen=True)
class Path:
    """A whole path; ``attribute`` is what a trailing ``/@name`` asks for."""

    source: str
    steps: tuple[Step, ...]
    attribute: str | None = None

    def select(self, root: Element) -> list[Chain]:
        """Return the nodes it leads to, in document order, each with those above."""
        found: list[Chain] = [(root,)] if self.steps[0].tag in (root.tag, "*") else []
        for step in self.steps[1:]:
            found = [chain for parent in found for chain in below(parent, step)]
        return found

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags on the way, for the schema."""
        return tuple(step.tag for step in self.steps)

    @property
    def names(self) -> dict[str, str]:
        """The names on the way by the container they stand in: ``{"vsys": "vsys1"}``."""
        pairs = zip(self.steps, self.steps[1:], strict=False)
        return {above.tag: step.name for above, step in pairs if step.name is not None}

    def parent(self) -> Path:
        """Return the path without its last step."""
        return Path(self.source, self.steps[:-1])


def below(parent: Chain, step: Step) -> list[Chain]:
    """Take one step from a node."""
    if step.name is not None and not step.deep:
        same = (c for c in parent[-1] if c.tag == step.tag and c.get("name") == step.name)
        return [(*parent, child) for child in same]
    nodes = [(*parent, child) for child in parent[-1] if step.tag in (child.tag, "*")]
    if step.deep:
        nodes = [chain for chain in _descend(parent) if step.tag in (chain[-1].tag, "*")]
    for test in step.tests:
        nodes = [chain for place, chain in enumerate(nodes, 1) if _holds(test, chain[-1], place)]
    return nodes


def _descend(parent: Chain) -> list[Chain]:
    found: list[Chain] = []
    for child in parent[-1]:
        chain = (*parent, child)
        found += [chain, *_descend(chain)]
    return found


def _holds(test: Expression, node: Element, place: int) -> bool:
    value = test(node, place)
    return value == place if type(value) is int else bool(value)


def parse(source: str) -> Path:
    """Read a path.

    Raises:
        Refusal: it is none, or uses what this device does not know.
    """
    return _Parser(source).path()


@dataclass
class _Parser:
    source: str
    tokens: list[tuple[str, str]] = field(default_factory=list)
    at: int = 0

    def __post_init__(self) -> None:
        position, text = 0, self.source.strip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self.bad()
            self.tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()

    def bad(self) -> Refusal:
        return Refusal(BAD_XPATH, f"Invalid Xpath: {self.source}", plain=True)

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if not token or (wanted and token not in wanted):
            raise self.bad()
        self.at += 1
        return token

    def accept(self, wanted: str) -> bool:
        found = self.kind() != "literal" and self.peek() == wanted
        self.at += found
        return found

    def path(self) -> Path:
        steps: list[Step] = []
        while self.peek():
            deep = self.take("/", "//") == "//"
            if self.accept("@"):
                attribute = self.take()
                if self.peek() or not steps:
                    raise self.bad()
                return Path(self.source, tuple(steps), attribute)
            steps.append(self.step(deep=deep))
        if not steps:
            raise self.bad()
        return Path(self.source, tuple(steps))

    def step(self, *, deep: bool) -> Step:
        if self.kind() != "name" and self.peek() != "*":
            raise self.bad()
        tag, tests = self.take(), list[Expression]()
        name = text = None
        while self.accept("["):
            start = self.at
            tests.append(self.either())
            said = self.tokens[start : self.at]
            self.take("]")
            name = _key(said, ("@", "name")) if len(tests) == 1 else None
            text = _key(said, ("text", "(", ")")) if len(tests) == 1 else None
        return Step(tag, deep, tuple(tests), name, text)

    def either(self) -> Expression:
        found = self.both()
        while self.accept("or"):
            found = _or(found, self.both())
        return found

    def both(self) -> Expression:
        found = self.comparison()
        while self.accept("and"):
            found = _and(found, self.comparison())
        return found

    def comparison(self) -> Expression:
        left = self.operand()
        if self.accept("="):
            return _equal(left, self.operand(), wanted=True)
        if self.accept("!="):
            return _equal(left, self.operand(), wanted=False)
        return left

    def operand(self) -> Expression:
        if self.accept("("):
            inner = self.either()
            self.take(")")
            return inner
        if self.accept("@"):
            attribute = self.take()
            return lambda node, _: node.get(attribute, "")
        kind, token = self.kind(), self.take()
        if kind == "literal":
            return lambda *_: token[1:-1]
        if kind == "number":
            return lambda *_: int(token)
        if token == ".":  # noqa: S105 - a token of the path
            return lambda node, _: node.text or ""
        if kind != "name":
            raise self.bad()
        return self.call(token) if self.accept("(") else _child(token)

    def call(self, function: str) -> Expression:
        arguments: list[Expression] = []
        while not self.accept(")"):
            arguments.append(self.either())
            if not self.accept(","):
                self.take(")")
                break
        found = _FUNCTIONS.get((function, len(arguments)))
        if function == "concat":
            return lambda node, place: "".join(str(a(node, place)) for a in arguments)
        if found is None:
            raise self.bad()
        return found(*arguments)


def _key(said: list[tuple[str, str]], left: tuple[str, ...]) -> str | None:
    """Return the literal where a predicate is ``left = literal``, whole or by ``concat``."""
    words = [word for _, word in said]
    if tuple(words[: len(left)]) != left or words[len(left) : len(left) + 1] != ["="]:
        return None
    rest = said[len(left) + 1 :]
    if len(rest) == 1 and rest[0][0] == "literal":
        return rest[0][1][1:-1]
    if rest and rest[0][1] == "concat" and not {"or", "and"} & {w for k, w in rest if k == "name"}:
        return "".join(word[1:-1] for kind, word in rest if kind == "literal")
    return None


def _or(left: Expression, right: Expression) -> Expression:
    return lambda node, place: bool(left(node, place)) or bool(right(node, place))


def _and(left: Expression, right: Expression) -> Expression:
    return lambda node, place: bool(left(node, place)) and bool(right(node, place))


def _equal(left: Expression, right: Expression, *, wanted: bool) -> Expression:
    return lambda node, place: (str(left(node, place)) == str(right(node, place))) is wanted


def _child(tag: str) -> Expression:
    return lambda node, _: (found.text or "") if (found := node.find(tag)) is not None else ""


_FUNCTIONS: dict[tuple[str, int], Callable[..., Expression]] = {
    ("text", 0): lambda: lambda node, _: node.text or "",
    ("position", 0): lambda: lambda _, place: place,
    ("not", 1): lambda inner: lambda node, place: not inner(node, place),
    ("starts-with", 2): lambda a, b: lambda n, p: str(a(n, p)).startswith(str(b(n, p))),
    ("contains", 2): lambda a, b: lambda n, p: str(b(n, p)) in str(a(n, p)),
}
