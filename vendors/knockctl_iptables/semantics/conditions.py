"""What a rule asks and does, in the order the kernel works through it.

What the packet alone decides becomes an ``Atom``; what earlier packets decide, a test of a set
or of a ``recent`` list. Sources: ``man iptables``, ``man iptables-extensions``, ``man ipset``,
and what was seen on a kernel (tests/iptables/conformance).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from knockctl.automaton.questions import Atom, flow

FRESH = flow("fresh", "related")
"""A flow's first packet: no other meets what translates addresses."""
# Targets that let the packet go on and change nothing any rule of these tables looks at.
PASSING = frozenset(
    (
        *("LOG", "NFLOG", "ULOG", "AUDIT", "TRACE", "CT", "NOTRACK", "CONNMARK", "TCPMSS", "TTL"),
        *(
            "HL",
            "DSCP",
            "TOS",
            "CHECKSUM",
            "CLASSIFY",
            "SECMARK",
            "CONNSECMARK",
            "LED",
            "IDLETIMER",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Stateless:
    """One question to the packet; several atoms: any of them."""

    atoms: tuple[Atom, ...]
    negated: bool = False
    original: bool = False
    """Put to the packet as it came in, before any translation."""


@dataclass(frozen=True, slots=True)
class InSet:
    """``-m set --match-set NAME DIRECTIONS``."""

    name: str
    directions: tuple[str, ...]
    negated: bool = False
    listed: Atom | None = None
    """Networks that are in it for good: a packet from them is in, whatever rules write."""


@dataclass(frozen=True, slots=True)
class Marked:
    """``-m mark``: what earlier rules made of the mark, which is 0 on the wire."""

    value: int
    mask: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Recent:
    """``-m recent``: looks at a list of addresses and times, and may change it."""

    action: str
    """``set rcheck update remove``"""
    name: str = "DEFAULT"
    seconds: int = 0
    hitcount: int = 0
    ttl: bool = False
    reap: bool = False
    mask: int | None = None
    """Bits of the address that count; None: all."""
    side: str = "source"
    negated: bool = False

    @property
    def changes(self) -> bool:
        """Tell whether evaluating it can leave a trace."""
        return self.action != "rcheck"


Condition = Stateless | InSet | Recent | Marked


@dataclass(frozen=True, slots=True)
class SetAction:
    """``-j SET``: add first, then delete."""

    add: tuple[str, tuple[str, ...]] | None = None
    remove: tuple[str, tuple[str, ...]] | None = None
    exist: bool = False
    timeout: int | None = None


@dataclass(frozen=True)
class CompiledRule:
    """A rule as the kernel works through it."""

    where: str
    """Its chain, as people look for it: ``iptables INPUT``."""
    number: int
    """Its place there, from 1."""
    text: object
    """The rule in normal form, by ``str()``."""
    conditions: tuple[Condition, ...]
    target: str | None
    goto: bool = False
    options: tuple[str, ...] = ()
    """What follows the target."""

    @cached_property
    def place(self) -> str:
        """Name the rule: ``iptables INPUT rule 3: -p tcp … -j ACCEPT``."""
        return f"{self.where} rule {self.number}: {self.text}"

    @cached_property
    def changes(self) -> bool:
        """Tell whether only looking whether it matches can leave a trace."""
        return any(isinstance(c, Recent) and c.changes for c in self.conditions)

    @cached_property
    def idle(self) -> bool:
        """Tell whether it does nothing at all, matching or not."""
        if self.untracks:
            return False
        return (self.target is None or self.target in PASSING) and not self.changes

    @cached_property
    def untracks(self) -> bool:
        """Tell whether it exempts packets from connection tracking, where that begins."""
        return self.target == "NOTRACK" or "--notrack" in self.options

    @cached_property
    def stateful(self) -> bool:
        """Tell whether it looks at, or changes, what earlier packets left."""
        return self.target == "SET" or not all(isinstance(c, Stateless) for c in self.conditions)

    @cached_property
    def needed(self) -> tuple[Atom, ...]:
        """What a packet must pass for the rule to be worth a closer look."""
        if self.changes:
            return ()
        plain = (c for c in self.conditions if isinstance(c, Stateless))
        sure = (c for c in plain if not (c.negated or c.original))
        return tuple(c.atoms[0] for c in sure if len(c.atoms) == 1)


def set_action(options: tuple[str, ...]) -> SetAction | None:
    """Read what follows ``-j SET``; None for what is not understood."""
    add = remove = None
    exist, timeout = False, None
    words = iter(options)
    for word in words:
        if word in ("--add-set", "--del-set"):
            entry = next(words), tuple(next(words).split(","))
            add, remove = (entry, remove) if word == "--add-set" else (add, entry)
        elif word == "--exist":
            exist = True
        elif word == "--timeout":
            timeout = int(next(words))
        else:
            return None
    return SetAction(add, remove, exist, timeout)


def atoms(rule: CompiledRule) -> Iterator[Atom]:
    """Yield every question the rule's conditions put to a packet."""
    for condition in rule.conditions:
        if isinstance(condition, Stateless):
            yield from condition.atoms
        elif isinstance(condition, InSet) and condition.listed:
            yield condition.listed
