"""What makes a policy, or several on one address, make no sense (design, section 3).

Every finding is a field path and a sentence. Knocks from a secret reference are called by
their place in the sequence, never by their port.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import common, holds

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and the field it stands in."""

    path: FieldPath
    message: str


def check(policy: ResolvedPolicy) -> list[Finding]:
    """Return what is wrong with one policy by itself."""
    return [
        *(f for g in policy.generations for f in _sequence(policy, g)),
        *_single_knock(policy),
        *_traps(policy),
        *_public(policy),
        *_lockout(policy),
    ]


def _field(policy: ResolvedPolicy, generation: Generation) -> str:
    return "sequence" if generation is policy.generations[-1] else "previous"


def _name(knock: Knock, place: int) -> str:
    return f"knock {place}" if knock.secret else f"knock {place} ({knock})"


def _hidden(knock: Knock, *, also: Knock) -> Knock:
    """Return the knock, secret where the one it equals is: one tells the other."""
    return replace(knock, secret=knock.secret or also.secret)


def _sequence(policy: ResolvedPolicy, generation: Generation) -> Iterator[Finding]:
    field = _field(policy, generation)
    knocks = generation.knocks
    for place, (one, two) in enumerate(zip(knocks, knocks[1:], strict=False), start=1):
        if one.span == two.span:
            yield Finding(
                (field, place),
                f"{_name(two, place + 1)} is the same port as the knock before it: one"
                " retransmission would count as both; neighbours must differ",
            )
    for place, knock in enumerate(knocks, start=1):
        if knock.payload is not None and knock.protocol != "udp":
            yield Finding(
                (field, place - 1, "payload"),
                f"{_name(knock, place)} carries a passphrase, but only a UDP datagram can;"
                " write udp/… or leave the payload out",
            )
    if len(knocks) > 1:
        for other in policy.generations:
            # A sequence whose reference is not resolved has no knocks yet.
            if other.knocks and knocks[-1].span == other.knocks[0].span:
                last = _hidden(knocks[-1], also=other.knocks[0])
                yield Finding(
                    (field, len(knocks) - 1),
                    f"{_name(last, len(knocks))} is also the first knock of the"
                    f" {_field(policy, other)}: a repeat of the last would begin anew;"
                    " end on another port",
                )


def _single_knock(policy: ResolvedPolicy) -> Iterator[Finding]:
    if policy.uses == "single" and any(len(g.knocks) == 1 for g in policy.generations):
        yield Finding(
            ("grant", "uses"),
            "a sequence of one knock goes with unlimited uses only: its retransmission would"
            " open a second time; add a knock or write uses: unlimited",
        )


def _traps(policy: ResolvedPolicy) -> Iterator[Finding]:
    for number, trap in enumerate(policy.traps):
        for generation in policy.generations:
            for place, knock in enumerate(generation.knocks, start=1):
                if holds(trap.services, knock.protocol, knock.port):
                    yield Finding(
                        ("traps", number, "services"),
                        f"this trap holds {_name(knock, place)} of the"
                        f" {_field(policy, generation)}: the honest client would be locked out;"
                        " leave that port out of the range",
                    )


def _public(policy: ResolvedPolicy) -> Iterator[Finding]:
    for what, spans in (
        ("a service", policy.services),
        ("in a trap", policy.trap_ports),
    ):
        for span in common(policy.public, spans):
            yield Finding(
                ("public",), f"{span} is public and {what}; a port can't be both: leave one out"
            )
    for generation in policy.generations:
        for place, knock in enumerate(generation.knocks, start=1):
            if holds(policy.public, knock.protocol, knock.port):
                yield Finding(
                    ("public",),
                    f"{_name(knock, place)} of the {_field(policy, generation)} is public;"
                    " a port can't be both: leave one out",
                )


def _lockout(policy: ResolvedPolicy) -> Iterator[Finding]:
    if policy.lockout is not None:
        return
    for field, value in (
        (("wrong_knock",), policy.wrong_knock),
        (("grant", "stray"), policy.stray),
    ):
        if value == "lockout":
            yield Finding(
                field,
                "this locks out, but the policy doesn't say for how long;"
                " add lockout: {duration: 1h}",
            )


# --- several policies on one address ----------------------------------------------------------


def check_together(policies: Sequence[ResolvedPolicy]) -> list[str]:
    """Return why these policies can't share an address; empty when they can."""
    return [reason for one, two in permutations(policies, 2) for reason in _collisions(one, two)]


def _collisions(one: ResolvedPolicy, two: ResolvedPolicy) -> Iterator[str]:
    """Yield what of ``one`` collides with ``two``, in this direction only."""
    for generation in one.generations:
        for place, knock in enumerate(generation.knocks, start=1):
            same = [k for g in two.generations for k in g.knocks if k.span == knock.span]
            if same and one.name < two.name:  # two policies' knocks meet once, not once each way
                secret = any(k.secret for k in (knock, *same))
                shown = _name(replace(knock, secret=secret), place)
                yield _both(one, two, shown, "a knock")
            for holds_it, other in (
                (two.is_service, "a service"),
                (two.is_trap, "in a trap"),
                (two.is_public, "public"),
            ):
                if holds_it(knock.protocol, knock.port):
                    yield _both(one, two, _name(knock, place), other)
    for span in common(one.services, two.trap_ports):
        yield _both(one, two, f"the service {span}", "in a trap")
    for span in common(one.services, two.public):
        yield _both(one, two, f"the service {span}", "public")


def _both(one: ResolvedPolicy, two: ResolvedPolicy, what: str, other: str) -> str:
    return (
        f"{what} of {one.name} is {other} of {two.name}; on one address a port can't be both:"
        " change one of the policies"
    )
