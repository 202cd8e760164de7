"""What a rule asks and does.

What the packet alone decides is a clause of atoms; what earlier packets decide, a test of an
address list. No matcher of RouterOS that is modelled here leaves a trace by being looked at, so
the order of matchers inside a rule does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from knockctl.automaton.questions import UNINTERPRETED, Atom, Ranges, flow
from knockctl.automaton.verdict import Verdict
from knockctl_routeros.config.records import Row

Family = Literal[4, 6]
Table = Literal["filter", "raw"]
Side = Literal["source", "destination"]
SIDES: tuple[Side, Side] = ("source", "destination")

FOREVER = 0
"""The time of an entry that stays until the router starts anew: ``none-dynamic``."""
STATIC = -1
"""The time of an entry that has become configuration: ``none-static``."""


@dataclass(frozen=True, slots=True)
class Clause:
    """Questions with the answers that are wanted: any one of them is enough, none never is."""

    literals: tuple[tuple[Atom, bool], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """``src-address-list`` or ``dst-address-list``."""

    name: str
    side: Side
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """The table is done with the packet; in ``raw``, accepting only leads on to ``filter``."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Leave:
    """``return``: back to the chain the jump was made from."""


@dataclass(frozen=True, slots=True)
class Add:
    """``add-src-to-address-list`` and ``add-dst-to-address-list``."""

    name: str
    side: Side
    seconds: int
    """How long, or ``FOREVER`` or ``STATIC``."""


@dataclass(frozen=True, slots=True)
class Notrack:
    """Connection tracking won't see the packet."""


@dataclass(frozen=True, slots=True)
class Fasttrack:
    """The connection may bypass the firewall from now on."""


@dataclass(frozen=True, slots=True)
class Jump:
    """To a chain of the same table."""

    chain: str


@dataclass(frozen=True, slots=True)
class Goes:
    """Nothing that any rule here could notice: ``log``, ``passthrough``."""


@dataclass(frozen=True, slots=True)
class Anything:
    """An action nobody understands, or a jump that may never end."""


Action = Stop | Leave | Add | Notrack | Fasttrack | Jump | Goes | Anything


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """What a rule asks, apart from its source and its ports, and does.

    Rules that differ in these two alone share one: of thousands, most do.
    """

    clauses: tuple[Clause, ...] = ()
    tests: tuple[Listed, ...] = ()
    action: Action = Goes()


@dataclass(eq=False)
class CompiledRule:
    """A rule that is neither disabled nor invalid. Two rules of the same words are two rules."""

    row: Row
    number: int
    """Its place in its chain, from 1, as ``print`` counts."""
    body: Body = Body()
    source: Ranges = ()
    """Where the packet comes from; an empty one: from anywhere."""
    ports: Ranges = ()
    """Where it goes; an empty one: anywhere."""

    @property
    def tests(self) -> tuple[Listed, ...]:
        """The address lists it asks."""
        return self.body.tests

    @property
    def action(self) -> Action:
        """What a match does."""
        return self.body.action

    @cached_property
    def where(self) -> str:
        """Its chain, as an operator looks for it."""
        return f"{self.row.menu} {self.row.get('chain')}"

    @cached_property
    def text(self) -> str:
        """Its words, without what ``where`` says."""
        return written(self.row, "chain")

    @cached_property
    def place(self) -> str:
        """``/ip firewall filter input rule 3: action=drop …``."""
        return f"{self.where} rule {self.number}: {self.text}"

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """What must hold, in the order it is asked."""
        own = [Clause(((Atom("port", self.ports), True),))] if self.ports else []
        own += [Clause(((Atom("source", self.source), True),))] if self.source else []
        return tuple(sorted((*own, *self.body.clauses), key=cost))

    @cached_property
    def needed(self) -> tuple[Atom, ...]:
        """What a packet must pass for the rule to be worth a closer look."""
        single = (c.literals[0] for c in self.clauses if len(c.literals) == 1)
        return tuple(atom for atom, wanted in single if wanted)

    @cached_property
    def guess(self) -> Atom:
        """Whether something about the rule is so that only the router knows."""
        return Atom("chance", UNINTERPRETED + self.place)

    @cached_property
    def guessed_accept(self) -> Atom:
        """Whether an action that is not understood accepts, where it decides."""
        return Atom("chance", f"{UNINTERPRETED}{self.place} (accepts)")

    @cached_property
    def fast(self) -> Atom:
        """Whether a packet of a fasttracked connection bypasses the firewall.

        "Not all packets in a connection can be FastTracked, so it is likely to see some packets
        going through a slow path" (manual, FastTrack): both happen.
        """
        return Atom("chance", f"bypassed by {self.place}")

    def atoms(self) -> Iterator[Atom]:
        """Yield every question the rule puts to a packet, its lists apart."""
        for clause in self.clauses:
            yield from (atom for atom, _ in clause.literals)
        if isinstance(self.action, Anything | Notrack):
            yield from (self.guess, self.guessed_accept)
        if isinstance(self.action, Fasttrack):
            yield from (ACCEPTED, self.fast)


ACCEPTED = flow("known", "unanswered")


def cost(clause: Clause) -> int:
    """Order clauses so that those which divide packets least and best come first."""
    fields = ("protocol", "port", "source_port", "flow", "flags", "chance")
    first = clause.literals[0][0].field if clause.literals else ""
    return fields.index(first) if first in fields else 4


def written(row: Row, without: str) -> str:
    """Print a row's words, but for what its place says already."""
    return " ".join(
        f'{key}="{value}"' if " " in value or not value else f"{key}={value}"
        for key, value in row.words
        if key != without
    )
