"""The state while one packet is judged, or while what it left behind takes effect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from operator import itemgetter

from knockctl.automaton.model import ClockName, Clocks
from knockctl_ios.semantics import lists
from knockctl_ios.semantics.applets import MINUTE, Applet
from knockctl_ios.semantics.configured import Configured
from knockctl_ios.semantics.language import Run, Variables, Waits
from knockctl_ios.semantics.logs import Kind, Message
from knockctl_ios.semantics.memory import (
    Coming,
    Entry,
    Event,
    Idle,
    Key,
    Limit,
    Lines,
    Resting,
    State,
    Waiting,
    clocks_of,
    later,
    unused,
)
from knockctl_ios.semantics.statements import Detector

REFUSED = "% Invalid input detected at '^' marker."
_MOST_LINES = 50
_ADDRESS = r"any|host \d+\.\d+\.\d+\.\d+|\d+\.\d+\.\d+\.\d+ \d+\.\d+\.\d+\.\d+"
_TEMPLATE = re.compile(
    rf"(?P<verb>access-template|clear (?:ip )?access-template) (?P<list>\S+) (?P<name>\S+)"
    rf" (?P<source>{_ADDRESS}) (?P<destination>{_ADDRESS})(?: timeout (?P<minutes>\d+))?"
)
_SHOW = re.compile(
    r"show (?:ip )?access-lists?(?: (?P<list>[^|\s]+))?(?: \| include (?P<only>.*))?"
)


@dataclass(slots=True)
class Memory:
    """A state at work; satisfies ``language.Router`` for the applet that runs."""

    configured: Configured
    clocks: Clocks
    entries: dict[Key, Entry]
    waiting: list[Waiting]
    coming: Coming | None
    events: list[Event]
    resting: list[Resting]
    contexts: dict[str, Variables]
    counted: set[ClockName]
    shared: bool
    resets: set[ClockName] = field(default_factory=set)
    moment: Limit | None = None
    """When it all happens, where that isn't now."""
    about: frozenset[str] = frozenset()
    """The sources of the lines that the applet at work has seen."""
    depth: int = 0
    then: frozenset[Key] | None = None
    """While lines are seen late: the entries that were there when they should have been."""

    @classmethod
    def of(cls, state: State, configured: Configured, clocks: Clocks) -> Memory:
        """Take up a state."""
        return cls(
            configured,
            clocks,
            {entry.key: entry for entry in state.entries},
            list(state.waiting),
            state.coming,
            list(state.events),
            list(state.resting),
            dict(state.contexts),
            set(state.counted),
            state.shared,
        )

    def frozen(self) -> State:
        """Return the state as it is now."""
        return State(
            tuple(sorted(self.entries.values())),
            tuple(self.waiting),
            self.coming,
            tuple(self.events),
            tuple(self.resting),
            tuple(sorted(self.contexts.items())),
            tuple(sorted(self.counted)),
            self.shared,
        )

    def younger(self, name: ClockName, seconds: int) -> bool:
        """Ask the clocks, those that have just begun included."""
        if name in self.resets:
            return seconds > 0
        return self.clocks.younger(name, seconds)

    def _begin(self, *name: str) -> Limit:
        """Return when something begins: by a clock of its own, where that is now."""
        if self.moment is not None:
            return self.moment
        self.resets.add(name)
        return Limit(name, 0)

    # --- temporary entries ---

    def entries_of(self, access_list: str, dynamic: str) -> Iterator[Entry]:
        """Yield the temporary entries of a dynamic list."""
        for entry in list(self.entries.values()):
            if entry.key[:2] == (access_list, dynamic):
                yield entry

    def there(self, entry: Entry) -> bool:
        """Tell whether an entry is still there, at the moment when all this happens."""
        return entry.alive(self) if self.then is None else entry.key in self.then

    def used(self, entry: Entry) -> None:
        """Note that a packet matched: an idle time begins anew."""
        if entry.idle:
            begun = self._begin("idle", *entry.key)
            idle = Idle(_later(begun, entry.idle.span), entry.idle.span)
            self.entries[entry.key] = entry._replace(idle=idle)

    def _add(self, found: re.Match[str], minutes: int | None) -> str:
        switches = self.configured.switches
        key = found["list"], found["name"], found["source"], found["destination"]
        template = self._template(found["list"], found["name"])
        if template is None:
            return REFUSED
        self._keyed(found["source"])
        known = self.entries.get(key)
        if known and self.there(known) and not switches.renewed:
            return f"{key[0]}#{key[1]} already contains this IP address pair"
        late = switches.late
        ends = [template.minutes] if template.minutes else []
        idle = None
        if minutes and switches.template == "absolute":
            ends.append(minutes)
        elif minutes:
            span = minutes * MINUTE + late
            idle = Idle(_later(self._begin("idle", *key), span), span)
        limits = (_later(self._begin("entry", *key), min(ends) * MINUTE + late),) if ends else ()
        self.entries[key] = Entry(key, limits, idle)
        if self.then is not None:
            self.then |= {key}
        return ""

    def _template(self, access_list: str, dynamic: str) -> lists.Entry | None:
        """Return a dynamic list that is honoured."""
        templates = [e for e in self.configured.entries.get(access_list, ()) if e.dynamic]
        if self.configured.switches.one_dynamic:
            templates = templates[:1]
        return next((entry for entry in templates if entry.dynamic == dynamic), None)

    def _keyed(self, source: str) -> None:
        if {source} != {f"host {one}" for one in self.about}:
            self.shared = True

    # --- what applets can do ---

    def command(self, text: str) -> str:
        """Run a command; what it prints tells whether it was one."""
        found = _TEMPLATE.fullmatch(text)
        if found and found["verb"] == "access-template":
            minutes = found["minutes"]
            if minutes is not None and not 1 <= int(minutes) <= 9999:
                return REFUSED
            return self._add(found, int(minutes) if minutes else None)
        if found:
            key = found["list"], found["name"], found["source"], found["destination"]
            self._keyed(found["source"])
            self.entries.pop(key, None)
            return ""
        shown = _SHOW.fullmatch(text)
        if shown:
            self.shared |= not self._asks_for_its_own(shown["only"] or "")
            listed = self._shown(shown["list"])
            return "\n".join(one for one in listed if re.search(shown["only"] or "", one))
        return "" if text in ("end", "exit") or text.startswith("terminal ") else REFUSED

    def _asks_for_its_own(self, only: str) -> bool:
        """Tell whether only lines are shown that name the one source the applet has seen."""
        return {only} == {f"host {one} any" for one in self.about}

    def _shown(self, only: str | None) -> Iterator[str]:
        """Yield what ``show access-lists`` prints (fact sheet 3)."""
        for name, entries in sorted(self.configured.entries.items()):
            if only not in (None, name):
                continue
            yield f"Extended IP access list {name}"
            for number, entry in enumerate(entries, start=1):
                yield f"    {number * 10} {entry.text.replace('dynamic', 'Dynamic', 1)}"
                for one in self.entries_of(name, entry.dynamic) if entry.dynamic else ():
                    if self.there(one):
                        action = "permit" if entry.permits else "deny"
                        yield f"       {action} ip {one.key[2]} {one.key[3]} (time left 60)"

    def emit(self, applet: str, text: str) -> None:
        """Log a line that applets see in turn."""
        self.seen(Message(Kind("applet", word=text, name=applet)))

    def save(self, key: str, variables: Variables) -> None:
        """Keep variables."""
        self._context(key)
        self.contexts[key] = variables

    def retrieve(self, key: str) -> Variables:
        """Return what was kept, and forget it (fact sheet 7, C)."""
        self._context(key)
        return self.contexts.pop(key, ())

    def _context(self, key: str) -> None:
        (one, *more) = self.about or ("",)
        if more or not re.search(rf"(?<![\d.]){re.escape(one)}(?![\d.])", key) or not one:
            self.shared = True

    # --- log lines ---

    def log(self, message: Message) -> None:
        """Write a line: applets that wait for it see it now or later."""
        switches = self.configured.switches
        line = self.configured.form.line(message)
        applets = self.configured.applets
        if not any(one.pattern.search(line) for a in applets for one in a.detectors):
            return
        if not switches.delay:
            self.seen(message)
            return
        if self.configured.foreseeable:
            self._foresee(message)
            return
        used = clocks_of(self.frozen())
        some = self.entries.values()
        over = tuple(sorted(e.key for e in some if not e.outlasts(self, switches.delay)))
        self.resets.add(later(self.waiting, message, switches, used, over))

    def _foresee(self, message: Message) -> None:
        """Decide what a line will do, by the entries that will be there when it is seen.

        Until then entries only end, and what lines before it change shows at that very moment. So
        what it does is known now; a line that does nothing is as good as none.
        """
        delay, leads = self.configured.switches.delay, self.configured.leads
        clock = self.coming.clock if self.coming else unused(clocks_of(self.frozen()))
        before = dict(self.coming.changes) if self.coming else {}
        there = {
            key: entry
            for key, entry in self.entries.items()
            if key not in before and (delay not in leads(key) or entry.outlasts(self, delay))
        }
        there |= {key: entry for key, entry in before.items() if entry}
        mind = replace(self, entries=dict(there), then=frozenset(there))
        mind.moment = Limit(clock, delay)
        mind.seen(message)
        self.shared = mind.shared
        done = {
            key: mind.entries.get(key)
            for key in {**there, **mind.entries}
            if there.get(key) != mind.entries.get(key)
        }
        changes = {
            key: entry for key, entry in {**before, **done}.items() if entry or key in self.entries
        }
        if changes:
            self.coming = Coming(clock, tuple(sorted(changes.items(), key=itemgetter(0))))
            self.resets.add(clock)
        else:
            self.coming = None

    def come(self) -> None:
        """Let what lines on their way change be so."""
        for key, entry in self.coming.changes if self.coming else ():
            if entry:
                self.entries[key] = entry
            else:
                self.entries.pop(key, None)
        self.coming = None

    def seen(self, message: Message) -> None:
        """Let every applet see a line."""
        self.depth += 1
        if self.depth < _MOST_LINES:
            line = self.configured.form.line(message)
            for applet in self.configured.applets:
                number = self._next(applet)
                for detector in applet.detectors:
                    if detector.pattern.search(line):
                        self._fired(applet, detector, message, number)
        self.depth -= 1

    def _next(self, applet: Applet) -> int:
        """Return the number of the next line among those that an applet keeps, from 1 again."""
        mine = sorted({one.number for one in self.events if one.applet == applet.name})
        place = {number: n for n, number in enumerate(mine, start=1)}
        self.events = [
            one._replace(number=place[one.number]) if one.applet == applet.name else one
            for one in self.events
        ]
        return len(mine) + 1

    def _fired(self, applet: Applet, detector: Detector, message: Message, number: int) -> None:
        if not applet.multiple and detector.occurs == 1:
            self._run(applet, (("", 1, message),), 0, (), 0)
            return
        self.shared = True
        begun = self._begin("event", applet.name, detector.tag, self._free(applet, detector.tag))
        self.events.append(Event(applet.name, detector.tag, message, begun, number))
        self._forget(applet, detector.tag, detector.occurs)
        if self._complete(applet):
            self._triggered(applet)

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

    def _triggered(self, applet: Applet) -> None:
        """Start the applet, if all of it has come as often as its trigger says."""
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
                return
            self.events = [one for one in self.events if one.applet != applet.name]
        self._run(applet, messages, 0, (), 0)

    # --- runs ---

    def _run(
        self,
        applet: Applet,
        messages: Lines,
        at: int,
        variables: Variables,
        waited: int,
    ) -> None:
        """Execute an applet from some action on; lines are numbered in the order they came."""
        form = self.configured.form
        lines = {tag: form.line(one, number) for tag, number, one in messages}
        before, self.about = self.about, frozenset(one.source for *_, one in messages)
        known = dict(variables)
        run = Run(applet, self, lines, self.configured.switches.numeric, at=at)
        run.privileged = known.pop(" privileged", "") == "1"
        run.variables = known
        if not applet.multiple and not at and messages:
            run.variables["_syslog_msg"] = lines[messages[-1][0]]
        waits = run.go()
        if isinstance(waits, Waits) and waited + waits.seconds <= applet.maxrun:
            begun = self._begin("run", applet.name, self._resting(applet))
            due = _later(begun, waits.seconds)
            self.resting.append(
                Resting(
                    applet.name,
                    waits.at,
                    waits.variables,
                    messages,
                    due,
                    waited + waits.seconds,
                )
            )
        self.about = before

    def _resting(self, applet: Applet) -> str:
        used = {one.due.clock for one in self.resting}
        return f"{next(n for n in count() if ('run', applet.name, f'{n}') not in used)}"

    def resume(self, run: Resting) -> None:
        """Go on with a run whose time has come."""
        self.resting.remove(run)
        self.moment = run.due
        applet = next(one for one in self.configured.applets if one.name == run.applet)
        self._run(applet, run.messages, run.at, run.variables, run.waited)
        self.moment = None


def _later(limit: Limit, seconds: int) -> Limit:
    return Limit(limit.clock, limit.seconds + seconds)
