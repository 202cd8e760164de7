"""A policy's automaton as a picture: Mermaid text, or SVG drawn by schemdraw.

The knocks run from left to right; what leads back to the start arches above them, what locks
out falls to the states below.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from knockctl.automaton.graph import Edge, Graph

STEP = 4.6
"""From one state to the next."""
DEPTH = -4.6
"""How far below the knocks the locked states stand."""
RADIUS = 0.85


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
    flow: Any = import_module("schemdraw.flow")
    schemdraw.use("svg")
    with schemdraw.Drawing(show=False, fontsize=11, unit=2, lw=1.2) as drawing:
        places = _places(graph)
        for node in graph.nodes:
            x, y = places[node.id]
            style = {"fill": _FILLS[node.kind]}
            state = flow.State(r=RADIUS, **style).label("\n".join(_wrapped(node.label)))
            drawing.add(state.anchor("center").at((x, y)))
        shared = _shared(graph)
        for number, edge in enumerate(graph.edges):
            label = "" if shared.get(edge.target) == edge.label else edge.label
            # The lowest arch would cross its own words if they stood over its middle.
            (ax, ay), (bx, by) = places[edge.source], places[edge.target]
            low = ay == by and 0 < ax - bx <= STEP + 0.1
            drawing.add(
                _arrow(elements, edge, places, number).label(
                    _short(label), fontsize=10, ofst=(1.0, 0.0) if low else (0.0, 0.1)
                )
            )
        for target, label in shared.items():
            x, y = places[target]
            drawing.add(elements.Label().at((x, y - RADIUS - 0.55)).label(_short(label)))
        # The loop's words stand outside what the library takes for the picture's width.
        right = max(x for x, _ in places.values()) + 3.4
        drawing.add(elements.Gap().at((right, 0)).to((right, 0.1)))
    return bytes(drawing.get_imagedata("svg")).decode()


def _shared(graph: Graph) -> dict[str, str]:
    """Return the states that several edges reach with the same words, which are then said once."""
    shared: dict[str, str] = {}
    for node in graph.nodes:
        labels = Counter(edge.label for edge in graph.edges if edge.target == node.id)
        if node.kind == "locked" and labels:
            label, count = labels.most_common(1)[0]
            if count > 1:
                shared[node.id] = label
    return shared


_FILLS = {"start": "#f2f2f2", "stage": "#e3eefc", "open": "#dff5e1", "locked": "#fbe3e0"}


def _places(graph: Graph) -> dict[str, tuple[float, float]]:
    """Return where each state stands: one track for each depth, the locked ones below."""
    tracks = [n for n in graph.nodes if n.kind != "locked"]
    locked = [n for n in graph.nodes if n.kind == "locked"]
    last = max((n.depth for n in tracks), default=0) + 1
    places: dict[str, tuple[float, float]] = {}
    used: dict[int, int] = {}
    for node in tracks:
        column = last if node.kind == "open" else node.depth
        places[node.id] = (column * STEP, used.get(column, 0) * DEPTH / 1.6)
        used[column] = used.get(column, 0) + 1
    floor = min(y for _, y in places.values()) + DEPTH
    for number, node in enumerate(locked):
        places[node.id] = ((number + 1) * last * STEP / (len(locked) + 1), floor)
    return places


def _wrapped(label: str) -> list[str]:
    """Break a label so that it fits its circle."""
    lines: list[str] = []
    for word in label.replace(",", "").split():
        if lines and len(lines[-1]) + len(word) < 9:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _arrow(elements: Any, edge: Edge, places: dict[str, tuple[float, float]], number: int) -> Any:
    (ax, ay), (bx, by) = places[edge.source], places[edge.target]
    if edge.source == edge.target:
        loop = elements.ArcLoop(radius=0.7, arrow="<-")
        return loop.at((ax + 0.5, ay + 0.69)).to((ax + 0.69, ay - 0.5))
    if ay == by and 0 < bx - ax <= STEP + 0.1:
        return elements.Line(arrow="->").at((ax + RADIUS, ay)).to((bx - RADIUS, by))
    if ay == by:
        # Back along the track: the further, the higher.
        arc = elements.Arc2(k=-0.32 if bx < ax else 0.32, arrow="->")
        return arc.at((ax, ay + RADIUS)).to((bx, by + RADIUS))
    down = by < ay
    edge_y = -RADIUS if down else RADIUS
    shift = 0.25 if down else -0.25
    arc = elements.Arc2(k=0.06 + 0.02 * (number % 3), arrow="->")
    return arc.at((ax + shift, ay + edge_y)).to((bx + shift, by - edge_y))


def _short(label: str) -> str:
    """Break a long label at its commas, and where it lists many ports."""
    parts = label.split(", ")
    if label.endswith(" accepted") and len(parts) == 1:
        parts = label.split(" ")
    return "\n".join(parts)
