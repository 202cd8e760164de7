"""A firewall's configuration as typed entries, in the device's own words and in normal form.

Two entries are equal when they mean the same to the firewall, whichever version, interface or
library printed them.

What is ours has a name that begins with ``kc-`` and says so itself: a tag in its comments, a
profile in its description, everything else by carrying the tag ``knockctl``. The comments of the
tag object ``knockctl`` are the mark: they name the change that wrote what is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from knockctl_panos.config import normal, syntax
from knockctl_panos.config.syntax import Content, Node

Kind = Literal[
    "tag",
    "address-group",
    "service",
    "log-settings/profiles",
    "rulebase/security/rules",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Paths of the containers we write to, what is referred to before what refers to it."""
RULES: Kind = "rulebase/security/rules"
PROFILES: Kind = "log-settings/profiles"

OWN = "knockctl"
"""The tag that what is ours carries, and the first word of what else tells it."""
OWN_NAME = "kc-"
REVISION = f"{OWN} revision "
SECRET = " secret"  # noqa: S105 - ends what an entry says of itself, if it came from a reference

_MARK = re.compile(rf"{re.escape(REVISION)}(?P<mark>\S+)")

Place = tuple[Literal["top", "bottom", "before", "after"], str]
"""Where our rules go, and the name of the rule before or after which; empty for the others."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``<entry>`` of a container; what it holds is in normal form."""

    kind: Kind
    name: str
    body: tuple[Node, ...]
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Hash once: entries are looked up again and again in a plan."""
        object.__setattr__(self, "_hash", hash((self.kind, self.name, self.body)))

    def __hash__(self) -> int:
        return self._hash

    @classmethod
    def of(cls, kind: Kind, name: str, content: Content | Node) -> Entry:
        """Make an entry of plain values (see ``xmltext.Content``) or of a node that was read."""
        node = content if isinstance(content, Node) else Node.of("entry", content)
        return cls(kind, name, normal.body(kind, node.children))

    @property
    def node(self) -> Node:
        """The entry as it is printed."""
        return Node("entry", self.name, children=self.body)

    def word(self, path: str, default: str = "") -> str:
        """Return the text at a path such as ``protocol/tcp/port``."""
        return self.node.word(path, default)

    def members(self, path: str) -> tuple[str, ...]:
        """Return the members listed at a path such as ``source``, by the alphabet."""
        return self.node.members(path)

    def entries(self, path: str) -> tuple[Node, ...]:
        """Return the entries listed at a path such as ``match-list``, in their order."""
        return self.node.entries(path)

    @property
    def ours(self) -> bool:
        """Tell whether it has one of our names and carries our sign."""
        if self.kind == "tag":
            own = self.name == OWN or self.name.startswith(OWN_NAME)
            return own and _says(self.word("comments"))
        if not self.name.startswith(OWN_NAME):
            return False
        if self.kind == PROFILES:
            return _says(self.word("description"))
        return OWN in self.members("tag")

    @property
    def bears(self) -> bool:
        """Tell whether it is the tag object that bears the mark."""
        return self.kind == "tag" and self.name == OWN and self.ours

    @property
    def mark(self) -> str:
        """The change it names; an empty text for none, and for other entries."""
        match = _MARK.fullmatch(self.word("comments")) if self.bears else None
        return match["mark"] if match else ""

    def marked(self, mark: str | None) -> Entry:
        """Return the same bearer with this mark; any other entry as it is."""
        if not self.bears:
            return self
        said = Node("comments", text=f"{REVISION}{mark}" if mark else OWN)
        others = [node for node in self.body if node.tag != "comments"]
        return Entry.of(self.kind, self.name, Node("entry", children=(*others, said)))

    def text(self) -> str:
        """Print it, without what it stands in."""
        return syntax.printed(self.node)

    def secrets(self) -> Iterator[str]:
        """Yield the ports that came from a secret reference, as the entry itself tells."""
        said = self.word("comments") + self.word("description")
        if not (self.ours and said.endswith(SECRET)):
            return
        protocol = self.node.find("protocol")
        for one in protocol.children if protocol else ():
            yield from (run for run in one.word("port").split(",") if run)


@dataclass(frozen=True, slots=True)
class PanosConfig:
    """What of a firewall's objects and rules is ours, in one vsys or device group.

    Entries are kept in one order that means the same: rules as they are judged, behind all
    others; those by kind and name.
    """

    entries: tuple[Entry, ...] = ()
    """As printed, but for the mark."""
    revision: str | None = None
    """The mark; None, too, where nothing is there to bear it."""
    secret_words: frozenset[str] = field(default=frozenset(), compare=False)
    """More to be masked than the entries show."""
    place: Place = field(default=("top", ""), compare=False)
    """Where our rules are to go, or where they stand: all of them together."""
    base: str = field(default="", compare=False)
    """Which of a device's rulebases they are to go to; empty where what is there tells it."""

    def __post_init__(self) -> None:
        found = {(entry.kind, entry.name): entry for entry in self.entries}.values()
        bearer = next((entry for entry in found if entry.bears), None)
        # What is asked for counts: this is how a mark is changed.
        mark = self.revision or (bearer.mark if bearer else "")
        object.__setattr__(self, "revision", mark if bearer and mark else None)
        ordered = sorted((entry.marked(None) for entry in found), key=_place)
        object.__setattr__(self, "entries", tuple(ordered))

    @property
    def empty(self) -> bool:
        """Tell whether nothing of ours is there."""
        return not self.entries

    def kind(self, kind: Kind) -> tuple[Entry, ...]:
        """Return the entries of one kind; rules in the order they are judged."""
        return tuple(entry for entry in self.entries if entry.kind == kind)

    @property
    def rules(self) -> tuple[Entry, ...]:
        """Our rules, in the order they are judged."""
        return self.kind(RULES)

    def get(self, kind: Kind, name: str) -> Entry | None:
        """Return the entry of this name as it stands on the device: with the mark."""
        return next((e for e in self.device_entries() if (e.kind, e.name) == (kind, name)), None)

    def same(self, other: PanosConfig) -> bool:
        """Tell whether both mean the same; marks mean nothing."""
        return self.entries == other.entries

    def marked(self, revision: str | None) -> PanosConfig:
        """Return the same with this mark."""
        return replace(self, revision=revision)

    def device_entries(self) -> tuple[Entry, ...]:
        """Return the entries as they stand on the device, the mark among them."""
        return tuple(entry.marked(self.revision) for entry in self.entries)

    def node(self) -> Node:
        """Return the tree of all entries, below ``vsys``."""
        found: dict[Kind, list[Node]] = {}
        for entry in self.device_entries():
            found.setdefault(entry.kind, []).append(entry.node)
        children: dict[str, Any] = {}
        for kind, nodes in found.items():
            _put(children, kind.split("/"), tuple(nodes))
        return Node("vsys", children=tuple(_built(children)))

    def text(self) -> str:
        """Print as XML, with the mark: equal texts, equal configs."""
        return syntax.printed(self.node())

    def secrets(self) -> frozenset[str]:
        """Return the words that entries marked as secret hold."""
        return self.secret_words.union(*(entry.secrets() for entry in self.entries))

    def dump(self) -> str:
        """Return a lossless form for sealed snapshots; ``load`` reads it back."""
        return json.dumps(
            {
                "vsys": self.text(),
                "revision": self.revision,
                "secret_words": sorted(self.secret_words),
                "place": self.place,
                "base": self.base,
            },
            sort_keys=True,
        )


def load(dump: str) -> PanosConfig:
    """Read back what ``PanosConfig.dump`` wrote."""
    data = json.loads(dump)
    where, name = data["place"]
    return PanosConfig(
        tuple(entries_of(syntax.read(data["vsys"]))),
        data["revision"],
        frozenset(data["secret_words"]),
        place=(where, name),
        base=data.get("base", ""),
    )


def entries_of(container: Node, rulebase: str = "rulebase") -> Iterator[Entry]:
    """Yield every entry of our kinds below a vsys, a device group or ``shared``.

    On Panorama rules stand in ``pre-rulebase`` and ``post-rulebase``.
    """
    for kind in KINDS:
        path = kind.replace("rulebase/", f"{rulebase}/", 1) if kind == RULES else kind
        yield from (Entry.of(kind, node.name, node) for node in container.entries(path))


def _says(text: str) -> bool:
    return text == OWN or text.startswith(f"{OWN} ")


def _place(entry: Entry) -> tuple[int, str]:
    """Sort key: rules keep their order, as sorting is stable."""
    return KINDS.index(entry.kind), "" if entry.kind == RULES else entry.name


def _put(tree: dict[str, Any], path: list[str], nodes: tuple[Node, ...]) -> None:
    for tag in path[:-1]:
        tree = tree.setdefault(tag, {})
    tree[path[-1]] = nodes


def _built(tree: Mapping[str, Any]) -> Iterator[Node]:
    for tag, below in tree.items():
        children = below if isinstance(below, tuple) else tuple(_built(below))
        yield Node(tag, children=children)
