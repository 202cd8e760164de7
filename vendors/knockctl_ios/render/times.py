"""Times in whole minutes, as temporary entries of access lists are kept (fact sheet 3)."""

from __future__ import annotations

from dataclasses import replace

from knockctl.policy.resolved import Generation, ResolvedPolicy

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
    return replace(
        policy,
        generations=_said_nothing(policy.generations),
        step_timeout=_fitted(policy.step_timeout),
        grant_duration=_fitted(policy.grant_duration),
        uses="unlimited",
        stray="ignore",
        wrong_knock="ignore",
        lockout=None,
        scope="all",
        traps=(),
    )


def fit_correlated(policy: ResolvedPolicy) -> ResolvedPolicy:
    """Return the policy as an applet of several events does, as far as a policy can say that.

    Its trigger counts seconds, though for all knocks together.
    """
    return replace(fit(policy), step_timeout=policy.step_timeout)


def fit_script(policy: ResolvedPolicy) -> ResolvedPolicy:
    """Return the policy as a script carries it out.

    It counts seconds itself; but nothing wakes it when a grant's time is up, which is that of a
    temporary entry. Who is locked out is refused what the interface's list refuses anyway: of
    what that passes on, nothing can be taken back from one source.
    """
    return replace(
        policy,
        generations=_said_nothing(policy.generations),
        grant_duration=_fitted(policy.grant_duration),
        uses="unlimited",
        scope="services" if policy.otherwise == "pass" else policy.scope,
    )


def _said_nothing(generations: tuple[Generation, ...]) -> tuple[Generation, ...]:
    """Return sequences without what is said inside of datagrams."""
    return tuple(
        replace(g, knocks=tuple(replace(k, payload=None, folded=False) for k in g.knocks))
        for g in generations
    )


def _fitted(seconds: int) -> int:
    return min(minutes(seconds), LONGEST) * MINUTE
