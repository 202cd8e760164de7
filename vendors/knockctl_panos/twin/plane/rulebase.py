"""The running configuration's rules: which of them matches first, and what else it says.

Which rule matches, the semantics of that configuration says, with the tags registered now. What a
rule's logs do, and when, is not asked of it here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_network
from xml.etree.ElementTree import Element

from knockctl.automaton.machine import ConcreteClocks
from knockctl.automaton.packet import Address, WirePacket
from knockctl_panos.config.document import Document
from knockctl_panos.config.syntax import Node, Tree, read
from knockctl_panos.semantics import PanosModel, zone_interface
from knockctl_panos.semantics.memory import Registered, State
from knockctl_panos.twin.device import Appliance, markup
from knockctl_panos.twin.plane.switches import Switches

_PLACE = re.compile(r"rule (?P<quote>['\"])(?P<name>.*)(?P=quote)")
_SOMEBODY = re.compile(r"whether somebody registers '(?P<tag>.*)' for the (?P<side>\w+)$")


@dataclass(frozen=True, slots=True)
class Rule:
    """What the data plane has to know of the rule that matched."""

    name: str
    action: str
    log_start: bool
    log_end: bool
    unreachable: bool
    profile_name: str
    profile: Element | None

    @property
    def allows(self) -> bool:
        """Tell whether it lets packets in."""
        return self.action == "allow"


class Rulebase:
    """The rules of one vsys, as they run."""

    def __init__(
        self, device: Appliance, vsys: str, outside: Iterable[Address], zone: str, how: Switches
    ) -> None:
        """Take up what a firewall runs; the ``outside`` addresses are in that zone."""
        tree = device.trees.running
        own = tree.findall(f"devices/entry/vsys/entry[@name='{vsys}']")
        profiles = [*own, *tree.findall("shared")]
        document = Document.of(read(markup.write(tree)), vsys)
        self._rules = {
            node.name: _rule(node, profiles) for node in (*_implied(document), *document.rules())
        }
        addresses = tuple(ip_network(address) for address in outside)
        self._model = PanosModel(
            document,
            whole=True,
            destinations=((addresses, frozenset({zone})),),
            reject_non_syn=how.reject_non_syn,
        )
        self._chances = {family: list(_chances(self._model, family)) for family in (4, 6)}

    def named(self, name: str) -> Rule | None:
        """Return a rule that there is still."""
        return self._rules.get(name)

    def first(self, packet: WirePacket, zone: str, tags: dict[str, set[str]]) -> Rule:
        """Return the first rule that matches a packet; ``tags`` are those of each address."""
        registered = sorted((tag, address) for address, held in tags.items() for tag in held)
        state = State(tuple(Registered(key, ("tag", *key), 0) for key in registered))
        chances = frozenset(
            text
            for text, tag, side in self._chances[packet.family]
            if tag in tags.get(str(getattr(packet, side)), ())
        )
        asked = replace(
            packet, interface=zone_interface(zone), flow="fresh", payload=b"", chances=chances
        )
        (place,) = self._model.step(state, asked, ConcreteClocks()).rules
        match = _PLACE.fullmatch(place)
        if match is None:
            raise LookupError(place)
        return self._rules[match["name"]]


def _implied(document: Document) -> Iterable[Tree]:
    """Yield what stands behind all rules, as it is configured where it is."""
    said = {node.name: node.children for node in reversed(list(document.last_rules()))}
    for name, action in (("intrazone-default", "allow"), ("interzone-default", "deny")):
        words = {child.tag: child.node for child in said.get(name, ())}
        words.setdefault("action", Node("action", text=action))
        words.setdefault("log-end", Node("log-end", text="no"))
        yield Node("entry", name, children=tuple(words.values()))


def _rule(node: Tree, scopes: Iterable[Element]) -> Rule:
    name = node.word("log-setting")
    profiles = (
        entry
        for scope in scopes
        for entry in scope.findall("log-settings/profiles/entry")
        if markup.name_of(entry) == name
    )
    return Rule(
        name=node.name,
        action=node.word("action", "allow"),
        log_start=node.word("log-start") == "yes",
        log_end=node.word("log-end", "yes") != "no",
        unreachable=node.word("icmp-unreachable") == "yes",
        profile_name=name,
        profile=next(profiles, None),
    )


def _chances(model: PanosModel, family: int) -> Iterable[tuple[str, str, str]]:
    """Yield what the model guesses at and this firewall knows: tags that no log registers."""
    for atom in model.predicates(family):
        found = _SOMEBODY.search(atom.test) if atom.field == "chance" else None
        if found is not None:
            yield atom.test, found["tag"], found["side"]
