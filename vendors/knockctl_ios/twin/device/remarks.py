"""Remarks in access lists: each belongs to the entry that is entered after it.

So a router was seen to do (ansible-collections/cisco.ios, issue 695): a remark waits at the end
for the next entry, whatever number that has, and goes with it. In ``Switches.remarks`` it can be
``numbered`` instead: an entry like all others.
"""

from __future__ import annotations

from knockctl_ios.twin.device.configuring import Configuring
from knockctl_ios.twin.device.grammar import Parsed
from knockctl_ios.twin.device.rules import Rule
from knockctl_ios.twin.device.tree import Node

WAITING = 2**31
"""Ranks behind all numbers."""
ENTRY = "~"
"""Ranks an entry behind the remarks of its number."""


def is_remark(node: Node) -> bool:
    """Tell a remark from an entry."""
    return node.text.startswith("remark")


def remark(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Add a remark or remove it; ``no 10 remark`` removes all of an entry's."""
    acl, number = cfg.section, int(parsed.get("sequence", "0"))
    words = parsed.words[1:] if number else parsed.words
    text = " ".join(words)
    if negated and words == ("remark",):
        forget(acl, number)
        return ""
    found = [n for n in acl.children if n.text == text and number in (0, n.sequence)]
    if negated:
        for node in found[:1]:
            acl.drop(node.key)
        return ""
    if any(node.sequence == number for node in found):
        return "Duplicate remark statement\n"
    _put(acl, text, number)
    return ""


def _put(acl: Node, text: str, number: int) -> None:
    acl.put(Node(text, _key(text, number), (number or WAITING, ""), sequence=number))


def _key(text: str, number: int) -> str:
    return f"{number} {text}"


def take(acl: Node, number: int) -> None:
    """Give the remarks that wait to an entry that comes."""
    waiting = []
    while acl.last is not None and acl.last.rank[0] == WAITING:
        waiting.append(acl.last)
        acl.drop(acl.last.key)
    for node in reversed(waiting):
        _put(acl, node.text, number)


def forget(acl: Node, number: int) -> None:
    """Remove the remarks of an entry that goes."""
    while (node := acl.ranked((number, ""))) is not None:
        acl.drop(node.key)


def renumber(acl: Node, start: int, step: int) -> None:
    """Give entries new numbers in their order; an entry and its remarks have one."""
    nodes, number, below = acl.children, start, dict[str, Node]()
    for node, following in zip(nodes, [*nodes[1:], None], strict=True):
        old = node.sequence
        if node.rank[0] != WAITING:
            node.sequence, node.rank = number, (number, node.rank[1])
            node.key = _key(node.text, number) if node.rank[1] == "" else node.key
            shared = is_remark(node) and following is not None and following.sequence == old
            number += 0 if shared else step
        below[node.key] = node
    acl.become(below)
