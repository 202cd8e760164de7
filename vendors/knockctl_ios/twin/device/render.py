"""The configuration as ``show running-config`` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from knockctl_ios.twin.device import applets
from knockctl_ios.twin.device.switches import Switches
from knockctl_ios.twin.device.tree import Node


def lines(top: Node, switches: Switches) -> Iterator[str]:
    """Print a tree from ``version`` to ``end``, with ``!`` between the parts."""
    yield f"version {switches.train}"
    last: Node | None = None
    for node in top.children:
        if node.text.startswith("control-plane ") and not (
            node.below or switches.empty_planes_shown
        ):
            continue
        if last is None or last.mode or node.mode or last.rank[0] // 10 != node.rank[0] // 10:
            yield "!"
        yield from section(node, switches)
        last = node
    yield "!"
    yield "end"


def section(node: Node, switches: Switches) -> Iterator[str]:
    """Print one line and what is below it."""
    yield from shown(node.text, switches).split("\n")
    if node.mode.startswith("config-applet"):
        for child, text in applets.indented(node):
            yield f" {text}"
            yield from (f"  {below.text}" for below in child.children)
        return
    if node.text.startswith("interface ") and node.child("ip address") is None:
        yield " no ip address"
    yield from _below(node, switches, 1)


def _below(node: Node, switches: Switches, depth: int) -> Iterator[str]:
    for child in node.children:
        number = f"{child.sequence} " if child.sequence and switches.shows_sequence else ""
        yield " " * depth + number + entry(child, switches)
        yield from _below(child, switches, depth + 1)


def entry(node: Node, switches: Switches) -> str:
    """Print an access list's entry, or any other line, without its number."""
    if node.sequence and switches.deny_padding:
        return f" {node.text}".replace(" deny ", " deny   ", 1)[1:]
    return node.text


def shown(text: str, switches: Switches) -> str:
    """Print a top line."""
    padded = switches.group_padding and text.startswith("object-group ")
    return f"{text} " if padded else text
