"""A policy's automaton as nodes and edges, found by executing it.

From each node one packet of every kind that the policy tells apart is judged, and time is let
pass; nothing here knows the rules. What a source does while it is in, short of losing the grant,
is not drawn: knocking again begins anew beside the grant and ends in the same place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from knockctl.automaton.reference import NEVER, Packet, Stage, State, judge
from knockctl.automaton.verdict import Verdict
from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import Knock, ResolvedPolicy
from knockctl.ports import Span, merged, without

_SOMEBODY = IPv4Address("203.0.113.7")
_ANY = "any other port"
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
class _Kind:
    """A kind of packet, and what to call it."""

    packet: Packet
    label: str


def graph(policy: ResolvedPolicy, *, reveal: bool = False) -> Graph:
    """Execute the policy from every node that can be reached, and draw what happens."""
    start = State.initial(policy)
    nodes: dict[str, tuple[Node, State]] = {}
    edges: dict[tuple[str, str], list[str]] = {}
    waiting = [start]
    while waiting:
        state = waiting.pop(0)
        node = _node(policy, state)
        if node.id in nodes:
            continue
        nodes[node.id] = node, state
        for label, after in _onward(policy, state, reveal=reveal):
            target = _node(policy, after)
            if target.id == node.id and not label.endswith(" accepted"):
                continue
            edges.setdefault((node.id, target.id), []).append(label)
            waiting.append(after)
    ordered = sorted((node for node, _ in nodes.values()), key=_order)
    return Graph(
        policy.name,
        tuple(ordered),
        tuple(Edge(a, b, _joined(labels, inside=a == "open")) for (a, b), labels in edges.items()),
    )


def _order(node: Node) -> tuple[int, int, str]:
    return ("start", "stage", "open", "locked").index(node.kind), node.depth, node.id


def _onward(policy: ResolvedPolicy, state: State, *, reveal: bool) -> Iterator[tuple[str, State]]:
    """Yield what can happen next, packets before time."""
    for kind in _kinds(policy, reveal=reveal):
        done = judge(policy, state, kind.packet, _NOW)
        accepted = " accepted" if done.verdict is Verdict.ACCEPT else ""
        yield f"{kind.label}{accepted}", done.state
    times = [s.deadline for s in state.stages] + [state.granted_until, state.locked_until]
    for time in sorted({t for t in times if t != NEVER}):
        yield f"after {format_duration(int(time))}", _aged(state.at(time))


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


def _kinds(policy: ResolvedPolicy, *, reveal: bool) -> Iterator[_Kind]:
    """Yield one packet for each kind of port the policy tells apart."""
    seen: list[Span] = []
    for generation in policy.generations:
        for place, knock in enumerate(generation.knocks, start=1):
            if knock.span not in seen:
                yield _Kind(_packet(knock.span, knock), _called(knock, place, reveal=reveal))
                seen.append(knock.span)
    services = without(policy.services, seen)
    for trap in policy.traps:
        inside = [s for span in trap.services for s in without((span,), (*seen, *services))]
        if inside:
            yield _Kind(_packet(inside[0]), f"trap {_listed(trap.services)}")
    if services:
        yield _Kind(_packet(services[0]), _listed(services))
    seen = [*seen, *services, *policy.trap_ports]
    if policy.public:
        yield _Kind(_packet(policy.public[0]), f"public {_listed(policy.public)}")
    rest = without((Span("tcp", 1, 65535), Span("udp", 1, 65535)), (*seen, *policy.public))
    if rest:
        yield _Kind(_packet(rest[0]), _ANY)


def _packet(span: Span, knock: Knock | None = None) -> Packet:
    payload = knock.payload or b"" if knock else b""
    return Packet(_SOMEBODY, span.protocol, span.first, payload=payload)


def _called(knock: Knock, place: int, *, reveal: bool) -> str:
    if knock.secret and not reveal:
        return f"knock {place}"
    words = " with a passphrase" if knock.payload else ""
    return f"{knock.span}{words}"


def _listed(spans: tuple[Span, ...]) -> str:
    names = [str(span) for span in merged(spans)]
    more = f" and {len(names) - 3} more" if len(names) > 4 else ""
    return " ".join(names[: 3 if more else 4]) + more


def _joined(labels: list[str], *, inside: bool) -> str:
    """Join what leads the same way; where any other port does, that says it all."""
    labels = list(dict.fromkeys(labels))
    if _ANY in labels:
        special = [x for x in labels if x.startswith(("after", "trap")) or x.endswith("accepted")]
        labels = [_ANY if inside else "any wrong port", *special]
    elif any(label.startswith("trap") for label in labels):
        # A service that leads the same way does so as part of the trap.
        labels = [x for x in labels if x.startswith(("after", "trap", "knock"))]
    return ", ".join(labels)
