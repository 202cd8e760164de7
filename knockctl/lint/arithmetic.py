"""Lint: policies that are well-formed and still unwise, each with the figure that shows it.

These rules need only arithmetic; those that play packets through the automaton are in
``knockctl.lint``. A finding is a warning, or an error with ``--strict``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span, common, merged

FieldPath = tuple[str | int, ...]

ALL_PORTS = 2 * 65536
"""TCP and UDP, as the odds are usually counted."""
FEW_KNOCKS = 3

# Where a host's outgoing flows start: Linux' default range (32768-60999) and IANA's
# (49152-65535) together.
EPHEMERAL = (Span("tcp", 32768, 65535), Span("udp", 32768, 65535))


@dataclass(frozen=True, slots=True)
class Step:
    """One packet of a trace, as the reference automaton judged it."""

    at: float
    """Seconds since the first packet."""
    packet: str
    verdict: str
    rule: str


@dataclass(frozen=True, slots=True)
class Warned:
    """One finding: what is unwise, where, and the trace or figure that proves it."""

    code: str
    path: FieldPath
    message: str
    evidence: str
    trace: tuple[Step, ...] = ()
    """The packets that show it, where packets do."""


def lint(policy: ResolvedPolicy) -> list[Warned]:
    """Return every finding, in the order of the rules below."""
    return [warned for rule in _RULES for warned in rule(policy)]


def _knocks(policy: ResolvedPolicy) -> Sequence[Knock]:
    return policy.generations[-1].knocks


def field_of(policy: ResolvedPolicy, generation: Generation) -> str:
    """Return the field a generation was written in."""
    return "sequence" if generation is policy.generations[-1] else "previous"


def _knock_is_service(policy: ResolvedPolicy) -> Iterator[Warned]:
    for generation, place, knock in (
        (g, place, knock) for g in policy.generations for place, knock in enumerate(g.knocks)
    ):
        if policy.is_service(knock.protocol, knock.port):
            yield Warned(
                "knock-is-service",
                (field_of(policy, generation), place),
                f"knock {place + 1} is also a service: a granted client that uses the service"
                " again knocks, and an impatient one knocks before its turn",
                f"a connect to {knock} is judged as knock {place + 1} until the grant begins",
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


def _few_knocks(policy: ResolvedPolicy) -> Iterator[Warned]:
    for generation in policy.generations:
        count = len(generation.knocks)
        if count < FEW_KNOCKS:
            yield Warned(
                "few-knocks",
                (field_of(policy, generation),),
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
    _trap_over_ephemeral,
    _few_knocks,
    _seen_as_filtered,
)
