"""What commands and log lines meet, and what of the state it makes anybody ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from knockctl.automaton.machine import Clocks
from knockctl_ios.semantics import lists
from knockctl_ios.semantics.applets import Applet
from knockctl_ios.semantics.logs import Format
from knockctl_ios.semantics.memory import Entry, Key, Switches
from knockctl_ios.semantics.scripts import Script


@dataclass(frozen=True)
class Configured:
    """What commands and log lines meet."""

    applets: tuple[Applet, ...]
    entries: Mapping[str, tuple[lists.Entry, ...]]
    """The extended lists of IPv4."""
    form: Format
    switches: Switches
    judging: frozenset[str] = frozenset()
    """The lists that packets are asked by."""
    scripts: tuple[Script, ...] = ()
    """Those whose texts are known."""
    scripted: bool = False
    """Whether there are scripts, known or not: they may keep anything."""

    @cached_property
    def foreseeable(self) -> bool:
        """Whether nothing that lines do can change between when they are logged and seen.

        So it is where runs end at once and leave nothing but entries, whose times no packet puts
        off, and where lines are seen together: then applets alone change entries, and none of them
        runs in between. Which entries will have ended when a line is seen is known when it is
        logged: those that have less than the delay left.
        """
        switches = self.switches
        return bool(
            switches.together
            and switches.delay
            and switches.template == "absolute"
            and not self.scripted
            and not any(applet.lasting for applet in self.applets)
        )

    def leads(self, key: Key) -> tuple[int, ...]:
        """Return how long before an entry's end it may be asked whether it is there.

        By a packet, at its end; for a line, when it is logged, which is its delay before it is
        seen. One that stands where no packet is asked is forgotten when it has less than that left:
        no line logged from now on can find it. One that makes no difference to any line may stay or
        go meanwhile: it is taken to stay.
        """
        delay = self.switches.delay
        if not self.foreseeable:
            return (0, delay) if delay else (0,)
        by_packets = (0,) if key[0] in self.judging else ()
        return (*by_packets, delay) if self._matters(key) else by_packets

    def _matters(self, key: Key) -> bool:
        """Tell whether it may make a difference to a line that an entry is there."""
        name, dynamic, *_ = key
        ways = (name, dynamic), (name, None), (None, dynamic), (None, None)
        return not self._examined.isdisjoint(ways)

    @cached_property
    def _examined(self) -> frozenset[tuple[str | None, str | None]]:
        return frozenset(one for applet in self.applets for one in applet.examined)

    @cached_property
    def waits(self) -> Mapping[str, tuple[int, ...]]:
        """By applet: how many seconds after its start it may do something."""
        return {applet.name: applet.waits for applet in self.applets}

    @cached_property
    def windows(self) -> Mapping[str, tuple[int, ...]]:
        """By applet: for how many seconds its events may count."""
        return {applet.name: applet.windows for applet in self.applets}

    def kept(self, entries: Iterable[Entry], clocks: Clocks) -> Iterator[Entry]:
        """Yield the entries that are there, of those that anybody may still ask for."""
        for entry in entries:
            leads = self.leads(entry.key)
            if leads and entry.outlasts(clocks, leads[0]):
                yield entry
