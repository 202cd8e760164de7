"""What is left of the chains for one packet: the questions that only earlier packets answer.

Chains are walked once per kind of packet. Rules the packet can't match fall away, rules that do
nothing to it too, and what remains is a short program over address lists.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from knockctl.automaton.questions import Ask, Atom
from knockctl.automaton.verdict import Verdict
from knockctl_routeros.semantics.conditions import (
    ACCEPTED,
    Add,
    Anything,
    Clause,
    CompiledRule,
    Fasttrack,
    Jump,
    Leave,
    Listed,
    Notrack,
    Side,
    Stop,
    Table,
)
from knockctl_routeros.semantics.firewall import NOBODY, Chains, Firewall

HERE = Atom("destination_type", frozenset(("LOCAL", "BROADCAST", "MULTICAST")))


@dataclass(frozen=True, slots=True)
class Call:
    """Another chain's program."""

    program: Program


@dataclass(frozen=True, slots=True)
class Instruction:
    """Tests, all of which must hold, and what happens then."""

    tests: tuple[Listed, ...]
    action: Stop | Leave | Call | Add | Notrack
    place: str

    @property
    def always_ends(self) -> bool:
        """Tell whether nothing behind it in its chain is ever reached."""
        if self.tests or isinstance(self.action, Add | Notrack):
            return False
        return not isinstance(self.action, Call) or stops(self.action.program)


Program = tuple[Instruction, ...]


def stops(program: Program) -> bool:
    """Tell whether a program always decides the packet's fate."""
    if not program or program[-1].tests or any(isinstance(i.action, Leave) for i in program):
        return False
    last = program[-1].action
    return isinstance(last, Stop) or (isinstance(last, Call) and stops(last.program))


def shape(program: Program) -> Hashable:
    """Return a program without the names of its rules: equal shapes do equal things."""
    return tuple(
        (i.tests, ("call", shape(i.action.program)) if isinstance(i.action, Call) else i.action)
        for i in program
    )


@dataclass(frozen=True, slots=True)
class Fate:
    """What the rules have for one kind of packet."""

    raw: Program
    tracked: Program
    untracked: Program
    """What stands in ``filter``'s place for a packet that raw exempts from tracking."""
    end: Instruction
    """What decides where the program leaves off."""

    @property
    def shape(self) -> Hashable:
        """What the packet meets, without the names of rules."""
        return shape(self.raw), shape(self.tracked), shape(self.untracked), self.end.action


@dataclass
class Specialiser:
    """Walks the chains for one packet."""

    rules: Firewall
    ask: Ask
    verdict: bool = True
    """Whether the verdict matters, or only what the packet leaves behind."""
    menu: str = ""
    exempt: CompiledRule | None = None
    """The rule that may have exempted the packet from tracking, while raw is walked."""
    walked: dict[tuple[Table, str], Program] = field(default_factory=dict)

    def fate(self) -> Fate:
        """Return what the packet meets, from the wire to the end of ``input`` or ``forward``."""
        raw = self._walk("raw", "prerouting")
        refused = len(raw) == 1 and not raw[0].tests and raw[0].action == Stop(Verdict.REFUSE)
        if refused:
            return Fate((), (), (), raw[0])
        chain = "input" if self.ask(HERE) else "forward"
        tracked = self._walk("filter", chain)
        untracked: Program = ()
        if self.exempt:
            self.ask, self.walked = _Untracked(self.ask), {}
            untracked = self._walk("filter", chain)
        return Fate(raw, tracked, untracked, self._end(chain))

    def _end(self, chain: str) -> Instruction:
        if not self.verdict or not self.rules.whole:
            return Instruction((), Stop(Verdict.PASS), "the end of our rules")
        place = f"the end of {self.menu} filter {chain}, which accepts"
        return Instruction((), Stop(Verdict.ACCEPT), place)

    def _walk(self, table: Table, chain: str) -> Program:
        key = table, chain
        if key not in self.walked:
            self.walked[key] = tuple(self._instructions(table, chain))
        return self.walked[key]

    def _instructions(self, table: Table, chain: str) -> Iterator[Instruction]:
        rules = self.rules.chains.get((table, chain), ())
        if not self.verdict and table == "filter" and chain in ("input", "forward"):
            rules = rules[: last_adding(self.rules.chains, rules)]
        for rule in rules:
            if self._refuted(rule) or not all(self._holds(clause) for clause in rule.clauses):
                continue
            tests = self._tests(rule)
            if tests is None:
                continue
            action = self._action(rule, table)
            if action is None:
                continue
            if table == "raw" and self._over(action, rule):
                return
            instruction = Instruction(tests, action, rule.place)
            yield instruction
            if instruction.always_ends:
                return

    def _over(self, action: object, rule: CompiledRule) -> bool:
        """Tell whether ``notrack`` ended the table: the manual doesn't say whether it does."""
        if self.exempt:
            return self.ask(self.exempt.guess)
        if isinstance(action, Notrack):
            self.exempt = rule
        return False

    def _refuted(self, rule: CompiledRule) -> bool:
        """Tell at a glance whether a rule surely doesn't match; most rules of many don't."""
        refutes = self.ask.refutes
        for atom in rule.needed:  # noqa: SIM110 - the hottest loop there is
            if refutes(atom):
                return True
        return False

    def _holds(self, clause: Clause) -> bool:
        return any(self.ask(atom) == wanted for atom, wanted in clause.literals)

    def _tests(self, rule: CompiledRule) -> tuple[Listed, ...] | None:
        """Return the tests that rows don't answer already; None where one of them fails."""
        left: list[Listed] = []
        for test in rule.tests:
            foreign = self.rules.foreign(test)
            if self._by_rows(test.name, test.side) or (foreign and self.ask(foreign)):
                if test.negated:
                    return None
            elif test.name in self.rules.written:
                left.append(test)
            elif not test.negated:
                return None
        return tuple(left)

    def _by_rows(self, name: str, side: Side) -> bool:
        known = self.rules.configured.get((name, side), NOBODY)
        return any(self.ask(atom) for atom in known.surely) or any(
            all(self.ask(atom) for atom in guess) for guess in known.guesses
        )

    def _action(
        self, rule: CompiledRule, table: Table
    ) -> Stop | Leave | Call | Add | Notrack | None:
        action = rule.action
        if isinstance(action, Stop | Leave | Notrack):
            return action
        if isinstance(action, Add):
            # Who is on the list by configuration, stays as he is: fact sheet 2.2.
            return None if self._by_rows(action.name, action.side) else action
        if isinstance(action, Jump) and rule not in self.rules.endless:
            program = self._walk(table, action.chain)
            return Call(program) if program else None
        if isinstance(action, Fasttrack):
            bypassed = self.ask(ACCEPTED) and self.ask(rule.fast)
            return Stop(Verdict.ACCEPT) if bypassed else None
        if isinstance(action, Anything | Jump) and self.ask(rule.guess):
            accepts = self.ask(rule.guessed_accept)
            return Stop(Verdict.ACCEPT if accepts else Verdict.REFUSE)
        return None


def last_adding(chains: Chains, rules: tuple[CompiledRule, ...]) -> int:
    """Return how many filter rules must be looked at to know what a packet leaves behind."""
    seen: set[str] = set()

    def adds(rule: CompiledRule) -> bool:
        if isinstance(rule.action, Jump) and rule.action.chain not in seen:
            seen.add(rule.action.chain)
            return any(adds(one) for one in chains.get(("filter", rule.action.chain), ()))
        return isinstance(rule.action, Add)

    last = len(rules)
    while last and not adds(rules[last - 1]):
        last -= 1
    return last


@dataclass(slots=True)
class _Untracked:
    """Asks the packet, but knows that connection tracking won't see it."""

    asked: Ask

    def __call__(self, atom: Atom, /) -> bool:
        return "untracked" in atom.test if atom.field == "flow" else self.asked(atom)

    def refutes(self, atom: Atom, /) -> bool:
        if atom.field == "flow":
            return "untracked" not in atom.test
        return self.asked.refutes(atom)
