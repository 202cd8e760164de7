"""The tags, groups, services and rules of one policy.

Rule numbers are those of the design, section 3. How far a source has come is a tag on its
address. A tag takes seconds to show, and until it does every packet is judged as before: a
source that sends all ports at once has the right one among them. So a stage counts only beside a
second tag, ``try``, which the first knock sets and every wrong packet takes off: what a burst
adds after that is void, the grant with it, until the next first knock, which takes off whatever
is left before it begins.

Tags, groups and rules of a sequence are named ``kc-<policy>.<generation>-…``; every other name
has one dot or one of two endings, so that no policy's names are another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from knockctl.contract.generations import PLACEHOLDERS
from knockctl.policy.resolved import Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span, holds, merged
from knockctl_panos.config.records import OWN_NAME, Entry
from knockctl_panos.render.rules import (
    ALLOW,
    Act,
    Log,
    Rule,
    all_but,
    all_of,
    group,
    refusal,
    service,
    services,
    tag,
)
from knockctl_panos.render.times import attempt, minutes

Stage = tuple[int, int]
"""Which generation, and how many knocks of it are made: one at least."""


@dataclass(frozen=True)
class PolicyRules:
    """Builds what one policy needs; its times are whole minutes already."""

    policy: ResolvedPolicy
    others: tuple[ResolvedPolicy, ...] = ()
    """The other policies on the address."""
    applications: tuple[str, ...] = ("any",)

    # --- names ---

    @cached_property
    def name(self) -> str:
        """The profile, and what all names of the policy begin with."""
        return f"{OWN_NAME}{self.policy.name}"

    @cached_property
    def granted(self) -> str:
        """The tag and the group of who has completed a sequence."""
        return f"{self.name}-in"

    @cached_property
    def locked(self) -> str:
        """The tag and the group of who is locked out."""
        return f"{self.name}-out"

    def part(self, what: str) -> str:
        """Name a rule, or a service."""
        return f"{self.name}.{what}"

    def of(self, generation: int, what: str | int) -> str:
        """Name something of one sequence."""
        return f"{self.name}.{PLACEHOLDERS[generation]}-{what}"

    def stage(self, *stages: Stage) -> str:
        """Name the tag and the group of a stage, or the group of who is at several at once."""
        made = (f".{PLACEHOLDERS[g]}-{reached}" for g, reached in stages)
        return self.name + "".join(made)

    def step(self, stages: Iterable[Stage]) -> str:
        """Name a rule by the knocks it takes of a source that is at these stages."""
        knocks = (f".{PLACEHOLDERS[g]}-knock{reached + 1}" for g, reached in stages)
        return self.name + "".join(knocks)

    # --- what the policy asks for ---

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """How many knocks each generation has."""
        return tuple(len(g.knocks) for g in self.policy.generations)

    @cached_property
    def trusted(self) -> tuple[str, ...]:
        """Trusted networks."""
        return tuple(str(network) for network in self.policy.trusted)

    @cached_property
    def stages(self) -> list[Stage]:
        """Every stage of every generation."""
        return [stage for g in range(len(self.lengths)) for stage in self.stages_of(g)]

    def stages_of(self, generation: int) -> list[Stage]:
        """Return the stages of one generation."""
        return [(generation, reached) for reached in range(1, self.lengths[generation])]

    @cached_property
    def tries(self) -> list[str]:
        """The tag of a sound attempt, for each generation."""
        return [self.of(generation, "try") for generation in range(len(self.lengths))]

    @cached_property
    def punishes(self) -> bool:
        """Tell whether a wrong knock does anything; one knock can't be half made."""
        return self.policy.wrong_knock != "ignore" and bool(self.stages)

    @cached_property
    def locks(self) -> bool:
        """Tell whether anything locks out."""
        p = self.policy
        halfway = p.wrong_knock == "lockout" and bool(self.stages)
        return bool(p.traps) or halfway or p.stray == "lockout"

    @cached_property
    def notices(self) -> bool:
        """Tell whether a packet to somebody else's port can change anything here."""
        return bool(self.policy.traps) or self.punishes or self.policy.stray != "ignore"

    @cached_property
    def excused(self) -> tuple[str, ...]:
        """Sources of whom nothing is noticed: trusted, or locked out without a rule of its own."""
        out = self.locks and self.policy.scope == "services"
        return (*self.trusted, self.locked) if out else self.trusted

    # --- services ---

    @cached_property
    def knocks(self) -> dict[Span, Entry]:
        """One service for each port of the sequences; a port that recurs has the first one's."""
        found: dict[Span, Entry] = {}
        for generation, one in enumerate(self.policy.generations):
            for number, knock in enumerate(one.knocks, start=1):
                found.setdefault(knock.span, self._knock(generation, number, knock))
        return found

    @cached_property
    def places(self) -> dict[Span, list[list[int]]]:
        """For each port and generation, how many knocks precede those on that port."""
        found = {span: [list[int]() for _ in self.lengths] for span in self.knocks}
        for generation, one in enumerate(self.policy.generations):
            for number, knock in enumerate(one.knocks):
                found[knock.span][generation].append(number)
        return found

    def _knock(self, generation: int, number: int, knock: Knock) -> Entry:
        name = self.of(generation, f"knock{number}")
        return service(name, knock.protocol, str(knock.port), hidden=knock.secret)

    @cached_property
    def sequences(self) -> list[list[Entry]]:
        """The services of each generation, in the order of its knocks."""
        return [
            [self._knock(g, number, knock) for number, knock in enumerate(one.knocks, start=1)]
            for g, one in enumerate(self.policy.generations)
        ]

    def named(self, what: str, spans: Sequence[Span], *, hidden: bool = False) -> tuple[Entry, ...]:
        """Return services for ports."""
        return services(self.part(what), tuple(spans), hidden=hidden)

    @cached_property
    def opened(self) -> tuple[Entry, ...]:
        """What a grant opens."""
        return self.named("services", merged(self.policy.services))

    @cached_property
    def most(self) -> tuple[Entry, ...]:
        """Every port but the public ones."""
        return self.named("most", all_but(self.policy.public))

    @cached_property
    def outside(self) -> tuple[Entry, ...]:
        """Every port but public ones and services: what may be wrong, or stray.

        Other policies' knocks are refused further up; but not to those that such a policy trusts.
        """
        left_out = [*self.policy.public, *self.policy.services]
        hidden = False
        for other in self.others:
            left_out += other.services
            if other.trusted and set(other.trusted) != set(self.policy.trusted):
                left_out += other.knock_ports
                hidden |= any(k.secret for g in other.generations for k in g.knocks)
        return self.named("others", all_but(merged(left_out)), hidden=hidden)

    @cached_property
    def traps(self) -> list[tuple[ResolvedTrap, tuple[Entry, ...]]]:
        """The traps with their services, longest lock-out first."""
        ordered = sorted(self.policy.traps, key=lambda trap: -trap.lockout)
        return [
            (trap, self.named(f"trap{n}", merged(trap.services)))
            for n, trap in enumerate(ordered, start=1)
        ]

    # --- tags and groups ---

    def tags(self) -> Iterator[Entry]:
        """Yield the tag objects."""
        name = self.policy.name
        yield tag(self.granted, f"{name}: sequence completed")
        if self.locks:
            yield tag(self.locked, f"{name}: locked out")
        yield from (tag(self.stage(one), f"{name}: knock {one[1]} made") for one in self.stages)
        yield from (tag(sound, f"{name}: nothing wrong so far") for sound in self.tries)

    def groups(self, named: Iterable[str]) -> Iterator[Entry]:
        """Yield the groups that rules name."""
        wanted = set(named)
        sound = " or ".join(f"'{one}'" for one in self.tries)
        sound = f"({sound})" if len(self.tries) > 1 else sound
        yield group(self.granted, f"'{self.granted}' and {sound}")
        if self.locked in wanted:
            yield group(self.locked, all_of(self.locked))
        several = [(a, b) for a in self.stages for b in self.stages if a[0] < b[0]]
        for stages in [*((one,) for one in self.stages), *several]:
            name = self.stage(*stages)
            if name in wanted:
                tags = ((self.stage(one), self.tries[one[0]]) for one in stages)
                yield group(name, all_of(*chain.from_iterable(tags)))

    # --- what is done to a source ---

    def void(self) -> list[Act]:
        """Nothing of what a source has reached counts any longer."""
        return [Act(sound) for sound in self.tries]

    def lock(self, seconds: int) -> list[Act]:
        """End the grant and the attempt, lock out."""
        return [*self.void(), Act(self.locked, minutes(seconds))]

    def end(self) -> list[Act]:
        """End the grant."""
        return [Act(self.granted), *self.void()]

    def made(self, stages: Sequence[Stage]) -> list[Act]:
        """Return what these knocks do: those of several generations if one packet is each.

        The first that completes its sequence grants, and the others' attempts end.
        """
        last = next((one for one in stages if one[1] + 1 == self.lengths[one[0]]), None)
        acts = [act for one in ([last] if last else stages) for act in self._made(*one)]
        return list(dict.fromkeys(acts))

    def _made(self, generation: int, reached: int) -> Iterator[Act]:
        step, after = minutes(self.policy.step_timeout), self.stage((generation, reached + 1))
        last = reached + 1 == self.lengths[generation]
        if reached == 0:
            yield from (Act(self.stage(one)) for one in self.stages_of(generation))
            yield Act(self.granted)
            yield Act(self.tries[generation])
            if not last:
                yield Act(after, step)
            yield Act(self.tries[generation], attempt(self.policy, self.lengths[generation]))
        elif not last:
            yield Act(after, step)
        if last:
            # Before the grant: it must not be another attempt's for as long as that takes.
            yield from (Act(other) for g, other in enumerate(self.tries) if g != generation)
            yield Act(self.granted, minutes(self.policy.grant_duration))
        if reached:
            yield Act(self.stage((generation, reached)))

    # --- rules ---

    def let_in(self, what: str, source: Sequence[str], *, log: Log, noticed: bool = False) -> Rule:
        """Return a rule that accepts what a grant opens."""
        return Rule(
            self.part(what),
            ALLOW,
            self.opened,
            tuple(source),
            log=log,
            profile=self.name if noticed else "",
            applications=self.applications,
        )

    def refuse(
        self,
        name: str,
        ports: Iterable[Entry],
        source: Sequence[str] = (),
        *,
        but: bool = False,
        noticed: bool = False,
    ) -> Rule:
        """Return a rule that refuses, for some sources or for all but those."""
        return Rule(
            name,
            refusal(self.policy.refuse),
            tuple(ports),
            tuple(source) or ("any",),
            but=but and bool(source),
            log="end" if noticed else "",
            profile=self.name if noticed else "",
        )


def own_knocks(c: PolicyRules) -> list[Entry]:
    """Return the services of knocks that are not also opened by a grant."""
    return [
        entry
        for span, entry in c.knocks.items()
        if not holds(c.policy.services, span.protocol, span.first)
    ]


def hidden(c: PolicyRules, *, knocks: bool) -> list[Entry]:
    """Return the services nobody is to see: services, traps, and perhaps knocks."""
    traps = [entry for _, entries in c.traps for entry in entries]
    return [*(own_knocks(c) if knocks else ()), *c.opened, *traps]
