"""Which interfaces an interface list holds, as a router's text tells.

Members that a list includes of another are not in the member menu (MikroTik manual, Interface
Lists; fact sheet 11).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from knockctl_routeros.config import syntax
from knockctl_routeros.config.export import commands
from knockctl_routeros.config.records import Row
from knockctl_routeros.semantics.ruleset import LIKE

LISTS, MEMBERS = "interface list", "interface list member"


@dataclass(frozen=True)
class InterfaceLists:
    """The interface lists of a router, as far as its text tells."""

    direct: Mapping[str, set[str]] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    """By list, what it includes and what it excludes."""

    @classmethod
    def of(cls, text: str) -> InterfaceLists:
        """Read both menus of an ``/export``, or of what a driver read."""
        direct: dict[str, set[str]] = {}
        others: dict[str, dict[str, list[str]]] = {}
        for menu, words in _added(text):
            if menu == LISTS:
                named = ((key, words.get(key, "").split(",")) for key in ("include", "exclude"))
                others[words["name"]] = {key: [n for n in some if n] for key, some in named}
                direct.setdefault(words["name"], set())
            elif words.get("disabled") not in ("yes", "true"):
                direct.setdefault(words["list"], set()).add(words["interface"])
        return cls(direct, others)

    def members(self, name: str, above: frozenset[str] = frozenset()) -> set[str]:
        """Return the members of a list that the text tells of."""
        found = set(self.direct.get(name, ()))
        for word, apply in (("include", found.update), ("exclude", found.difference_update)):
            for other in self._named(name, word):
                if other not in above:
                    apply(self.members(other, above | {name}))
        return found

    def whole(self, name: str, above: frozenset[str] = frozenset()) -> bool:
        """Tell whether the text tells of all members: not where a built-in list is included."""
        others = [*self._named(name, "include"), *self._named(name, "exclude")]
        return name in self.direct and all(
            other == "none" or (other not in above and self.whole(other, above | {name}))
            for other in others
        )

    def _named(self, name: str, word: str) -> list[str]:
        return self.others.get(name, {}).get(word, [])

    def like(self, rows: Iterable[Row]) -> dict[str, tuple[str, ...]]:
        """Let one interface, called after the list, stand for a list's members.

        The scope of a placement knows only the list's name. Where a rule names a member, or
        another list tells some apart, each stands for itself; beside that one, where there may be
        members that the text doesn't tell of.
        """
        named = {row.get("in-interface").removeprefix("!") for row in rows}
        lists = {name: self.members(name) for name in self.direct}
        found = {name: set(members) for name, members in lists.items()}
        for name, mine in lists.items():
            apart = any(mine & other and not mine <= other for other in lists.values())
            if not self.whole(name):
                found[name].add(LIKE.format(name))
            elif mine and not apart and not named & mine:
                for other in (other for other in found.values() if mine <= other):
                    other.difference_update(mine)
                    other.add(LIKE.format(name))
        return {name: tuple(sorted(members)) for name, members in found.items()}


def _added(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what is added to both menus: the menu, and the words."""
    here = ""
    for _, line in commands(text):
        menu, rest = here, line.removeprefix("add ") if line.startswith("add ") else ""
        if line.startswith("/"):
            path, _, rest = line.partition(" add ")
            menu = " ".join(path.replace("/", " ").split())
            here = here if rest else menu
        if menu in (LISTS, MEMBERS) and rest:
            yield menu, {key: value or "" for key, value in syntax.words(rest)}
