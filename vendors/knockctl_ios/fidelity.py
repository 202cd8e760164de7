"""Where a router does something else than a policy says, and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from knockctl.automaton.relaxations import Relaxations
from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.vendor import FidelityNote
from knockctl_ios.placement import IosPlacement

Kind = Literal["rounded", "approximate", "unsupported"]


def relaxed(policy: ResolvedPolicy, place: IosPlacement) -> Relaxations:
    """Return how the policy is approximated in its place."""
    return Relaxations(
        stateless=True,
        partial=bool(policy.trusted),
        lag=place.log_delay,
        looked_up=place.log_delay > 0,
    )


def notes(
    stated: ResolvedPolicy, policy: ResolvedPolicy, place: IosPlacement
) -> Iterator[FidelityNote]:
    """Say where the router does something else than the policy, and within which bound."""
    yield from _rounded(stated, policy)
    yield from _unsupported(stated)
    yield from _approximate(policy, relaxed(policy, place))
    if place.method == "acl-log":
        yield _note(
            policy,
            "approximate",
            "flow-log",
            "of a flow an access list logs the first packet; others within five minutes are only"
            " counted, and no knocks, but a single one is logged when they are over, and counts",
            "no guesses: who sent a knock twice from one port has made it once more, five minutes"
            " later",
        )


def _note(
    policy: ResolvedPolicy, kind: Kind, code: str, reason: str, cost: str | None = None
) -> FidelityNote:
    return FidelityNote(
        code=code,
        kind=kind,
        direction="looser" if cost else "stricter",
        policy=policy.name,
        reason=reason,
        cost=cost,
    )


def _rounded(stated: ResolvedPolicy, policy: ResolvedPolicy) -> Iterator[FidelityNote]:
    """Name every time that temporary entries keep otherwise."""
    several = any(len(generation.knocks) > 1 for generation in policy.generations)
    longer = policy.step_timeout / stated.step_timeout
    found = [
        (
            "step-timeout",
            "step_timeout",
            stated.step_timeout if several else policy.step_timeout,
            policy.step_timeout,
            f"who guesses ports has {longer:.3g} times as long for each knock",
        ),
        (
            "grant-duration",
            "grant.duration",
            stated.grant_duration,
            policy.grant_duration,
            "no guesses: who is in stays so much longer",
        ),
    ]
    for code, field, was, now, cost in found:
        if was != now:
            said = "whole minutes" if now > was else "9998 minutes at most"
            reason = f"temporary entries last {said}: {field} is {format_duration(now)} instead of "
            yield _note(
                policy, "rounded", code, reason + format_duration(was), cost if now > was else None
            )


def _unsupported(stated: ResolvedPolicy) -> Iterator[FidelityNote]:
    """Name what applets can't do, as they hear of knocks alone."""
    longest = max(len(generation.knocks) for generation in stated.generations)
    if stated.wrong_knock != "ignore" and longest > 1:
        yield _note(
            stated,
            "unsupported",
            "wrong-knock",
            f"a packet that is no knock starts no applet: wrong_knock is ignore, not "
            f"{stated.wrong_knock}",
            f"who sends every port in turn gets in after {longest} scans at most, for each knock "
            "one",
        )
    if stated.stray != "ignore":
        yield _note(
            stated,
            "unsupported",
            "stray",
            f"a packet that is no knock starts no applet: stray is ignore, not {stated.stray}",
            "no guesses: who is in may touch any other port",
        )
    if stated.traps:
        yield _note(
            stated,
            "unsupported",
            "traps",
            "nobody is locked out: ports of traps are ports like any other",
            "every guess that a trap would have ended",
        )
    if stated.uses == "single":
        yield _note(
            stated,
            "unsupported",
            "single-use",
            "an access list doesn't count flows: a grant is for any number of them",
            "no guesses: who is in may open more than one connection until the grant ends",
        )
    if any(k.payload for g in stated.generations for k in g.knocks):
        yield _note(
            stated,
            "unsupported",
            "passphrase-ignored",
            "log lines don't show what is inside a datagram: a knock with a passphrase is rendered "
            "as the port alone",
            "every guess at a passphrase: only the port is left to be guessed",
        )


def _approximate(p: ResolvedPolicy, bounds: Relaxations) -> Iterator[FidelityNote]:
    yield _note(
        p,
        "approximate",
        "stateless",
        "an access list knows no flows: a TCP segment with ACK or RST is let through to services"
        + (" and wherever this policy refuses" if p.otherwise == "refuse" else "")
        + ", and datagrams of a flow end with the grant",
        "no guesses at knocks: but a bare ACK is answered, which shows that a service is there",
    )
    yield _note(
        p,
        "approximate",
        "whole-device-revert",
        "a change that nobody confirms is taken back by the router's own timer, and with it "
        "whatever others configured there meanwhile",
        "no guesses: others' changes, if they are made while a change is pending",
    )
    if bounds.lag:
        yield _note(
            p,
            "approximate",
            "log-delay",
            f"a knock is noticed through its log line: up to {bounds.lag} s pass before it shows; "
            "clients have to pause as long between knocks",
            f"no guesses: a grant and an attempt last up to {bounds.lag} s longer",
        )
    if bounds.partial:
        yield _note(
            p,
            "approximate",
            "trusted-services",
            "an access list that denies can't pass somebody on: trusted sources are let in to the "
            "services, and treated like anybody else elsewhere",
        )
