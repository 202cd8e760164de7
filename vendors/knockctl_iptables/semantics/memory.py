"""What earlier packets left behind: members of sets, and addresses in ``recent`` lists.

A member is kept with its timeout, an address with how many times it was stamped; when that was
is for clocks to say. Sources: ``man ipset``; ``man iptables-extensions``, recent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from knockctl.automaton.machine import ClockName, Clocks
from knockctl.automaton.packet import WirePacket
from knockctl_iptables.semantics.conditions import InSet, Marked, Recent, SetAction
from knockctl_iptables.semantics.ruleset import SetHeader

Key = tuple[str, str, str]
"""``("set" or "recent", name, element)``."""
Value = tuple[int, ...]
"""A member: its timeout in seconds, 0 for ever. An address: stamps kept, place of the newest,
and the last TTL."""
State = tuple[tuple[Key, Value], ...]


@dataclass(frozen=True, slots=True)
class Stores:
    """The sets and lists of a rule set, as far as they don't change."""

    sets: Mapping[str, SetHeader]
    stamps: Mapping[str, int]
    """How many stamps a ``recent`` list keeps for an address: the largest hit count asked."""
    windows: Mapping[str, tuple[int, ...]]
    """Every ``--seconds`` a list is asked for."""


@dataclass(slots=True)
class Memory:
    """The state while one packet is judged."""

    stores: Stores
    entries: dict[Key, Value]
    packet: WirePacket
    clocks: Clocks
    resets: set[ClockName] = field(default_factory=set)
    keyed: bool = True
    mark: int = 0
    """The packet's mark; on the wire it has none."""
    untracked: bool = False

    def frozen(self) -> State:
        """Return the state as it is now."""
        return tuple(sorted(self.entries.items()))

    def passes(self, test: InSet | Recent | Marked) -> bool:
        """Evaluate a test, negation included, and do what it does."""
        if isinstance(test, Recent):
            return self.matches(test)
        if isinstance(test, Marked):
            return (self.mark & test.mask == test.value) != test.negated
        return self.holds(test) != test.negated

    # --- sets ---

    def holds(self, test: InSet) -> bool:
        """Tell whether the packet is in the set, before negation."""
        key = self._member(test.name, test.directions)
        return key is not None and self._alive(key)

    def act(self, action: SetAction) -> None:
        """Add, then delete."""
        if action.add:
            key = self._member(*action.add)
            if key and (action.exist or not self._alive(key)):
                default = self.stores.sets[action.add[0]].timeout
                seconds = action.timeout if action.timeout is not None else default
                # A set made without timeouts keeps its members, whatever the rule says.
                self.entries[key] = (0 if default is None else seconds or 0,)
                self.resets.add(key)
        if action.remove:
            key = self._member(*action.remove)
            if key:
                self.entries.pop(key, None)
                self.resets.discard(key)

    def _alive(self, key: Key) -> bool:
        if key not in self.entries:
            return False
        (seconds,) = self.entries[key]
        if not seconds or self._younger(key, seconds):
            return True
        del self.entries[key]
        return False

    def _member(self, name: str, directions: tuple[str, ...]) -> Key | None:
        header = self.stores.sets.get(name)
        if header is None or header.family != self.packet.family:
            return None
        parts = header.type.partition(":")[2].split(",")
        by_source = any(
            side == "src" and part in ("ip", "net")
            for part, side in zip(parts, directions, strict=False)
        )
        self.keyed = self.keyed and by_source
        element = ",".join(element_of(self.packet, parts, directions))
        return ("set", name, element)

    # --- recent ---

    def matches(self, test: Recent) -> bool:
        """Evaluate a ``recent`` match, negation included, and do what it does."""
        key = self._address(test)
        found = key in self.entries and (not test.ttl or self.entries[key][2] == self.packet.ttl)
        if not found:
            if test.action != "set":
                return test.negated
            self.entries[key] = (0, 0, self.packet.ttl)
            self._stamp(key)
            return not test.negated
        if test.action == "remove":
            del self.entries[key]
            return not test.negated
        matched = (test.action == "set" or self._hit(key, test)) != test.negated
        if test.action == "set" or (test.action == "update" and matched):
            self._stamp(key)
        return matched

    def _hit(self, key: Key, test: Recent) -> bool:
        hits = sum(
            not test.seconds or self._younger((*key, slot), test.seconds)
            for slot in self._slots(key)
        )
        return hits >= max(test.hitcount, 1)

    def _stamp(self, key: Key) -> None:
        size = self.stores.stamps[key[1]]
        count, newest, _ = self.entries[key]
        newest = (newest + 1) % size
        self.entries[key] = (min(count + 1, size), newest, self.packet.ttl)
        self.resets.add((*key, newest))

    def _slots(self, key: Key) -> list[int]:
        return slots(self.entries[key], self.stores.stamps[key[1]])

    def _address(self, test: Recent) -> Key:
        address = self.packet.source if test.side == "source" else self.packet.destination
        self.keyed = self.keyed and test.side == "source" and test.mask is None
        if test.mask is not None:
            address = type(address)(int(address) & test.mask)
        return ("recent", test.name, str(address))

    def _younger(self, name: ClockName, seconds: int) -> bool:
        return name in self.resets or self.clocks.younger(name, seconds)


def slots(value: Value, size: int) -> list[int]:
    """Return the places of the stamps that are kept."""
    count, newest, _ = value
    return [(newest - back) % size for back in range(count)]


def element_of(packet: WirePacket, parts: list[str], directions: tuple[str, ...]) -> Iterator[str]:
    """Yield the parts of a set's element for a packet."""
    for part, side in zip(parts, directions, strict=False):
        source = side == "src"
        if part == "port":
            yield f"{packet.protocol}:{packet.source_port if source else packet.port}"
        else:
            yield str(packet.source if source else packet.destination)


def settled(state: State, clocks: Clocks) -> State:
    """Return the state without members whose time is over."""
    return tuple(
        (key, value)
        for key, value in state
        if key[0] == "recent" or not value[0] or clocks.younger(key, value[0])
    )


def thresholds(state: State, stores: Stores) -> dict[ClockName, tuple[int, ...]]:
    """Return every clock the state depends on, and the seconds it may be asked for."""
    wanted: dict[ClockName, tuple[int, ...]] = {}
    for key, value in state:
        if key[0] == "set":
            if value[0]:
                wanted[key] = value
        else:
            for slot in slots(value, stores.stamps[key[1]]):
                wanted[*key, slot] = stores.windows[key[1]]
    return wanted
