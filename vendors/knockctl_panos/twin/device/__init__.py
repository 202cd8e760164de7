"""The lab's Palo Alto Networks firewall, and Panorama: the XML API over TLS as they speak it.

``Appliance`` is the device without its wire (both trees, locks, jobs, tags, logs); ``Server`` puts
it on a socket; ``served`` does so in a thread. What differs between versions, and what nobody has
documented, is in ``Switches``; what goes wrong is in ``Faults``. Sources: the vendor's XML API
guide and schema, its SDKs, and the notes of people who drove real firewalls.
"""

from __future__ import annotations

from knockctl_panos.twin.device.appliance import Appliance
from knockctl_panos.twin.device.clock import Clock
from knockctl_panos.twin.device.faults import Faults
from knockctl_panos.twin.device.server import Host, Served, Server, served
from knockctl_panos.twin.device.sessions import Session, Sessions, SessionTable
from knockctl_panos.twin.device.switches import Interface, Switches

__all__ = [
    "Appliance",
    "Clock",
    "Faults",
    "Host",
    "Interface",
    "Served",
    "Server",
    "Session",
    "SessionTable",
    "Sessions",
    "Switches",
    "served",
]
