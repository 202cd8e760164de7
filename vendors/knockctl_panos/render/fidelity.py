"""Where a firewall does something else than a policy says, and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockctl.automaton.relaxations import Relaxations
from knockctl.contract import FidelityNote
from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import ResolvedPolicy
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.render.names import PolicyRules


def relaxed(c: PolicyRules, chains: Sequence[PolicyRules], place: PanosPlacement) -> Relaxations:
    """Return how the policy is approximated in its place."""
    p = c.policy
    return Relaxations(
        renewal=True,
        swallowed=p.otherwise == "pass"
        and (p.stray == "revoke" or (p.wrong_knock == "reset" and c.punishes)),
        shielded=sum(one.notices for one in chains) > 1,
        segments=True,
        lag=place.tag_delay,
    )


def notes(
    stated: ResolvedPolicy,
    c: PolicyRules,
    chains: Sequence[PolicyRules],
    place: PanosPlacement,
) -> Iterator[FidelityNote]:
    """Say where the firewall does something else than the policy, and within which bound."""
    yield from _rounded(stated, c.policy)
    yield from _approximate(c, relaxed(c, chains, place), place)


def _note(policy: ResolvedPolicy, code: str, reason: str, cost: str | None = None) -> FidelityNote:
    direction = "looser" if cost else "stricter"
    return FidelityNote.model_validate(
        {
            "code": code,
            "kind": "approximate",
            "direction": direction,
            "policy": policy.name,
            "reason": reason,
            "cost": cost,
        }
    )


def _rounded(stated: ResolvedPolicy, policy: ResolvedPolicy) -> Iterator[FidelityNote]:
    """Name every time that tags keep otherwise, and passphrases."""
    ignores = policy.wrong_knock == "ignore"
    several = any(len(generation.knocks) > 1 for generation in policy.generations)
    found = [
        (
            "step-timeout",
            "step_timeout",
            stated.step_timeout if several else policy.step_timeout,
            policy.step_timeout,
            f"who guesses ports has {policy.step_timeout / stated.step_timeout:.3g} times as long "
            "for each knock"
            if ignores
            else "no guesses: a wrong knock ends the attempt, however long it may take",
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
            yield _time(policy, code, field, was, now, cost if now > was else None)
    locks = (
        [("lockout.duration", stated.lockout or 0, policy.lockout or 0)] if stated.lockout else []
    )
    locks += [
        (f"lockout of trap {n}", was.lockout, now.lockout)
        for n, (was, now) in enumerate(zip(stated.traps, policy.traps, strict=True), start=1)
    ]
    for field, was, now in locks:
        if was != now:
            early = None if now > was else "after 30 days who was locked out may guess again"
            yield _time(policy, "lockout-duration", field, was, now, early)
    if any(k.payload for g in stated.generations for k in g.knocks):
        yield _note(
            policy,
            "passphrase-ignored",
            "rules of a firewall don't look into datagrams: a knock with a passphrase is rendered "
            "as the port alone",
            "every guess at a passphrase: only the port is left to be guessed",
        ).model_copy(update={"kind": "unsupported"})


def _time(
    policy: ResolvedPolicy, code: str, field: str, was: int, now: int, cost: str | None
) -> FidelityNote:
    said = "whole minutes" if now > was else "43200 minutes at most, attempt and grant together"
    if code == "lockout-duration" and now < was:
        said = "43200 minutes at most"
    reason = (
        f"tags keep {said}: {field} is {format_duration(now)} instead of {format_duration(was)}"
    )
    note = _note(policy, code, reason, cost)
    return note.model_copy(update={"kind": "rounded"})


def _approximate(
    c: PolicyRules, bounds: Relaxations, place: PanosPlacement
) -> Iterator[FidelityNote]:
    p = c.policy
    if bounds.lag:
        yield _note(
            p,
            "tag-delay",
            f"a packet is noticed through its log: up to {bounds.lag} s pass before a knock, the "
            "end of a grant or a lock-out shows; clients have to pause as long between knocks",
            f"no guesses: what is sent meanwhile is void with its first wrong packet; but for "
            f"{bounds.lag} s new flows are let in that should no longer be",
        )
    yield _note(
        p,
        "no-renewal",
        "knocks of a source that is in do nothing: a grant can't be renewed before it ends",
    )
    yield _note(
        p,
        "segments-dropped",
        "a TCP segment that belongs to no session is dropped before any rule is asked",
    )
    if bounds.swallowed:
        yield _note(
            p,
            "noticed-is-refused",
            "only what a rule refuses is noticed at once: the packet that ends an attempt or a "
            "grant is refused, though it would pass",
        )
    if bounds.shielded:
        yield _note(
            p,
            "one-policy-notices",
            "a packet is judged by one rule: where several policies would lock out, reset or "
            "revoke for one packet, only the first of them does",
            "who is halfway in several policies has one guess at each instead of one at all",
        )
    if place.applications.get(p.name):
        yield _note(
            p,
            "applications",
            "the services are open to these applications only: "
            + ", ".join(place.applications[p.name]),
        )
