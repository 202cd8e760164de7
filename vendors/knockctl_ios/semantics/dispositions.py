"""What a kind of packet meets: what is left of lists and classes once the packet has answered.

What remains depends only on what earlier packets left behind.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from knockctl.automaton.packet import LOOPBACK
from knockctl.automaton.questions import Ask, Atom
from knockctl.automaton.verdict import Verdict
from knockctl_ios.semantics import plane
from knockctl_ios.semantics.compiled_config import PROTOCOLS, Surroundings
from knockctl_ios.semantics.conditions import Condition, holds, needed
from knockctl_ios.semantics.input_path import Stage
from knockctl_ios.semantics.logs import Kind
from knockctl_ios.semantics.scripts import unknown

INSIDE = Atom("interface", LOOPBACK)
LOCAL = Atom("destination_type", frozenset(("LOCAL",)))


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of a list that a kind of packet matches, surely or by temporary entries."""

    place: str = field(compare=False)
    permits: bool
    dynamic: tuple[str, str] | None = None
    log: Kind | None = None


Matched = tuple[Step, ...] | bool
"""The entries of a list that a packet may match, or an answer."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A class that a kind of packet may be in."""

    place: str = field(compare=False)
    every: bool
    matches: tuple[tuple[Matched, bool], ...]
    """Lists, or answers, and whether they are negated."""
    drops: bool


class Decided(NamedTuple):
    """What a line besides lists and classes makes of a packet."""

    place: str
    verdict: Verdict


class Fate(NamedTuple):
    """What a kind of packet meets."""

    steps: tuple[Step, ...] = ()
    """Of the interface's list; the last one surely matches."""
    listed: bool = False
    """Whether a list of ours judges it: what that leaves undecided is not ours."""
    ends: bool = False
    """Whether the packet never comes to the control plane."""
    policies: tuple[tuple[Judged, ...], ...] = ()
    logs: tuple[tuple[bool, Kind], ...] = ()
    """Whether dropped and permitted packets are logged."""
    otherwise: Verdict = Verdict.PASS
    """What becomes of a packet that nothing decides about."""
    first: Decided | None = None
    """What a line decides that comes before the interface's list."""
    behind: Decided | None = None
    """What a line decides that comes behind it."""
    last: Decided | None = None
    """What a line decides that comes last."""
    told: Hashable = None
    """What patterns and applets make of a line about it."""


@dataclass(slots=True)
class Walk:
    """One kind of packet on its way through the router."""

    around: Surroundings
    family: int
    ask: Ask
    told: list[Hashable] = field(default_factory=list)

    def fate(self) -> Fate:
        """Return what it may meet."""
        around = self.around
        # Our lines alone are about packets for the router itself.
        if self.ask(INSIDE) or not (around.document.whole or self.ask(LOCAL)):
            return Fate(ends=True)
        first = None if self._nowhere() else self._decided("before")
        found = None if first or self._nowhere() else self._interface()
        if found is None:
            return Fate(ends=True, first=first)
        steps, listed = found
        otherwise = Verdict.ACCEPT if around.document.whole else Verdict.PASS
        fate = Fate(steps, listed, ends=True, otherwise=otherwise)
        refused = any(s.dynamic is None for s in steps) and not any(s.permits for s in steps)
        if not refused and self.ask(LOCAL):
            fate = self._reached(fate)
        return fate._replace(told=tuple(self.told))

    def _reached(self, fate: Fate) -> Fate:
        """Return what it meets behind the interface's list, too."""
        behind = self._decided("behind")
        if behind:
            return fate._replace(behind=behind)
        policies = tuple(tuple(self._policy(policy)) for policy in self.around.policies)
        logs = tuple(self._logs())
        last = self._decided("last")
        return fate._replace(ends=False, policies=policies, logs=logs, last=last)

    def _decided(self, stage: Stage) -> Decided | None:
        """Return what the first line of a stage makes of the packet that is about it."""
        if self.family != 4 or not self.ask(LOCAL):
            return None
        for way in self.around.ways:
            if way.stage == stage and holds(way.condition, self.ask):
                return Decided(way.place, way.verdict)
        return None

    def _nowhere(self) -> bool:
        """Tell whether there is no such packet: to an address of the router, and not for it."""
        own = any(self.ask(atom) for atom in self.around.own(self.family))
        return own and not self.ask(LOCAL)

    def lasting(self) -> bool:
        """Tell whether such a packet may leave something behind, whatever becomes of it."""
        around = self.around
        if self.ask(INSIDE) or self._nowhere():
            return False
        idle = around.switches.template == "idle"
        for name in around.known(self.family):
            for entry in around.lists.entries(name, self.family) or ():
                matters = entry.logs or (idle and entry.dynamic)
                asked = entry.unaddressed if entry.dynamic else entry.condition
                if matters and not self._refuted(asked) and holds(asked, self.ask):
                    return True
        if not around.log_classes or not self.ask(LOCAL):
            return False
        logs = dict(self._logs())
        if False in logs:
            return True
        dropped = (one.drops for policy in around.policies for one in self._policy(policy))
        return True in logs and any(dropped)

    def _interface(self) -> tuple[tuple[Step, ...], bool] | None:
        """Return what the packet meets where it comes in, and whether there is a list of ours.

        None where our lines have nothing to say about the interface.
        """
        around = self.around
        whole = around.document.whole
        for interface, name in around.bound(self.family).items():
            if self.ask(Atom("interface", interface)):
                return self._bound_list(name), not whole
        if whole:
            return (), False
        if around.document.bound:
            return None
        names = around.inserted(self.family)
        return tuple(s for name in names for s in self._list(name)), bool(names)

    def _bound_list(self, name: str) -> tuple[Step, ...]:
        steps = tuple(self._list(name))
        if not self.around.document.whole and name.startswith("kc-") and steps:
            # A list of ours that ends by permitting all leaves that to whatever else there is.
            last = (self.around.lists.entries(name, self.family) or ())[-1]
            if steps[-1].place == last.place and last.text == "permit ip any any":
                return steps[:-1]
        # A list that does not exist, or is empty, permits all.
        if not self.around.known(self.family).get(name) or (steps and steps[-1].dynamic is None):
            return steps
        if self.around.document.whole or name.startswith("kc-"):
            return (*steps, Step(f"{name}: the end of the list", permits=False))
        return steps

    def _list(self, name: str) -> Iterator[Step]:
        """Yield the entries the packet matches, up to the first that it surely does."""
        lists, how = self.around.lists, self.around.switches
        for entry in lists.entries(name, self.family) or ():
            if entry.dynamic and not (entry.permits or how.denying):
                continue
            condition = entry.condition
            if entry.dynamic and how.destination == "given":
                condition = entry.unaddressed
            if self._refuted(condition) or not holds(condition, self.ask):
                continue
            kind = self.around.entry_kind(name, entry, self._protocol())
            log = self._heard(kind) if entry.logs else None
            if entry.dynamic:
                self.told += [self.ask(atom) for atom in self.around.addresses]
            dynamic = (name, entry.dynamic) if entry.dynamic else None
            if dynamic and True in [self.ask(one) for one in self.around.unsettled]:
                # Nobody knows for whom there is an entry.
                dynamic = None
            yield Step(entry.place, entry.permits, dynamic, log)
            if dynamic is None:
                return

    def _refuted(self, condition: Condition) -> bool:
        """Tell at a glance whether it surely doesn't hold; most entries of many don't."""
        return any(self.ask.refutes(atom) for atom in needed(condition))

    def _protocol(self) -> str:
        return next((name for name, atom in PROTOCOLS if self.ask(atom)), "other")

    # --- the control plane ---

    def _policy(self, classes: Iterable[plane.Class]) -> Iterator[Judged]:
        for one in classes:
            matches = tuple((self._match(match), match.negated) for match in one.matches)
            answers = [
                found is not negated for found, negated in matches if isinstance(found, bool)
            ]
            never = False in answers if one.every else answers == [False] * len(matches)
            if matches and never:
                continue
            drops = one.drops or (one.unsure is not None and self.ask(one.unsure))
            yield Judged(one.name, one.every, matches, drops)

    def _match(self, match: plane.Match) -> tuple[Step, ...] | bool:
        if not match.access_list:
            return holds(match.condition, self.ask)
        if self.family != 4:
            return False
        if self.around.lists.entries(match.access_list) is None:
            return self.ask(self.around.unknown(match.access_list))
        steps = tuple(self._list(match.access_list))
        return steps if any(step.dynamic for step in steps) else any(s.permits for s in steps)

    def _logs(self) -> Iterator[tuple[bool, Kind]]:
        for dropped, word in ((True, "DROP"), (False, "PERMIT")):
            if any(self._logged(one, dropped=dropped) for one in self.around.log_classes):
                kind = self._heard(Kind("control-plane", self._protocol(), word))
                if kind:
                    yield dropped, kind

    def _logged(self, one: plane.LogClass, *, dropped: bool) -> bool:
        if not one.logs and self.around.switches.log_action:
            return False
        answers = [asked is dropped for asked in one.dropped]
        answers += [holds(condition, self.ask) for condition in one.others]
        return all(answers) if one.every else any(answers)

    def _heard(self, kind: Kind) -> Kind | None:
        """Return a kind of line that something listens to, and ask what decides what it does."""
        around = self.around
        listening = bool(around.heard(kind)) or bool(around.document.scripts)
        if listening:
            self.told += [self.ask(atom) for atom in around.questions(kind)]
            self.told += [self.ask(unknown(one)) for one in around.document.scripts]
        return kind if listening else None
