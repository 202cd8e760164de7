"""What of the operator's own may match packets that ours are about: what ours must go before.

This is for placing alone. What foreign lines do to the policies is asked of the machine of all that
runs. What can't be told from a line, such as a time range, may match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from knockctl_ios.config.records import OWN_NAME, IosConfig
from knockctl_ios.config.syntax import Line
from knockctl_ios.semantics import Document
from knockctl_ios.semantics.lists import Entry, Lists
from knockctl_ios.semantics.overlap import Boxes, boxes, meet
from knockctl_ios.semantics.plane import Class, Match, class_of

_POLICY = "policy-map "
_ENTRIES = ("ip access-list ", "access-list ")

Named = Mapping[str, Line]
"""Lines of the top by their texts."""


def entries_meet(foreign: Iterable[str], mine: Iterable[str], named: Named) -> bool:
    """Tell whether one of the foreign entries may match a packet that one of ours does."""
    foreign, mine = tuple(foreign), tuple(mine)
    lists = Lists(Document(tuple(_groups((*foreign, *mine), named))))
    ours = tuple(boxes(lists.entry(text).condition) for text in mine if _asks(text))
    found = (boxes(lists.entry(text).condition) for text in foreign if _asks(text))
    return any(meet(one, other) for one in found for other in ours)


def spans(text: str, named: Named) -> Iterator[tuple[str, int, int]]:
    """Yield the protocols and ports of TCP and UDP that an entry matches."""
    entry = Lists(Document(tuple(_groups((text,), named)))).entry(text)
    for box in boxes(entry.condition):
        for protocol in sorted(box.get("protocol", {"tcp", "udp"}) & {"tcp", "udp"}):
            for first, last in box.get("port", ((0, 65535),)):
                yield protocol, first, last


def _asks(text: str) -> bool:
    return not text.startswith("remark")


def _groups(texts: Iterable[str], named: Named) -> Iterator[Line]:
    """Yield the object groups that entries name, and those that they name in turn."""
    wanted = [name for text in texts if "object-group " in text for name in _named(text)]
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        for kind in ("service", "network"):
            line = named.get(f"object-group {kind} {name}")
            if line and line.text not in seen:
                seen.add(line.text)
                yield line
                wanted += [c.text.split()[1] for c in line.below if c.text.startswith("group-")]


def _named(text: str) -> Iterator[str]:
    said = text.split()
    return (name for word, name in zip(said, said[1:], strict=False) if word == "object-group")


# --- classes of the control plane -------------------------------------------------------------


def taking(config: IosConfig, parent: str, named: Named) -> Iterator[str]:
    """Yield the foreign classes above ours in a policy map that may take what ours are about.

    One that drops does no harm: what is dropped is logged, and counts. From one that does anything
    else a knock comes through to the router, and is none.
    """
    policy = named.get(parent)
    if policy is None or not any(one.parent == parent for one in config.inserts):
        return
    classes = [line.text for line in policy.below if line.text.startswith("class ")]
    own = [text for text in classes if text.split()[1].startswith(OWN_NAME)]
    if not own:
        return
    document = _classes(parent, named)
    mine = list(_own(document, parent, own))
    for line in policy.below[: policy.below.index(_line(policy, own[0]))]:
        if line.text.startswith("class "):
            one = class_of(document, line, parent)
            said = None if one.drops else _hit(one, document, mine)
            if said:
                yield f"{line.text} ({said})"


def may_take(text: str, parent: str, named: Named, goal: IosConfig) -> bool:
    """Tell whether a foreign class may match what classes of ours do beside it.

    ``text`` names it as the policy map ``parent`` does. What is not known may match.
    """
    if not any(_is_map(line, text.split()[1]) for line in named.values()):
        return True
    own = [one.line.text for one in goal.within(parent)]
    document = _classes(parent, {**named, **{line.text: line for line in goal.objects}}, *own)
    mine = list(_own(document, parent, own))
    return _hit(class_of(document, Line(text), parent), document, mine) is not None


def _line(policy: Line, text: str) -> Line:
    return next(line for line in policy.below if line.text == text)


def _is_map(line: Line, name: str) -> bool:
    said = line.text.split()
    return said[0] == "class-map" and said[-1] == name and said[1] != "type"


def _classes(parent: str, named: Named, *more: str) -> Document:
    """Return what classes of a policy map ask, and nothing else."""
    policy = named.get(parent, Line(parent))
    wanted = {t.split()[1] for t in (*more, *(c.text for c in policy.below)) if " " in t}
    maps = [line for line in named.values() if any(_is_map(line, name) for name in wanted)]
    asked = {c.text.split()[-1] for line in maps for c in line.below if "access-group" in c.text}
    lists = [line for line in named.values() if _names(line) in asked]
    texts = [child.text for line in lists for child in line.below]
    return Document((*maps, *lists, *_groups(texts, named)))


def _names(line: Line) -> str:
    if not line.text.startswith(_ENTRIES):
        return ""
    said = line.text.split()
    return said[1] if said[0] == "access-list" else said[-1]


def _own(document: Document, parent: str, own: Iterable[str]) -> Iterator[Boxes]:
    """Yield what the entries match that classes of ours ask for."""
    lists = Lists(document)
    for text in own:
        for match in class_of(document, Line(text), parent).matches:
            for entry in lists.entries(match.access_list) or ():
                yield boxes(entry.condition)


def _hit(one: Class, document: Document, mine: Iterable[Boxes]) -> str | None:
    """Return the first entry, or criterion, of a class that may match what ours do."""
    mine, lists = tuple(mine), Lists(document)
    hits = [tuple(_hits(match, lists, mine)) for match in one.matches]
    if one.every and not all(hits):
        return None
    return next((hit for some in hits for hit in some), None)


def _hits(match: Match, lists: Lists, mine: Iterable[Boxes]) -> Iterator[str]:
    entries = lists.entries(match.access_list) if match.access_list else None
    if match.negated or entries is None:
        if match.negated or boxes(match.condition):
            yield f"match {match.text}"
        return
    mine = tuple(mine)
    yield from (one.place for one in entries if one.permits and _meets(one, mine))


def _meets(entry: Entry, mine: Iterable[Boxes]) -> bool:
    asked = boxes(entry.condition)
    return any(meet(asked, one) for one in mine)
