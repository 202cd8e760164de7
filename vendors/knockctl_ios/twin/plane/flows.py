"""Flows that an access list has logged: their packets are counted, and reported later."""

from __future__ import annotations

from dataclasses import dataclass, field

from knockctl.automaton.machine import ClockName
from knockctl_ios.semantics.memory import SUMMARY

EVER = 1 << 40
"""Seconds: how long a temporary entry lasts as far as the semantics is asked."""


@dataclass(slots=True)
class Flow:
    """One flow since it was logged."""

    since: float
    packets: int = 0


@dataclass(slots=True)
class Flows:
    """Satisfies ``knockctl.automaton.machine.Clocks`` for flows; everything else is there now."""

    now: float = 0.0
    known: dict[ClockName, Flow] = field(default_factory=dict)

    def younger(self, name: ClockName, seconds: int) -> bool:
        """Tell whether a flow was logged so lately; whatever else is asked for is alive."""
        if name[0] != "flow":
            return seconds > 0
        flow = self.known.get(name)
        return flow is not None and self.now - flow.since < seconds

    def live(self, now: float) -> tuple[ClockName, ...]:
        """Return the flows that are only counted at a moment, from which on others are asked."""
        self.now = now
        self.known = {n: one for n, one in self.known.items() if now - one.since < SUMMARY}
        return tuple(sorted(self.known))

    def begin(self, name: ClockName) -> Flow:
        """Note a flow that was logged."""
        self.known[name] = Flow(self.now)
        return self.known[name]
