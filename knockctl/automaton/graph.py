"""A policy's automaton as nodes and edges, found by executing it.

From each node one packet of every kind that the policy tells apart is judged, and time is let
pass; nothing here knows the rules. What a source does while it is in, short of losing the grant,
is not drawn: knocking again begins anew beside the grant and ends in the same place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from knockctl.automaton.kinds import Kind, kinds
from knockctl.automaton.reference import NEVER, Stage, State, judge
from knockctl.automaton.verdict import Verdict
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
    start = State.initial(policy)
    nodes: dict[str, tuple[Node, State]] = {}
    edges: dict[tuple[str, str], list[_Cause]] = {}
    waiting = [start]
    while waiting:
        state = waiting.pop(0)
        node = _node(policy, state)
        if node.id in nodes:
            continue
        nodes[node.id] = node, state
        for cause, after in _onward(policy, state, reveal=reveal):
            target = _node(policy, after)
            if target.id == node.id and not cause.accepted:
                continue
            edges.setdefault((node.id, target.id), []).append(cause)
            waiting.append(after)
    ordered = sorted((node for node, _ in nodes.values()), key=_order)
    return Graph(
        policy.name,
        tuple(ordered),
        tuple(Edge(a, b, _label(causes, inside=a == "open")) for (a, b), causes in edges.items()),
    )


def _order(node: Node) -> tuple[int, int, str]:
    return ("start", "stage", "open", "locked").index(node.kind), node.depth, node.id


def _onward(
    policy: ResolvedPolicy, state: State, *, reveal: bool
) -> Iterator[tuple[_Cause, State]]:
    """Yield what can happen next, packets before time."""
    for kind in kinds(policy, 0, reveal=reveal):
        done = judge(policy, state, kind.packet, _NOW)
        yield _Cause(kind, done.verdict is Verdict.ACCEPT, kind.name), done.state
    times = [s.deadline for s in state.stages] + [state.granted_until, state.locked_until]
    for time in sorted({t for t in times if t != NEVER}):
        yield _Cause(name=f"after {format_duration(int(time))}"), _aged(state.at(time))


def _aged(state: State) -> State:
    """Return the state as of now: drawn states have all their time before them."""
    stages = tuple(s if s.reached else Stage() for s in state.stages)
    return State(stages, state.granted_until, state.locked_until)


def _node(policy: ResolvedPolicy, state: State) -> Node:
    if state.locked:
        seconds = format_duration(int(state.locked_until))
        return Node(f"locked{seconds}", f"locked out for {seconds}", "locked")
    if state.granted:
        uses = ", once" if policy.uses == "single" else ""
        return Node("open", f"open for {format_duration(policy.grant_duration)}{uses}", "open")
    reached = [stage.reached for stage in state.stages]
    if not any(reached):
        return Node("start", "start", "start")
    made = [
        f"{count} of {len(generation.knocks)}"
        + (f" (sequence {generation.number})" if len(reached) > 1 else "")
        for count, generation in zip(reached, policy.generations, strict=True)
        if count
    ]
    return Node("s" + "x".join(map(str, reached)), ", ".join(made), "stage", max(reached))


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
