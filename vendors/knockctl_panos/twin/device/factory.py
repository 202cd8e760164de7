"""What a device has before anybody configures it, as its switches order it."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import markup
from knockctl_panos.twin.device.switches import ROLES, Switches

LOCALHOST = "localhost.localdomain"


def configuration(switches: Switches) -> Element:
    """Return the configuration to begin with."""
    release = ".".join(str(number) for number in switches.release[:2])
    root = markup.make("config", version=f"{release}.0", urldb="paloaltonetworks")
    users = markup.under(markup.under(root, "mgt-config"), "users")
    for name, _, role in switches.admins:
        entry = markup.under(users, "entry", name=name)
        based = markup.under(markup.under(entry, "permissions"), "role-based")
        if ROLES[role].superuser:
            markup.under(based, "superuser", "yes")
        else:
            markup.under(based, "custom").append(markup.make("profile", role))
    markup.under(root, "shared")
    device = markup.under(markup.under(root, "devices"), "entry", name=LOCALHOST)
    system = markup.under(markup.under(device, "deviceconfig"), "system")
    markup.under(system, "hostname", switches.hostname)
    if switches.panorama:
        _groups(device, switches)
    else:
        container = markup.under(device, "vsys")
        for name in switches.vsys:
            _vsys(markup.under(container, "entry", name=name), switches)
    return root


def _groups(device: Element, switches: Switches) -> None:
    container = markup.under(device, "device-group")
    for name, serials in switches.device_groups:
        devices = markup.under(markup.under(container, "entry", name=name), "devices")
        for serial in serials:
            markup.under(devices, "entry", name=serial)


def _vsys(entry: Element, switches: Switches) -> None:
    for tag in ("tag", "address", "address-group", "service", "service-group"):
        markup.under(entry, tag)
    zones = markup.under(entry, "zone")
    for name in switches.zones:
        network = markup.under(markup.under(zones, "entry", name=name), "network")
        markup.under(network, "layer3")
    security = markup.under(markup.under(entry, "rulebase"), "security")
    markup.under(security, "rules")
