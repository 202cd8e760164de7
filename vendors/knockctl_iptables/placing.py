"""Where in ``INPUT`` our jump stands once a config is in place: what a plan and a judge share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from knockctl.automaton.alphabet import Atom, flow, ports, protocol
from knockctl.automaton.boxes import TooTangled
from knockctl.automaton.cells import TooManyCells
from knockctl.automaton.chains import Program
from knockctl.automaton.conditions import atoms
from knockctl.automaton.regions import Space
from knockctl.automaton.sweep import Sweep
from knockctl.automaton.verdict import Verdict
from knockctl.automaton.wire import FLAGS, LOOPBACK, OPENING_MASK
from knockctl.ports import Span, merged
from knockctl.vendor import Reading
from knockctl_iptables.config import FAMILIES, Family, LinuxConfig, Table
from knockctl_iptables.parse import IPV4, IPV6, LinuxReading, sections
from knockctl_iptables.semantics import LinuxModel, saved

_OPTIONS_OF_PORTS = ("--dport", "--dports")
_OPENING = Atom("flags", (OPENING_MASK, FLAGS["syn"]))
_FRESH, _HERE = flow("fresh"), Atom("destination_type", frozenset(("LOCAL",)))


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
    try:
        return _accepts(program, family, spans)
    except (TooManyCells, TooTangled):
        return True


def _accepts(program: Program, family: Family, spans: tuple[Span, ...]) -> bool:
    own = (_OPENING, _FRESH, _HERE, protocol("tcp"), protocol("udp"), Atom("interface", LOOPBACK))
    by = {
        kind: ports(*((s.first, s.last) for s in spans if s.protocol == kind))
        for kind in ("tcp", "udp")
    }
    asked = [
        a for chain in program.chains.values() for rule in chain for a in atoms(rule.condition)
    ]
    plain = (atom for atom in asked if atom.field not in ("chance", "mark"))
    space = Space.of(family, [*own, *by.values(), *plain], _SAMPLES)
    masks = {name: cells.all for name, cells in space.fields.items()}
    for atom in (_OPENING, _FRESH, _HERE):
        masks[atom.field] &= space.places[atom][1]
    masks["interface"] &= ~space.places[Atom("interface", LOOPBACK)][1]
    start = [
        {**masks, "protocol": space.places[protocol(kind)][1], "port": space.places[atom][1]}
        for kind, atom in by.items()
        if atom.test
    ]
    swept = Sweep(program, space).run(start)
    return any(p.verdict is not Verdict.REFUSE and not p.rule.ours for p in swept.passages)


_SAMPLES: Mapping[str, tuple[str, ...]] = {
    "protocol": ("tcp", "udp"),
    "interface": ("eth0",),
    "flags": (),
    "flow": (),
    "destination_type": (),
    "port": (),
}


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
