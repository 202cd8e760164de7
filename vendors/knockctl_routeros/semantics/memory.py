"""What earlier packets left behind: addresses that rules put on lists.

An address is kept with the time it was put there for; when that was is for clocks to say.
Sources: MikroTik manual, Address-lists; fact sheet 1.1, 2.2, 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from knockctl.automaton.machine import ClockName, Clocks
from knockctl.automaton.packet import WirePacket
from knockctl_routeros.semantics.conditions import STATIC, Add, Listed

Key = tuple[str, str]
"""A list's name and an address; the clock that runs for it has the same name."""
State = tuple[tuple[Key, int], ...]
"""Who is on which list, sorted, and for how many seconds; see ``conditions`` for what has none."""


@dataclass(slots=True)
class Memory:
    """The state while one packet is judged."""

    entries: dict[Key, int]
    packet: WirePacket
    clocks: Clocks
    refresh: bool
    resets: set[ClockName] = field(default_factory=set)
    keyed: bool = True

    def frozen(self) -> State:
        """Return the state as it is now."""
        return tuple(sorted(self.entries.items()))

    def holds(self, test: Listed) -> bool:
        """Tell whether the packet is on the list, or not on it where that is asked."""
        return self._alive(self._key(test)) != test.negated

    def add(self, action: Add) -> None:
        """Put an address on a list; the next rule already finds it there."""
        key = self._key(action)
        if self._alive(key) and (not self.refresh or self.entries[key] == STATIC):
            return
        self.entries[key] = action.seconds
        if action.seconds > 0:
            self.resets.add(key)
        else:
            self.resets.discard(key)

    def _key(self, what: Listed | Add) -> Key:
        source = what.side == "source"
        self.keyed = self.keyed and source
        return what.name, str(self.packet.source if source else self.packet.destination)

    def _alive(self, key: Key) -> bool:
        if key not in self.entries:
            return False
        time = self.entries[key]
        if time <= 0 or key in self.resets or self.clocks.younger(key, time):
            return True
        del self.entries[key]
        return False


def settled(state: State, clocks: Clocks) -> State:
    """Return the state without entries whose time is over."""
    return tuple((key, time) for key, time in state if time <= 0 or clocks.younger(key, time))


def thresholds(state: State) -> Mapping[ClockName, tuple[int, ...]]:
    """Return every clock the state depends on, and the seconds it may be asked for."""
    return {key: (time,) for key, time in state if time > 0}
