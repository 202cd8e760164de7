"""What a device may do instead of what a policy says: the closed list of approximations.

A device that can't take something back marks it as void for as long as it may still be there.
The reference automaton runs with the same relaxations, and the proof is exact against that: a
fidelity note names each one, with its bound (design, section 5).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relaxations:
    """How one policy is relaxed on one device; as a whole, not at all."""

    pause: int = 0
    """Reset as a pause: for so many seconds after an attempt ended no knock counts."""
    spent: int = 0
    """For so many seconds after a grant was ended early a sequence grants nothing."""
    unanswered: bool = False
    """Duplicated event: a flow is known from its first answer, not from its first packet."""
    cut: bool = False
    """A lock-out of scope ``all`` refuses known flows and stray segments, too."""
    tracked: bool = False
    """A passphrase is not found in a packet that is exempt from connection tracking."""
    early: bool = False
    """Duplicated event: a SYN to a TCP trap is judged, though its flow is known. Only for a
    policy that is alone on its address."""
    renewal: bool = False
    """A grant can't be renewed before it ends: while granted no knock counts."""
    swallowed: bool = False
    """A packet that resets an attempt or revokes a grant is refused, though it would pass."""
    shielded: bool = False
    """Several policies: one packet locks out, resets or revokes in one policy at most. Traps come
    first, the longest lock-out before the others, then the policies in their order."""
    segments: bool = False
    """A TCP segment that opens nothing and belongs to no known flow is refused before anything
    else, whatever port it is for."""
    stateless: bool = False
    """No flow is known. A TCP segment with ACK or RST is let in to services, and, where the policy
    refuses the rest, everywhere but to knocks; any other that opens nothing is judged by its port,
    and changes nothing."""
    partial: bool = False
    """Trusted sources are so for the services alone; elsewhere they are judged as anybody is."""
    lag: int = 0
    """Delayed transition: what a packet changes shows so many seconds later, and times run from
    then. What becomes of new flows of its source until then is not claimed."""
    looked_up: bool = False
    """With a lag: what is remembered of a source is looked up when a packet shows, not when it
    comes, so that the longest pause between two knocks is no longer than it is said to be. Every
    knock is noticed, whether it changes anything or not: nothing is claimed until it shows."""

    unheard: bool = False
    """Packets that the policy doesn't govern are not noticed: they are neither wrong nor stray."""


EXACT = Relaxations()
