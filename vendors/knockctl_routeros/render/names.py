"""The names of one policy's chains and lists in one family, and what its rules ask for.

Nothing takes an address off a list, so a source stays on the list of every stage it has passed
until that runs out; how far it has come is the highest. What has to end sooner is overruled by a
marker list that outlives it: ``.void`` for attempts, ``.spent`` for grants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

from knockctl.automaton.relaxations import Relaxations
from knockctl.contract.generations import PLACEHOLDERS
from knockctl.policy.resolved import Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span, common, merged, without
from knockctl_routeros.config.normal import address
from knockctl_routeros.config.words import (
    DROP,
    Rule,
    Words,
    jump,
    rules,
)

Family = Literal[4, 6]

GATE, NEW, NOISE, OTHERS, REJECT = "kc-_gate", "kc-_new", "kc-_noise", "kc-_others", "kc-_reject"
MARGIN = 1
"""Seconds a marker outlives what it overrules: RouterOS documents no precision of its timeouts."""


@dataclass(frozen=True)
class PolicyNames:
    """What one policy asks for in one family; ``after`` are the policies listed behind it."""

    policy: ResolvedPolicy
    trusted: Sequence[str]
    """Trusted networks of the family."""
    after: tuple[Self, ...]
    others_refuse: bool
    """Some other policy on the address refuses what nothing governs."""
    layer7: bool = False
    """Whether passphrases are looked for by layer 7 patterns."""

    @classmethod
    def of(
        cls, policies: Sequence[ResolvedPolicy], family: Family, *, layer7: bool
    ) -> tuple[Self, ...]:
        """Return those of an address's list of policies."""
        found: tuple[Self, ...] = ()
        for policy in reversed(policies):
            trusted = [address(str(n)) for n in policy.trusted if n.version == family]
            refuse = any(p.otherwise == "refuse" for p in policies if p is not policy)
            found = (cls(policy, trusted, found, refuse, layer7), *found)
        return found

    # --- names ---

    @cached_property
    def name(self) -> str:
        """The chain for the policy's own ports."""
        return f"kc-{self.policy.name}"

    def part(self, what: str) -> str:
        """Name one of the policy's other chains, or a list."""
        return f"{self.name}.{what}"

    def stages(self, index: int) -> list[str]:
        """Return a generation's stage lists; the first is for one knock made."""
        count = len(self.policy.generations[index].knocks)
        return [self.part(f"{PLACEHOLDERS[index]}-{k}") for k in range(1, count)]

    @cached_property
    def all_stages(self) -> list[str]:
        """The stage lists of every generation."""
        return [s for index in range(len(self.policy.generations)) for s in self.stages(index)]

    # --- what the policy asks for ---

    @cached_property
    def owned(self) -> tuple[Span, ...]:
        """Knocks and services."""
        return merged((*self.policy.knock_ports, *self.policy.services))

    @cached_property
    def governed(self) -> tuple[Span, ...]:
        """Knocks, services and traps."""
        return merged((*self.owned, *self.policy.trap_ports))

    @cached_property
    def locks(self) -> bool:
        """Tell whether anything locks out."""
        return bool(self.policy.traps) or self.locks_out

    @cached_property
    def locks_out(self) -> bool:
        """Tell whether a wrong knock or a stray packet locks out; one knock can't be half made."""
        halfway = self.policy.wrong_knock == "lockout" and bool(self.all_stages)
        return halfway or self.policy.stray == "lockout"

    @cached_property
    def has_rest(self) -> bool:
        """Tell whether a packet to somebody else's port can change anything here."""
        p = self.policy
        return bool(
            without(p.trap_ports, self.owned)
            or p.stray != "ignore"
            or (p.wrong_knock != "ignore" and self.all_stages)
        )

    @cached_property
    def relaxed(self) -> Relaxations:
        """How the policy is approximated by lists that nothing is taken off."""
        p = self.policy
        spent = p.grant_duration + MARGIN
        times = [p.lockout or 0] if p.stray == "lockout" else []
        times += [trap.lockout for trap in p.traps if not trap.unless_granted]
        ends = p.uses == "single" or p.stray == "revoke" or any(t < spent for t in times)
        return Relaxations(
            pause=p.step_timeout + MARGIN if self.all_stages else 0,
            spent=spent if ends else 0,
            unanswered=True,
        )

    @cached_property
    def refuse(self) -> Words:
        """How this policy refuses."""
        return DROP if self.policy.refuse == "drop" else jump(REJECT)

    @cached_property
    def exempts(self) -> bool:
        """Tell whether somebody, or some port, is never refused by a lock-out or a trap."""
        return bool(self.trusted or self.policy.public)

    @cached_property
    def unless_exempt(self) -> Words:
        """Refuse, but not the trusted and not the public ports."""
        return jump(self.part("no")) if self.exempts else self.refuse

    @cached_property
    def traps(self) -> list[tuple[str, ResolvedTrap]]:
        """The chains of the traps, longest lock-out first."""
        ordered = sorted(self.policy.traps, key=lambda trap: -trap.lockout)
        return [(self.part(f"trap{n}"), trap) for n, trap in enumerate(ordered, start=1)]

    def exempt(self, leave: Words) -> Iterator[Rule]:
        """Let go of the trusted and of public ports (rule 0)."""
        for network in self.trusted:
            yield from rules("trusted", {"src-address": network}, leave)
        yield from rules("public", leave, ports=self.policy.public)

    def pattern(self, knock: Knock) -> str:
        """Name the layer 7 entry of a passphrase."""
        return self.part(f"pass{self.passphrases.index(knock.payload or b'') + 1}")

    @cached_property
    def passphrases(self) -> list[bytes]:
        """Every passphrase once, in order."""
        found = (k.payload for g in self.policy.generations for k in g.knocks if k.payload)
        return list(dict.fromkeys(found))

    @cached_property
    def guarded(self) -> list[Span]:
        """Knock ports where a packet without the right passphrase is no knock at all."""
        knocks = [k for g in self.policy.generations for k in g.knocks]
        plain = [k.span for k in knocks if k.payload is None]
        spans = dict.fromkeys(k.span for k in knocks if k.payload is not None)
        return [s for s in spans if s not in plain and not common([s], self.policy.services)]

    def noted(self, what: str) -> Words:
        """Have the router log it, where the policy says so."""
        prefix = f"KC {self.policy.name} {what}"
        return {"log": "yes", "log-prefix": prefix} if self.policy.log else {}
