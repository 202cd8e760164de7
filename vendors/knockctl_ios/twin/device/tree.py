"""The configuration as a tree of lines, and what two of them differ in."""

from __future__ import annotations

import itertools
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

_ids = itertools.count(1)


@dataclass(slots=True, eq=False)
class Node:
    """One line and, where it opens a mode, the lines below it."""

    text: str
    """As it is printed, without indentation; padding that is a switch is not in it."""
    key: str
    """What a later line of the same key replaces."""
    rank: tuple[int, str] = (0, "")
    """Where among its siblings it is printed; equal ranks in the order of entry."""
    mode: str = ""
    """The mode it opens, or none."""
    below: dict[str, Node] = field(default_factory=dict)
    """By their keys, in the order of entry."""
    sequence: int = 0
    """Of an access list's entry; 0 elsewhere."""
    args: dict[str, str] = field(default_factory=dict)
    """The parameters it was made with."""
    id: int = field(default_factory=lambda: next(_ids))
    """Never given twice: what is made anew is another line, whatever its text."""
    since: float = 0.0
    """When it took effect, where that is shown."""
    _order: list[Node] | None = field(default=None, init=False, repr=False)
    """The lines below as they are printed, while that is known."""

    @property
    def _ordered(self) -> list[Node]:
        if self._order is None:
            self._order = sorted(self.below.values(), key=_rank)
        return self._order

    @property
    def children(self) -> list[Node]:
        """The lines below, in the order they are printed in."""
        return list(self._ordered)

    @property
    def last(self) -> Node | None:
        """The line below that is printed last."""
        return self._ordered[-1] if self.below else None

    def ranked(self, rank: tuple[int, str]) -> Node | None:
        """Return the first child of a rank."""
        at = bisect_left(self._ordered, rank, key=_rank)
        return next((node for node in self._ordered[at : at + 1] if node.rank == rank), None)

    def child(self, key: str) -> Node | None:
        """Return the child of a key."""
        return self.below.get(key)

    def put(self, node: Node) -> Node:
        """Add a child, or give an existing one of that key this one's text; return which stays."""
        found = self.below.get(node.key)
        if found is None:
            self.below[node.key] = node
            if self._order is not None:
                insort(self._order, node, key=_rank)
            return node
        if found.rank != node.rank:
            self._order = None
        found.text, found.args, found.rank = node.text, node.args, node.rank
        return found

    def drop(self, key: str) -> bool:
        """Remove the child of a key; tell whether there was one."""
        self._order = None
        return self.below.pop(key, None) is not None

    def become(self, below: dict[str, Node]) -> None:
        """Have other lines below."""
        self.below, self._order = below, None

    def having(self, prefix: str) -> list[Node]:
        """Return the children whose text begins so."""
        return [node for node in self.children if node.text.startswith(prefix)]

    def signature(self) -> tuple[object, ...]:
        """Return what makes two lines the same, lines below included."""
        return (self.text, self.sequence, tuple(node.signature() for node in self.children))

    def copy(self) -> Node:
        """Return an independent copy that counts as the same line."""
        below = {key: node.copy() for key, node in self.below.items()}
        return replace(self, below=below, args=dict(self.args))


def _rank(node: Node) -> tuple[int, str]:
    return node.rank


def root() -> Node:
    """Make the top of a tree."""
    return Node("", "", mode="config")


Shown = Callable[[Node, Node], str]
"""Prints one line, given what it is below of."""


def plain(node: Node, parent: Node) -> str:  # noqa: ARG001
    """Print a line as it is kept."""
    return node.text


def printed(node: Node, show: Shown = plain, indent: int = 0) -> Iterator[str]:
    """Print the lines below a node, indented by one blank per level."""
    for child in node.children:
        yield " " * indent + show(child, node)
        yield from printed(child, show, indent + 1)


def differences(old: Node, new: Node, indent: int = 0) -> list[str]:
    """Print what was added and removed: ``+`` and ``-`` after the indentation, in context."""
    found: list[str] = []
    before = {node.text: node for node in old.children}
    after = {node.text: node for node in new.children}
    pad = " " * indent
    for text, node in after.items():
        if text not in before:
            found += _marked(node, indent, "+")
        else:
            below = differences(before[text], node, indent + 1)
            found += [pad + text, *below] if below else []
    for text, node in before.items():
        if text not in after:
            found += _marked(node, indent, "-")
    return found


def _marked(node: Node, indent: int, sign: str) -> list[str]:
    below = [line for child in node.children for line in _marked(child, indent + 1, sign)]
    return [f"{' ' * indent}{sign}{node.text}", *below]


def missing(running: Node, wanted: Node, indent: int = 0) -> list[str]:
    """Print the lines of the second that the first lacks, in context."""
    found: list[str] = []
    known = {node.text.lower(): node for node in running.children}
    pad = " " * indent
    for node in wanted.children:
        other = known.get(node.text.lower())
        if other is None:
            found += [pad + node.text, *printed(node, indent=indent + 1)]
        else:
            below = missing(other, node, indent + 1)
            found += [pad + node.text, *below] if below else []
    return found


def keep_same(old: Node, new: Node) -> None:
    """Put lines of the old tree in the place of equal ones of the new: they are the same lines."""
    below = {}
    for key, node in new.below.items():
        other = old.child(key)
        same = other is not None and other.signature() == node.signature()
        below[key] = other if other is not None and same else node
    new.become(below)
