"""One source in one policy: the packets it sends, how far it has come, what it has won or lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from knockctl.automaton.relaxations import EXACT, Relaxations
from knockctl.policy.resolved import ResolvedPolicy

Address = IPv4Address | IPv6Address
NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet to the protected address, as far as a policy can tell packets apart."""

    source: Address
    protocol: str
    """``tcp``, ``udp``, or anything else, which passes."""
    port: int
    opening: bool = True
    """TCP: SYN is set and FIN, RST and ACK are not. Means nothing for UDP."""
    established: bool = False
    """TCP: ACK or RST is set."""
    known: bool = False
    """It belongs to a flow of which one packet was accepted before, by us or by others."""
    answered: bool = True
    """If so: packets of the flow were seen in both directions."""
    payload: bytes = b""
    loopback: bool = False
    tracked: bool = True
    """It is not exempt from connection tracking."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a source has come in one generation: ``reached`` knocks, good until then."""

    reached: int = 0
    deadline: float = NEVER


@dataclass(frozen=True, slots=True)
class State:
    """One source's state in one policy; ``stages`` runs parallel to the generations."""

    stages: tuple[Stage, ...]
    granted_until: float = NEVER
    locked_until: float = NEVER
    paused_until: float = NEVER
    """Relaxed: until then no knock counts."""
    spent_until: float = NEVER
    """Relaxed: until then a sequence grants nothing."""
    unsettled_until: float = NEVER
    """Relaxed: until then what was changed last need not show yet."""

    @classmethod
    def initial(cls, policy: ResolvedPolicy) -> State:
        """Return the state of a source never seen before."""
        return cls(tuple(Stage() for _ in policy.generations))

    def at(self, now: float) -> State:
        """Return the same state with everything that is over forgotten."""
        return State(
            tuple(stage if now < stage.deadline else Stage() for stage in self.stages),
            self.granted_until if now < self.granted_until else NEVER,
            self.locked_until if now < self.locked_until else NEVER,
            self.paused_until if now < self.paused_until else NEVER,
            self.spent_until if now < self.spent_until else NEVER,
            self.unsettled_until if now < self.unsettled_until else NEVER,
        )

    @property
    def granted(self) -> bool:
        """Tell whether the source is in, as of ``at``."""
        return self.granted_until > NEVER

    @property
    def locked(self) -> bool:
        """Tell whether the source is locked out, as of ``at``."""
        return self.locked_until > NEVER

    @property
    def started(self) -> bool:
        """Tell whether some sequence is under way, as of ``at``."""
        return any(stage.reached for stage in self.stages)

    @property
    def paused(self) -> bool:
        """Tell whether knocks don't count, as of ``at``."""
        return self.paused_until > NEVER

    @property
    def spent(self) -> bool:
        """Tell whether a sequence grants nothing, as of ``at``."""
        return self.spent_until > NEVER

    @property
    def unsettled(self) -> bool:
        """Tell whether what was changed last need not show yet, as of ``at``."""
        return self.unsettled_until > NEVER

    def cleared(self, now: float, relaxed: Relaxations = EXACT) -> State:
        """Return the state with all stages back at the start."""
        pause = self.paused_until
        if relaxed.pause and self.started:
            pause = now + (relaxed.lag + relaxed.pause)
        return replace(self, stages=tuple(Stage() for _ in self.stages), paused_until=pause)

    def ended(self, now: float, relaxed: Relaxations = EXACT) -> State:
        """Return the state without its grant."""
        spent = self.spent_until
        if relaxed.spent and self.granted:
            spent = now + (relaxed.lag + relaxed.spent)
        return replace(self, granted_until=NEVER, spent_until=spent)

    def lock(self, seconds: int, now: float, relaxed: Relaxations = EXACT) -> State:
        """End the grant, clear all stages, lock out for so long at least."""
        after = self.ended(now, relaxed).cleared(now, relaxed)
        return replace(after, locked_until=max(self.locked_until, now + (relaxed.lag + seconds)))

    def grant(self, seconds: int, now: float, relaxed: Relaxations = EXACT) -> State:
        """Clear all stages and let the source in for so long at least."""
        after = self.cleared(now, relaxed)
        if self.spent:
            return after
        return replace(after, granted_until=max(self.granted_until, now + (relaxed.lag + seconds)))
