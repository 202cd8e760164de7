"""One packet against the sessions there are, or the rules and tags of this moment."""

from __future__ import annotations

from dataclasses import replace

from knockctl.automaton.packet import Address, WirePacket
from knockctl.lab.plane.frames import Seen
from knockctl.lab.plane.judging import Answer, Judgement
from knockctl.lab.plane.local import Local
from knockctl.lab.plane.tracker import Connection
from knockctl_panos.twin.device import Appliance
from knockctl_panos.twin.device.refusals import Refusal
from knockctl_panos.twin.plane import logs
from knockctl_panos.twin.plane.forwarding import Forwarding, Tagging
from knockctl_panos.twin.plane.logs import Aggregation, Circumstances, Subtype
from knockctl_panos.twin.plane.rulebase import Rule, Rulebase
from knockctl_panos.twin.plane.sessions import Table, first
from knockctl_panos.twin.plane.switches import Switches

VSYS = "vsys1"
_PROHIBITED = {4: 13, 6: 1}
"""ICMP's code for what an administrator forbids (RFC 1812, 4443)."""


class Judge:
    """Satisfies ``knockctl.lab.plane.judging.Judge`` for the interfaces of a firewall.

    The management port is none of the data plane's. Nothing is forwarded.
    """

    def __init__(self, device: Appliance, table: Table, local: Local, management: Address) -> None:
        """Judge what comes in by the interfaces that the table knows."""
        self.device = device
        self.table = table
        self.addressed = local.addressed
        self._local = local
        self._management = management
        self._outside = next(iter(table.zones))
        table.ended = self._ended
        self.switch(Switches())

    def switch(self, switches: Switches) -> None:
        """Have another data plane; what is under way to become tags is lost."""
        self.switches = switches
        self.forwarding = Forwarding(self.device.clock, switches, self._tag)
        self.aggregation = Aggregation(switches.aggregation)
        self.table.admit_middles(admit=not switches.reject_non_syn)
        self.renew()

    def renew(self) -> None:
        """Take up the rules that run now."""
        outside = self._local.addresses - {self._management}
        zone = self.table.zones[self._outside]
        self.rules = Rulebase(self.device, VSYS, outside, zone, self.switches)

    def committed(self) -> None:
        """Take up new rules; sessions that they would not let in go, where the switch says so."""
        self.renew()
        if self.switches.rematch:
            self.table.rematch(lambda packet: self._rule(packet).allows)

    def hears(self, interface: str) -> bool:
        """Tell whether the firewall has power."""
        del interface
        return self.device.powered

    def judge(self, seen: Seen) -> Judgement:
        """Judge an ``addressed`` packet."""
        packet = seen.packet
        if packet.destination == self._management:
            return Judgement(accepted=packet.interface != self._outside)
        flow = self.table.flow(seen)
        if packet.destination_type != "LOCAL":
            return Judgement(accepted=False)
        if flow in ("known", "unanswered", "related"):
            self.table.take(seen)
            return Judgement(accepted=True)
        if flow == "untracked":
            return Judgement(accepted=True)
        if flow == "invalid":
            return Judgement(accepted=False)
        return self._first(replace(seen, packet=replace(packet, flow=flow)))

    def sent(self, seen: Seen) -> None:
        """Track what the firewall itself sends."""
        if seen.packet.source != self._management:
            self.table.take(seen)

    def _rule(self, packet: WirePacket) -> Rule:
        ends = {str(packet.source), str(packet.destination)}
        tags = {address: set(self.device.tags.tags(VSYS, address)) for address in ends}
        return self.rules.first(packet, self._zones(packet)[0], tags)

    def _zones(self, packet: WirePacket) -> tuple[str, str]:
        """Return where a packet comes from and where it goes: outside, all that is protected."""
        zones = self.table.zones
        return zones[packet.interface], zones[self._outside]

    def _first(self, seen: Seen) -> Judgement:
        """Judge the first packet of what may become a session."""
        rule = self._rule(seen.packet)
        self.device.hit(VSYS, rule.name)
        if rule.allows:
            flow = self.table.begin(seen, rule.name)
            if rule.log_start and flow is not None:
                self._log(seen.packet, rule, "start", flow.number)
            return Judgement(accepted=True)
        for _ in range(self._times(rule)):
            self._log(seen.packet, rule, "drop")
        return Judgement(accepted=False, answer=_answer(rule, seen.packet))

    def _times(self, rule: Rule) -> int:
        if rule.log_start and rule.log_end and self.switches.twice:
            return 2
        return int(rule.log_start or rule.log_end)

    def _ended(self, flow: Connection, why: str) -> None:
        rule = self.rules.named(flow.by)
        if rule is not None and rule.log_end and self.device.powered:
            self._log(first(flow), rule, "end", flow.number, why)

    def _log(
        self, packet: WirePacket, rule: Rule, subtype: Subtype, session: int = 0, why: str = ""
    ) -> None:
        """Write a log, and have its profile see it, unless it is one with an earlier one."""
        where = Circumstances(
            rule.name,
            rule.action,
            self._zones(packet),
            VSYS,
            packet.interface,
            rule.profile_name,
        )
        fields = logs.entry(packet, where, subtype, session, why)
        if self.aggregation.absorbs(fields, self.device.clock.now()):
            return
        written = self.device.logs.write("traffic", fields)
        self.aggregation.opened(written, self.device.clock.now())
        if rule.profile is not None:
            self.forwarding.take(rule.profile, fields)

    def _tag(self, tagging: Tagging, address: str) -> None:
        refresh = self.device.switches.action_refreshes
        for tag in tagging.tags:
            try:
                self.device.tags.apply(
                    VSYS, address, tagging.action, tag, tagging.minutes, refresh=refresh
                )
            except Refusal as refusal:
                self.device.logs.write("system", {"subtype": "general", "opaque": str(refusal)})


def _answer(rule: Rule, packet: WirePacket) -> Answer | None:
    """Return how a refusal is answered: TCP by a reset where the rule says so, else by ICMP."""
    if rule.action in ("reset-client", "reset-both") and packet.protocol == "tcp":
        return "tcp-reset"
    return _PROHIBITED[packet.family] if rule.unreachable else None
