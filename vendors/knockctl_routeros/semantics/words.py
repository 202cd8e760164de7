"""The words of a rule, one matcher after the other.

Sources: MikroTik manual, Common Firewall Matchers and Actions, RAW, FastTrack; fact sheet 1.1,
2, 2.1, 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from knockctl.automaton.alphabet import Atom
from knockctl.automaton.verdict import Verdict
from knockctl_routeros.config import Row
from knockctl_routeros.semantics.conditions import (
    FOREVER,
    STATIC,
    Action,
    Add,
    Anything,
    Clause,
    CompiledRule,
    Fasttrack,
    Goes,
    Jump,
    Leave,
    Listed,
    Notrack,
    Side,
    Stop,
    Table,
)
from knockctl_routeros.semantics.matchers import (
    MATCHERS,
    Clauses,
    Context,
    Surroundings,
    number_of,
)

# Matchers that depend on load, number or hour: whether they hold is anybody's guess, and fine.
CHANCES = ("limit", "dst-limit", "random", "nth", "time")
# Words that have no say in which packets match.
_SILENT = frozenset(
    (
        *("chain", "action", "jump-target", "address-list", "address-list-timeout", "reject-with"),
        *("comment", "disabled", "invalid", "dynamic", "log", "log-prefix", "hw-offload"),
        *(".id", ".nextid", "bytes", "packets", "creation-time", "place-before", "copy-from"),
    )
)


def compiled(row: Row, place: str, around: Surroundings) -> CompiledRule:
    """Take a rule apart."""
    reader = _Reader(row, around, CompiledRule(place, (), (), Goes()))
    clauses = sorted(reader.clauses(), key=_cost)
    return CompiledRule(place, tuple(clauses), tuple(reader.tests()), reader.action())


def _cost(clause: Clause) -> int:
    """Order clauses so that those which divide packets least and best come first."""
    fields = ("protocol", "port", "source_port", "flow", "flags", "chance")
    first = clause.literals[0][0].field if clause.literals else ""
    return fields.index(first) if first in fields else 4


def seconds(text: str) -> int | None:
    """Read a time of any notation; None for what is no whole number of seconds (fact sheet 3)."""
    if text in ("", "none-dynamic"):
        return FOREVER
    if text == "none-static":
        return STATIC
    match = re.fullmatch(
        r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+):(\d+):(\d+)|(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?)", text
    )
    if not match:
        return None
    weeks, days, *clock = (int(part or 0) for part in match.groups())
    hours, minutes, rest = (a + b for a, b in zip(clock[:3], clock[3:], strict=True))
    return (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + rest


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one rule."""

    row: Row
    around: Surroundings
    rule: CompiledRule

    def clauses(self) -> Iterator[Clause]:
        """Yield what must hold; what is not understood becomes one guess for the whole rule."""
        strange = seconds(self.row.get("address-list-timeout")) is None
        for key, value in self.row.words:
            if key in _SILENT or key in _LISTS or value == "":
                continue
            if key in CHANCES:
                yield Clause(((Atom("chance", f"{key} of {self.rule.place}"), True),))
                continue
            read = self._read(key, value)
            strange = strange or read is None
            yield from read or ()
        if strange:
            yield Clause(((self.rule.guess, True),))

    def _read(self, key: str, value: str) -> Clauses | None:
        matcher = MATCHERS.get(key)
        needs = _NEEDS.get(key)
        if matcher is None or (needs and number_of(self.row.get("protocol")) not in needs):
            return None
        try:
            return matcher(Context(self.around, self.rule.guess), value)
        except (ValueError, KeyError):
            return None

    def tests(self) -> Iterator[Listed]:
        """Yield the address lists the rule looks at."""
        for key, side in _LISTS.items():
            name = self.row.get(key)
            if name:
                yield Listed(name.removeprefix("!"), side, name.startswith("!"))

    def action(self) -> Action:
        """Return what a match does; ``accept`` is the default (fact sheet 2)."""
        name = self.row.get("action") or "accept"
        if name == "jump":
            return Jump(self.row.get("jump-target"))
        if name in _ADDING:
            time = seconds(self.row.get("address-list-timeout")) or FOREVER
            return Add(self.row.get("address-list"), _ADDING[name], time)
        return _ACTIONS[self.around.table].get(name, Anything())


_PORTED = frozenset(("6", "17", "33", "132", "136"))
# A rule without is refused by the router (fact sheet 4.1).
_NEEDS = {
    **dict.fromkeys(("dst-port", "src-port", "port"), _PORTED),
    "tcp-flags": frozenset(("6",)),
    "icmp-options": frozenset(("1", "58")),
}
_LISTS: dict[str, Side] = {"src-address-list": "source", "dst-address-list": "destination"}
_ADDING: dict[str, Side] = {
    "add-src-to-address-list": "source",
    "add-dst-to-address-list": "destination",
}
_COMMON: dict[str, Action] = {
    "accept": Stop(Verdict.ACCEPT),
    "drop": Stop(Verdict.REFUSE),
    "return": Leave(),
    "log": Goes(),
    "passthrough": Goes(),
}
_ACTIONS: dict[Table, dict[str, Action]] = {
    "filter": {
        **_COMMON,
        "reject": Stop(Verdict.REFUSE),
        "tarpit": Stop(Verdict.REFUSE),
        "fasttrack-connection": Fasttrack(),
    },
    "raw": {**_COMMON, "notrack": Notrack()},
}
