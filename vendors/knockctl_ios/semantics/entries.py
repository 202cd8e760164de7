"""Temporary entries while something happens, and what commands do to them (fact sheet 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from knockctl.automaton.machine import ClockName, Clocks
from knockctl_ios.semantics import lists
from knockctl_ios.semantics.applets import MINUTE
from knockctl_ios.semantics.configured import Configured
from knockctl_ios.semantics.memory import Entry, Idle, Key, Limit

REFUSED = "% Invalid input detected at '^' marker."
_ADDRESS = r"any|host \d+\.\d+\.\d+\.\d+|\d+\.\d+\.\d+\.\d+ \d+\.\d+\.\d+\.\d+"
_TEMPLATE = re.compile(
    rf"(?P<verb>access-template|clear (?:ip )?access-template) (?P<list>\S+) (?P<name>\S+)"
    rf" (?P<source>{_ADDRESS}) (?P<destination>{_ADDRESS})(?: timeout (?P<minutes>\d+))?"
)
_SHOW = re.compile(
    r"show (?:ip )?access-lists?(?: (?P<list>[^|\s]+))?(?: \| include (?P<only>.*))?"
)


@dataclass(slots=True, kw_only=True)
class Entries:
    """The temporary entries of a state at work, its clocks, and whom all this is about."""

    configured: Configured
    clocks: Clocks
    entries: dict[Key, Entry]
    shared: bool
    resets: set[ClockName] = field(default_factory=set)
    moment: Limit | None = None
    """When it all happens, where that isn't now."""
    about: frozenset[str] = frozenset()
    """The sources of the lines that the applet at work has seen."""
    then: frozenset[Key] | None = None
    """While lines are seen late: the entries that were there when they should have been."""

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
            idle = Idle(after(begun, entry.idle.span), entry.idle.span)
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
            idle = Idle(after(self._begin("idle", *key), span), span)
        limits = (after(self._begin("entry", *key), min(ends) * MINUTE + late),) if ends else ()
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

    # --- commands ---

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


def after(limit: Limit, seconds: int) -> Limit:
    """Return so many seconds later, by the same clock."""
    return Limit(limit.clock, limit.seconds + seconds)
