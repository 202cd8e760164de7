"""What a packet meets on a device, as chains of rules: the form that single packets are asked in.

A vendor's machine returns it beside ``step`` and ``signature`` (see ``model.Chained``), made of the
same compiled rules. ``sweep`` walks it once for whole sets of packets, in time that follows the
number of rules, not of their combinations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from knockctl.automaton.conditions import ALWAYS, Condition
from knockctl.automaton.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Stop:
    """The packet's fate is decided; before the last section, accepting leads on to the next."""

    verdict: Verdict
    away: bool = False
    """It leaves the device's way for good, past all further sections: to another host, say."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The chain is left: on with the rule behind the one that called it, or with its end."""


@dataclass(frozen=True, slots=True)
class Call:
    """On with another chain; ``goto``: where that ends undecided, so does this one."""

    chain: str
    goto: bool = False


@dataclass(frozen=True, slots=True)
class Alter:
    """Fields of the packet change for the rules behind; ``leaves``: the section ends, too."""

    fields: tuple[tuple[str, Any], ...]
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class Remark:
    """Mark bits: zero those of the mask, then flip those of the value; see ``Alter``."""

    value: int
    mask: int


@dataclass(frozen=True, slots=True)
class Ours:
    """The packet has reached the policies: what they pass on is for the rules behind them."""


@dataclass(frozen=True, slots=True)
class Anything:
    """An action that nobody here understands: it may accept, refuse, or do nothing."""


Action = Stop | Leave | Call | Alter | Remark | Ours | Anything


@dataclass(frozen=True, slots=True, eq=False)
class ChainRule:
    """One rule, or a run of rules that do the same and differ in one question alone.

    Two rules of the same words are two rules.
    """

    action: Action
    condition: Condition = ALWAYS
    where: str = ""
    """Its chain, as the device's operator would look for it: ``iptables INPUT``."""
    number: int = 0
    """Its place there, from 1; 0 where places have no numbers."""
    text: object = ""
    """The rule in normal form, by ``str()``: what accepting it is bound to."""
    ours: bool = False
    parts: Callable[[], Sequence[ChainRule]] | None = None
    """For a run: its rules, one by one."""

    def each(self) -> Sequence[ChainRule]:
        """Return the rules it stands for."""
        return (self,) if self.parts is None else self.parts()

    @property
    def place(self) -> str:
        """Name the rule for a person."""
        number = f" rule {self.number}" if self.number else ""
        text = str(self.text)
        return f"{self.where}{number}: {text}" if text else f"{self.where}{number}"


@dataclass(frozen=True, slots=True)
class Section:
    """A chain that a packet begins at, and what becomes of it where that ends undecided."""

    chain: str
    end: Verdict = Verdict.PASS
    """``PASS``: on with the next section, or for others to decide."""
    label: str = ""
    """What decides at the end, for people."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a packet of one IP version meets, section by section."""

    sections: tuple[Section, ...] = ()
    chains: Mapping[str, Sequence[ChainRule]] = field(default_factory=dict)
    untracks: bool = False
    """Whether some rule may exempt packets from connection tracking."""
    steady: bool = False
    """Whether what is remembered of a source stays as it is while a packet is on its way."""
