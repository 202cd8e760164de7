"""What is left of a rule set for one packet: the questions that only earlier packets answer.

Rules the packet can't match have fallen away, rules that do nothing to it too; what remains are
short programs over sets, lists and marks, one for each table the packet meets.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from knockctl.automaton.verdict import Verdict
from knockctl_iptables.semantics.conditions import InSet, Marked, Recent, SetAction
from knockctl_iptables.semantics.memory import Memory


@dataclass(frozen=True, slots=True)
class Stop:
    """The packet's fate in this table is decided."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Leave:
    """The chain is left."""


@dataclass(frozen=True, slots=True)
class Call:
    """Another chain's program; ``goto``: where it ends, so does this one."""

    program: Program
    goto: bool


@dataclass(frozen=True, slots=True)
class SetMark:
    """Zero the bits of the mask, then flip those of the value."""

    value: int
    mask: int


@dataclass(frozen=True, slots=True)
class Untrack:
    """Exempt the packet from connection tracking."""


@dataclass(frozen=True, slots=True)
class Translate:
    """Change fields of the packet; it goes on by another route, as the packet it then is."""

    fields: tuple[tuple[str, Any], ...]
    route: Route


Action = Stop | Leave | Call | SetMark | Untrack | Translate | SetAction


@dataclass(frozen=True, slots=True)
class Instruction:
    """Tests, all of which must hold, and what happens then."""

    tests: tuple[InSet | Recent | Marked, ...]
    action: Action | None
    place: str

    @property
    def always_ends(self) -> bool:
        """Tell whether nothing behind it in its chain is ever reached."""
        if self.tests or self.action is None:
            return False
        if isinstance(self.action, Call):
            return self.action.goto or stops(self.action.program)
        return isinstance(self.action, Stop | Leave | Translate)


Program = tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One table: its program, and the policy of its chain at the end."""

    program: Program
    end: Instruction
    untracked: Route | None = None
    """The way on for a packet that was exempt from tracking here."""


Route = tuple[Section, ...]


def stops(program: Program) -> bool:
    """Tell whether a program always decides the packet's fate."""
    if not program or program[-1].tests or any(isinstance(i.action, Leave) for i in program):
        return False
    last = program[-1].action
    if isinstance(last, Call):
        return stops(last.program) and all(_comes_back(i) for i in program[:-1])
    return isinstance(last, Stop | Translate) and all(_comes_back(i) for i in program[:-1])


def _comes_back(instruction: Instruction) -> bool:
    """Tell whether an instruction goes on with the next one, or stops for good."""
    action = instruction.action
    return not (isinstance(action, Call) and action.goto and not stops(action.program))


def shape(route: Route) -> Hashable:
    """Return a route without the names of its rules: equal shapes do equal things."""
    return tuple(
        (
            _program_shape(section.program),
            section.end.action,
            None if section.untracked is None else shape(section.untracked),
        )
        for section in route
    )


def _program_shape(program: Program) -> Hashable:
    return tuple((i.tests, _action_shape(i.action)) for i in program)


def _action_shape(action: Action | None) -> Hashable:
    if isinstance(action, Call):
        return "call", _program_shape(action.program), action.goto
    if isinstance(action, Translate):
        return "translate", action.fields, shape(action.route)
    return action


class Run:
    """One packet on its way through the tables."""

    def __init__(self, memory: Memory) -> None:
        """Begin with what earlier packets left."""
        self.memory = memory
        self.places: list[str] = []
        self._elsewhere: Route | None = None

    def play(self, route: Route) -> Verdict:
        """Return the verdict of the last table, or of the one that refused."""
        verdict: Verdict | None = None
        while route:
            section, route = route[0], route[1:]
            verdict = self._play(section.program)
            if self._elsewhere is not None:
                route, self._elsewhere = self._elsewhere, None
                continue
            verdict = verdict or self._play((section.end,))
            if verdict is Verdict.REFUSE:
                return verdict
            if self.memory.untracked and section.untracked is not None:
                route = section.untracked
        return verdict or Verdict.PASS

    def _play(self, program: Program) -> Verdict | None:
        """Return the verdict; None where the packet comes back undecided."""
        for instruction in program:
            action = instruction.action
            if not all(self.memory.passes(test) for test in instruction.tests) or action is None:
                continue
            self.places.append(instruction.place)
            match action:
                case Stop():
                    return action.verdict
                case Leave():
                    return None
                case Call():
                    verdict = self._play(action.program)
                    if verdict or action.goto or self._elsewhere is not None:
                        return verdict
                case Translate():
                    self.memory.packet = replace(self.memory.packet, **dict(action.fields))
                    self._elsewhere = action.route
                    return None
                case _:
                    self._do(action)
        return None

    def _do(self, action: SetMark | Untrack | SetAction) -> None:
        memory = self.memory
        if isinstance(action, SetAction):
            memory.act(action)
        elif isinstance(action, SetMark):
            memory.mark = memory.mark & ~action.mask ^ action.value
        else:
            memory.untracked = True
