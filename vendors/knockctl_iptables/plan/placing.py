"""Where in ``INPUT`` our jump stands once a config is in place: what a plan and a judge share."""

from __future__ import annotations

from collections.abc import Iterator

from knockctl.automaton.conditions import Every, Is
from knockctl.automaton.packet import FLAGS, LOOPBACK, OPENING_MASK
from knockctl.automaton.questions import Atom, flow, ports, protocol
from knockctl.automaton.sweep import lets_past
from knockctl.contract import Reading
from knockctl.ports import Span, merged
from knockctl_iptables.config.parse import (
    IPV4,
    IPV6,
    sections,
)
from knockctl_iptables.config.records import FAMILIES, Family, LinuxConfig, Table
from knockctl_iptables.plan.reading import (
    LinuxReading,
)
from knockctl_iptables.semantics import LinuxModel, saved

_OPTIONS_OF_PORTS = ("--dport", "--dports")


def places(running: LinuxReading, goal: LinuxConfig) -> dict[Family, int]:
    """Return for each family the number of our jump among the foreign rules, from 1."""
    up = moves(running, goal)
    return {family: _place(running, goal.table(family), family, up) for family in FAMILIES}


def _place(running: LinuxReading, will: Table, family: Family, up: frozenset[Family]) -> int:
    if family in running.above and will.jumps and family not in up:
        return running.above[family] + 1
    return inserted_at(running, will, family)


def inserted_at(running: Reading[LinuxConfig], will: Table, family: Family) -> int:
    """Return the rule number that a jump which isn't there yet is given."""
    wanted = will.place or 1
    if not isinstance(running, LinuxReading):
        return wanted
    return min(wanted, running.input_rules.get(family, wanted) + 1)


def moves(running: Reading[LinuxConfig], goal: LinuxConfig) -> frozenset[Family]:
    """Return the families whose jump must go back to the first place.

    It may stay behind foreign rules that let nothing in to what our rules name.
    """
    if not isinstance(running, LinuxReading):
        return frozenset()
    found = set[Family]()
    for family, above in running.above.items():
        will = goal.table(family)
        if above and will.jumps and not will.place and _lets_in(running, will, family):
            found.add(family)
    return frozenset(found)


def _lets_in(running: LinuxReading, will: Table, family: Family) -> bool:
    """Ask the machine whether a foreign rule above ours may accept what our rules name."""
    spans = merged(governed_ports(will))
    text = sections(running.text).get(IPV4 if family == 4 else IPV6, "")
    program = LinuxModel(saved({family: text})).program(family)
    asked = [
        Every((*_FIRST, Is(protocol(kind)), Is(ports(*((s.first, s.last) for s in some)))))
        for kind in ("tcp", "udp")
        if (some := [span for span in spans if span.protocol == kind])
    ]
    return lets_past(program, family, asked, "eth0")


_FIRST = (
    Is(flow("fresh")),
    Is(Atom("flags", (OPENING_MASK, FLAGS["syn"]))),
    Is(Atom("destination_type", frozenset(("LOCAL",)))),
    Is(Atom("interface", LOOPBACK), wanted=False),
)


def governed_ports(ours: Table) -> Iterator[Span]:
    """Yield the ports our own rules name: knocks, services and traps."""
    for rules in ours.chains.values():
        for rule in rules:
            kind = _option(rule.words, ("-p",))
            listed = _option(rule.words, _OPTIONS_OF_PORTS)
            if kind not in ("tcp", "udp") or not listed:
                continue
            for run in listed.split(","):
                first, _, last = run.partition(":")
                yield Span("tcp" if kind == "tcp" else "udp", int(first), int(last or first))


def _option(words: tuple[str, ...], names: tuple[str, ...]) -> str | None:
    return next((b for a, b in zip(words, words[1:], strict=False) if a in names), None)
