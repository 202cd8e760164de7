"""One packet against the configuration and the temporary entries of this moment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial

from knockctl.automaton.machine import ClockName
from knockctl.lab.plane.frames import Seen
from knockctl.lab.plane.judging import Judgement
from knockctl.lab.plane.local import Local
from knockctl_ios.semantics.logs import TIME, Message
from knockctl_ios.twin.device import Device
from knockctl_ios.twin.plane.flows import Flow, Flows
from knockctl_ios.twin.plane.rulebase import Found, Rulebase
from knockctl_ios.twin.plane.switches import Switches

PROHIBITED = 13
"""ICMP's code for what an administrator forbids (RFC 1812)."""


class Judge:
    """Satisfies ``knockctl.lab.plane.judging.Judge`` for the interfaces of a router.

    Nothing is forwarded.
    """

    def __init__(
        self,
        device: Device,
        rules: Callable[[bool], Rulebase],
        local: Local,
        interfaces: Mapping[str, str],
        listening: Collection[int],
    ) -> None:
        """Judge what comes in. ``interfaces``: names on the wires, and in the configuration.

        ``rules``: called with whether a change of this very moment counts; ``listening``: the UDP
        ports that answer.
        """
        self.device = device
        self.addressed = local.addressed
        self.switches = Switches()
        self.flows = Flows()
        self._rules = rules
        self._interfaces = interfaces
        self._outside = next(iter(interfaces))
        self._listening = frozenset(listening)
        self._said = 0.0

    def hears(self, interface: str) -> bool:
        """Tell whether the router has power and the interface is not shut down."""
        node = self.device.running.child(f"interface {self._interfaces[interface]}")
        return self.device.powered and node is not None and node.child("shutdown") is None

    def judge(self, seen: Seen) -> Judgement:
        """Judge an ``addressed`` packet."""
        packet = seen.packet
        if packet.destination_type == "UNICAST":
            return Judgement(accepted=False)
        rules = self._rules(packet.interface == self._outside)
        interface = self._interfaces[packet.interface]
        found = rules.judge(replace(packet, interface=interface), self.device, self.flows)
        self._count(found, seen.size)
        for message in found.messages:
            self.device.log(_written(rules, message, packet.ttl, seen.size))
        self._flows(found, rules)
        quiet = interface in rules.silent
        if not found.accepted:
            return Judgement(accepted=False, answer=self._answer(found, quiet=quiet))
        closed = packet.protocol == "udp" and packet.port not in self._listening
        return Judgement(accepted=not (closed and quiet))

    def sent(self, seen: Seen) -> None:
        """Nothing is remembered of what the router itself sends."""

    def _count(self, found: Found, size: int) -> None:
        for line in found.lines:
            self.device.counters.add(line, size)
        for entry in found.entries:
            self.device.entries.touch(entry)

    def _answer(self, found: Found, *, quiet: bool) -> int | None:
        """Return how a refusal is answered: by ICMP where a list refuses, and not too often."""
        now = self.device.clock.now()
        if quiet or not found.listed or 0 <= now - self._said < self.switches.unreachables:
            return None
        self._said = now
        return PROHIBITED

    # --- flows that an access list logs ---

    def _flows(self, found: Found, rules: Rulebase) -> None:
        for name in found.begun:
            flow = self.flows.begin(name)
            if self.switches.summary:
                message = next((m for m in found.messages if m.kind.origin == "access-list"), None)
                due = self.device.clock.now() + self.switches.summary
                if message is not None:
                    say = partial(self._summary, name, flow, rules, message)
                    self.device.clock.call_at(due, say)
        if found.flow in self.flows.known and found.flow not in found.begun:
            self.flows.known[found.flow].packets += 1

    def _summary(self, name: ClockName, flow: Flow, rules: Rulebase, message: Message) -> None:
        """Say how many packets there were since the flow was logged."""
        if self.flows.known.get(name) is flow:
            del self.flows.known[name]
            if flow.packets and self.device.powered:
                text = _written(rules, message, 0, 0)
                many = "packet" if flow.packets == 1 else "packets"
                self.device.log(text.replace(", 1 packet", f", {flow.packets} {many}"))

    def forget(self) -> None:
        """Lose what is counted: a restart."""
        self.flows.known.clear()
        self._said = 0.0


def _written(rules: Rulebase, message: Message, ttl: int, size: int) -> str:
    """Return what is logged about a packet, without number and time."""
    line = rules.form._replace(numbered=False).line(message).removeprefix(TIME)
    return line.replace("ttl=59 length=28", f"ttl={ttl} length={size}")
