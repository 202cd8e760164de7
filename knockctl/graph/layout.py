"""Where the parts of a policy's picture stand: states in rows, right-angled wires, words.

Words stand where no wire can pass. A knock's are over its own wire, between what rises and
falls beside the two states. Wires back to the start run above the states, wires to a lock-out
below, one for all states that share its words; they have them next to the state they lead to,
in a gap that nothing rises or falls through. Lock-outs stand to the left of the start. With
several sequences each row is a little to the right of the one above, so that what rises and
falls passes beside the states. Lengths are in half inches, y grows upwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import hypot, sqrt

from knockctl.graph.graph import Edge, Graph, Node
from knockctl.graph.measure import height, width, wrapped

Point = tuple[float, float]

_PAD = 0.2
"""Between words and what is beside them."""
_HEAD = 0.3
"""Length of an arrow's head."""
_FALL = 0.55
"""How far from a state's middle wires may leave it below, in radii."""


@dataclass(frozen=True, slots=True)
class Words:
    """A few lines; ``at`` is the middle of their left side, or of the whole if centred."""

    at: Point
    lines: tuple[str, ...]
    centred: bool = False

    @property
    def corners(self) -> tuple[Point, Point]:
        """Two opposite corners of the room they take at the most."""
        (x, y), wide, high = self.at, width(self.lines), height(self.lines)
        left = x - wide / 2 if self.centred else x
        return (left, y - high / 2), (left + wide, y + high / 2)


@dataclass(frozen=True, slots=True)
class Wire:
    """A line through some points, to an arrow's head unless it joins another wire."""

    points: tuple[Point, ...]
    arrow: bool = True


@dataclass(slots=True)
class Picture:
    """Everything that is drawn, all states with the same radius."""

    radius: float
    states: dict[str, Point] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)
    joints: list[Point] = field(default_factory=list)
    """Where a wire joins another that goes on; wires that cross have none."""
    words: list[Words] = field(default_factory=list)

    def say(self, x: float, y: float, lines: tuple[str, ...]) -> None:
        """Put words over a wire, beginning at x."""
        self.words.append(Words((x, y + height(lines) / 2 + 0.08), lines))


def layout(graph: Graph) -> Picture:
    """Place the states of a graph, wire them, and put the words where no wire passes."""
    return _Plan.of(graph).picture()


def _said(edge: Edge) -> tuple[str, ...]:
    return wrapped(edge.label, 16)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The measures of one picture, and its edges by where they run."""

    graph: Graph
    nodes: dict[str, Node]
    radius: float
    tracks: int
    onward: tuple[Edge, ...]
    back: tuple[Edge, ...]
    out: tuple[Edge, ...]
    """To a lock-out."""

    @classmethod
    def of(cls, graph: Graph) -> _Plan:
        nodes = {node.id: node for node in graph.nodes}
        runs: dict[str, list[Edge]] = {"onward": [], "back": [], "out": []}
        for edge in graph.edges:
            source, target = nodes[edge.source], nodes[edge.target]
            if source.kind == "locked" or source == target:
                continue
            ahead = source.kind != "open" and (target.kind == "open" or target.depth > source.depth)
            run = "out" if target.kind == "locked" else "onward" if ahead else "back"
            runs[run].append(edge)
        inside = [wrapped(node.label, 10) for node in graph.nodes]
        return cls(
            graph,
            nodes,
            max(0.85, *(hypot(width(x), height(x)) / 2 + 0.05 for x in inside)),
            1 + max(node.track for node in graph.nodes),
            **{run: tuple(edges) for run, edges in runs.items()},
        )

    # --- measures ------------------------------------------------------------------------

    def shift(self, track: int) -> float:
        """Return how far to the right a row stands."""
        return track * 1.8 * self.radius

    def row(self, track: int) -> float:
        """Return a row's height; start and grant stand in the middle, at 0."""
        return ((self.tracks - 1) / 2 - track) * (2 * self.radius + 1.0)

    @property
    def fork(self) -> float:
        """How far beside start and grant the rows part and meet."""
        return self.radius + 0.5

    def free(self, track: int) -> Point:
        """Return where words may stand over a row: after a column, and before the next."""
        last = track == self.tracks - 1
        left = max(self.shift(track) + self.radius, self.fork)
        left = left if last else max(left, self.shift(self.tracks - 1))
        right = self.shift(track) - self.radius
        return left + _PAD, (min(right, -_FALL * self.radius) if track else right) - _PAD

    def track(self, edge: Edge) -> int:
        """Return the row that an edge onward runs in; one straight into the grant the last."""
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        if source.kind == "start" and target.kind == "open":
            return self.tracks - 1
        return target.track if target.kind == "stage" else source.track

    @property
    def step(self) -> float:
        """From one column to the next."""
        needed = [2 * self.radius + 1.0]
        for edge in self.onward:
            left, right = self.free(self.track(edge))
            needed.append(width(_said(edge)) + left - right + _HEAD)
        needed += [width(_said(edge)) + 3 * _PAD for edge in self.back]
        return max(needed)

    @property
    def last(self) -> float:
        """Where the grant stands."""
        columns = 1 + max(node.depth for node in self.graph.nodes)
        meeting = 0.8 if self.tracks > 1 else 0
        return columns * self.step + self.shift(self.tracks - 1) + meeting

    # --- the picture ---------------------------------------------------------------------

    def picture(self) -> Picture:
        """Place the states and draw every edge."""
        picture = Picture(self.radius)
        for node in self.graph.nodes:
            if node.kind == "stage":
                x = node.depth * self.step + self.shift(node.track)
                picture.states[node.id] = x, self.row(node.track)
            elif node.kind != "locked":
                picture.states[node.id] = (0 if node.kind == "start" else self.last), 0
        for edge in self.onward:
            self.draw_onward(picture, edge)
        self.draw_back(picture)
        self.draw_out(picture)
        for edge in self.graph.edges:
            if edge.source == edge.target:
                self.draw_loop(picture, edge)
        for node in self.graph.nodes:
            at = picture.states[node.id]
            picture.words.append(Words(at, wrapped(node.label, 10), centred=True))
        return picture

    def draw_onward(self, picture: Picture, edge: Edge) -> None:
        """Draw a knock: along its row, from where the rows part to where they meet."""
        (ax, ay), (bx, by) = picture.states[edge.source], picture.states[edge.target]
        track = self.track(edge)
        straight = ax == 0 and bx == self.last
        y = 0 if straight else self.row(track)
        points = [(ax + self.radius, ay)]
        if ay != y:
            points += [(ax + self.fork, ay), (ax + self.fork, y)]
        if by != y:
            points += [(bx - self.fork - 0.1, y), (bx - self.fork - 0.1, by)]
        picture.wires.append(Wire((*points, (bx - self.radius, by))))
        column = self.nodes[edge.source].depth * self.step
        left, right = self.free(track)
        room = right - left + self.step - _HEAD - width(_said(edge))
        picture.say(column + left + (room / 2 if self.tracks == 1 else 0), y, _said(edge))

    def draw_back(self, picture: Picture) -> None:
        """Draw what ends an attempt or a grant: up, above all states, and down again."""
        spoken = max((height(_said(edge)) for edge in self.onward), default=0)
        y = self.row(0) + max(self.radius, spoken) + 0.4
        bundles = list(_bundles(picture, self.back))
        for target, lines, sources in bundles:
            tx, ty = picture.states[target]
            *others, far = sorted(picture.states[source] for source in sources)
            x = far[0]
            end = ty + self.radius
            picture.wires.append(Wire(((x, far[1] + self.radius), (x, y), (tx, y), (tx, end))))
            for ox, oy in others:
                picture.wires.append(Wire(((ox, oy + self.radius), (ox, y)), arrow=False))
                picture.joints.append((ox, y))
            picture.say(tx + _PAD, y, lines)
            if (target, lines, sources) != bundles[-1]:
                picture.joints.append((tx, y))
            y += height(lines) + 0.3

    def draw_loop(self, picture: Picture, edge: Edge) -> None:
        """Draw what leaves a source where it is: a bow to the right, and its words beside it."""
        x, y = picture.states[edge.source]
        near, far = x + sqrt(self.radius**2 - 0.35**2), x + self.radius + 0.8
        points = (near, y + 0.35), (far, y + 0.35), (far, y - 0.35), (near, y - 0.35)
        picture.wires.append(Wire(points))
        picture.words.append(Words((far + _PAD, y), _said(edge)))

    # --- lock-outs -----------------------------------------------------------------------

    def draw_out(self, picture: Picture) -> None:
        """Place the lock-outs, one below the other, and draw what leads there and back."""
        locked = [node for node in self.graph.nodes if node.kind == "locked"]
        widest = max((width(_said(edge)) for edge in self.out), default=0)
        # Between the start's own wires down and where the wires meet before the state.
        x = -_FALL * self.radius - widest - 2 * _PAD - self.fork - _HEAD
        below = min(y for _, y in picture.states.values()) - self.radius - _PAD
        above = -_PAD
        for place, node in enumerate(locked):
            edges = [edge for edge in self.out if edge.target == node.id]
            bundles = list(_bundles(picture, edges))
            heights = [height(lines) + _PAD for _, lines, _ in bundles]
            levels = [below - sum(heights[: n + 1]) for n in range(len(heights))]
            middle = (levels[0] + levels[-1]) / 2
            down = max(0, middle + self.radius - above)
            picture.states[node.id] = x, middle - down
            aside = (place - (len(locked) - 1) / 2) * 2 * _FALL * self.radius / len(locked)
            for (_, lines, sources), level in zip(bundles, levels, strict=True):
                self.draw_falls(picture, sources, aside, (x, middle - down), level - down)
                picture.say(x + self.fork + _HEAD + _PAD, level - down, lines)
            below, above = levels[-1] - down - _PAD, middle - down - self.radius - _PAD
        self.draw_release(picture, locked)

    def draw_falls(
        self, picture: Picture, sources: list[str], aside: float, target: Point, y: float
    ) -> None:
        """Draw what locks out from several states with the same words."""
        down = sqrt(self.radius**2 - aside**2)
        tops = sorted((x + aside, ay - down) for x, ay in (picture.states[s] for s in sources))
        *others, far = tops
        tx, ty = target
        meet = tx + self.fork + _HEAD
        bend = [(meet, y), (meet, ty)] if y != ty else []
        points = (far, (far[0], y), *bend, (tx + self.radius, ty))
        picture.wires.append(Wire(points))
        picture.joints += [at for at in bend[1:] if at not in picture.joints]
        for top in others:
            picture.wires.append(Wire((top, (top[0], y)), arrow=False))
            picture.joints.append((top[0], y))

    def draw_release(self, picture: Picture, locked: list[Node]) -> None:
        """Draw the end of each lock-out: to the left, up, and into the start."""
        ids = {node.id for node in locked}
        edges = [edge for edge in self.graph.edges if edge.source in ids]
        edges.sort(key=lambda edge: picture.states[edge.source][1])
        widest = max((width(_said(edge)) for edge in edges), default=0)
        for edge in edges:
            x, y = picture.states[edge.source]
            left = x - self.radius - widest - 3 * _PAD
            points = ((x - self.radius, y), (left, y), (left, 0), (-self.radius, 0))
            picture.wires.append(Wire(points))
            picture.say(left + _PAD, y, _said(edge))
            if edge != edges[0]:
                picture.joints.append((left, y))


def _bundles(
    picture: Picture, edges: tuple[Edge, ...] | list[Edge]
) -> Iterator[tuple[str, tuple[str, ...], list[str]]]:
    """Yield targets, words and the sources that share both, those that reach least far first."""
    bundles: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        bundles.setdefault((edge.target, edge.label), []).append(edge.source)
    reach = {key: max(picture.states[s][0] for s in bundles[key]) for key in bundles}
    for target, label in sorted(bundles, key=lambda key: reach[key]):
        yield target, wrapped(label, 16), bundles[target, label]
