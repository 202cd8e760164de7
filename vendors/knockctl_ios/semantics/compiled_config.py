"""What packets of one kind are asked: all of a configuration, compiled once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from knockctl.automaton.questions import Atom, protocol
from knockctl_ios.config.records import OWN_NAME
from knockctl_ios.semantics import plane
from knockctl_ios.semantics.applets import MINUTE, Applet, applets, says, uses
from knockctl_ios.semantics.conditions import Condition, atoms, guess
from knockctl_ios.semantics.configured import Configured
from knockctl_ios.semantics.document import Document
from knockctl_ios.semantics.input_path import Way, doors, ways
from knockctl_ios.semantics.lists import Entry, Lists, addressed
from knockctl_ios.semantics.logs import PORTED, Format, Kind, Message, split
from knockctl_ios.semantics.memory import Switches
from knockctl_ios.semantics.scripts import opened, scripts, unknown
from knockctl_ios.semantics.unsolicited_logs import unprompted

PROTOCOLS = tuple((name, protocol(name)) for name in ("tcp", "udp", "icmp", "icmpv6"))


@dataclass
class Surroundings:
    """Lists, classes and applets of a document."""

    document: Document
    switches: Switches
    _heard: dict[Kind, tuple[Applet, ...]] = field(default_factory=dict, repr=False)

    # --- what is configured ---

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """What else decides about packets for the router, where all that runs is known."""
        return tuple(ways(self.document, self.lists)) if self.document.whole else ()

    @cached_property
    def lists(self) -> Lists:
        """The access lists, compiled."""
        return Lists(self.document)

    @cached_property
    def configured(self) -> Configured:
        """What log lines and commands meet."""
        numbered = not self.document.whole or self.document.says("service sequence-numbers")
        known = {name: self.lists.entries(name) or () for name in self.document.access_lists}
        how = self.switches
        form = Format(how.style, numbered, how.bracketed, how.counted)
        understood = tuple(one for one in self.applets if not one.unsure)
        return Configured(
            understood,
            known,
            form,
            how,
            judging=frozenset(self._judging()),
            scripts=tuple(scripts(self.document.scripts, self.document.files)),
            scripted=bool(self.document.scripts),
        )

    @cached_property
    def applets(self) -> tuple[Applet, ...]:
        """All that may change what access lists do; those not understood are not run here."""
        return applets(self.document)

    @cached_property
    def unsettled(self) -> tuple[Atom, ...]:
        """What nobody here knows about applets and the like: any may have let anybody in."""
        return tuple(self._unsettled(""))

    @cached_property
    def unsettled_by_others(self) -> tuple[Atom, ...]:
        """The same, but for what is ours."""
        return tuple(self._unsettled(OWN_NAME))

    def _unsettled(self, but: str) -> Iterator[Atom]:
        for applet in applets(self.document, but) if but else self.applets:
            if not self._unheard(applet):
                yield from (*applet.unsure, *self._unprompted(applet))
        yield from doors(self.document)
        openers = (name for name in self.openers if not (but and name.startswith(but)))
        yield from (opened(name) for name in openers)

    def _unprompted(self, applet: Applet) -> Iterator[Atom]:
        """Ask for lines that no packet caused, where all that runs is known."""
        form = self.configured.form
        for detector in applet.detectors if self.document.whole else ():
            if unprompted(detector.pattern, form):
                why = f"which other lines match {detector.pattern.text}"
                yield guess(f"applet {applet.name}", why)

    def _unheard(self, applet: Applet) -> bool:
        """Tell whether all that an applet does is to log lines that nobody waits for."""
        texts = says(applet)
        if texts is None or any("$" in text for text in texts):
            return False
        kinds = (Kind("applet", word=text, name=applet.name) for text in texts)
        lines = [self.configured.form.line(Message(kind)) for kind in kinds]
        patterns = [d.pattern for one in self.configured.applets for d in one.detectors]
        return not any(looked.search(line) for looked in patterns for line in lines)

    def _judging(self) -> Iterator[str]:
        """Yield the lists that packets may be asked by."""
        document = self.document
        for family in (4, 6):
            yield from self.bound(family).values()
            yield from () if document.whole or document.bound else self.inserted(family)
        yield from (m.access_list for some in self.policies for c in some for m in c.matches)

    @cached_property
    def policies(self) -> tuple[tuple[plane.Class, ...], ...]:
        """The classes of each policy of the control plane."""
        return plane.classes(self.document)

    @cached_property
    def log_classes(self) -> tuple[plane.LogClass, ...]:
        """The classes of its logging policies."""
        return plane.log_classes(self.document, by_interface=self.switches.by_interface)

    def bound(self, family: int) -> Mapping[str, str]:
        """Return interfaces and the lists that judge what comes in by them."""
        return {i: name for (i, of), name in self.document.bound.items() if of == family}

    def inserted(self, family: int) -> tuple[str, ...]:
        """Return lists with lines of ours alone, of which nobody says where they act.

        Lists that the control plane's classes ask are none.
        """
        asked = {m.access_list for classes in self.policies for c in classes for m in c.matches}
        return tuple(name for name in self.known(family) if name not in asked)

    def ahead(self, message: Message) -> tuple[int, ...]:
        """Return for how many seconds anything may last, or count, that a line begins."""
        line = self.configured.form.line(message)
        every = self.configured.applets
        some = [a for a in every if any(d.pattern.search(line) for d in a.detectors)]
        if any(action.verb == "syslog" for applet in some for action in applet.actions):
            some = list(every)
        minutes = {m for applet in some for m in applet.minutes}
        for applet in some:
            caps = [
                e.minutes
                for entries in self.configured.entries.values()
                for e in entries
                if e.dynamic and applet.names(e.dynamic)
            ]
            minutes.update(caps)
        found = {one * MINUTE + self.switches.late for one in minutes if one}
        return tuple(sorted(found | {one for applet in some for one in applet.windows}))

    def known(self, family: int) -> Mapping[str, tuple[str, ...]]:
        """Return the lists of an IP version."""
        return self.document.access_lists if family == 4 else self.document.access_lists_6

    @cached_property
    def addresses(self) -> tuple[Atom, ...]:
        """What temporary entries may ask of addresses, where commands say so in so many words."""
        found: list[Condition] = []
        for applet in self.configured.applets:
            for side, spec in applet.addressed:
                found.append(addressed(spec, side))
        return tuple(dict.fromkeys(atom for one in found for atom in atoms(one)))

    def own(self, family: int) -> tuple[Atom, ...]:
        """Ask for the router's own addresses, where all that runs is known."""
        known = self.document.addresses if self.document.whole and family == 4 else ()
        return tuple(Atom("destination", ((int(one), int(one)),)) for one in known)

    def atoms(self, family: int) -> Iterator[Atom]:
        """Yield every question put to a packet of an IP version."""
        yield from (atom for _, atom in PROTOCOLS)
        yield from (Atom("interface", name) for name in self.bound(family))
        yield from self.addresses
        yield from self.own(family)
        for name in self.known(family):
            for entry in self.lists.entries(name, family) or ():
                yield from entry.questions()
        for condition in plane.questions(self.policies, self.log_classes):
            yield from atoms(condition)
        yield from (atom for way in self.ways for atom in atoms(way.condition))
        yield from self.unsettled
        yield from (self.unknown(name) for name in self._asked())
        for kind in self._kinds(family):
            yield from self.questions(kind)
        yield from (unknown(name) for name in self.document.scripts)

    # --- log lines ---

    def _kinds(self, family: int) -> Iterator[Kind]:
        """Yield every kind of line that is logged about packets."""
        names = [name for name, _ in PROTOCOLS] + ["other"]
        for name in self.known(family):
            for entry in self.lists.entries(name, family) or ():
                if entry.logs:
                    yield from (self.entry_kind(name, entry, one) for one in names)
        if self.log_classes:
            for one in names:
                yield from (Kind("control-plane", one, w) for w in ("DROP", "PERMIT"))

    @staticmethod
    def entry_kind(name: str, entry: Entry, kind: str) -> Kind:
        """Return what kind of line an entry logs about packets of a protocol."""
        word = "permitted" if entry.permits else "denied"
        return Kind("access-list", kind, word, name, entry.tag)

    def heard(self, kind: Kind) -> tuple[Applet, ...]:
        """Return the applets that lines of a kind may fire."""
        if kind not in self._heard:
            form = self.configured.form
            self._heard[kind] = tuple(
                applet
                for applet in self.configured.applets
                if any(split(d.pattern, kind, form).possible for d in applet.detectors)
            )
        return self._heard[kind]

    def questions(self, kind: Kind) -> Iterator[Atom]:
        """Yield what decides what lines of a kind do."""
        form = self.configured.form
        for applet in self.heard(kind):
            place = f"applet {applet.name}"
            for looked in (*(d.pattern for d in applet.detectors), *applet.looked):
                found = split(looked, kind, form)
                if found.addresses:
                    yield guess(place, f"which addresses match {looked.text}")
                yield from found.named()
                if kind.protocol in PORTED:
                    yield from found.atoms()
            tainted = _tainted(applet, kind, form)
            if tainted:
                for number in applet.compared(tainted):
                    yield Atom("port", ((number, number),))
                    yield Atom("source_port", ((number, number),))
                for action in uses(applet, tainted):
                    yield guess(place, f"what its action {action.label} makes of a port")

    @cached_property
    def openers(self) -> tuple[str, ...]:
        """The scripts that may make temporary entries: all but those known not to."""
        texts = self.document.files
        names = self.document.scripts
        return tuple(n for n in names if "access-template" in texts.get(n, "access-template"))

    def _asked(self) -> Iterator[str]:
        """Yield the lists that are asked for and that nobody knows."""
        for classes in self.policies:
            for one in classes:
                for match in one.matches:
                    if match.access_list and self.lists.entries(match.access_list) is None:
                        yield match.access_list

    @staticmethod
    def unknown(name: str) -> Atom:
        """Ask for what a list permits that there is none of."""
        return guess(f"access list {name}", "what it permits: there is none")


def _tainted(applet: Applet, kind: Kind, form: Format) -> frozenset[str]:
    """Return the variables that hold something of a line's ports."""
    if kind.protocol not in PORTED:
        return frozenset()
    ends = "192.0.2.1", "198.51.100.1"
    ports = [(p, q) for p in (11111, 222) for q in (*applet.numbers, 33333, 444)]
    lines = [form.line(Message(kind, ends[0], p, ends[1], q)) for p, q in ports]
    found = set()
    for action in applet.actions:
        if action.verb != "regexp" or action.words[2:3] != ("$_syslog_msg",):
            continue
        looked = next(one for one in applet.looked if one.text == action.words[1])
        seen = [match for line in lines if (match := looked.search(line))]
        for name, texts in zip(action.words[3:], zip(*seen, strict=True), strict=False):
            if len(set(texts)) > 1:
                found.add(name)
    return frozenset(found)
