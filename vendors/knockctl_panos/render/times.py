"""Times in whole minutes, as tags keep them.

A tag's timeout is 1 to 43200 minutes (fact sheet 2.1); the tag that says that an attempt is sound
has to outlast the attempt and the grant.
"""

from __future__ import annotations

from dataclasses import replace

from knockctl.policy.resolved import ResolvedPolicy

LONGEST = 43200
"""Minutes: 30 days."""
MINUTE = 60


def minutes(seconds: int) -> int:
    """Return seconds in minutes, rounded up."""
    return -(-seconds // MINUTE)


def attempt(policy: ResolvedPolicy, knocks: int) -> int:
    """Return for how many minutes an attempt that never goes wrong, and its grant, need a tag.

    Each knock may show late by up to a minute.
    """
    return (knocks - 1) * minutes(policy.step_timeout) + minutes(policy.grant_duration) + knocks


def fit(policy: ResolvedPolicy) -> ResolvedPolicy:
    """Return the policy as tags can keep it."""
    longest = max(len(generation.knocks) for generation in policy.generations)
    # So that the longest sequence leaves a minute for the grant, too.
    step = min(minutes(policy.step_timeout), (LONGEST - longest - 1) // max(1, longest - 1))
    room = LONGEST - (longest - 1) * step - longest
    generations = (
        replace(g, knocks=tuple(replace(k, payload=None, folded=False) for k in g.knocks))
        for g in policy.generations
    )
    traps = (replace(trap, lockout=_lock(trap.lockout)) for trap in policy.traps)
    return replace(
        policy,
        generations=tuple(generations),
        step_timeout=step * MINUTE,
        grant_duration=min(minutes(policy.grant_duration), room) * MINUTE,
        lockout=None if policy.lockout is None else _lock(policy.lockout),
        traps=tuple(traps),
    )


def _lock(seconds: int) -> int:
    return min(minutes(seconds), LONGEST) * MINUTE
