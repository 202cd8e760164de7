"""What ``policy show`` says: a policy in full, its secrets hidden."""

from __future__ import annotations

from typing import Any

from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy


def show(policy: ResolvedPolicy, *, reveal: bool = False) -> dict[str, Any]:
    """Return a resolved policy as JSON-able data; secrets are masked unless revealed."""
    lockout = None
    if policy.lockout is not None:
        lockout = {"duration": format_duration(policy.lockout), "scope": policy.scope}
    return {
        "name": policy.name,
        "description": policy.description,
        "generations": [_generation(g, reveal=reveal) for g in policy.generations],
        "step_timeout": format_duration(policy.step_timeout),
        "grant": {
            "services": [str(s) for s in policy.services],
            "duration": format_duration(policy.grant_duration),
            "uses": policy.uses,
            "stray": policy.stray,
        },
        "wrong_knock": policy.wrong_knock,
        "lockout": lockout,
        "traps": [
            {
                "services": [str(s) for s in trap.services],
                "lockout": format_duration(trap.lockout),
                "unless_granted": trap.unless_granted,
            }
            for trap in policy.traps
        ],
        "public": [str(s) for s in policy.public],
        "trusted": [str(n) for n in policy.trusted],
        "otherwise": policy.otherwise,
        "refuse": policy.refuse,
        "log": policy.log,
    }


def _generation(generation: Generation, *, reveal: bool) -> dict[str, Any]:
    knocks = [_revealed(k) if reveal else str(k) for k in generation.knocks]
    return {"number": generation.number, "knocks": knocks}


def _revealed(knock: Knock) -> str:
    words = f" with {knock.payload.decode(errors='replace')!r}" if knock.payload else ""
    return f"{knock.span}{words}"
