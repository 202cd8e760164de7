"""The chains and lists of one policy in one family.

Rule numbers are those of the design, section 3. Nothing takes an address off a list, so a source
stays on the list of every stage it has passed until that runs out; how far it has come is the
highest. What has to end sooner is overruled by a marker list that outlives it: ``.void`` for
attempts, ``.spent`` for grants. RouterOS has no goto: a chain that decides ends in a refusal, one
that may come back is followed by a ``return``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from knockctl.automaton.relaxations import Relaxations
from knockctl.contract.generations import PLACEHOLDERS
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span, common, merged, without
from knockctl_routeros.config.normal import address
from knockctl_routeros.config.records import SECRET
from knockctl_routeros.config.words import (
    ACCEPT,
    DROP,
    RETURN,
    Rule,
    Words,
    jump,
    on,
    put,
    rules,
)
from knockctl_routeros.render import penalties

Family = Literal[4, 6]

GATE, NEW, NOISE, OTHERS, REJECT = "kc-_gate", "kc-_new", "kc-_noise", "kc-_others", "kc-_reject"
MARGIN = 1
"""Seconds a marker outlives what it overrules: RouterOS documents no precision of its timeouts."""


@dataclass(frozen=True)
class PolicyChains:
    """Builds one policy's chains; ``after`` are the policies listed behind it."""

    policy: ResolvedPolicy
    trusted: Sequence[str]
    """Trusted networks of the family."""
    after: tuple[PolicyChains, ...]
    others_refuse: bool
    """Some other policy on the address refuses what nothing governs."""
    layer7: bool = False
    """Whether passphrases are looked for by layer 7 patterns."""

    @classmethod
    def of(
        cls, policies: Sequence[ResolvedPolicy], family: Family, *, layer7: bool
    ) -> tuple[PolicyChains, ...]:
        """Return the builders for an address's list of policies."""
        found: tuple[PolicyChains, ...] = ()
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

    # --- the chains ---

    def build(self) -> dict[str, list[Rule]]:
        """Return the policy's chains by name."""
        chains = {self.name: list(self._own()), self.part("open"): list(self._open())}
        if self.exempts:
            chains[self.part("no")] = [
                *self.exempt(RETURN),
                *rules("refuse", self.refuse),
            ]
        if self.trusted:
            chains[self.part("ok")] = list(self._trusted())
        if self.all_stages:
            chains[self.part("void")] = list(self._void())
        chains.update(self._progress())
        if self.relaxed.spent:
            chains.update(self._grants())
        chains.update(penalties.lock_outs(self))
        if self.has_rest:
            chains[self.part("rest")] = list(penalties.rest(self))
        return {name: made for name, made in chains.items() if made}

    def exempt(self, leave: Words) -> Iterator[Rule]:
        """Let go of the trusted and of public ports (rule 0)."""
        for network in self.trusted:
            yield from rules("trusted", {"src-address": network}, leave)
        yield from rules("public", leave, ports=self.policy.public)

    def _trusted(self) -> Iterator[Rule]:
        """A trusted source: services are open, the rest is not ours (rule 0)."""
        yield from rules("trusted services", ACCEPT, ports=self.policy.services)
        if self.others_refuse:
            yield from rules("others", jump(OTHERS))

    def _own(self) -> Iterator[Rule]:
        """Judge a packet to a knock or service of this policy; only the trusted come back."""
        p = self.policy
        for network in self.trusted:
            yield from rules("trusted", {"src-address": network}, jump(self.part("ok")))
            yield from rules("trusted", {"src-address": network}, RETURN)
        if self.locks and p.scope == "services":
            yield from self._next_owner(p.services, on(self.part("lock")))
            yield from rules("locked out", on(self.part("lock")), self.refuse)
        plain = p.uses == "unlimited" and not self.relaxed.spent
        admit = ACCEPT if plain else jump(self.part("in"))
        yield from rules("granted", on(self.part("grant")), admit, ports=p.services)
        seen: list[Span] = []
        for chain, trap in self.traps:
            ports = without(common(trap.services, p.services), seen)
            yield from rules("trap over a service", jump(chain), ports=ports)
            seen.extend(ports)
        only_services = without(p.services, p.knock_ports)
        yield from self._next_owner(only_services)
        yield from rules("hide services", self.refuse, ports=only_services)
        yield from self._knocks()
        yield from rules("hide knocks", self.refuse)

    def _next_owner(self, spans: Sequence[Span], *when: Words) -> Iterator[Rule]:
        """Ask the next policy that opens these ports, too."""
        for other in self.after:
            shared = common(spans, other.policy.services)
            yield from rules("another's, too", *when, jump(other.name), ports=shared)
            spans = without(spans, shared)

    # --- knocks ---

    def _knocks(self) -> Iterator[Rule]:
        """Judge a packet to a knock port (rules 4 to 7)."""
        for number, port in enumerate(self.guarded, start=1):
            yield from rules("passphrase", jump(self.part(f"odd{number}")), ports=[port])
        if self.all_stages:
            yield from rules("paused", on(self.part("void")), self.refuse)
        for index, generation in enumerate(self.policy.generations):
            stages = self.stages(index)
            last = on(stages[-1]) if stages else {}
            yield from self._knock(
                "last knock", generation.knocks[-1], last, jump(self.part("open"))
            )
        for index in range(len(self.policy.generations)):
            if self.stages(index):
                yield from rules("progress", jump(self.part(f"seq{index + 1}")))
        for index, generation in enumerate(self.policy.generations):
            yield from self._repeats(self.stages(index), generation)
        yield from self._while_granted()
        shared = common(self.policy.services, self.policy.knock_ports)
        yield from rules("hide services", self.refuse, ports=shared)
        yield from penalties.wrong(self, own=True)

    def _knock(self, what: str, knock: Knock, *words: Words) -> Iterator[Rule]:
        """Match one knock, its passphrase included."""
        said: Words = {}
        if knock.payload is not None:
            text = knock.payload.decode()
            said = {"layer7-protocol": self.pattern(knock)} if self.layer7 else {"content": text}
        mark = SECRET if knock.secret else ""
        yield from rules(f"{what}{mark}", said, *words, ports=[knock.span])

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

    def _progress(self) -> dict[str, list[Rule]]:
        """Return the chains that put sources onto stages: the highest one alone counts."""
        chains: dict[str, list[Rule]] = {}
        for index, generation in enumerate(self.policy.generations):
            if self.stages(index):
                chains[self.part(f"seq{index + 1}")] = list(self._advances(index, generation))
        knocks = [k for g in self.policy.generations for k in g.knocks]
        for number, port in enumerate(self.guarded, start=1):
            right = [k for k in knocks if k.span == port]
            chains[self.part(f"odd{number}")] = [
                *(r for k in right for r in self._knock("passphrase", k, RETURN)),
                *penalties.astray(self, own=True),
                *rules("hide knocks", self.refuse),
            ]
        return chains

    def _advances(self, index: int, generation: Generation) -> Iterator[Rule]:
        stages, seconds = self.stages(index), self.policy.step_timeout
        for reached in range(len(stages), 0, -1):
            here = stages[reached - 1]
            if reached < len(stages):
                move = put(stages[reached], seconds)
                what = f"knock {reached + 1}"
                yield from self._knock(what, generation.knocks[reached], on(here), move)
            yield from rules("no other", on(here), RETURN)
        yield from self._knock("knock 1", generation.knocks[0], put(stages[0], seconds))

    def _repeats(self, stages: list[str], generation: Generation) -> Iterator[Rule]:
        """Retransmissions and eager clients change nothing (rule 5)."""
        for reached, stage in enumerate(stages, start=1):
            made = generation.knocks[:reached]
            plain = merged(k.span for k in made if k.payload is None)
            yield from rules("repeat", on(stage), self.refuse, ports=plain)
            for knock in (k for k in made if k.payload is not None):
                yield from self._knock("repeat", knock, on(stage), self.refuse)

    def _while_granted(self) -> Iterator[Rule]:
        """Any knock while granted changes nothing (rule 5)."""
        inside = jump(self.part("inside")) if self.relaxed.spent else self.refuse
        yield from rules("knock while granted", on(self.part("grant")), inside)

    def _void(self) -> Iterator[Rule]:
        """Void what a source has reached, once."""
        seconds = self.relaxed.pause
        yield from rules("void already", on(self.part("void")), RETURN)
        for stage in self.all_stages:
            yield from rules("void", on(stage), put(self.part("void"), seconds))

    # --- grants ---

    def _open(self) -> Iterator[Rule]:
        """Let the source in; the last knock itself is refused like any other."""
        p = self.policy
        if self.all_stages:
            yield from rules("void", jump(self.part("void")))
        if self.relaxed.spent:
            yield from rules("spent", on(self.part("spent")), self.refuse)
        yield from rules("open", put(self.part("grant"), p.grant_duration), self.noted("open"))
        yield from rules("hide knocks", self.refuse)

    def _grants(self) -> dict[str, list[Rule]]:
        """Return the chains that look at a grant's marker, or set it."""
        grant, spent = self.part("grant"), self.part("spent")
        leave = list(rules("spent", on(spent), RETURN))
        spend = put(spent, self.relaxed.spent)
        once = rules("used up", spend) if self.policy.uses == "single" else ()
        return {
            self.part("in"): [*leave, *once, *rules("granted", ACCEPT)],
            self.part("inside"): [*leave, *rules("knock while granted", self.refuse)],
            self.part("spend"): [*leave, *rules("spend", on(grant), spend)],
        }

    def noted(self, what: str) -> Words:
        """Have the router log it, where the policy says so."""
        prefix = f"KC {self.policy.name} {what}"
        return {"log": "yes", "log-prefix": prefix} if self.policy.log else {}
