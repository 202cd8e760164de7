"""Where a router does something else than a policy says, and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from knockctl.automaton.relaxations import Relaxations
from knockctl.contract import FidelityNote
from knockctl.policy.durations import format_duration
from knockctl.ports import without
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.render.names import PolicyNames


def traps_early(chain: PolicyNames, chains: Sequence[PolicyNames]) -> bool:
    """Tell whether a policy's TCP traps can close before connection tracking.

    Not beside other policies: to them, too, the packet may be a wrong knock.
    """
    ports = without(chain.policy.trap_ports, chain.owned)
    return len(chains) == 1 and any(span.protocol == "tcp" for span in ports)


def relaxed(
    chain: PolicyNames, chains: Sequence[PolicyNames], place: RouterPlacement
) -> Relaxations:
    """Return how the policy is approximated in its place."""
    return replace(
        chain.relaxed,
        cut=place.raw and chain.locks and chain.policy.scope == "all",
        tracked=chain.layer7 and bool(chain.passphrases),
        early=place.raw and traps_early(chain, chains),
    )


def notes(
    chain: PolicyNames, chains: Sequence[PolicyNames], place: RouterPlacement
) -> Iterator[FidelityNote]:
    """Say where the router does something else than the policy, and within which bound."""
    bounds, name = relaxed(chain, chains, place), chain.policy.name

    def stricter(code: str, reason: str) -> FidelityNote:
        return FidelityNote(
            code=code, kind="approximate", direction="stricter", policy=name, reason=reason
        )

    if bounds.pause:
        pause = format_duration(bounds.pause)
        yield stricter(
            "attempt-pause",
            "no rule takes an address off a list: after a completed sequence, a wrong knock that "
            f"resets, or a shorter lock-out, no knock of the source counts for {pause}",
        )
    if bounds.spent:
        spent = format_duration(bounds.spent)
        yield stricter(
            "grant-spent",
            "no rule takes an address off a list: after a grant was used up or ended early, "
            f"a sequence of the source grants nothing for {spent}",
        )
    yield stricter(
        "known-from-answer",
        "connection-state calls a flow new until it is answered: its packets before the first "
        "answer are judged anew, though one of them was accepted",
    )
    if bounds.cut:
        yield stricter(
            "sessions-cut",
            "a lock-out of scope all is checked before connection tracking: open sessions of "
            "whoever is locked out end, too",
        )
    if bounds.early:
        yield stricter(
            "trap-before-tracking",
            "a TCP trap is checked before connection tracking: a SYN that is sent again in a flow "
            "already accepted touches it, too",
        )
    if bounds.tracked:
        yield stricter(
            "passphrase-needs-tracking",
            "a layer 7 pattern finds nothing in packets exempt from connection tracking",
        )
        yield FidelityNote(
            code="passphrase-capitals",
            kind="rounded",
            direction="looser",
            policy=name,
            reason="a layer 7 pattern takes capitals for small letters",
            cost="each letter of a passphrase is worth one of 26 guesses instead of one of 52",
        )
