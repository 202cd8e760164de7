"""Honest clients: in a hurry, over a network that repeats, back again later."""

from __future__ import annotations

from collections.abc import Iterator

from knockctl.automaton.reference import Packet
from knockctl.lint.arithmetic import FieldPath, Warned
from knockctl.lint.playing import Player, listed, to
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.ports import holds

_PACE = 0.2
_REPEAT = 0.05
_RESENT = 1.0
"""Seconds after which a client's own TCP sends again: RFC 6298, the initial timeout."""

Plan = list[tuple[float, Packet]]


def caught(policy: ResolvedPolicy) -> Iterator[Warned]:
    """Yield what locks an honest client out, or keeps it from getting in, with the trace.

    Of several ways into the same trap the first is told.
    """
    told: set[tuple[object, ...]] = set()
    for warned in _caught(policy):
        if (warned.code, warned.path) not in told:
            yield warned
        told.add((warned.code, warned.path))


def _caught(policy: ResolvedPolicy) -> Iterator[Warned]:
    plans = (plan for service in policy.services for plan in _plans(policy, to(service)))
    for what, plan in plans:
        player = Player(policy)
        for at, packet in sorted(plan, key=lambda one: one[0]):
            player.send(at, packet)
            if player.state().locked:
                yield _locked(policy, what, player, packet)
                break
        else:
            if not _was_in(player):
                yield Warned(
                    "honest-client-kept-out",
                    ("sequence",),
                    f"a client that {what} does not get in",
                    listed(player.steps),
                    tuple(player.steps),
                )


def _was_in(player: Player) -> bool:
    return player.state().granted or any(step.rule == "2" for step in player.steps)


def _locked(policy: ResolvedPolicy, what: str, player: Player, packet: Packet) -> Warned:
    trap = next(
        (
            number
            for number, trap in enumerate(policy.traps)
            if holds(trap.services, packet.protocol, packet.port)
        ),
        None,
    )
    path: FieldPath = ("wrong_knock",) if trap is None else ("traps", trap, "services")
    service = trap is not None and policy.is_service(packet.protocol, packet.port)
    return Warned(
        "trap-over-service" if service else "honest-client-caught",
        path,
        f"a client that {what} is locked out",
        listed(player.steps),
        tuple(player.steps),
    )


def _plans(policy: ResolvedPolicy, service: Packet) -> Iterator[tuple[str, Plan]]:
    """Yield what a client does, in words and packets; it always knows the newest sequence."""
    knocks = policy.generations[-1].knocks
    plain: Plan = [
        (place * _PACE, to(knock.span, knock.payload)) for place, knock in enumerate(knocks)
    ]
    done = plain[-1][0] + _PACE
    yield "only knocks", [*plain, (done, service)]
    twice = [(at + _REPEAT, packet) for at, packet in plain]
    yield "has every knock repeated by the network", [*plain, *twice, (done, service)]
    if policy.step_timeout > _RESENT:
        resent = [(at + _RESENT, packet) for at, packet in plain]
        yield (
            "lets its own TCP send every knock again after a second",
            [*plain, *resent, (done + _RESENT, service)],
        )
    for place in range(1, len(knocks)):
        early = (plain[place][0] - _PACE / 2, service)
        yield f"tries the service after knock {place}", [*plain, early, (done, service)]
    yield "uses the service twice", [*plain, (done, service), (done + _PACE, service)]
    for public in policy.public[:1]:
        between = (plain[-1][0] - _PACE / 2 if len(plain) > 1 else done, to(public))
        yield "also uses a public port", [*plain, between, (done, service)]
    late = done + policy.grant_duration + 1
    yield "comes back after the grant ended", [*plain, (done, service), (late, service)]
