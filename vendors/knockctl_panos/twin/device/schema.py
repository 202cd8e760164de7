"""What the configuration may hold, as far as this twin knows it, and the device's complaints.

A description is a tree of small records; ``ANY`` is a subtree that is taken as it comes, such as
the network's. Lengths, ranges and words are those of the PAN-OS XML schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device.markup import name_of, text_of
from knockctl_panos.twin.device.refusals import INVALID_COMMAND, Refusal

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 _.-]*")


@dataclass(frozen=True)
class Leaf:
    """A text: one of ``words``, or matching ``pattern``, at most so long, or a number in range."""

    longest: int = 1 << 20
    words: tuple[str, ...] = ()
    pattern: str = ""
    span: tuple[int, int] | None = None

    def accepts(self, text: str) -> bool:
        """Tell whether a text will do."""
        if self.span is not None:
            return text.isdecimal() and self.span[0] <= int(text) <= self.span[1]
        if self.words:
            return text in self.words
        return len(text) <= self.longest and bool(re.fullmatch(self.pattern or "(?s:.*)", text))


@dataclass(frozen=True)
class Members:
    """A list of ``member``."""

    longest: int = 127


@dataclass(frozen=True)
class Group:
    """A container; of those children that are in ``one_of`` together, one at a time."""

    children: Mapping[str, Node]
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entries:
    """A list of ``entry`` with names."""

    entry: Group | Any_
    longest: int = 63
    names: re.Pattern[str] = field(default=_NAME)


@dataclass(frozen=True)
class Any_:  # noqa: N801 - Any is taken, and the thing is that
    """Whatever there is below."""


Node = Leaf | Members | Group | Entries | Any_
ANY = Any_()


def find(root: Node, tags: tuple[str, ...]) -> Node:
    """Return what describes the node that a path's tags lead to, the root's own left out.

    Raises:
        Refusal: there is no such place.
    """
    node = root
    for at, tag in enumerate(tags):
        below: Node | None = None
        if isinstance(node, Any_):
            return ANY
        if isinstance(node, Entries) and tag in ("entry", "*"):
            below = node.entry
        elif isinstance(node, Members) and tag == "member":
            below = Leaf(node.longest)
        elif isinstance(node, Group):
            below = ANY if tag == "*" else node.children.get(tag)
        if below is None:
            said = "/".join(tags[: at + 1])
            raise Refusal(INVALID_COMMAND, f"Schema node for xpath /config/{said} does not exist")
        node = below
    return node


def complaints(element: Element, node: Node, path: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with an element and all below; ``path`` is what the device calls it."""
    if isinstance(node, Leaf):
        yield from _leaf(element, node, path)
    elif isinstance(node, Members):
        for child in element:
            if child.tag != "member" or len(child):
                yield _unexpected(path, child)
            elif not text_of(child) or len(text_of(child)) > node.longest:
                yield f" {_said(path)} '{text_of(child)}' is invalid"
    elif isinstance(node, Entries):
        for child in element:
            if child.tag != "entry":
                yield _unexpected(path, child)
            else:
                yield from entry_complaints(child, node, path)
    elif isinstance(node, Group):
        yield from _group(element, node, path)


def entry_complaints(entry: Element, node: Entries, path: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with one entry of a list."""
    name = name_of(entry)
    if not name:
        yield f" {_said(path)} entry is missing 'name'"
    elif len(name) > node.longest:
        said = f"can be at most {node.longest} characters, but current length: {len(name)}"
        yield f" {_said((*path, name))} is invalid. {said}"
    elif not node.names.fullmatch(name):
        yield f" {_said((*path, name))} is invalid"
    if isinstance(node.entry, Group):
        yield from _group(entry, node.entry, (*path, name))


def _leaf(element: Element, node: Leaf, path: tuple[str, ...]) -> Iterator[str]:
    if len(element):
        yield _unexpected(path, element[0])
    elif not node.accepts(text_of(element)):
        yield f" {_said(path[:-1])} -> {path[-1]} '{text_of(element)}' is invalid"


def _group(element: Element, node: Group, path: tuple[str, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for child in element:
        known = node.children.get(child.tag)
        if known is None:
            yield _unexpected(path, child)
            continue
        if child.tag in seen:
            yield f" {_said(path)} -> {child.tag} is a duplicate node"
        elif child.tag in node.one_of and seen & set(node.one_of):
            yield f" {_said(path)} -> {child.tag} is not allowed beside another choice"
        seen.add(child.tag)
        yield from complaints(child, known, (*path, child.tag))


def _said(path: tuple[str, ...]) -> str:
    return " -> ".join(part for part in path if part)


def _unexpected(path: tuple[str, ...], child: Element) -> str:
    return f" {_said(path)} -> {child.tag} unexpected here"
