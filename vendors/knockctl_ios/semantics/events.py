"""Lines that applets keep until enough of them have come: several events, or one several times.

Sources: fact sheet 1, 6 and 7; EEM Multiple Event Support. Whoever sends any of the lines counts,
so that the state is not one source's alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from knockctl_ios.semantics.applets import Applet
from knockctl_ios.semantics.entries import Entries
from knockctl_ios.semantics.logs import Message
from knockctl_ios.semantics.memory import Event, Lines
from knockctl_ios.semantics.statements import Detector


@dataclass(slots=True, kw_only=True)
class Events(Entries):
    """A state at work with the lines that applets keep."""

    events: list[Event]

    def following(self, applet: Applet) -> int:
        """Return the number of the next line among those that an applet keeps, from 1 again."""
        mine = sorted({one.number for one in self.events if one.applet == applet.name})
        place = {number: n for n, number in enumerate(mine, start=1)}
        self.events = [
            one._replace(number=place[one.number]) if one.applet == applet.name else one
            for one in self.events
        ]
        return len(mine) + 1

    def arrived(
        self, applet: Applet, detector: Detector, message: Message, number: int
    ) -> Lines | None:
        """Take up a line that an applet waits for; return those it starts with, if it starts."""
        if not applet.multiple and detector.occurs == 1:
            return (("", 1, message),)
        self.shared = True
        begun = self._begin("event", applet.name, detector.tag, self._free(applet, detector.tag))
        self.events.append(Event(applet.name, detector.tag, message, begun, number))
        self._forget(applet, detector.tag, detector.occurs)
        return self._triggered(applet) if self._complete(applet) else None

    def _free(self, applet: Applet, tag: str) -> str:
        """Return a number that no event kept with a clock of its own has."""
        used = {one.since.clock for one in self.events}
        free = (n for n in count() if ("event", applet.name, tag, f"{n}") not in used)
        return f"{next(free)}"

    def _forget(self, applet: Applet, tag: str, most: int) -> None:
        """Keep no more of an applet's events than may count: later ones replace earlier ones."""
        mine = [one for one in self.events if (one.applet, one.tag) == (applet.name, tag)]
        for one in mine[: max(len(mine) - most, 0)]:
            self.events.remove(one)

    def _counting(self, applet: Applet, tag: str, window: int) -> list[Event]:
        return [
            one
            for one in self.events
            if (one.applet, one.tag) == (applet.name, tag) and self._recent(one, window)
        ]

    def _recent(self, event: Event, window: int) -> bool:
        return self.younger(event.since.clock, event.since.seconds + window)

    def _complete(self, applet: Applet) -> bool:
        """Tell whether all events have come that must."""
        if not applet.multiple:
            detector = applet.detectors[0]
            window = detector.period or applet.period
            return len(self._counting(applet, detector.tag, window)) >= detector.occurs
        result = False
        correlated = applet.correlated or (("and", applet.detectors[0].tag),)
        needs = {one.tag: one for one in applet.detectors}
        for number, (join, tag) in enumerate(correlated):
            come = (
                tag in needs
                and len(self._counting(applet, tag, needs[tag].period or applet.period))
                >= needs[tag].occurs
            )
            if number == 0:
                result = come
            else:
                result = {
                    "and": result and come,
                    "or": result or come,
                    "andnot": result and not come,
                }[join]
        return result

    def _triggered(self, applet: Applet) -> Lines | None:
        """Return the lines, if all of it has come as often as the applet's trigger says."""
        mine = [one for one in self.events if one.applet == applet.name]
        messages = tuple((one.tag, one.number, one.message) for one in mine if one.message)
        often = applet.occurs
        if self.configured.switches.occurs == "events" and len(messages) >= often:
            often = 1
        self.events = [one for one in self.events if one.applet != applet.name or not one.tag]
        if often > 1:
            begun = self._begin("event", applet.name, "", self._free(applet, ""))
            self.events.append(Event(applet.name, "", None, begun))
            self._forget(applet, "", often)
            if len(self._counting(applet, "", applet.period)) < often:
                return None
            self.events = [one for one in self.events if one.applet != applet.name]
        return messages
