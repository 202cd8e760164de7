"""Where in what a device prints the objects and rules of one vsys or device group stand.

What the API answers with, a whole configuration, a part of one, and what a config prints are all
read the same way. Of a document that holds several vsys or device groups one is meant: the one
asked for, else the first vsys, or the last device group, that has something of ours, else the first
vsys, or the last device group: groups that stand before the one that is meant are taken for those
above it, the outermost first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from knockctl_panos.config import syntax
from knockctl_panos.config.records import (
    KINDS,
    OWN,
    OWN_NAME,
    RULES,
    Entry,
    Kind,
    PanosConfig,
    Place,
)
from knockctl_panos.config.rows import Row, rows
from knockctl_panos.config.syntax import Node, Tree

_NOTHING = Node("nothing")
_BASES = ("rulebase", "pre-rulebase", "post-rulebase")


@dataclass(frozen=True)
class Rulebase:
    """One list of rules, as it is judged."""

    where: str
    """What an operator calls it."""
    rules: Sequence[Tree]
    ours: bool = False
    """Whether it is the one that ours are in."""

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The rules as rows of words."""
        return rows(self.rules)


@dataclass(frozen=True)
class _Instead:
    """Ours as it will be, in the place of what there is of it."""

    config: PanosConfig
    base: str
    above: int
    """How many foreign rules of that rulebase stand above it."""


@dataclass(frozen=True)
class Document:
    """One vsys or device group with what lies around it."""

    own: Tree
    """Where our objects and rules are."""
    above: tuple[Tree, ...] = ()
    """Where names that are not found there are looked for: device groups, ``shared``."""
    pushed: Tree = _NOTHING
    """What Panorama has put around a firewall's own rules."""
    instead: _Instead | None = None

    @classmethod
    def read(cls, text: str, name: str | None = None) -> Document:
        """Read a text; ``name`` is that of the vsys or device group that is meant."""
        return cls.of(syntax.branch(text), name)

    @classmethod
    def of(cls, root: Tree, name: str | None = None) -> Document:
        """Find the part that is meant; raise ``NotXml`` where no such part is there."""
        root = _unwrapped(root)
        if root.tag != "config":
            return cls(root)
        shared = root.child("shared") or _NOTHING
        device: Tree = next(iter(root.entries("devices")), _NOTHING)
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

    # --- ours ---

    @cached_property
    def base(self) -> str:
        """The rulebase our rules are in: on Panorama, where the first of them is found."""
        if self.instead is not None:
            return self.instead.base
        bases = [base for base in _BASES if self.own.child(base)]
        for base in bases:
            if self._listed(RULES, base).ours:
                return base
        return bases[0] if bases else _BASES[0]

    def config(self, base: str | None = None) -> PanosConfig:
        """Return what is ours, and where its rules stand; perhaps in a named rulebase alone."""
        if self.instead is not None:
            return self.instead.config
        base = base or self.base
        entries = [entry for kind in KINDS for entry in self._listed(kind, base).ours.values()]
        return PanosConfig(tuple(entries), place=self._listed(RULES, base).standing, base=base)

    def order(self, base: str) -> tuple[str, ...]:
        """Return the names of all rules of a rulebase of our part."""
        return self._listed(RULES, base).names

    def holding(self, config: PanosConfig, base: str, above: int) -> Document:
        """Return the same with a config in the place of ours, below so many foreign rules."""
        return replace(self, instead=_Instead(config, base, above))

    def _listed(self, kind: Kind, base: str) -> _Listed:
        path = f"{base}/security/rules" if kind == RULES else kind
        if path not in self._lists:
            self._lists[path] = _Listed(kind, self.own.entries(path))
        return self._lists[path]

    @cached_property
    def _lists(self) -> dict[str, _Listed]:
        return {}

    # --- everything ---

    @cached_property
    def rulebases(self) -> tuple[Rulebase, ...]:
        """All rules in the order they are judged: Panorama's, the device's, Panorama's."""
        around = [node for node in self.above if node is not self.pushed]
        return (
            *(
                self._rulebase(node, "pre-rulebase")
                for node in (self.pushed, *reversed(around), self.own)
            ),
            self._rulebase(self.own, "rulebase"),
            *(self._rulebase(node, "post-rulebase") for node in (self.own, *around, self.pushed)),
        )

    def _rulebase(self, node: Tree, base: str) -> Rulebase:
        where = f"{base}/security/rules"
        if node is self.pushed or node.tag == "panorama":
            where = f"Panorama's {where}"
        elif base != "rulebase":
            where = f"{node.name or node.tag}: {where}"
        if node is not self.own:
            return Rulebase(where, node.entries(f"{base}/security/rules"))
        listed = self._listed(RULES, base)
        if base != self.base:
            return Rulebase(where, listed.entries)
        if self.instead is None:
            return Rulebase(where, listed.entries, ours=True)
        foreign, above = listed.foreign, self.instead.above
        ours = [entry.node for entry in self.instead.config.rules]
        return Rulebase(where, (*foreign[:above], *ours, *foreign[above:]), ours=True)

    def rules(self) -> Iterator[Tree]:
        """Yield all rules in the order they are judged."""
        for one in self.rulebases:
            yield from one.rules

    def last_rules(self) -> Iterator[Tree]:
        """Yield what the configuration says about the two rules behind all others."""
        for node in (self.own, *self.above):
            for base in ("rulebase", "post-rulebase"):
                yield from node.entries(f"{base}/default-security-rules/rules")

    def found(self, kind: str) -> dict[str, Tree]:
        """Return every object of a kind by its name; the nearest of a name counts."""
        result: dict[str, Tree] = {}
        for entry in self._own(kind):
            result.setdefault(entry.name, entry)
        for node in self.above:
            for entry in node.entries(kind):
                result.setdefault(entry.name, entry)
        return result

    def _own(self, kind: str) -> Iterator[Tree]:
        if self.instead is None:
            yield from self.own.entries(kind)
            return
        mine = [e.node for e in self.instead.config.device_entries() if e.kind == kind]
        yield from mine
        known = next((one for one in KINDS if one == kind), None)
        yield from self._listed(known, self.base).foreign if known else self.own.entries(kind)


@dataclass(frozen=True)
class _Listed:
    """The entries of a container, of which thousands may be foreign."""

    kind: Kind
    entries: tuple[Tree, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple([entry.name for entry in self.entries])

    @cached_property
    def ours(self) -> Mapping[int, Entry]:
        """Those of ours, by their places."""
        found: dict[int, Entry] = {}
        for place, name in enumerate(self.names):
            if name.startswith(OWN_NAME) or name == OWN:
                entry = Entry.of(self.kind, name, self.entries[place].node)
                if entry.ours:
                    found[place] = entry
        return found

    @property
    def foreign(self) -> tuple[Tree, ...]:
        """The others."""
        return tuple([one for place, one in enumerate(self.entries) if place not in self.ours])

    @property
    def standing(self) -> Place:
        """Where the first of ours stands: at the top, or after which one."""
        first = next(iter(self.ours), 0)
        return ("after", self.names[first - 1]) if first else ("top", "")


def _unwrapped(root: Tree) -> Tree:
    """Take off what an answer of the API wraps its content in."""
    while root.tag in ("response", "result") and len(root.children) == 1:
        root = root.children[0]
    if root.tag == "result":
        return Node("vsys", children=root.node.children)
    if root.tag in ("response", "msg"):
        raise syntax.NotXml("an answer without a configuration in it")
    wrapped = {"rules": ("rulebase", "security"), "profiles": ("log-settings",)}.get(root.tag)
    if wrapped is None and root.tag in ("tag", "address-group", "service", "rulebase"):
        wrapped = ()
    if wrapped is not None:
        for tag in (*reversed(wrapped), "vsys"):
            root = Node(tag, children=(root.node,))
    return root


def _meant(nodes: Sequence[Tree], name: str | None) -> Tree:
    if name is not None:
        found = next((node for node in nodes if node.name == name), None)
        if found is None:
            raise syntax.NotXml(f"nothing there is called {name!r}")
        return found
    if len(nodes) == 1:
        return nodes[0]
    return next((node for node in nodes if not Document(node).config().empty), nodes[0])
