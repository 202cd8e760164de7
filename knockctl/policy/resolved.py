"""A policy with every reference resolved: what renderers, the automaton and the lint read.

Nothing here reads files or environments. ``repr`` never shows a port or payload that came
from a secret reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from knockctl.ports import Protocol, Span, holds, merged

Uses = Literal["unlimited", "single"]
Stray = Literal["ignore", "revoke", "lockout"]
WrongKnock = Literal["ignore", "reset", "lockout"]
Scope = Literal["all", "services"]
Otherwise = Literal["pass", "refuse"]
Refuse = Literal["drop", "reject"]
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Knock:
    """One knock: a port, and for UDP perhaps a passphrase inside the datagram."""

    protocol: Protocol
    port: int
    payload: bytes | None = field(default=None, repr=False)
    secret: bool = False
    folded: bool = False
    """Capitals of the passphrase don't matter: so on a device that can't tell them apart."""

    @property
    def span(self) -> Span:
        """The knock's port as a span."""
        return Span.single(self.protocol, self.port)

    def __repr__(self) -> str:
        """Print the port, unless it is secret."""
        return f"Knock({self})"

    def __str__(self) -> str:
        """Print as in a policy, masked where secret."""
        port = "***" if self.secret else str(self.port)
        said = " with a passphrase" + (" in any capitals" if self.folded else "")
        return f"{self.protocol}/{port}" + (said if self.payload else "")

    def said(self, data: bytes) -> bool:
        """Tell whether data hold the passphrase, where there is one; it may stand anywhere."""
        if self.payload is None:
            return True
        if self.folded:
            return self.payload.lower() in data.lower()
        return self.payload in data


@dataclass(frozen=True, slots=True)
class Generation:
    """One active sequence of a policy. ``number`` counts rotations, starting at 1."""

    number: int
    knocks: tuple[Knock, ...]


@dataclass(frozen=True, slots=True)
class ResolvedTrap:
    """Ports no honest client touches, and for how many seconds touching one locks out."""

    services: tuple[Span, ...]
    lockout: int
    unless_granted: bool


@dataclass(frozen=True, slots=True)
class ResolvedPolicy:
    """What a policy means, in seconds, spans and networks. See the design, sections 2 and 3."""

    name: str
    generations: tuple[Generation, ...]
    step_timeout: int
    services: tuple[Span, ...]
    grant_duration: int
    uses: Uses = "unlimited"
    stray: Stray = "ignore"
    wrong_knock: WrongKnock = "reset"
    lockout: int | None = None
    scope: Scope = "all"
    traps: tuple[ResolvedTrap, ...] = ()
    public: tuple[Span, ...] = ()
    trusted: tuple[Network, ...] = ()
    otherwise: Otherwise = "pass"
    refuse: Refuse = "drop"
    log: bool = True
    description: str = ""

    @property
    def knock_ports(self) -> tuple[Span, ...]:
        """Ports of all active sequences, merged."""
        return merged(k.span for g in self.generations for k in g.knocks)

    @property
    def trap_ports(self) -> tuple[Span, ...]:
        """Ports of all traps, merged."""
        return merged(span for trap in self.traps for span in trap.services)

    def is_service(self, protocol: str, port: int) -> bool:
        """Tell whether a grant opens this port."""
        return holds(self.services, protocol, port)

    def is_knock(self, protocol: str, port: int) -> bool:
        """Tell whether this port occurs in an active sequence."""
        # Asked for every packet: quicker than merging ports first.
        return any(
            knock.port == port and knock.protocol == protocol
            for generation in self.generations
            for knock in generation.knocks
        )

    def is_trap(self, protocol: str, port: int) -> bool:
        """Tell whether this port is in some trap."""
        return any(holds(trap.services, protocol, port) for trap in self.traps)

    def is_public(self, protocol: str, port: int) -> bool:
        """Tell whether this port is open to everyone."""
        return holds(self.public, protocol, port)
