"""Forgers: the fewest packets under somebody's address that lock that somebody out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from knockctl.automaton.reference import Packet, State, judge
from knockctl.lint.arithmetic import FieldPath, Step, Warned
from knockctl.lint.playing import elsewhere, to, written
from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.ports import holds

Found = tuple[FieldPath, tuple[Step, ...], int]
"""The field that asks for it, the packets, and for how many seconds."""


def locked_out(policy: ResolvedPolicy) -> Iterator[Warned]:
    """Yield, for each thing that locks out, the fewest packets that make it."""
    fresh = State.initial(policy)
    inside = fresh.grant(policy.grant_duration, 0.0)
    told: dict[FieldPath, tuple[Found | None, Found | None]] = {}
    for number, start in enumerate((fresh, inside)):
        for found in _searched(policy, start):
            pair = told.get(found[0], (None, None))
            told[found[0]] = (found, pair[1]) if number == 0 else (pair[0], found)
    for path, (stranger, granted) in told.items():
        yield _warned(path, stranger, granted)


def _warned(path: FieldPath, stranger: Found | None, granted: Found | None) -> Warned:
    found = stranger or granted
    if found is None:
        raise ValueError("nothing was found")
    lines = []
    if stranger:
        lines.append(f"source X, {_and(stranger)}: X is locked out for {_time(stranger)}")
    if granted:
        lines.append(f"a granted source X, {_and(granted)}: locked out for {_time(granted)}, too")
    elif stranger:
        lines.append("a granted source is spared")
    count = len(found[1])
    packets = "one packet" if count == 1 else f"{count} packets"
    return Warned(
        "spoofable-lockout",
        path,
        f"{packets} with a forged source lock{'s' * (count == 1)} that source out, and with it"
        " everybody behind the same NAT; a neighbour behind it does so without forging",
        "; ".join(lines),
        found[1],
    )


def _and(found: Found) -> str:
    return " and then ".join(step.packet for step in found[1])


def _time(found: Found) -> str:
    return format_duration(found[2])


def _searched(policy: ResolvedPolicy, start: State) -> Iterator[Found]:
    """Search breadth first, at one moment; yield the first way to each lock-out."""
    packets = list(_packets(policy))
    waiting: deque[tuple[State, tuple[Step, ...]]] = deque([(start, ())])
    seen, told = {start}, set()
    while waiting:
        state, way = waiting.popleft()
        for packet in packets:
            done = judge(policy, state, packet, 0.0)
            step = Step(0.0, written(policy, packet), done.verdict.value, done.rule)
            if done.state.locked:
                path = _field(policy, packet, done.rule)
                if path not in told:
                    told.add(path)
                    yield path, (*way, step), int(done.state.locked_until)
            elif done.state not in seen:
                seen.add(done.state)
                waiting.append((done.state, (*way, step)))


def _field(policy: ResolvedPolicy, packet: Packet, rule: str) -> FieldPath:
    if rule == "6":
        return ("grant", "stray")
    if rule == "7":
        return ("wrong_knock",)
    holding = [
        (-trap.lockout, number)
        for number, trap in enumerate(policy.traps)
        if holds(trap.services, packet.protocol, packet.port)
    ]
    return ("traps", min(holding)[1])


def _packets(policy: ResolvedPolicy) -> Iterator[Packet]:
    """Yield a packet of every kind, what is plainest to name first."""
    for trap in policy.traps:
        for span in trap.services:
            yield to(span)
    for generation in policy.generations:
        for knock in generation.knocks:
            yield to(knock.span, knock.payload)
    other = elsewhere(policy)
    if other:
        yield to(other)
    yield from (to(span) for span in policy.services)
