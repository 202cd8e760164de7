"""The chains of one policy in one family.

Rule numbers are those of the design, section 3. RouterOS has no goto: a chain that decides ends in
a refusal, one that may come back is followed by a ``return``. Which lists there are, and what they
mean, says ``names``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knockctl.policy.resolved import Generation, Knock
from knockctl.ports import Span, common, merged, without
from knockctl_routeros.config.records import SECRET
from knockctl_routeros.config.words import ACCEPT, RETURN, Rule, Words, jump, on, put, rules
from knockctl_routeros.render import penalties
from knockctl_routeros.render.names import OTHERS, PolicyNames


@dataclass(frozen=True)
class PolicyChains(PolicyNames):
    """Builds one policy's chains."""

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
