"""The lab's Cisco router: a process that speaks IOS over SSH as a router does.

``Device`` is the router without its wires: configuration, files, log, temporary entries, power.
``Shell`` is one session's command line; ``Server`` puts both on SSH, and ``served`` does so in a
thread. What differs between versions, and what nobody has documented, is in ``Switches``; what
goes wrong is in ``Faults``. Sources: Cisco's command references, the source of netmiko and NAPALM,
and the notes of people who drove real routers.
"""

from __future__ import annotations

from knockctl.lab.clock import Clock
from knockctl_ios.twin.device.commands import exec_commands
from knockctl_ios.twin.device.device import Device
from knockctl_ios.twin.device.entries import Entry
from knockctl_ios.twin.device.faults import Faults
from knockctl_ios.twin.device.logs import LogLine
from knockctl_ios.twin.device.records import Connection, Run
from knockctl_ios.twin.device.server import Served, Server, served
from knockctl_ios.twin.device.shell import Shell
from knockctl_ios.twin.device.switches import Switches, User

__all__ = [
    "Clock",
    "Connection",
    "Device",
    "Entry",
    "Faults",
    "LogLine",
    "Run",
    "Served",
    "Server",
    "Shell",
    "Switches",
    "User",
    "exec_commands",
    "served",
]
