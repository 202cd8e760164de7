"""One packet against the rules the router has at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from knockctl.automaton.machine import ConcreteClocks, Machine, Reaction
from knockctl.automaton.verdict import Verdict
from knockctl.lab.plane.frames import Seen
from knockctl.lab.plane.judging import Answer, Judgement
from knockctl.lab.plane.local import Local
from knockctl.lab.plane.tracker import Tracker
from knockctl_routeros.semantics import RouterModel
from knockctl_routeros.twin.device import Router
from knockctl_routeros.twin.device.store import Item
from knockctl_routeros.twin.plane.answers import answer
from knockctl_routeros.twin.plane.rows import LISTS, Key, Reading, read

State = tuple[tuple[Key, int], ...]
FOREVER, STATIC = 0, -1


class Judge:
    """Asks the model of the router's present rules, and lets the router know what it learnt.

    Of what rules ask and no packet tells, a rate is never exceeded; ``random``, ``nth``, ``time``
    and whatever the model can't interpret are not so.
    """

    def __init__(self, router: Router, tracker: Tracker, local: Local) -> None:
        """Judge for a router that has these addresses."""
        self.router = router
        self.tracker = tracker
        self.addressed = local.addressed
        self._machine: Machine[State] | None = None
        self._reading: Reading | None = None
        self._chances: dict[int, frozenset[str]] = {}

    def changed(self, path: str) -> None:
        """Take note that a menu has changed."""
        if not path.endswith("/connection"):
            self._machine = None

    def hears(self, interface: str) -> bool:
        """Tell whether the router has power and the interface is not disabled."""
        rows = self.router.table("/interface").items
        off = any(r.get("name") == interface and r.get("disabled") == "true" for r in rows)
        return self.router.powered and not off

    def judge(self, seen: Seen) -> Judgement:
        """Judge an ``addressed`` packet that came in.

        Nothing is forwarded from one wire to another.
        """
        now = self.router.clock.now()
        flow = self.tracker.flow(seen, now)
        if seen.packet.destination_type == "UNICAST":
            return Judgement(accepted=False)
        machine, reading = self._current(now)
        packet = replace(seen.packet, flow=flow, chances=self._chances[seen.packet.family])
        before = machine.state
        reaction = machine.feed(packet, now)
        self._learn(machine, before, reaction)
        hit = [reading.places[place] for place in reaction.rules if place in reading.places]
        for path, item in hit:
            self.router.count(path, item.number, seen.size)
        if reaction.verdict is not Verdict.ACCEPT:
            return Judgement(accepted=False, answer=_answer(hit, packet.family))
        if flow != "untracked" and not any(i.get("action") == "notrack" for _, i in hit):
            self.tracker.accepted(seen, now)
        return Judgement(accepted=True)

    def sent(self, seen: Seen) -> None:
        """Track what the router itself sends."""
        self.tracker.accepted(seen, self.router.clock.now())

    def _current(self, now: float) -> tuple[Machine[State], Reading]:
        machine, reading = self._machine, self._reading
        if machine is None or reading is None or now >= reading.valid_until:
            self._reading = reading = read(self.router)
            model = RouterModel(reading.ruleset, refresh=self.router.switches.refresh)
            clocks = ConcreteClocks(now, dict(reading.started))
            self._machine = machine = Machine(model, clocks, reading.state)
            self._chances = {family: _likely(model, family) for family in (4, 6)}
        return machine, reading

    def _learn(self, machine: Machine[State], before: State, reaction: Reaction[State]) -> None:
        """Put into the router's lists what rules have put there."""
        if reaction.state == before and not reaction.resets:
            return
        known = dict(before)
        for key, seconds in reaction.state:
            if key in reaction.resets:
                expires = self._list(key, seconds)
                if expires is not None:
                    # Both end at the same moment, whatever time passed in between.
                    machine.clocks.started[key] = expires - seconds
            elif seconds == FOREVER and known.get(key) != seconds:
                self._list(key, None)
            elif seconds == STATIC and known.get(key) != seconds:
                self._keep(key)

    def _list(self, key: Key, timeout: float | None) -> float | None:
        path, words = _row(key)
        return self.router.learn(path, words, timeout).expires

    def _keep(self, key: Key) -> None:
        """Make an address configuration: ``none-static``."""
        path, words = _row(key)
        table = self.router.table(path)
        table.keep(lambda item: any(item.get(word) != words[word] for word in words))
        table.add({**words, "disabled": "false"}, created=self.router.clock.now())
        self._machine = None


def _row(key: Key) -> tuple[str, dict[str, str]]:
    name, address = key
    version = 6 if ":" in address else 4
    return LISTS[version], {"list": name, "address": f"{address}/128" if version == 6 else address}


def _answer(hit: Sequence[tuple[str, Item]], family: int) -> Answer | None:
    """Return how the rule that refused a packet, the last that matched, answers it."""
    if not hit or hit[-1][1].get("action") != "reject":
        return None
    return answer(hit[-1][1].get("reject-with", "icmp-network-unreachable"), family)


def _likely(model: RouterModel, family: int) -> frozenset[str]:
    atoms = (atom for atom in model.predicates(family) if atom.field == "chance")
    return frozenset(a.test for a in atoms if a.test.startswith(("limit of ", "dst-limit of ")))
