"""Reading a device: its configuration as it runs, and where its management comes in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from xml.etree import ElementTree as ET

from knockctl.errors import CommandRefused, PrivilegeError, Unreachable, Unsupported
from knockctl_panos.config.document import Document
from knockctl_panos.config.location import SHARED, Location, group_path
from knockctl_panos.config.records import OWN, Entry
from knockctl_panos.config.syntax import Branch, of_element
from knockctl_panos.driver.connection import Session
from knockctl_panos.plan.reading import PanosReading, reading

_JUDGING = (
    "address",
    "address-group",
    "application",
    "application-filter",
    "application-group",
    "external-list",
    "log-settings",
    "post-rulebase",
    "pre-rulebase",
    "region",
    "rulebase",
    "schedule",
    "service",
    "service-group",
    "tag",
    "zone",
)
"""What of a vsys, a device group or the shared part has to do with judging packets."""
_PAUSE = 1.0


def is_panorama(system: Mapping[str, str]) -> bool:
    """Tell whether a device manages firewalls: by its mode, or its model where it says none."""
    mode, model = system.get("system-mode", ""), system.get("model", "")
    return mode in ("panorama", "management-only") or model == "Panorama" or model.startswith("M-")


def read(session: Session, location: Location, *, whole: bool = True) -> PanosReading:
    """Read what runs; three requests, and one for each device group above, whatever the rules.

    ``whole``: with the text of it all, as a device saves its configuration.
    """
    root = _everything(session, location)
    document = Document.of(Branch(root), location.scope)
    text = ET.tostring(root, encoding="unicode") if whole else ""
    return reading(document, location.rulebase, text)


def _around(session: Session, location: Location) -> list[ET.Element]:
    """Return the device groups above ours, the nearest first, and what is shared."""
    paths = [group_path(name) for name in reversed(_groups_above(session, location))]
    found = [session.show(path) for path in (*paths, SHARED)]
    return [element for element in found if element is not None]


def _groups_above(session: Session, location: Location) -> list[str]:
    """Return the names of the device groups above ours, the outermost first.

    Groups have stood in a tree since PAN-OS 7.0: each is an element ``dg`` in that above it.
    """
    if location.group is None:
        return []
    root = session.op("<show><dg-hierarchy></dg-hierarchy></show>").find("dg-hierarchy")
    found = _way(root, location.group) if root is not None else None
    if found is None:
        raise CommandRefused(
            f"the device group {location.group} is not in the tree of device groups, so that which"
            " rules come before its own is not known",
            hint="see show dg-hierarchy",
            where=session.where,
        )
    return found


def _way(element: ET.Element, name: str) -> list[str] | None:
    """Return the names passed on the way to a group below; None where it is not there."""
    for group in element.iterfind("dg"):
        if group.get("name") == name:
            return []
        below = _way(group, name)
        if below is not None:
            return [group.get("name", ""), *below]
    return None


def _there(container: ET.Element | None, location: Location, session: Session) -> None:
    if container is None and (location.group is not None or location.vsys != "vsys1"):
        what = "device group" if location.group is not None else "virtual system"
        raise CommandRefused(
            f"there is no {what} {location.scope}",
            hint="see placement.device_group and placement.vsys",
            where=session.where,
        )


def _pushed(session: Session, location: Location) -> ET.Element | None:
    """Return what Panorama has put on a firewall; None where it has none."""
    if location.group is not None:
        return None
    result = session.op("<show><config><pushed-shared-policy/></config></show>")
    return result.find(".//panorama")


def mark(session: Session, location: Location) -> str | None:
    """Return the mark of what runs, by itself."""
    found = session.show(location.entry("tag", OWN))
    if found is None:
        return None
    return Entry.of("tag", OWN, of_element(found)).mark or None


def _everything(session: Session, location: Location) -> ET.Element:
    """Return what judges packets as one document."""
    container = session.show(location.base)
    _there(container, location, session)
    around = _around(session, location)
    root = ET.Element("config")
    root.extend([_trimmed(one) for one in around if one.tag == "shared"])
    holder = ET.SubElement(root, "devices")
    entry = ET.SubElement(holder, "entry", {"name": "localhost.localdomain"})
    inside = ET.SubElement(entry, "device-group" if location.group is not None else "vsys")
    above = [one for one in reversed(around) if one.tag != "shared"]
    own = container if container is not None else ET.Element("entry", {"name": location.scope})
    inside.extend([_trimmed(one) for one in (*above, own)])
    pushed = _pushed(session, location)
    if pushed is not None:
        root.append(pushed)
    return root


def _trimmed(container: ET.Element) -> ET.Element:
    """Return a container without what judges no packets: certificates, profiles, accounts."""
    made = ET.Element(container.tag, {k: v for k, v in container.items() if k == "name"})
    made.extend([child for child in container if child.tag in _JUDGING])
    return made


def on_data_plane(session: Session, address: str) -> bool:
    """Tell whether an address of the device is one of its data plane's, as far as it says."""
    own = ("ip-address", "ipv6-address", "public-ip-address", "ipv6-link-local-address")
    if address in {session.system.get(name, "").partition("/")[0] for name in own}:
        return False
    try:
        result = session.op("<show><interface>all</interface></show>")
    except (Unsupported, PrivilegeError, CommandRefused):
        return False
    return ip_address(address) in set(_carried(result))


def _carried(interfaces: ET.Element) -> Iterator[IPv4Address | IPv6Address]:
    """Yield the addresses of all interfaces, learnt ones too; where there is none it says N/A."""
    for path in ("ip", "addr/member", "addr6/member", "dyn-addr/member"):
        for one in interfaces.iterfind(f"ifnet/entry/{path}"):
            with contextlib.suppress(ValueError):
                yield ip_interface(one.text or "").ip


def answering(session: Session, said: Callable[[str], None]) -> None:
    """Wait until a device answers, as long as a job may take; raise what it says last."""
    deadline = time.monotonic() + session.target.timeouts.job
    while True:
        try:
            session.op("<show><clock></clock></show>")
        except Unreachable:
            if time.monotonic() >= deadline:
                raise
            said("no answer, asking again")
            time.sleep(_PAUSE)
        else:
            return
