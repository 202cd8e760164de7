"""Where in what a device prints the objects and rules of one vsys or device group stand.

What the API answers with, a whole configuration, a part of one, and what a config prints are all
read the same way. Of a document that holds several vsys or device groups one is meant: the one
asked for, else the first vsys, or the last device group, that has something of ours, else the first
vsys, or the last device group: groups that stand before the one that is meant are taken for those
above it, the outermost first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from knockctl_panos import xmltext
from knockctl_panos.config import RULES, Entry, entries_of
from knockctl_panos.xmltext import Node

_NOTHING = Node("nothing")


@dataclass(frozen=True, slots=True)
class Document:
    """One vsys or device group with what lies around it."""

    own: Node
    """Where our objects and rules are."""
    above: tuple[Node, ...] = ()
    """Where names that are not found there are looked for: device groups, ``shared``."""
    pushed: Node = _NOTHING
    """What Panorama has put around a firewall's own rules."""

    @classmethod
    def read(cls, text: str, name: str | None = None) -> Document:
        """Read a text; ``name`` is that of the vsys or device group that is meant."""
        return cls.of(xmltext.read(text), name)

    @classmethod
    def of(cls, root: Node, name: str | None = None) -> Document:
        """Find the part that is meant; raise ``NotXml`` where no such part is there."""
        root = _unwrapped(root)
        if root.tag != "config":
            return cls(root)
        shared = root.child("shared") or _NOTHING
        device = next(iter(root.entries("devices")), _NOTHING)
        groups = device.entries("device-group")
        if groups:
            group = _meant(groups[::-1], name)
            above = groups[: groups.index(group)]
            return cls(group, (*reversed(above), shared))
        systems = device.entries("vsys")
        if not systems:
            return cls(shared)
        pushed = root.child("panorama") or _NOTHING
        own = _meant(systems, name)
        mine = next((n for n in pushed.entries("vsys") if n.name == own.name), pushed)
        return cls(own, (shared, mine, pushed), mine)

    @property
    def rulebase(self) -> str:
        """Where our rules are in it: on Panorama, where the first of them is found."""
        bases = [b for b in ("rulebase", "pre-rulebase", "post-rulebase") if self.own.child(b)]
        for base in bases:
            if any(e.ours for e in entries_of(self.own, base) if e.kind == RULES):
                return base
        return bases[0] if bases else "rulebase"

    def entries(self, rulebase: str | None = None) -> Iterator[Entry]:
        """Yield the entries of our kinds in our part."""
        return entries_of(self.own, rulebase or self.rulebase)

    def rules(self) -> Iterator[Node]:
        """Yield all rules in the order they are judged: Panorama's, the device's, Panorama's."""
        around = [node for node in self.above if node is not self.pushed]
        for node in (self.pushed, *reversed(around), self.own):
            yield from node.entries("pre-rulebase/security/rules")
        yield from self.own.entries("rulebase/security/rules")
        for node in (self.own, *around, self.pushed):
            yield from node.entries("post-rulebase/security/rules")

    def last_rules(self) -> Iterator[Node]:
        """Yield what the configuration says about the two rules behind all others."""
        for node in (self.own, *self.above):
            for base in ("rulebase", "post-rulebase"):
                yield from node.entries(f"{base}/default-security-rules/rules")

    def found(self, kind: str) -> dict[str, Node]:
        """Return every object of a kind by its name; the nearest of a name counts."""
        result: dict[str, Node] = {}
        for node in (self.own, *self.above):
            for entry in node.entries(kind):
                result.setdefault(entry.name, entry)
        return result


def _unwrapped(root: Node) -> Node:
    """Take off what an answer of the API wraps its content in."""
    while root.tag in ("response", "result") and len(root.children) == 1:
        root = root.children[0]
    if root.tag == "result":
        return Node("vsys", children=root.children)
    if root.tag in ("response", "msg"):
        raise xmltext.NotXml("an answer without a configuration in it")
    wrapped = {"rules": ("rulebase", "security"), "profiles": ("log-settings",)}.get(root.tag)
    if wrapped is None and root.tag in ("tag", "address-group", "service", "rulebase"):
        wrapped = ()
    if wrapped is not None:
        for tag in (*reversed(wrapped), "vsys"):
            root = Node(tag, children=(root,))
    return root


def _meant(nodes: tuple[Node, ...], name: str | None) -> Node:
    if name is not None:
        found = next((node for node in nodes if node.name == name), None)
        if found is None:
            raise xmltext.NotXml(f"nothing there is called {name!r}")
        return found
    ours = (n for n in nodes if any(e.ours for e in Document(n).entries()))
    return next(ours, nodes[0])
