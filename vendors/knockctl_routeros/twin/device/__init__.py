"""The lab's MikroTik router: a process that speaks the RouterOS API as a router does.

``Router`` is the device without its wires (menus, scripts, scheduler, safe mode); ``Server`` puts
it on sockets; ``served`` does so in a thread. What differs between versions, and what nobody has
documented, is in ``Switches``; what goes wrong is in ``Faults``. Sources: the MikroTik manual and
the notes of people who drove real routers.
"""

from __future__ import annotations

from knockctl.lab.clock import Clock
from knockctl_routeros.twin.device.faults import Faults
from knockctl_routeros.twin.device.router import Router
from knockctl_routeros.twin.device.server import Served, Server, served
from knockctl_routeros.twin.device.switches import Switches

__all__ = ["Clock", "Faults", "Router", "Served", "Server", "Switches", "served"]
