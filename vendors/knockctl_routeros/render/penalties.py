"""Rules 3, 6 and 7: what a policy does to whoever touches what no honest client touches.

Nothing of this can be taken back but by time: see ``policy``, which these chains belong to.
"""

from __future__ import annotations

from collections.abc import Iterator

from knockctl.ports import without
from knockctl_routeros.config.words import (
    ANY,
    RETURN,
    Rule,
    Words,
    jump,
    off,
    on,
    put,
    rules,
)
from knockctl_routeros.render.names import PolicyNames


def lock_outs(c: PolicyNames) -> dict[str, list[Rule]]:
    """Return the chains that lock out; whoever jumped there refuses the packet."""
    p = c.policy
    chains: dict[str, list[Rule]] = {}
    for chain, trap in c.traps:
        chains[chain] = list(lock(c, trap.lockout))
    if p.lockout and c.locks_out:
        chains[c.part("locks")] = list(lock(c, p.lockout))
        if p.scope == "services" and c.has_rest:
            chains[c.part("out")] = list(_out(c))
    for own in (True, False):
        if _needs(c, own=own):
            chains.update(_punish(c, own=own))
    return chains


def lock(c: PolicyNames, seconds: int) -> Iterator[Rule]:
    """End the grant, void the attempt, lock out: markers only where they outlive the lock."""
    yield from rules("lock out", put(c.part("lock"), seconds), c.noted("lock"))
    if c.relaxed.spent > seconds:
        yield from rules("spend", jump(c.part("spend")))
    if c.relaxed.pause > seconds:
        yield from rules("void", jump(c.part("void")))


def _out(c: PolicyNames) -> Iterator[Rule]:
    """Lock out over somebody else's port: the other policies judge it, then it is refused."""
    yield from rules("lock out", jump(c.part("locks")))
    for other in c.after:
        if other.has_rest:
            yield from rules("another's, too", jump(other.part("rest")))
    yield from rules("refuse", c.refuse)


def _needs(c: PolicyNames, *, own: bool) -> bool:
    return c.locks_out and (own or c.has_rest)


def _locking(c: PolicyNames, *, own: bool) -> Words:
    out = c.policy.scope == "services" and not own
    return jump(c.part("out" if out else "locks"))


def _named(c: PolicyNames, what: str, *, own: bool) -> str:
    return c.part(f"own-{what}" if own else what)


def _punish(c: PolicyNames, *, own: bool) -> dict[str, list[Rule]]:
    """Return the chains of rules 6 and 7 where they lock out."""
    p, lock = c.policy, _locking(c, own=own)
    chains: dict[str, list[Rule]] = {}
    spent = list(rules("spent", on(c.part("spent")), RETURN)) if c.relaxed.spent else []
    if p.stray == "lockout" and (c.guarded or not own):
        chains[_named(c, "stray", own=own)] = [*spent, *rules("stray", lock)]
    if p.wrong_knock == "lockout" and c.all_stages:
        chains[_named(c, "wrong", own=own)] = [
            *rules("paused", on(c.part("void")), RETURN),
            *(
                rule
                for stage in c.all_stages
                for rule in (
                    *rules("wrong knock", on(stage), lock),
                    *rules("wrong knock", on(stage), RETURN),
                )
            ),
        ]
    return chains


def wrong(c: PolicyNames, *, own: bool) -> Iterator[Rule]:
    """Punish a wrong knock while some sequence is under way (rule 7)."""
    if not c.all_stages or c.policy.wrong_knock == "ignore":
        return
    if c.policy.wrong_knock == "reset":
        yield from rules("wrong knock", jump(c.part("void")))
    else:
        yield from rules("wrong knock", jump(_named(c, "wrong", own=own)))


def astray(c: PolicyNames, *, own: bool) -> Iterator[Rule]:
    """Rules 6 and 7, for a packet that is none of the policy's knocks and services."""
    p, grant, spent = c.policy, c.part("grant"), c.part("spent")
    if p.stray == "revoke":
        yield from rules("stray", jump(c.part("spend")))
    elif p.stray == "lockout":
        yield from rules("stray", on(grant), jump(_named(c, "stray", own=own)))
        yield from rules("locked out", on(c.part("lock")), c.refuse if own else RETURN)
    elif p.wrong_knock == "lockout" and c.all_stages:
        # While granted a wrong knock only ends the attempt.
        inside = jump(_named(c, "wrong", own=own))
        if c.relaxed.spent:
            yield from rules("wrong knock", on(spent), inside)
            yield from rules("spent", on(spent), c.refuse if own else RETURN)
        yield from rules("wrong knock", on(grant), jump(c.part("void")))
        yield from rules("knock while granted", on(grant), c.refuse if own else RETURN)
    yield from wrong(c, own=own)


def rest(c: PolicyNames) -> Iterator[Rule]:
    """Judge a packet to a port that no policy owns; it comes back, unless locked out here."""
    yield from c.exempt(RETURN)
    if c.locks and c.policy.scope == "services":
        yield from rules("locked out", on(c.part("lock")), RETURN)
    yield from trapped(c)
    yield from astray(c, own=False)


def trapped(
    c: PolicyNames, protocol: str = "", when: Words = ANY, *, then: Words = RETURN
) -> Iterator[Rule]:
    """Close the traps (rule 3), of one protocol or both; ``then`` for who is locked out."""
    for chain, trap in c.traps:
        ports = without(trap.services, c.owned)
        ports = tuple(span for span in ports if protocol in ("", span.protocol))
        if not ports:
            continue
        if trap.unless_granted:
            off_grant = off(c.part("grant"))
            yield from rules("trap", when, off_grant, jump(chain), ports=ports)
            if c.relaxed.spent:
                spent = on(c.part("spent"))
                yield from rules("trap", when, spent, jump(chain), ports=ports)
        else:
            yield from rules("trap", when, jump(chain), ports=ports)
        yield from rules("locked out", on(c.part("lock")), then)
