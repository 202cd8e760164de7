"""Somebody else's classes above ours on the control plane: may they take knocks?

The first class that matches decides. One that drops does no harm: what is dropped is logged, and
counts. From one that does anything else a knock comes through to the router, and is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from knockctl.vendor import Neighbour
from knockctl_ios.config import OWN_NAME, IosConfig
from knockctl_ios.neighbours import Groups, Match, read
from knockctl_ios.semantics import Document
from knockctl_ios.semantics.plane import Class, classes
from knockctl_ios.tree import Line

_POLICY = "policy-map "


def taking(config: IosConfig, lines: Iterable[Line], groups: Groups) -> Iterator[Neighbour]:
    """Yield the foreign classes above ours that may match what ours are about."""
    parents = [parent for parent in config.parents if parent.startswith(_POLICY)]
    if not parents:
        return
    kinds = ("class-map ", _POLICY, "ip access-list ", "access-list ")
    document = Document(tuple(line for line in lines if line.text.startswith(kinds)))
    for policy in classes(document):
        parent = policy[0].name.partition(",")[0] if policy else ""
        own = [one for one in policy if _name(one).startswith(OWN_NAME)]
        if parent in parents and own:
            mine = [match for one in own for match in _asked(document, _name(one), groups)]
            for one in policy[: policy.index(own[0])]:
                yield from _above(document, parent, one, mine, groups)


def _name(one: Class) -> str:
    return one.name.rpartition(" ")[2]


def _above(
    document: Document, parent: str, one: Class, mine: list[Match], groups: Groups
) -> Iterator[Neighbour]:
    if one.drops:
        return
    _, asked = document.class_maps.get(_name(one), ("", ("nothing",)))
    hits = {text: tuple(_hits(document, text, mine, groups)) for text in asked}
    if one.every and not all(hits.values()):
        return
    said = next((hit for some in hits.values() for hit in some), None)
    if said:
        alone = len(asked) == 1 or not one.every
        sure = alone and one.unsure is None and not said.startswith("match ")
        effect: Literal["accepts", "unknown"] = "accepts" if sure else "unknown"
        yield Neighbour(parent, f"class {_name(one)} ({said})", effect)


def _hits(document: Document, asked: str, mine: list[Match], groups: Groups) -> Iterator[str]:
    """Yield what of a line of a class-map may match ours: entries, or the line itself."""
    if asked == "protocol arp":
        return
    words = asked.split()
    entries = document.access_lists.get(words[-1])
    if words[0] != "access-group" or entries is None:
        yield f"match {asked}"
        return
    for text in entries:
        match = read(text, groups)
        if match and match.action != "deny" and any(match.meets(one) for one in mine):
            yield f"{words[-1]}: {text}"


def _asked(document: Document, name: str, groups: Groups) -> Iterator[Match]:
    """Yield what the entries that a class of ours asks for match."""
    _, asked = document.class_maps.get(name, ("", ()))
    for text in asked:
        for entry in document.access_lists.get(text.split()[-1], ()):
            match = read(entry, groups)
            if match:
                yield match
