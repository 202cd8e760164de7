"""Somebody else's classes above ours on the control plane: may they take knocks?

The first class that matches decides. One that drops does no harm: what is dropped is logged, and
counts. From one that does anything else a knock comes through to the router, and is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from knockctl.vendor import Neighbour
from knockctl_ios.config import OWN_NAME, IosConfig
from knockctl_ios.neighbours import Groups, Match, read
from knockctl_ios.semantics import Document
from knockctl_ios.semantics.plane import Class, classes
from knockctl_ios.tree import Line

_POLICY = "policy-map "

Lists = Callable[[str], Sequence[str] | None]
"""The entries of an access list, by its name."""


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
    document: Document, parent: str, one: Class, mine: Sequence[Match], groups: Groups
) -> Iterator[Neighbour]:
    if one.drops:
        return
    _, asked = document.class_maps.get(_name(one), ("", ("nothing",)))
    said = hit(asked, document.access_lists.get, mine, groups, every=one.every)
    if said:
        alone = len(asked) == 1 or not one.every
        sure = alone and one.unsure is None and not said.startswith("match ")
        effect: Literal["accepts", "unknown"] = "accepts" if sure else "unknown"
        yield Neighbour(parent, f"class {_name(one)} ({said})", effect)


def hit(
    criteria: Iterable[str], lists: Lists, mine: Sequence[Match], groups: Groups, *, every: bool
) -> str | None:
    """Return the first of a class map that may match what ours do: an entry, or a criterion.

    ``criteria`` are without ``match``; ``lists`` returns the entries of an access list, None where
    there is none; ``every``: all of them have to match. None: nothing may.
    """
    hits = [tuple(_hits(one, lists, mine, groups)) for one in criteria]
    if every and not all(hits):
        return None
    return next((one for some in hits for one in some), None)


def _hits(asked: str, lists: Lists, mine: Sequence[Match], groups: Groups) -> Iterator[str]:
    if asked == "protocol arp":
        return
    words = asked.split()
    entries = lists(words[-1]) if words[0] == "access-group" else None
    if entries is None:
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
