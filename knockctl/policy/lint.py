"""Lint: policies that are well-formed and still unwise, each with the figure that shows it.

These rules need no exploration of the automaton. A finding is a warning, or an error with
``--strict``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import Knock, ResolvedPolicy
from knockctl.ports import Span, common, merged

FieldPath = tuple[str | int, ...]

ALL_PORTS = 2 * 65536
"""TCP and UDP, as the odds are usually counted."""
FEW_KNOCKS = 3

# Where a host's outgoing flows start: Linux' default range, within which IANA's lies.
EPHEMERAL = (Span("tcp", 32768, 60999), Span("udp", 32768, 60999))


@dataclass(frozen=True, slots=True)
class Warned:
    """One finding: what is unwise, where, and the trace or figure that proves it."""

    code: str
    path: FieldPath
    message: str
    evidence: str


def lint(policy: ResolvedPolicy) -> list[Warned]:
    """Return every finding, in the order of the rules below."""
    return [warned for rule in _RULES for warned in rule(policy)]


def _knocks(policy: ResolvedPolicy) -> Sequence[Knock]:
    return policy.generations[-1].knocks


def _knock_is_service(policy: ResolvedPolicy) -> Iterator[Warned]:
    for place, knock in enumerate(_knocks(policy)):
        if policy.is_service(knock.protocol, knock.port):
            yield Warned(
                "knock-is-service",
                ("sequence", place),
                f"knock {place + 1} is also a service: a granted client that uses the service"
                " again knocks, and an impatient one knocks before its turn",
                f"a connect to {knock} is judged as knock {place + 1} until the grant begins",
            )


def _trap_over_service(policy: ResolvedPolicy) -> Iterator[Warned]:
    for number, trap in enumerate(policy.traps):
        for span in common(trap.services, policy.services):
            excuse = " until the grant begins" if trap.unless_granted else ""
            yield Warned(
                "trap-over-service",
                ("traps", number, "services"),
                f"{span} is a service and a trap: an honest client that connects a moment too"
                f" early is locked out for {format_duration(trap.lockout)}{excuse}",
                f"{span} before the last knock, then the knocks, then {span}: refused",
            )


def _trap_over_ephemeral(policy: ResolvedPolicy) -> Iterator[Warned]:
    for number, trap in enumerate(policy.traps):
        caught = common(trap.services, EPHEMERAL)
        if caught:
            ports = sum(len(span) for span in caught)
            yield Warned(
                "trap-over-ephemeral",
                ("traps", number, "services"),
                "the trap covers ports from which the host's own flows start: a late answer from"
                f" a peer whose flow is forgotten locks that peer out for"
                f" {format_duration(trap.lockout)}",
                f"{ports} of the {len(EPHEMERAL[0])} ephemeral ports per protocol,"
                f" the first {caught[0]}",
            )


def _plain_scan(policy: ResolvedPolicy) -> Iterator[Warned]:
    """A scan in order of ports is the sequence, when nothing in between resets or locks."""
    knocks = _knocks(policy)
    if len(knocks) < 2 or any(k.payload for k in knocks) or len({k.protocol for k in knocks}) > 1:
        return
    ports = [k.port for k in knocks]
    steps = list(zip(ports, ports[1:], strict=False))
    upward = all(a < b for a, b in steps)
    if not upward and not all(a > b for a, b in steps):
        return
    low, high = min(ports), max(ports)
    between = Span(knocks[0].protocol, low, high)
    gaps = high - low + 1 > len(ports)
    reset_by_gap = policy.wrong_knock != "ignore" and gaps
    trapped = any(span.overlaps(between) for trap in policy.traps for span in trap.services)
    if reset_by_gap or trapped:
        return
    direction = "ascending" if upward else "descending"
    yield Warned(
        "plain-scan-opens",
        ("sequence",),
        f"the sequence runs {direction}: an ordinary {direction} scan completes it",
        f"scan of {knocks[0].protocol}, {direction}: "
        + ", ".join(str(k) for k in knocks)
        + f"; at {ports_per_second(low, high, policy.step_timeout)} ports/s or faster",
    )


def ports_per_second(low: int, high: int, step_timeout: int) -> int:
    """Return the slowest scan that makes every step in time, at worst one long gap."""
    return max(1, math.ceil((high - low) / step_timeout))


def _few_knocks(policy: ResolvedPolicy) -> Iterator[Warned]:
    for generation in policy.generations:
        count = len(generation.knocks)
        if count < FEW_KNOCKS:
            field = "sequence" if generation is policy.generations[-1] else "previous"
            yield Warned(
                "few-knocks",
                (field,),
                f"{count} knock{'s' * (count != 1)} are few",
                f"a blind guess is right once in {odds(count)}",
            )


def odds(knocks: int) -> str:
    """Return how many guesses of a whole sequence there are.

    >>> odds(5)
    '3.87e+25'
    """
    total = ALL_PORTS**knocks
    return f"{total:,}" if total < 10**12 else f"{total:.2e}"


def _spoofed(policy: ResolvedPolicy) -> Iterator[Warned]:
    """Who sends one packet with your address locks you out."""
    for number, trap in enumerate(policy.traps):
        yield Warned(
            "spoofable-lockout",
            ("traps", number),
            "one packet with a forged source locks that source out, and with it everybody behind"
            " the same NAT",
            f"source X, {trap.services[0]}: X is locked out for {format_duration(trap.lockout)}"
            + (" unless granted" if trap.unless_granted else "; granted sources, too"),
        )
    if policy.lockout and "lockout" in (policy.wrong_knock, policy.stray):
        first = _knocks(policy)[0]
        how = (
            f"source X, {first} and one wrong port"
            if policy.wrong_knock == "lockout"
            else "a granted source X, any other port"
        )
        yield Warned(
            "spoofable-lockout",
            ("lockout",),
            "forged packets lock an honest source out; behind one NAT, a neighbour's do",
            f"{how}: X is locked out for {format_duration(policy.lockout)}",
        )


def _seen_as_filtered(policy: ResolvedPolicy) -> Iterator[Warned]:
    """What a scan of a host that resets closed ports learns."""
    if policy.otherwise != "pass" or policy.refuse != "drop":
        return
    silent = merged((*policy.knock_ports, *policy.services, *policy.trap_ports))
    count = sum(len(span) for span in silent)
    knocks = len(_knocks(policy))
    yield Warned(
        "silent-ports-stand-out",
        ("otherwise",),
        "on a host that resets closed ports a scan sees exactly the knocks, services and traps"
        " as filtered",
        f"{count} ports stand out; a guess among them is right once in {count**knocks:,}"
        f" instead of once in {odds(knocks)}",
    )


_RULES: tuple[Callable[[ResolvedPolicy], Iterator[Warned]], ...] = (
    _knock_is_service,
    _trap_over_service,
    _trap_over_ephemeral,
    _plain_scan,
    _few_knocks,
    _spoofed,
    _seen_as_filtered,
)
