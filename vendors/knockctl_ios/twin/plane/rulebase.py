"""The running configuration, compiled: what the semantics says of one packet at this moment.

Temporary entries are those that the device has; what applets do is not asked of the semantics
here. In their place stands one that waits for every line, so that whatever is logged is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from knockctl.automaton.machine import ClockName
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.verdict import Verdict
from knockctl_ios import semantics
from knockctl_ios.config import syntax
from knockctl_ios.config.syntax import Line
from knockctl_ios.semantics import Document, IosModel
from knockctl_ios.semantics.applets import Applet, applets
from knockctl_ios.semantics.logs import Message
from knockctl_ios.semantics.memory import Entry, Idle, Limit, State
from knockctl_ios.semantics.scripts import Script, scripts
from knockctl_ios.twin.device import Device, acl
from knockctl_ios.twin.device import Entry as Temporary
from knockctl_ios.twin.device.tree import Node
from knockctl_ios.twin.plane.flows import EVER, Flows
from knockctl_ios.twin.plane.switches import Switches

_EVENTS = ("event manager applet ", "event manager policy ")
_LISTENER = Line(
    "event manager applet listener authorization bypass",
    (Line('event syslog pattern "."'), Line('action 1 syslog msg "heard"')),
)
Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """What becomes of a packet, and what it leaves behind."""

    accepted: bool
    listed: bool
    """An interface's access list refused it, not the control plane."""
    lines: tuple[int, ...]
    """The numbers (``Node.id``) of the lines of the configuration that matched."""
    entries: tuple[Temporary, ...]
    """The temporary entries that matched."""
    messages: tuple[Message, ...]
    begun: tuple[ClockName, ...]
    """The flows that were logged with it."""
    flow: ClockName | None
    """The flow it is of, where the entry that matched logs."""


class Rulebase:
    """What one running configuration does."""

    def __init__(self, device: Device, how: Switches) -> None:
        """Compile what runs now."""
        lines = syntax.read(device.text())
        document = Document(lines, whole=True)
        registered = {node.args["name"] for node in device.applets()}
        self.applets: tuple[Applet, ...] = tuple(
            one for one in applets(document) if one.name in registered
        )
        names = {n.args["name"]: n.args["path"] for n in device.applets() if "path" in n.args}
        files = {name: device.text_of(path) or "" for name, path in names.items()}
        self.scripts: tuple[Script, ...] = tuple(scripts(tuple(names), files))
        others = (line for line in lines if not line.text.startswith(_EVENTS))
        self._model = IosModel(
            Document((*others, _LISTENER), whole=True), switches=_semantics(device, how)
        )
        self._nodes = dict(_nodes(device, self._model))
        self._logging = set(_logging(self._model))
        self.silent = frozenset(
            node.args["name"]
            for node in device.running.having("interface ")
            if node.child("ip unreachables") is not None
        )
        """Interfaces that don't say when they refuse."""

    @property
    def form(self) -> semantics.logs.Format:
        """How lines about packets are printed."""
        return self._model.configured.form

    def judge(self, packet: WirePacket, device: Device, flows: Flows) -> Found:
        """Judge a packet that came in now."""
        known = {key(one): one for one in device.entries.items}
        counted = flows.live(device.clock.now())
        state = State(tuple(sorted(_entry(one) for one in known)), counted=counted)
        asked = replace(packet, payload=b"", ttl=64, flow="fresh")
        reaction = self._model.step(state, asked, flows)
        places = reaction.rules
        messages = tuple(m for one in reaction.state.waiting for m in one.messages)
        touched = [known[_four(n)] for n in reaction.resets if n[0] == "idle"]
        return Found(
            reaction.verdict is not Verdict.REFUSE,
            listed=bool(places) and not places[-1].startswith("policy-map "),
            lines=tuple(self._nodes[place] for place in places if place in self._nodes),
            entries=tuple(touched),
            messages=messages,
            begun=tuple(name for name in reaction.resets if name[0] == "flow"),
            flow=self._flow(places, packet),
        )

    def _flow(self, places: Iterable[str], packet: WirePacket) -> ClockName | None:
        for place in places:
            if place in self._logging:
                name = place.partition(": ")[0]
                ported = packet.protocol in semantics.logs.PORTED
                ports = (packet.source_port, packet.port) if ported else (0, 0)
                ends = (str(packet.source), str(ports[0]), str(packet.destination), str(ports[1]))
                return ("flow", name, packet.protocol, *ends)
        return None


def key(entry: Temporary) -> Key:
    """Return what the semantics knows a temporary entry by; addresses as it is shown with."""
    words = entry.text.split()[1:]
    words = words[2:] if words[0] == "object-group" else words[1:]
    source, words = _address(words)
    while words and words[0] not in ("any", "host") and "." not in words[0]:
        words = words[1:]
    destination, _ = _address(words)
    return entry.acl, entry.name, source, destination


def _address(words: list[str]) -> tuple[str, list[str]]:
    width = 1 if words[0] == "any" else 2
    return " ".join(words[:width]), words[width:]


def _entry(of: Key) -> Entry:
    return Entry(of, (), Idle(Limit(("idle", *of), EVER), EVER))


def _four(name: ClockName) -> Key:
    _, access_list, dynamic, source, destination = map(str, name)
    return access_list, dynamic, source, destination


def _semantics(device: Device, how: Switches) -> semantics.Switches:
    return semantics.Switches(
        style=device.switches.cp_log_style,
        bracketed=how.bracketed,
        one_dynamic=device.switches.only_first_dynamic,
        denying=how.denying,
        destination=how.destination,
        log_action=how.log_action,
        summarised=how.summarised,
        delay=1,
    )


def _nodes(device: Device, model: IosModel) -> Iterator[tuple[str, int]]:
    """Yield the places that the semantics names, and the lines of the device they are."""
    for node in device.acls():
        name = acl.name_of(node)
        lines = [line for line in node.children if not line.text.startswith("remark")]
        for entry, line in zip(model.around.lists.entries(name) or (), lines, strict=False):
            yield entry.place, line.id
    for policy in device.running.having("policy-map "):
        for line in policy.having("class "):
            yield _class(policy, line), line.id


def _class(policy: Node, line: Node) -> str:
    return f"policy-map {policy.text.split()[-1]}, class {line.text.split()[1]}"


def _logging(model: IosModel) -> Iterator[str]:
    lists: Mapping[str, tuple[str, ...]] = model.document.access_lists
    for name in lists:
        yield from (e.place for e in model.around.lists.entries(name) or () if e.logs)
