"""A policy's automaton as nodes and edges, found by executing it.

From each node one packet of every kind that the policy tells apart is judged, and time is let
pass; nothing here knows the rules. During a rotation each sequence has a track of its own: a
source is on all of them at once, and what moves it along one is drawn on that one. What a source
does while it is in, short of losing the grant, is not drawn: knocking again begins anew beside
the grant and ends in the same place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from knockctl.automaton.reference import NEVER, Stage, State, judge
from knockctl.automaton.verdict import Verdict
from knockctl.graph.packet_kinds import Kind, kinds, named
from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.ports import Span, holds, merged

_NOW = 0.0


@dataclass(frozen=True, slots=True)
class Node:
    """One state a source can be in, as a person would tell it from others."""

    id: str
    label: str
    kind: str
    """``start``, ``stage``, ``open`` or ``locked``."""
    depth: int = 0
    """Knocks made."""
    track: int = 0
    """Which of the policy's sequences a stage belongs to, from 0 in their order."""


@dataclass(frozen=True, slots=True)
class Edge:
    """How a source gets from one node to another."""

    source: str
    target: str
    label: str


@dataclass(frozen=True, slots=True)
class Graph:
    """A policy's automaton; the first node is where everybody begins."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why a source got from one node to another: a packet of some kind, or time."""

    kind: Kind | None = None
    accepted: bool = False
    name: str = ""
    """What to call it, unless it is called by its ports."""


def graph(policy: ResolvedPolicy, *, reveal: bool = False) -> Graph:
    """Execute the policy from every node that can be reached, and draw what happens."""
    nodes = {_START.id: _START}
    edges: dict[tuple[str, str], list[_Cause]] = {}
    for index in range(len(policy.generations)):
        track = _Track(
            policy,
            index,
            tuple(kinds(policy, index, reveal=reveal)),
            tuple(named(policy, index, reveal=reveal)),
        )
        for node, target, cause in track.walk():
            nodes.setdefault(target.id, target)
            edges.setdefault((node.id, target.id), []).append(cause)
    return Graph(
        policy.name,
        tuple(sorted(nodes.values(), key=_order)),
        tuple(Edge(a, b, _label(causes, inside=a == "open")) for (a, b), causes in edges.items()),
    )


def _order(node: Node) -> tuple[int, int, int, str]:
    kind = ("start", "stage", "open", "locked").index(node.kind)
    return kind, node.track, node.depth, node.id


@dataclass(frozen=True, slots=True)
class _Track:
    """One sequence's view of the policy: how far a source has come in that one, or in or out."""

    policy: ResolvedPolicy
    index: int
    kinds: tuple[Kind, ...]
    names: tuple[str, ...]
    """What its knocks are called, one after the other."""

    def walk(self) -> Iterator[tuple[Node, Node, _Cause]]:
        """Yield what leads from node to node, each node taken as it is first reached."""
        seen: set[str] = set()
        waiting = [State.initial(self.policy)]
        while waiting:
            state = waiting.pop(0)
            node = self.node(state)
            if node.id in seen:
                continue
            seen.add(node.id)
            for cause, after in self.onward(state):
                target = self.node(after)
                if target != node or cause.accepted:
                    yield node, target, cause
                    waiting.append(after)

    def onward(self, state: State) -> Iterator[tuple[_Cause, State]]:
        """Yield what can happen next, packets before time."""
        reached = state.stages[self.index].reached
        for kind in self.kinds:
            done = judge(self.policy, state, kind.packet, _NOW)
            let_in = done.state.granted and not state.granted
            if let_in and reached + 1 < len(self.names):
                continue  # by the last knock of another sequence, on whose track it is drawn
            onward = let_in or done.state.stages[self.index].reached > reached
            # Whatever else the packet may be, here it is the next knock.
            name = self.names[reached] if onward else kind.name
            yield _Cause(kind, done.verdict is Verdict.ACCEPT, name), done.state
        times = [s.deadline for s in state.stages] + [state.granted_until, state.locked_until]
        for time in sorted({t for t in times if t != NEVER}):
            yield _Cause(name=f"after {format_duration(int(time))}"), _aged(state.at(time))

    def node(self, state: State) -> Node:
        """Return the node that the state is drawn as."""
        if state.locked:
            seconds = format_duration(int(state.locked_until))
            return Node(f"locked{seconds}", f"locked out for {seconds}", "locked")
        if state.granted:
            once = ", once" if self.policy.uses == "single" else ""
            until = format_duration(self.policy.grant_duration)
            return Node("open", f"open for {until}{once}", "open")
        reached = state.stages[self.index].reached
        if not reached:
            return _START
        generation = self.policy.generations[self.index]
        id_, label = f"s{reached}", f"{reached} of {len(generation.knocks)}"
        if len(self.policy.generations) > 1:
            id_, label = f"q{generation.number}{id_}", f"{label} (sequence {generation.number})"
        return Node(id_, label, "stage", reached, self.index)


_START = Node("start", "start", "start")


def _aged(state: State) -> State:
    """Return the state as of now: drawn states have all their time before them."""
    stages = tuple(s if s.reached else Stage() for s in state.stages)
    return State(stages, state.granted_until, state.locked_until)


def _label(causes: list[_Cause], *, inside: bool) -> str:
    """Name what leads the same way; where any other port does, that says it all."""
    entering = [c for c in causes if c.accepted]
    others = [c for c in causes if not c.accepted]
    roles = {c.kind.role for c in others if c.kind}
    words: list[str] = []
    if "other" in roles:
        words.append("any other port" if inside else "any wrong port")
    else:
        words += [c.name for c in others if c.kind and c.name]
        words += [f"trap {_listed(_ports(others, 'trap'))}"] if "trap" in roles else []
        words += [_listed(_ports(others, "service"))] if "service" in roles else []
    words += [f"{name} accepted" for name in _entered(entering)]
    words += [c.name for c in others if not c.kind]
    return ", ".join(dict.fromkeys(words))


def _entered(causes: list[_Cause]) -> Iterator[str]:
    """Yield what is let in: the ports, and the knocks that are not among them."""
    spans = _ports(causes)
    if spans:
        yield _listed(spans)
    for cause in causes:
        kind = cause.kind
        if (
            kind
            and kind.role == "knock"
            and not holds(spans, kind.packet.protocol, kind.packet.port)
        ):
            yield cause.name


def _ports(causes: list[_Cause], role: str = "") -> tuple[Span, ...]:
    of = [c.kind for c in causes if c.kind and role in ("", c.kind.role)]
    return merged(span for kind in of for span in kind.spans)


def _listed(spans: tuple[Span, ...]) -> str:
    names = [str(span) for span in spans]
    more = f" and {len(names) - 3} more" if len(names) > 4 else ""
    return " ".join(names[: 3 if more else 4]) + more
