"""Lint: policies that are well-formed and still unwise, each with the figure that shows it.

These rules need no exploration of the automaton. A finding is a warning, or an error with
``--strict``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span, common, merged, without

FieldPath = tuple[str | int, ...]

ALL_PORTS = 2 * 65536
"""TCP and UDP, as the odds are usually counted."""
FEW_KNOCKS = 3

# Where a host's outgoing flows start: Linux' default range (32768-60999) and IANA's
# (49152-65535) together.
EPHEMERAL = (Span("tcp", 32768, 65535), Span("udp", 32768, 65535))


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


def _field(policy: ResolvedPolicy, generation: Generation) -> str:
    return "sequence" if generation is policy.generations[-1] else "previous"


def _knock_is_service(policy: ResolvedPolicy) -> Iterator[Warned]:
    for generation, place, knock in (
        (g, place, knock) for g in policy.generations for place, knock in enumerate(g.knocks)
    ):
        if policy.is_service(knock.protocol, knock.port):
            yield Warned(
                "knock-is-service",
                (_field(policy, generation), place),
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
    for generation in policy.generations:
        knocks = generation.knocks
        ports = [k.port for k in knocks]
        upward = ports == sorted(set(ports))
        downward = ports == sorted(set(ports), reverse=True)
        one_kind = len({k.protocol for k in knocks}) == 1 and not any(k.payload for k in knocks)
        if len(knocks) < 2 or not one_kind or not (upward or downward):
            continue
        if _scan_disturbed(policy, knocks):
            continue
        direction = "ascending" if upward else "descending"
        # The rate tells how far apart the knocks are.
        rate = "" if any(k.secret for k in knocks) else _rate(ports, policy.step_timeout)
        yield Warned(
            "plain-scan-opens",
            (_field(policy, generation),),
            f"the sequence runs {direction}: an ordinary {direction} scan completes it",
            f"scan of {knocks[0].protocol}, {direction}: {', '.join(map(str, knocks))}{rate}",
        )


def _scan_disturbed(policy: ResolvedPolicy, knocks: Sequence[Knock]) -> bool:
    """Tell whether some port between the knocks is wrong, or locks out."""
    ports = [k.port for k in knocks]
    between = Span(knocks[0].protocol, min(ports), max(ports))
    if common((between,), policy.trap_ports):
        return True
    # Services and knocks already made change nothing, and public ports are never wrong.
    never_wrong = (*(k.span for k in knocks), *policy.services, *policy.public)
    return policy.wrong_knock != "ignore" and bool(without((between,), never_wrong))


def _rate(ports: Sequence[int], step_timeout: int) -> str:
    return f"; at {ports_per_second(ports, step_timeout)} ports/s or faster"


def ports_per_second(ports: Sequence[int], step_timeout: int) -> int:
    """Return the slowest whole rate at which a scan makes every step before its deadline."""
    widest = max(abs(a - b) for a, b in zip(ports, ports[1:], strict=False))
    return widest // step_timeout + 1


def _few_knocks(policy: ResolvedPolicy) -> Iterator[Warned]:
    for generation in policy.generations:
        count = len(generation.knocks)
        if count < FEW_KNOCKS:
            yield Warned(
                "few-knocks",
                (_field(policy, generation),),
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
    if policy.lockout is None:
        return
    first = _knocks(policy)[0]
    for field, chosen, packets in (
        (("wrong_knock",), policy.wrong_knock, f"source X, {first} and then one wrong port"),
        (("grant", "stray"), policy.stray, "a granted source X, one packet to any other port"),
    ):
        if chosen == "lockout":
            yield Warned(
                "spoofable-lockout",
                field,
                "forged packets lock an honest source out; behind one NAT, a neighbour's do",
                f"{packets}: X is locked out for {format_duration(policy.lockout)}",
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
