"""Somebody else's rules, as far as they are judged before ours.

A foreign rule above our jump matters when it may *accept* a packet to one of our knocks,
services or traps: the packet then never reaches us. Rules that refuse, count or log make
nothing reachable; they are somebody's good reason and are left alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from knockctl.ports import Span
from knockctl.vendor import Neighbour
from knockctl_iptables.config import Family, Table

Effect = Literal["accepts", "refuses", "unknown"]

_HARMLESS = frozenset(
    ("RETURN", "LOG", "NFLOG", "ULOG", "AUDIT", "TRACE", "MARK", "CONNMARK", "SET", "CT", "TCPMSS")
)
_REFUSING = frozenset(("DROP", "REJECT", "TARPIT"))
_OPTIONS_OF_PORTS = ("--dport", "--dports", "--destination-port", "--destination-ports")


@dataclass(frozen=True, slots=True)
class Foreign:
    """The rest of a family's ``filter`` table, as printed; taken apart only where asked."""

    section: str = ""
    jump: int | None = None
    """How many rules of ``INPUT`` stand above our jump; None when it is not there."""

    def rules(self, chain: str) -> list[str]:
        """Return a chain's rules, without their ``-A CHAIN``."""
        return re.findall(rf"^-A {re.escape(chain)} (.*)$", self.section, re.MULTILINE)

    def has(self, chain: str) -> bool:
        """Tell whether a target is a chain."""
        return f"\n:{chain} " in self.section


def above(foreign: Foreign, ours: Table, family: Family) -> Iterator[Neighbour]:
    """Yield the rules above our jump that may accept what we govern."""
    if foreign.jump is None:
        return
    governed = tuple(governed_ports(ours))
    for number, text in enumerate(foreign.rules("INPUT")[: foreign.jump], start=1):
        effect = _effect(foreign, text, governed, frozenset())
        if effect in ("accepts", "unknown"):
            tool = "iptables" if family == 4 else "ip6tables"
            yield Neighbour(f"{tool} INPUT rule {number}", f"-A INPUT {text}", effect)


def governed_ports(ours: Table) -> Iterator[Span]:
    """Yield the ports our own rules name: knocks, services and traps."""
    for rules in ours.chains.values():
        for rule in rules:
            protocol = _option(rule.words, ("-p",))
            ports = _option(rule.words, _OPTIONS_OF_PORTS)
            if protocol and ports:
                yield from _spans(protocol, ports)


def _effect(
    foreign: Foreign, text: str, governed: tuple[Span, ...], seen: frozenset[str]
) -> Effect | None:
    """Tell what a rule may do to packets of ours; None when nothing."""
    words = tuple(shlex.split(text))
    if not _may_match(words, governed):
        return None
    target = _option(words, ("-j", "-g"))
    if target is None or target in _HARMLESS or target in seen:
        return None
    if target in _REFUSING:
        return "refuses"
    if target == "ACCEPT":
        return "accepts"
    if not foreign.has(target):
        return "unknown"
    inner = [_effect(foreign, rule, governed, seen | {target}) for rule in foreign.rules(target)]
    return next((e for e in ("accepts", "unknown", "refuses") if e in inner), None)


def _may_match(words: tuple[str, ...], governed: tuple[Span, ...]) -> bool:
    """Tell whether a rule can match the first packet of a flow to one of our ports."""
    if _option(words, ("-i",)) == "lo":
        return False
    states = _option(words, ("--ctstate", "--state"))
    if states and not {"NEW", "INVALID", "UNTRACKED"} & set(states.split(",")):
        return "!" in words
    protocol = _option(words, ("-p",))
    if "!" in words or protocol in (None, "all"):
        return True
    if protocol not in ("tcp", "udp"):
        return False
    ports = _option(words, _OPTIONS_OF_PORTS)
    if ports is None:
        return any(span.protocol == protocol for span in governed)
    return any(a.overlaps(b) for a in _spans(protocol, ports) for b in governed)


def _option(words: tuple[str, ...], names: tuple[str, ...]) -> str | None:
    return next((b for a, b in zip(words, words[1:], strict=False) if a in names), None)


def _spans(protocol: str, ports: str) -> Iterator[Span]:
    for run in ports.split(","):
        first, _, last = run.partition(":")
        if first.isdigit() and protocol in ("tcp", "udp"):
            yield Span("tcp" if protocol == "tcp" else "udp", int(first), int(last or first))
