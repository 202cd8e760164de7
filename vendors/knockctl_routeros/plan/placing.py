"""Where our jump comes to stand among the rules of others.

Where it is meant to be the first, it need not be above those that only refuse, or that concern
other packets: it is moved up only where a foreign rule lets packets past it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockctl.automaton.chains import Program, Section
from knockctl.automaton.conditions import Every, Is
from knockctl.automaton.packet import LOOPBACK
from knockctl.automaton.questions import Atom, Ranges, flow, protocol
from knockctl.automaton.sweep import lets_past
from knockctl_routeros.config.records import RULES, Chain, Row
from knockctl_routeros.plan.reading import (
    RouterReading,
)
from knockctl_routeros.semantics import RouterModel, Ruleset
from knockctl_routeros.semantics.matchers import ranges_of_ports
from knockctl_routeros.semantics.ruleset import LIKE

_HARMLESS = frozenset(("drop", "reject", "tarpit", "log", "passthrough"))


def past(reading: RouterReading, chain: Chain) -> bool:
    """Tell whether a foreign rule above our jump may let packets past that ours are about."""
    return _may(reading, chain) and _does(reading, chain)


def _may(reading: RouterReading, chain: Chain) -> bool:
    """Tell whether a rule above our jump does anything but refuse; most others needn't be read."""
    table, above = reading.table(chain[0]), reading.places[chain]
    for place in table.theirs(chain[1])[:above]:
        action = table.word(place, "action")
        if not (action in _HARMLESS or action.startswith("add-")) and not table.row(place).off:
            return True
    return False


def _does(reading: RouterReading, chain: Chain) -> bool:
    """Ask the machine of all rules for packets that match our jump and don't get there."""
    menu, name = chain
    family = 6 if menu.startswith("/ipv6") else 4
    rows = [
        row
        for other, table in reading.tables.items()
        if other.partition(" ")[0] == menu.partition(" ")[0]
        for row in table.rows()
    ]
    program = RouterModel(Ruleset.of(rows, interface_lists=like(rows))).program(family)
    top = f"{menu.rpartition(' ')[2]} {name}"
    jump = next((rule for rule in program.chains[top] if rule.ours), None)
    if jump is None:
        return True
    asked = [
        Every((jump.condition, _FROM_OUTSIDE, Is(protocol(kind)), Is(Atom("port", ports))))
        for kind, ports in _governed(rows)
    ]
    return lets_past(Program((Section(top),), program.chains), family, asked, "ether1")


_FROM_OUTSIDE = Every((Is(flow("fresh", "invalid")), Is(Atom("interface", LOOPBACK), wanted=False)))


def _governed(rows: Sequence[Row]) -> Iterator[tuple[str, Ranges]]:
    """Yield the ports that rules of ours name, protocol by protocol."""
    for kind in ("tcp", "udp"):
        named = (row.get("dst-port") for row in rows if row.ours and row.get("protocol") == kind)
        ports = {run for text in named if text for run in _ports(text)}
        if ports:
            yield kind, tuple(sorted(ports))


def _ports(text: str) -> Ranges:
    return ((0, 65535),) if text.startswith("!") else ranges_of_ports(text)


def like(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """Let one interface, called after it, stand for each interface list that rules name."""
    named = {row.get("in-interface-list").removeprefix("!") for row in rows if row.menu in RULES}
    return {name: (LIKE.format(name),) for name in named - {""}}
