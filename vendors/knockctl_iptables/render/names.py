"""The chains and sets of one policy in one family.

Rule numbers are those of the design, section 3. A source's stage in a generation is the one
stage set it is a member of; in none, it is at the start. Members time out by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from knockctl.policy.resolved import Generation, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span, common, merged, without
from knockctl_iptables.config.records import (
    HIDDEN,
    OTHERS,
    PLACEHOLDERS,
    REJECT,
    Family,
    Rule,
)
from knockctl_iptables.config.words import (
    ACCEPT,
    DROP,
    RETURN,
    Words,
    goto,
    jump,
    member,
    move,
    not_member,
    note,
    on_ports,
    put,
    rule,
    take,
)

# A stage set's name ends in four characters for the generation and one digit for the stage.
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class PolicyChains:
    """Builds one policy's chains; ``after`` are the policies listed behind it."""

    policy: ResolvedPolicy
    family: Family
    after: tuple[PolicyChains, ...]
    others_refuse: bool
    """Some other policy on the address refuses what nothing governs."""

    @classmethod
    def of(cls, policies: Sequence[ResolvedPolicy], family: Family) -> tuple[PolicyChains, ...]:
        """Return the builders for an address's list of policies."""
        found: tuple[PolicyChains, ...] = ()
        for policy in reversed(policies):
            refuse = any(p.otherwise == "refuse" for p in policies if p is not policy)
            found = (cls(policy, family, found, refuse), *found)
        return found

    # --- names ---

    @cached_property
    def name(self) -> str:
        """The chain for the policy's own ports."""
        return f"KC_{self.policy.name}"

    @cached_property
    def rest(self) -> str:
        """The chain for everybody else's ports."""
        return f"{self.name}_rest"

    @cached_property
    def grant(self) -> str:
        """The set of those who are in."""
        return f"KC{self.family}_{self.policy.name}_grant"

    @cached_property
    def lock(self) -> str:
        """The set of those who are locked out."""
        return f"KC{self.family}_{self.policy.name}_lock"

    def stages(self, index: int) -> list[str]:
        """Return a generation's stage sets; the first is for one knock made."""
        count = len(self.policy.generations[index].knocks) - 1
        prefix = f"KC{self.family}_{self.policy.name}.{PLACEHOLDERS[index]}"
        return [f"{prefix}{_DIGITS[k]}" for k in range(1, count + 1)]

    @cached_property
    def all_stages(self) -> list[str]:
        """The stage sets of every generation."""
        return [s for index in range(len(self.policy.generations)) for s in self.stages(index)]

    @cached_property
    def sets(self) -> list[str]:
        """Every set this policy needs."""
        return [self.grant, *([self.lock] if self.locks else []), *self.all_stages]

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
        return bool(self.policy.traps) or "lockout" in (self.policy.wrong_knock, self.policy.stray)

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
    def refuse(self) -> Words:
        """How this policy refuses."""
        return DROP if self.policy.refuse == "drop" else jump(REJECT)

    @cached_property
    def trusted(self) -> list[str]:
        """Trusted networks of this family."""
        return [str(n) for n in self.policy.trusted if n.version == self.family]

    @cached_property
    def unless_exempt(self) -> Words:
        """Refuse, but not the trusted and not the public ports."""
        exempt = self.trusted or self.policy.public
        return jump(f"{self.name}_no") if exempt else self.refuse

    # --- the chains ---

    def build(self) -> dict[str, tuple[Rule, ...]]:
        """Return the policy's chains by name."""
        chains = {self.name: tuple(self._own())}
        chains[f"{self.name}_open"] = tuple(self._open())
        if any(knock.secret for g in self.policy.generations for knock in g.knocks):
            chains[f"{self.name}{HIDDEN}"] = ()
        if self.policy.uses == "single":
            chains[f"{self.name}_in"] = (rule(take(self.grant)), rule(ACCEPT))
        if self.trusted or self.policy.public:
            chains[f"{self.name}_no"] = (*self._exempt(RETURN), rule(self.refuse))
        if self.trusted:
            chains[f"{self.name}_ok"] = tuple(self._trusted())
        if self.policy.lockout and "lockout" in (self.policy.wrong_knock, self.policy.stray):
            chains[f"{self.name}_lock"] = tuple(self._lock(self.policy.lockout))
        for number, trap in self._traps():
            chains[f"{self.name}_t{number}"] = tuple(self._lock(trap.lockout))
        if self.has_rest:
            chains.update(self._rest())
        return chains

    def _exempt(self, leave: Words) -> Iterator[Rule]:
        """Let go of the trusted and of public ports (rule 0)."""
        for network in self.trusted:
            yield rule(("-s", network), leave)
        yield from on_ports(self.policy.public, leave)

    def _trusted(self) -> Iterator[Rule]:
        """A trusted source: services are open, the rest is not ours (rule 0)."""
        yield from on_ports(self.policy.services, ACCEPT)
        if self.others_refuse:
            yield rule(goto(OTHERS))

    def _own(self) -> Iterator[Rule]:
        """Judge a packet to a knock or service of this policy."""
        p = self.policy
        for network in self.trusted:
            yield rule(("-s", network), goto(f"{self.name}_ok"))
        if self.locks and p.scope == "services":
            yield from self._next_owner(p.services, member(self.lock))
            yield rule(member(self.lock), self.refuse)
        admit = goto(f"{self.name}_in") if p.uses == "single" else ACCEPT
        yield from on_ports(p.services, member(self.grant), admit)
        seen: list[Span] = []
        for number, trap in self._traps():
            ports = without(common(trap.services, p.services), seen)
            yield from on_ports(ports, jump(f"{self.name}_t{number}"))
            seen.extend(ports)
        only_services = without(p.services, p.knock_ports)
        yield from self._next_owner(only_services)
        yield from on_ports(only_services, self.refuse)
        yield from self._knocks()
        yield from self._repeats()
        yield from self._wrong(jump(f"{self.name}_lock"))
        yield rule(self.refuse)

    def _next_owner(self, spans: Sequence[Span], *when: Words) -> Iterator[Rule]:
        """Ask the next policy that opens these ports, too."""
        for other in self.after:
            shared = common(spans, other.policy.services)
            yield from on_ports(shared, *when, goto(other.name))
            spans = without(spans, shared)

    def _knocks(self) -> Iterator[Rule]:
        """Advance (rule 4): completions first, then later stages before earlier ones.

        In this order no packet advances twice: the stage a rule leads to is one that only
        rules above it read.
        """
        generations = list(enumerate(self.policy.generations))
        for index, generation in generations:
            stages = self.stages(index)
            last = member(stages[-1]) if stages else ()
            yield from on_ports([generation.knocks[-1].span], last, goto(f"{self.name}_open"))
        for index, generation in generations:
            yield from self._advances(self.stages(index), generation)

    def _advances(self, stages: list[str], generation: Generation) -> Iterator[Rule]:
        seconds = self.policy.step_timeout
        for reached in range(len(stages) - 1, 0, -1):
            old, new = stages[reached - 1], stages[reached]
            span = generation.knocks[reached].span
            yield from on_ports([span], member(old), move(old, new, seconds))
        if stages:
            at_start = tuple(word for stage in stages for word in not_member(stage))
            yield from on_ports([generation.knocks[0].span], at_start, put(stages[0], seconds))

    def _repeats(self) -> Iterator[Rule]:
        """Retransmissions and eager clients change nothing (rule 5)."""
        for index, generation in enumerate(self.policy.generations):
            for reached, stage in enumerate(self.stages(index), start=1):
                made = merged(knock.span for knock in generation.knocks[:reached])
                yield from on_ports(made, member(stage), self.refuse)
        yield rule(member(self.grant), self.refuse)
        yield from on_ports(common(self.policy.services, self.policy.knock_ports), self.refuse)

    def _wrong(self, lock: Words) -> Iterator[Rule]:
        """Punish a wrong knock while some sequence is under way (rule 7)."""
        if self.policy.wrong_knock == "reset":
            yield from self._clear()
        elif self.policy.wrong_knock == "lockout":
            for stage in self.all_stages:
                yield rule(member(stage), lock)

    def _clear(self) -> Iterator[Rule]:
        for stage in self.all_stages:
            yield rule(take(stage))

    def _open(self) -> Iterator[Rule]:
        """Let the source in; the last knock itself is refused like any other."""
        if self.policy.log:
            yield rule(note(f"KC {self.policy.name} open "))
        yield rule(put(self.grant, self.policy.grant_duration))
        yield from self._clear()
        yield rule(self.refuse)

    def _lock(self, seconds: int) -> Iterator[Rule]:
        """Lock the source out; whoever jumped here refuses the packet."""
        if self.policy.log:
            yield rule(note(f"KC {self.policy.name} lock "))
        yield rule(put(self.lock, seconds))
        yield rule(take(self.grant))
        yield from self._clear()

    def _traps(self) -> list[tuple[int, ResolvedTrap]]:
        """Return the traps, longest lock-out first, numbered from 1."""
        ordered = sorted(self.policy.traps, key=lambda trap: -trap.lockout)
        return list(enumerate(ordered, start=1))

    def _rest(self) -> dict[str, tuple[Rule, ...]]:
        """Return the chains for packets to ports that no policy owns; they come back."""
        p = self.policy
        rules = list(self._exempt(RETURN))
        if self.locks and p.scope == "services":
            rules.append(rule(member(self.lock), RETURN))
        for number, trap in self._traps():
            closed = not_member(self.grant) if trap.unless_granted else ()
            ports = without(trap.services, self.owned)
            rules.extend(on_ports(ports, closed, goto(f"{self.name}_t{number}")))
        lock = goto(f"{self.name}_lock" if p.scope == "all" else f"{self.name}_out")
        if p.stray == "revoke":
            rules.append(rule(take(self.grant)))
        elif p.stray == "lockout":
            rules.append(rule(member(self.grant), lock))
        chains: dict[str, tuple[Rule, ...]] = {}
        if p.wrong_knock == "lockout" and p.stray == "ignore" and self.all_stages:
            rules.append(rule(member(self.grant), goto(f"{self.name}_rst")))
            chains[f"{self.name}_rst"] = tuple(self._clear())
        rules.extend(self._wrong(lock))
        if lock[1].endswith("_out") and "lockout" in (p.wrong_knock, p.stray):
            chains[f"{self.name}_out"] = (
                rule(jump(f"{self.name}_lock")),
                *(rule(jump(other.rest)) for other in self.after if other.has_rest),
                rule(self.refuse),
            )
        return {self.rest: tuple(rules), **chains}
