"""PAN-OS configuration as trees of nodes, and the XML they are printed in.

A node keeps what a device is configured with: tag, the attribute ``name``, text, children. All
other attributes are the device's own bookkeeping, such as ``admin``, ``dirtyId``, ``time``,
``uuid`` and ``loc`` (fact sheet 2.2, 4), and are forgotten as they are read.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Protocol
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

Content = str | bool | Sequence[Any] | Mapping[str, Any]
"""What ``Node.of`` takes: a text; True for an empty element; texts, which become members; pairs
of a name and a mapping, which become entries; or children by their tags."""

_DECLARATION = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_STEP = "  "
_TAG = attrgetter("tag")


Flat = tuple[tuple[Any, ...], Sequence[str | None]]
"""A tree's shape, and the texts in it: of equal shape and texts, equal trees but for names.

A shape is the tags of all its elements, as they follow, and how many children each child has.
"""


class NotXml(ValueError):
    """A text is no XML document, or one that no device prints."""


class Tree(Protocol):
    """What a configuration is read from: nodes, or elements just as they were parsed."""

    @property
    def tag(self) -> str:
        """Its tag."""

    @property
    def name(self) -> str:
        """What its attribute ``name`` says; empty where there is none."""

    @property
    def text(self) -> str:
        """Its text; empty where it has children."""

    @property
    def children(self) -> Sequence[Tree]:
        """What is directly in it."""

    @property
    def node(self) -> Node:
        """The same as a node."""

    def child(self, tag: str) -> Tree | None:
        """Return the first child with this tag."""

    def find(self, path: str) -> Tree | None:
        """Return what a path of tags such as ``protocol/tcp/port`` leads to."""

    def word(self, path: str, default: str = "") -> str:
        """Return the text at a path."""

    def members(self, path: str) -> tuple[str, ...]:
        """Return the members listed at a path."""

    def entries(self, path: str = "") -> tuple[Tree, ...]:
        """Return the entries listed at a path; an empty one is this tree itself."""

    def flat(self) -> Flat:
        """Return its shape and its texts, to be compared quickly with others'."""


@dataclass(frozen=True, slots=True)
class Node:
    """One element; an ``entry`` has a name."""

    tag: str
    name: str = ""
    text: str = ""
    children: tuple[Node, ...] = ()

    @classmethod
    def of(cls, tag: str, content: Content, name: str = "") -> Node:
        """Make a node of plain Python values, see ``Content``."""
        if isinstance(content, bool):
            return cls(tag, name)
        if isinstance(content, str):
            return cls(tag, name, content)
        if isinstance(content, Mapping):
            return cls(tag, name, "", tuple(cls.of(key, part) for key, part in content.items()))
        return cls(tag, name, "", tuple(_item(item) for item in content))

    @property
    def node(self) -> Node:
        """The node itself."""
        return self

    def child(self, tag: str) -> Node | None:
        """Return the first child with this tag."""
        return next((child for child in self.children if child.tag == tag), None)

    def find(self, path: str) -> Node | None:
        """Return the node a path of tags such as ``protocol/tcp/port`` leads to."""
        node: Node | None = self
        for tag in path.split("/"):
            node = node.child(tag) if node else None
        return node

    def word(self, path: str, default: str = "") -> str:
        """Return the text at a path."""
        node = self.find(path)
        return node.text if node else default

    def members(self, path: str) -> tuple[str, ...]:
        """Return the members listed at a path."""
        node = self.find(path)
        return tuple(c.text for c in node.children if c.tag == "member") if node else ()

    def entries(self, path: str = "") -> tuple[Node, ...]:
        """Return the entries listed at a path; an empty one is this node itself."""
        node = self.find(path) if path else self
        return tuple(c for c in node.children if c.tag == "entry") if node else ()

    def flat(self) -> Flat:
        """Return its shape and its texts."""
        nodes = list(_preorder(self))
        counts = [len(child.children) for child in self.children]
        return (*map(_TAG, nodes), *counts), [one.text or None for one in nodes]


@dataclass(frozen=True, slots=True)
class Branch:
    """An element as it was parsed: of thousands of foreign rules, few are looked at closely."""

    element: ET.Element

    @property
    def tag(self) -> str:
        """Its tag."""
        return self.element.tag

    @property
    def name(self) -> str:
        """What its attribute ``name`` says."""
        return self.element.get("name", "")

    @property
    def text(self) -> str:
        """Its text, without the space between elements."""
        return "" if len(self.element) else _said(self.element)

    @property
    def children(self) -> tuple[Branch, ...]:
        """What is directly in it."""
        return tuple([Branch(child) for child in self.element])

    @property
    def node(self) -> Node:
        """The same as a node."""
        return of_element(self.element)

    def child(self, tag: str) -> Branch | None:
        """Return the first child with this tag."""
        return self.find(tag)

    def find(self, path: str) -> Branch | None:
        """Return what a path leads to."""
        found = self.element.find(path)
        return None if found is None else Branch(found)

    def word(self, path: str, default: str = "") -> str:
        """Return the text at a path."""
        found = self.find(path)
        return default if found is None else found.text

    def members(self, path: str) -> tuple[str, ...]:
        """Return the members listed at a path."""
        found = self.element.find(path)
        return () if found is None else tuple([_said(e) for e in found if e.tag == "member"])

    def entries(self, path: str = "") -> tuple[Branch, ...]:
        """Return the entries listed at a path."""
        found = self.element.find(path) if path else self.element
        return () if found is None else tuple([Branch(e) for e in found if e.tag == "entry"])

    def flat(self) -> Flat:
        """Return its shape and its texts."""
        nodes = list(self.element.iter())
        shape = (*map(_TAG, nodes), *map(len, self.element))
        return shape, [one.text for one in nodes]


def _preorder(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _preorder(child)


def _said(element: ET.Element) -> str:
    text = element.text
    return text if text and not text.isspace() else ""


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from looking, again and again, through all that is being read.

    What is read has no cycles; that it is looked through takes longer than to read it.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def branch(text: str) -> Branch:
    """Read a document as it stands; raise ``NotXml`` for any other text."""
    return Branch(_parsed(text))


def read(text: str) -> Node:
    """Read a document; raise ``NotXml`` for any other text."""
    return of_element(_parsed(text))


def _parsed(text: str) -> ET.Element:
    if "<!" in text and _DECLARATION.search(text):
        raise NotXml("a document with declarations of its own is no device's")
    try:
        with uncollected():
            return ET.fromstring(text.strip())  # noqa: S314 - no declarations, see above
    except ET.ParseError as error:
        raise NotXml(f"not XML: {error}") from error


def of_element(element: ET.Element) -> Node:
    """Return an element without bookkeeping, comments and the space between elements."""
    children = tuple(of_element(child) for child in element if isinstance(child.tag, str))
    text = "" if children else _said(element)
    return Node(element.tag, element.get("name", ""), text, children)


def element_of(node: Node) -> ET.Element:
    """Return the same as an element, for libraries that take those."""
    element = ET.Element(node.tag, {"name": node.name} if node.name else {})
    element.text = node.text or None
    element.extend([element_of(child) for child in node.children])
    return element


def printed(node: Node) -> str:
    """Print a node and all below it, two spaces deeper for each level."""
    lines: list[str] = []
    _print(node, "", lines)
    return "".join(lines)


def _print(node: Node, space: str, lines: list[str]) -> None:
    name = f" name={quoteattr(node.name)}" if node.name else ""
    if node.children:
        lines.append(f"{space}<{node.tag}{name}>\n")
        for child in node.children:
            _print(child, space + _STEP, lines)
        lines.append(f"{space}</{node.tag}>\n")
    elif node.text:
        lines.append(f"{space}<{node.tag}{name}>{_escaped(node.text)}</{node.tag}>\n")
    else:
        lines.append(f"{space}<{node.tag}{name}/>\n")


@lru_cache(maxsize=4096)
def _escaped(text: str) -> str:
    return escape(text, {"\r": "&#13;"})


def _item(item: Any) -> Node:
    if isinstance(item, str):
        return Node("member", text=item)
    name, content = item
    return Node.of("entry", content, name)
