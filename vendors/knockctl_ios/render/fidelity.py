"""Where a router does something else than a policy says, and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from knockctl.automaton.relaxations import Relaxations
from knockctl.contract import FidelityNote
from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import ResolvedPolicy
from knockctl_ios.placement import IosPlacement
from knockctl_ios.render.correlation import window
from knockctl_ios.render.script import hears_lists, locks, watches

Kind = Literal["rounded", "approximate", "unsupported"]


def relaxed(policy: ResolvedPolicy, place: IosPlacement) -> Relaxations:
    """Return how the policy is approximated in its place."""
    return Relaxations(
        stateless=True,
        partial=bool(policy.trusted),
        lag=place.log_delay,
        looked_up=place.log_delay > 0,
        unheard=place.order == "tcl" and policy.otherwise == "pass" and watches(policy),
    )


def notes(
    stated: ResolvedPolicy, policy: ResolvedPolicy, place: IosPlacement
) -> Iterator[FidelityNote]:
    """Say where the router does something else than the policy, and within which bound."""
    yield from _rounded(stated, policy)
    if place.order == "tcl":
        yield from _scripted(stated, relaxed(policy, place), place)
    else:
        yield from _unheard(stated)
    if place.order == "correlated":
        yield from _correlated(policy)
    yield from _unsupported(stated)
    yield from _approximate(policy, relaxed(policy, place))
    if place.method == "acl-log" and place.order != "tcl":
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


def _unheard(stated: ResolvedPolicy) -> Iterator[FidelityNote]:
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


def _correlated(policy: ResolvedPolicy) -> Iterator[FidelityNote]:
    """Name what correlating log lines of everybody does otherwise than the policy says."""
    longest = max(policy.generations, key=lambda generation: len(generation.knocks))
    if len(longest.knocks) == 1:
        return
    yield _note(
        policy,
        "approximate",
        "one-window",
        f"the router waits for all knocks together, {format_duration(window(policy, longest))} for "
        f"{len(longest.knocks)} of them: no pause is too long by itself, and a knock made again "
        "counts from then on",
        "no more guesses at ports: only more time between two of them",
    )
    yield _note(
        policy,
        "approximate",
        "correlated",
        "the router keeps one log line of each knock, whoever sent it: any packet of somebody else "
        "to a knock's port spoils the attempt under way, two clients at once spoil each other's, "
        "and a knock made again after the next one spoils one's own",
    )


def _scripted(
    stated: ResolvedPolicy, bounds: Relaxations, place: IosPlacement
) -> Iterator[FidelityNote]:
    """Name what a script does otherwise than the policy says."""
    if bounds.unheard:
        yield _note(
            stated,
            "approximate",
            "unheard",
            "what the access list leaves to the entries below it is not logged: only knocks and "
            "traps are ever wrong or stray, with otherwise: refuse every port would be",
            "who sends every port in turn is stopped by knocks out of turn and by traps alone",
        )
    if stated.scope == "all" and stated.otherwise == "pass" and locks(stated):
        yield _note(
            stated,
            "unsupported",
            "lockout-scope",
            "an access list has room for one dynamic list, that of grants: who is locked out is "
            "refused knocks, services and traps, not what this policy doesn't govern",
            "no guesses: the operator's own entries judge the rest, whoever sends it",
        )
    if hears_lists(stated, place):
        yield _note(
            stated,
            "approximate",
            "flow-log",
            "of one flow an access list logs the first packet in five minutes: what else is sent "
            "from and to the same ports is not noticed, or, one packet of it, five minutes later",
            "no guesses: of such packets knocks don't count either",
        )
    if locks(stated) or any(len(generation.knocks) > 1 for generation in stated.generations):
        yield _note(
            stated,
            "approximate",
            "clock-seconds",
            "a script counts whole seconds: an attempt may end a second early, and who is locked "
            "out stays so up to a second longer",
        )


def _unsupported(stated: ResolvedPolicy) -> Iterator[FidelityNote]:
    """Name what neither applets nor scripts can do."""
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
