"""Times in whole minutes, as temporary entries of access lists are kept (fact sheet 3)."""

from __future__ import annotations

from dataclasses import replace

from knockctl.policy.resolved import ResolvedPolicy

LONGEST = 9998
"""Minutes. IOS takes one more, which is left to the cap of the list itself."""
MINUTE = 60


def minutes(seconds: int) -> int:
    """Return seconds in minutes, rounded up."""
    return -(-seconds // MINUTE)


def fit(policy: ResolvedPolicy) -> ResolvedPolicy:
    """Return the policy as applets carry it out.

    They hear of knocks alone: nothing else is noticed, so nothing else ends an attempt or a
    grant, and nobody is locked out.
    """
    generations = (
        replace(g, knocks=tuple(replace(k, payload=None, folded=False) for k in g.knocks))
        for g in policy.generations
    )
    return replace(
        policy,
        generations=tuple(generations),
        step_timeout=_fitted(policy.step_timeout),
        grant_duration=_fitted(policy.grant_duration),
        uses="unlimited",
        stray="ignore",
        wrong_knock="ignore",
        lockout=None,
        scope="all",
        traps=(),
    )


def _fitted(seconds: int) -> int:
    return min(minutes(seconds), LONGEST) * MINUTE
