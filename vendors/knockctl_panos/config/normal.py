"""The one form of everything that PAN-OS, its libraries and people write in several ways.

What only repeats a default of the schema is left out, but for what a rule must always say; the
order of members means nothing and is that of the alphabet, the order of entries is kept: rules
are judged in theirs, and so are the actions of a match list (fact sheet 2.4). Idempotent;
whatever is not known is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from knockctl.ports import HIGHEST_PORT, Span, merged
from knockctl_panos.config.syntax import Node

RULES = "rulebase/security/rules"
PROFILES = "log-settings/profiles"

ANY = "any"
_RULE_LISTS = ("from", "to", "source", "destination", "application", "service")
# Fact sheet 2.2; ``hip-profiles`` up to 9.1, the other two from 10.0 on.
_RULE_ANY = ("source-user", "category", "hip-profiles", "source-hip", "destination-hip")
_RULE_DEFAULTS = {
    "disabled": "no",
    "icmp-unreachable": "no",
    "log-end": "yes",
    "log-start": "no",
    "negate-destination": "no",
    "negate-source": "no",
    "rule-type": "universal",
}
_MATCH_DEFAULTS = {"quarantine": "no", "send-to-panorama": "no"}

_RUN = re.compile(r"\s*([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?\s*")
_QUOTED = re.compile(r"('[^']*')")


def body(kind: str, children: Iterable[Node]) -> tuple[Node, ...]:
    """Return what an entry of a kind holds, in normal form."""
    found = _all_plain(children)
    if kind == RULES:
        found = _rule(found)
    elif kind == PROFILES:
        found = _profile(found)
    elif kind == "service":
        found = tuple(_service(node) for node in found)
    elif kind == "address-group":
        found = tuple(_group(node) for node in found)
    # Once more: what only held defaults is empty now.
    return ordered(_all_plain(found))


def ports(text: str) -> str:
    """Return a list of ports in order, without overlaps, neighbours joined to a range."""
    spans = [_span(run) for run in text.split(",")]
    if None in spans:
        return text
    joined = merged(cast("list[Span]", spans))
    return ",".join(str(span).removeprefix("tcp/") for span in joined)


def expression(text: str) -> str:
    """Return a filter with single spaces outside of quotes."""
    parts = _QUOTED.split(text)
    parts[::2] = [re.sub(r"\s+", " ", part) for part in parts[::2]]
    return "".join(parts).strip()


def membership(text: str) -> str:
    """Return the filter of a dynamic group; a tag that stands alone is quoted (fact sheet 2)."""
    found = expression(text)
    bare = re.fullmatch(r"[^'()]+", found) and not re.search(r"\b(and|or)\b", found, re.IGNORECASE)
    return f"'{found}'" if bare else found


def _all_plain(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(plain for node in nodes if (plain := _plain(node)))


def _plain(node: Node) -> Node | None:
    """Sort members and the order of tags; None for an empty container."""
    if not node.children:
        return node if node.text or node.name or node.tag in _FLAGS else None
    children = _all_plain(node.children)
    if not children and not node.name:
        return None
    return replace(node, children=ordered(children))


# Elements that say something by being there.
_FLAGS = frozenset(("localhost", "panorama", "no", "yes"))


def ordered(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Sort by tags, members by their text too; entries stay in their order."""
    members = sorted({node.text for node in nodes if node.tag == "member"})
    others = [node for node in nodes if node.tag != "member"]
    others.sort(key=lambda node: node.tag)
    return (*others, *(Node("member", text=text) for text in members))


def _rule(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    kept = [
        node
        for node in nodes
        if _RULE_DEFAULTS.get(node.tag) != node.text
        and not (node.tag in _RULE_ANY and _members(node) == (ANY,))
    ]
    said = {node.tag for node in kept}
    kept += [Node.of(tag, [ANY]) for tag in _RULE_LISTS if tag not in said]
    # The schema's default, which pan-os-python never leaves out: fact sheet 2.2.
    kept += [] if "action" in said else [Node("action", text="allow")]
    return tuple(kept)


def _members(node: Node) -> tuple[str, ...]:
    return tuple(child.text for child in node.children if child.tag == "member")


def _service(node: Node) -> Node:
    """Put ports in order; ``override/no`` is what the device assumes (fact sheet 3)."""
    if node.tag != "protocol":
        return node
    return replace(node, children=tuple(_protocol(child) for child in node.children))


def _protocol(node: Node) -> Node:
    kept = []
    for child in node.children:
        if child.tag in ("port", "source-port"):
            kept.append(replace(child, text=ports(child.text)))
        elif child.tag != "override" or child.child("no") is None:
            kept.append(child)
    return replace(node, children=tuple(kept))


def _group(node: Node) -> Node:
    if node.tag != "dynamic":
        return node
    filters = (replace(c, text=membership(c.text)) for c in node.children if c.tag == "filter")
    return replace(node, children=tuple(filters))


def _profile(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    kept = (n for n in nodes if (n.tag, n.text) != ("enhanced-application-logging", "no"))
    return tuple(
        replace(n, children=tuple(_match(e) for e in n.children)) if n.tag == "match-list" else n
        for n in kept
    )


def _match(entry: Node) -> Node:
    """Normalise one entry of a match list; its log type is always said."""
    found = []
    for node in entry.children:
        if _MATCH_DEFAULTS.get(node.tag) == node.text:
            continue
        if node.tag == "filter":
            found.append(replace(node, text=expression(node.text)))
        elif node.tag == "actions":
            found.append(replace(node, children=tuple(_action(e) for e in node.children)))
        else:
            found.append(node)
    if not any(node.tag == "log-type" for node in found):
        found.append(Node("log-type", text="traffic"))
    return replace(entry, children=ordered(tuple(found)))


def _action(entry: Node) -> Node:
    """Normalise one built-in action; a time of 0 is none, as if it were left out."""
    tagging = entry.find("type/tagging")
    if tagging is None:
        return entry
    found = tuple(node for node in tagging.children if (node.tag, node.text) != ("timeout", "0"))
    said = {node.tag for node in found}
    if "target" not in said:
        found += (Node("target", text="source-address"),)
    if "registration" not in said:
        found += (Node.of("registration", {"localhost": True}),)
    tagged = replace(tagging, children=ordered(found))
    return replace(entry, children=(Node("type", children=(tagged,)),))


def _span(run: str) -> Span | None:
    match = _RUN.fullmatch(run)
    if not match:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return Span("tcp", first, last) if first <= last <= HIGHEST_PORT else None
