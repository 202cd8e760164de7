"""``show interface``: the interfaces of the data plane, as samples from the field show them."""

from __future__ import annotations

from ipaddress import ip_interface
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import answers, markup
from knockctl_panos.twin.device.answers import Answer
from knockctl_panos.twin.device.operations import Asked, command
from knockctl_panos.twin.device.refusals import INVALID_COMMAND, Refusal
from knockctl_panos.twin.device.switches import Interface

_FIRST = 16
"""The number of the first interface."""


@command("show interface")
def interfaces(asked: Asked) -> Answer:
    """Print all interfaces: what they are to packets, and what they are on the wire."""
    switches = asked.device.switches
    wanted = markup.text_of(asked.node)
    if switches.panorama or wanted != "all":
        raise Refusal(INVALID_COMMAND, f"show -> interface -> {wanted} is invalid")
    numbered = list(enumerate(switches.interfaces, _FIRST))
    return answers.result(
        markup.make("ifnet", [_logical(number, one) for number, one in numbered]),
        markup.make("hw", [_physical(number, one) for number, one in numbered]),
    )


def _logical(number: int, interface: Interface) -> Element:
    entry = markup.make("entry")
    words = {"name": interface.name, "zone": interface.zone, "fwd": "vr:default", "vsys": "1"}
    words |= {"tag": "0", "ip": interface.address or "N/A", "id": str(number)}
    for tag, text in words.items():
        markup.under(entry, tag, text)
    six = [one for one in interface.others if ip_interface(one).version == 6]
    four = [one for one in interface.others if one not in six]
    learnt = [interface.learnt] if interface.learnt else []
    for tag, listed in (("addr", four), ("addr6", six), ("dyn-addr", learnt)):
        entry.append(markup.make(tag, [markup.make("member", one) for one in listed]))
    return entry


def _physical(number: int, interface: Interface) -> Element:
    entry = markup.make("entry")
    words = {"name": interface.name, "duplex": "full", "type": "0", "state": "up"}
    words |= {"mode": "(autoneg)", "speed": "1000", "id": str(number)}
    for tag, text in words.items():
        markup.under(entry, tag, text)
    return entry
