"""A policy's automaton as a picture: Mermaid text, or SVG drawn by schemdraw."""

from __future__ import annotations

from typing import Any

from knockctl.graph.graph import Graph
from knockctl.graph.layout import layout
from knockctl.graph.measure import SIZE


def mermaid(graph: Graph) -> str:
    """Return the text of a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    direction LR", f"    [*] --> {_id(graph.nodes[0].id)}"]
    lines += [f"    {_id(node.id)}: {_plain(node.label)}" for node in graph.nodes]
    lines += [
        f"    {_id(edge.source)} --> {_id(edge.target)}: {_plain(edge.label)}"
        for edge in graph.edges
    ]
    return "\n".join(lines) + "\n"


def _id(name: str) -> str:
    return name if name != "start" else "begin"


def _plain(text: str) -> str:
    """Mermaid ends a label at a semicolon and reads ``#`` as the start of an entity."""
    return text.translate({ord("#"): "#35;", ord(";"): "#59;"})


def svg(graph: Graph) -> str:
    """Return the picture as an SVG document."""
    from importlib import import_module

    schemdraw: Any = import_module("schemdraw")
    elements: Any = import_module("schemdraw.elements")
    segments: Any = import_module("schemdraw.segments")
    schemdraw.use("svg")
    picture = layout(graph)
    kinds = {node.id: node.kind for node in graph.nodes}
    whole = elements.Element()
    for id_, at in picture.states.items():
        fill = _FILLS[kinds[id_]]
        whole.segments.append(segments.SegmentCircle(at, picture.radius, fill=fill))
    for wire in picture.wires:
        arrow = "->" if wire.arrow else None
        whole.segments.append(segments.Segment(wire.points, arrow=arrow))
    for at in picture.joints:
        whole.segments.append(segments.SegmentCircle(at, 0.06, fill=True))
    for words in picture.words:
        align = ("center" if words.centred else "left", "center")
        text = "\n".join(words.lines)
        whole.segments.append(segments.SegmentText(words.at, text, align=align, fontsize=SIZE))
        # The library takes words for narrower than some fonts make them.
        whole.segments.append(segments.Segment(words.corners, visible=False))
    with schemdraw.Drawing(show=False, lw=1.2) as drawing:
        drawing.add(whole.at((0, 0)))
    return bytes(drawing.get_imagedata("svg")).decode()


_FILLS = {"start": "#f2f2f2", "stage": "#e3eefc", "open": "#dff5e1", "locked": "#fbe3e0"}
